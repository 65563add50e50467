"""Limits how long a caller waits for an agent: until it is first heard, and for each answer after that."""

import asyncio
from collections.abc import Callable
from typing import Final

from relay.line.ticker import Moment, Ticker

_NEVER: Final = float("inf")

Late = Callable[[str, str], None]
"""(reason, detail): the agent has failed."""


class AnswerClock:
    """Calls `late` if the agent is not heard within `first_audio_s`, or leaves the caller without an answer.

    `answer_s`: from the caller's last words until sound, a tool call or a complete turn. The clock stops while a tool
    runs. None or 0: no limit.
    """

    def __init__(self, ticker: Ticker, first_audio_s: float | None, answer_s: float | None, late: Late) -> None:
        self._ticker = ticker
        self._first_audio_s = first_audio_s
        self._answer_s = answer_s
        self._late = late
        self._loop = asyncio.get_running_loop()
        self._first_audio: asyncio.TimerHandle | None = None
        self._answer: Moment | None = None  # comes at `_due`, or before it
        self._due = _NEVER
        self._tools: tuple[str, ...] = ()
        self._waiting = False

    def start(self) -> None:
        """The agent is being connected."""
        if limit := self._first_audio_s:
            detail = f"not heard within {limit:g} s"
            self._first_audio = self._loop.call_later(limit, self._late, "no_audio", detail)

    def stop(self) -> None:
        """Nobody is waiting for this agent any more."""
        self._cancel_first_audio()
        self._waiting = False
        self._rearm()
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    @property
    def agent_is_due(self) -> bool:
        """Whether the agent is working, or owes the caller an answer that has a limit."""
        return bool(self._tools) or (self._waiting and bool(self._answer_s))

    def agent_heard(self) -> None:
        """The agent speaks."""
        self._cancel_first_audio()
        self._waiting = False
        self._rearm()

    def caller_waits(self) -> None:
        """The caller has said something, and waits for an answer from now on."""
        self._waiting = True
        self._rearm()

    def caller_speaks(self) -> None:
        """The caller has begun to speak: no answer is due until they are done."""
        self._waiting = False
        self._rearm()

    def turn_done(self) -> None:
        """The agent's turn is over. If a tool is still running, the answer follows its result."""
        if not self._tools:
            self._waiting = False
            self._rearm()

    def tool_started(self, name: str) -> None:
        """A tool runs: the agent can't answer before it has the result."""
        self._tools = (*self._tools, name)
        self._rearm()

    def tool_done(self, name: str) -> None:
        """The tool has finished; a caller who has heard nothing yet is still waiting."""
        self._tools = tuple(other for other in self._tools if other != name)
        self._rearm()

    def _rearm(self) -> None:
        """One that comes too early is asked for again: hardly an answer is late, and each turn would take a few."""
        self._due = _NEVER
        if self._waiting and not self._tools and (limit := self._answer_s):
            self._due = self._loop.time() + limit
            if self._answer is None:
                self._answer = self._ticker.at(self._due, self)

    def tick(self, when: float, now: float) -> None:
        """See Ticking: perhaps the agent is late."""
        self._answer = None
        if self._due <= now:
            self._due = _NEVER
            self._late("no_answer", f"the caller got no answer within {self._answer_s or 0.0:g} s")
        elif self._due < _NEVER:
            self._answer = self._ticker.at(self._due, self)

    def _cancel_first_audio(self) -> None:
        if self._first_audio is not None:
            self._first_audio.cancel()
            self._first_audio = None
