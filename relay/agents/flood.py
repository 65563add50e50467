"""The error of an agent that sends more than a limit (relay/agents/budget.py). Not compiled: an exception can't be."""

from typing import Final

from relay.agents.seam import AgentError

FLOOD: Final = "flood"


class FloodError(AgentError):
    """The agent sends more than a limit."""

    def __init__(self, what: str) -> None:
        super().__init__(FLOOD, f"too much: {what}")
