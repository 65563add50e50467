"""Limits what one agent may cost its call and the calls beside it. Above a limit the agent has failed: `flood`.

The limits are far above what a conversation needs: an hour of talk is some 60,000 characters, and sound in messages of
20 ms that arrives ten times faster than it is spoken is 500 messages a second, for a while.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from relay.agents.flood import FloodError
from relay.agents.seam import (
    AgentCorrection,
    AgentEvent,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallerTurn,
    Ended,
    Interruption,
    Notice,
    ToolCall,
    ToolCancelled,
    TurnDone,
    TurnFailed,
    UtteranceDone,
    Working,
)

TEXT_CHARACTERS: Final = 400_000
UTTERANCES: Final = 10_000
UTTERANCE_CHARACTERS: Final = 50_000
NOTICES_LOGGED: Final = 100


def joined(so_far: str, piece: str) -> str:
    """Text of one utterance that comes in pieces. Raises FloodError if it gets too long."""
    if len(so_far) + len(piece) > UTTERANCE_CHARACTERS:
        raise FloodError(f"more than {UTTERANCE_CHARACTERS:,} characters in one utterance")
    return so_far + piece


class Allowance:
    """A token bucket that fills at `per_s` up to `burst`."""

    __slots__ = ("_at", "_burst", "_left", "_per_s", "_what")  # each call has eight

    def __init__(self, what: str, *, per_s: float, burst: float) -> None:
        self._what = what
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at = 0.0

    def allows(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if there is enough."""
        left = self._left + (now - self._at) * self._per_s
        if left > self._burst:
            left = self._burst
        self._at = now
        self._left = left - amount if amount <= left else left
        return amount <= left

    def take(self, now: float, amount: float = 1.0) -> None:
        """Take `amount`. Raises FloodError if there is not enough."""
        if not self.allows(now, amount):
            raise FloodError(f"more {self._what} than {self._burst:g} at once and {self._per_s:g} a second after that")


@dataclass(slots=True)
class _Total:
    what: str
    limit: int
    spent: int = 0

    def take(self, amount: int = 1) -> None:
        self.spent += amount
        if self.spent > self.limit:
            raise FloodError(f"more than {self.limit:,} {self.what}")


class AgentBudget:
    """The budget for the events of one agent in a call."""

    def __init__(self) -> None:
        self._events = Allowance("events", per_s=500, burst=20_000)
        self._tools = Allowance("tool calls", per_s=1, burst=30)
        self._failures = Allowance("failed turns", per_s=0.1, burst=20)
        self._interruptions = Allowance("interruptions", per_s=2, burst=200)
        self._notices = Allowance("remarks", per_s=1, burst=1000)
        self._text = _Total("characters of text", TEXT_CHARACTERS)
        self._utterances = _Total("utterances", UTTERANCES)
        self._utterance = ""
        self._notices_seen = 0

    def spend(self, event: AgentEvent, now: float) -> None:
        """Raises FloodError if the event exceeds the budget."""
        self._events.take(now)
        match event:
            case Audio(_, utterance):
                if utterance != self._utterance:
                    self._utterance = utterance
                    self._utterances.take()
            case AgentText(text) | AgentCorrection(text) | CallerText(text):
                self._text.take(len(text))
                self._utterances.take()
            case CallerTurn():
                self._utterances.take()
            case ToolCall(_, _, parameters):
                self._tools.take(now)
                self._text.take(_size(parameters))
            case Notice():
                self._notices.take(now)
            case TurnFailed():
                self._failures.take(now)
            case Interruption():
                self._interruptions.take(now)
            case UtteranceDone() | CallerHeard() | ToolCancelled() | TurnDone() | Working() | Ended():
                pass
            case _:
                assert_never(event)

    def logs_notice(self) -> bool:
        """Whether one more notice is worth a line in the log."""
        self._notices_seen += 1
        return self._notices_seen <= NOTICES_LOGGED


def _size(parameters: object) -> int:
    """Characters in a tool's parameters as a model wrote them: JSON, nested at will."""
    total, left = 0, [parameters]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            left += value
        else:
            total += len(value) if isinstance(value, str) else 8
    return total
