"""An ElevenLabs agent's sound: what of it may be heard, how long it lasts, and when a goodbye is over."""

import asyncio
from typing import Final

from relay.agents.elevenlabs.codec import FORMATS, AudioChunk
from relay.agents.late_sound import EventGate
from relay.agents.seam import AgentEvent, Audio, UtteranceDone, Working

_GOODBYE_TIMEOUT: Final = 5.0  # after end_call the goodbye follows, or the server closes; if it does not, we do
_LAST_WORD_TIMEOUT: Final = 0.7  # … and this long after the goodbye has been spoken: with the fade a second


class Speech:
    """Of one conversation. An utterance is a turn of the agent, named by its number."""

    def __init__(self) -> None:
        self.gate: Final = EventGate()
        self.format = FORMATS["pcm_16000"]
        self.goodbye_by: float | None = None
        """When the call ends; None: nobody hangs up."""
        self.working: tuple[str, ...] = ()  # tools
        self._until = 0.0  # when the speech so far would end, played without a pause

    def heard(self, chunk: AudioChunk) -> list[AgentEvent] | None:
        """None: it is stale."""
        if not self.gate.admits(chunk.event_id):
            return None
        utterance = str(chunk.event_id)
        events: list[AgentEvent] = []
        if self.working:  # not every agent reports the end of its tool: one that speaks again is not waiting for it
            events += [Working(tool, done=True) for tool in self.working]
            self.working = ()
        if chunk.data:
            now = asyncio.get_running_loop().time()
            begins = self._until if self._until > now else now
            self._until = begins + self.format.duration_ms(len(chunk.data)) / 1000
            events.append(Audio(chunk.data, utterance))
        if chunk.is_final:
            events.append(UtteranceDone(utterance))
        if self.goodbye_by is not None:
            self.hang_up()
        return events

    def interrupted(self, event_id: int | None) -> None:
        """See EventGate."""
        self.gate.interrupted(event_id)
        self._until = 0.0

    def works(self, tool: str, *, done: bool) -> None:
        """On a tool, or no longer."""
        others = tuple(other for other in self.working if other != tool)
        self.working = others if done else (*others, tool)

    def hang_up(self) -> None:
        """The agent has said that it will."""
        now = asyncio.get_running_loop().time()
        self.goodbye_by = self._until + _LAST_WORD_TIMEOUT if self._until > now else now + _GOODBYE_TIMEOUT
