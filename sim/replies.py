"""Chooses which of a script's replies an agent gives to an event."""

from sim.agent_script import AgentScript, Reply


class Replies:
    """Each reply is given once, in order, unless it may be repeated."""

    def __init__(self, script: AgentScript) -> None:
        self._script = script
        self._given: set[int] = set()
        self._keys = ""

    def to(self, trigger: str) -> Reply | None:
        """The first reply to `trigger` that has not been given yet."""
        for index, reply in enumerate(self._script.replies):
            if reply.on == trigger and (reply.repeat or index not in self._given):
                self._given.add(index)
                return reply
        return None

    def to_keys(self, text: str) -> Reply | None:
        """The reply to the keys pressed so far; `text` holds the last ones."""
        self._keys += "".join(character for character in text if character in "0123456789*#")
        for reply in self._script.replies:
            if reply.on.startswith("keys:") and self._keys.endswith(reply.on[5:]):
                self._keys = ""
                return self.to(reply.on)
        return None
