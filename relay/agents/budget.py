"""Limits what one agent may cost its call and the calls beside it. Above a limit the agent has failed: `flood`.

The limits are far above what a conversation needs: an hour of talk is some 60,000 characters, and sound in messages of
20 ms that arrives ten times faster than it is spoken is 500 messages a second, for a while.
"""

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


class Rate:
    """What an allowance is of: so many `per_s`, and up to `burst` at once."""

    def __init__(self, what: str, *, per_s: float, burst: float) -> None:
        self.what = what
        self.per_s = per_s
        self.burst = burst


class Allowance:
    """A token bucket that fills at a rate."""

    __slots__ = ("_at", "_left", "rate")  # each call has four

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._left = rate.burst
        self._at = 0.0

    def allows(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if there is enough."""
        left = self._left + (now - self._at) * self.rate.per_s
        if left > self.rate.burst:
            left = self.rate.burst
        self._at = now
        self._left = left - amount if amount <= left else left
        return amount <= left

    def take(self, now: float, amount: float = 1.0) -> None:
        """Take `amount`. Raises FloodError if there is not enough."""
        if not self.allows(now, amount):
            rate = self.rate
            raise FloodError(f"more {rate.what} than {rate.burst:g} at once and {rate.per_s:g} a second after that")


_EVENTS: Final = Rate("events", per_s=500, burst=20_000)
_TOOLS: Final = Rate("tool calls", per_s=1, burst=30)
_FAILURES: Final = Rate("failed turns", per_s=0.1, burst=20)
_INTERRUPTIONS: Final = Rate("interruptions", per_s=2, burst=200)
_NOTICES: Final = Rate("remarks", per_s=1, burst=1000)


class AgentBudget:
    """The budget for the events of one agent in a call."""

    def __init__(self) -> None:
        self._events = Allowance(_EVENTS)
        self._rare: tuple[Allowance, ...] = ()  # of what comes seldom, if it has come
        self._characters = self._utterances = 0
        self._utterance = ""
        self._notices_seen = 0

    def spend(self, event: AgentEvent, now: float) -> None:
        """Raises FloodError if the event exceeds the budget."""
        self._events.take(now)
        match event:
            case Audio(_, utterance):
                if utterance != self._utterance:
                    self._utterance = utterance
                    self._say(0)
            case AgentText(text) | AgentCorrection(text) | CallerText(text):
                self._say(len(text))
            case CallerTurn():
                self._say(0)
            case ToolCall(_, _, parameters):
                self._take(_TOOLS, now)
                self._write(_size(parameters))
            case Notice():
                self._take(_NOTICES, now)
            case TurnFailed():
                self._take(_FAILURES, now)
            case Interruption():
                self._take(_INTERRUPTIONS, now)
            case UtteranceDone() | CallerHeard() | ToolCancelled() | TurnDone() | Working() | Ended():
                pass
            case _:
                assert_never(event)

    def _take(self, rate: Rate, now: float) -> None:
        allowance = next((one for one in self._rare if one.rate is rate), None)
        if allowance is None:
            allowance = Allowance(rate)
            self._rare = (*self._rare, allowance)
        allowance.take(now)

    def _write(self, characters: int) -> None:
        self._characters += characters
        if self._characters > TEXT_CHARACTERS:
            raise FloodError(f"more than {TEXT_CHARACTERS:,} characters of text")

    def _say(self, characters: int) -> None:
        self._write(characters)
        self._utterances += 1
        if self._utterances > UTTERANCES:
            raise FloodError(f"more than {UTTERANCES:,} utterances")

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
