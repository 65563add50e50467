"""Callers' voices that wait to be measured: that is done while frames are sent in time, not in a moment in which the
core is full.

Several are measured in one go, which takes a third of the time: most of it would go into calls of numpy that each do
little, and whose code has left the processor's cache.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from relay.audio.voice import VoiceActivity, measure

_TOGETHER: Final = 16  # measured in one go, which takes a fifth of a millisecond: frames wait for it
_APART_S: Final = 0.001  # … and the next ones so much later, if none of them can wait
_NEVER: Final = float("inf")


class _Ticker(Protocol):
    """relay.line.ticker.Ticker."""

    def at(self, when: float, who: "Deferred") -> None: ...

    def spend_spare_time(self, how: Callable[[float], None]) -> None: ...


class _Waiting:
    __slots__ = ("latest", "voice")

    def __init__(self, latest: float, voice: VoiceActivity) -> None:
        self.latest = latest
        self.voice = voice


class Deferred:
    """Of one relay. Nobody may depend on when a voice is measured."""

    def __init__(self, ticker: _Ticker, measure: Callable[[list[VoiceActivity]], None] = measure) -> None:
        self._ticker = ticker
        self._measure = measure
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []  # by the latest moment of each, and of equal ones in turn
        self._asked_for = _NEVER
        ticker.spend_spare_time(self._spare)

    def add(self, voice: VoiceActivity, within_s: float) -> None:
        """Measure `voice` when there is time for it, but after `within_s` in any case.

        Errors are ignored: what failed is done again by the call that needs it.
        """
        latest = self._loop.time() + within_s
        place = len(self._waiting)
        while place and self._waiting[place - 1].latest > latest:  # hardly ever: all may wait for as long
            place -= 1
        self._waiting.insert(place, _Waiting(latest, voice))
        if latest < self._asked_for:
            self._ask(latest)

    def _ask(self, when: float) -> None:
        self._asked_for = when
        self._ticker.at(when, self)

    def tick(self, when: float, now: float) -> None:
        """See Ticking: the first voice can wait no longer, unless it was measured in the meantime."""
        if when != self._asked_for:
            return
        self._asked_for = _NEVER
        if self._waiting and self._waiting[0].latest <= now:
            self._do()
        if self._waiting:
            self._ask(max(self._waiting[0].latest, now + _APART_S))

    def _spare(self, now: float) -> None:
        """Frames are in time, so this is the time for what waits, if that is enough."""
        if len(self._waiting) >= _TOGETHER:
            self._do()

    def _do(self) -> None:
        voices = [one.voice for one in self._waiting[:_TOGETHER]]
        del self._waiting[:_TOGETHER]
        with suppress(Exception):  # it is another call's, which will meet it itself
            self._measure(voices)
