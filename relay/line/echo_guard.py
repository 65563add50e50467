"""Detects a line that returns the agent's own voice, and keeps it from the agent, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from relay.audio import pcm
from relay.audio.echo import LOOK_SECONDS, MOST_DELAY, Echo, EchoMeter
from relay.audio.echo_gate import MARGIN_SECONDS, REACH_SECONDS, WITHIN_REACH_SECONDS, EchoGate, available
from relay.audio.line_tape import LineTape
from relay.events.records import Quality
from relay.logs import CallLog

T = TypeVar("T")

Mode = Literal["auto", "on", "off"]

TAPE_SECONDS: Final = LOOK_SECONDS + MOST_DELAY + 0.6  # including what was sent ahead of time
# Up to this many measurements, so many seconds apart; quick at first, so that the agent does not interrupt itself.
_LOOKS: Final = ((12, 0.04), (24, 0.12), (30, 1.0))
_CHECKS: Final = ((36, 0.04), (60, 0.12), (66, 1.0))  # … or so many times, if usually nothing was heard to measure
_DOUBT_SECONDS: Final = 0.15  # so long the caller's sound is held back at most while it may be an echo
_SELDOM_SECONDS: Final = 5.0  # after that, or once an echo is known: an echo may begin or move later
_UNSETTLED_SECONDS: Final = 0.1  # while an echo is not found at its last place
_TAIL_SECONDS: Final = 0.3  # a room answers a little longer
_JITTER_SECONDS: Final = 0.1  # frames may come this early or late and still be consecutive
_WORKERS: Final = 2


@dataclass(slots=True)
class EchoPool:
    """Threads and places for guarded calls, at most `calls` at the same time. `unguarded`: those that found none."""

    calls: int
    guarded: int = 0
    unguarded: int = 0
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_WORKERS, "echo"))

    def enter(self) -> bool:
        """Whether there is a free place."""
        if self.guarded >= self.calls:
            self.unguarded += 1
            return False
        self.guarded += 1
        return True

    def close(self) -> None:
        """No call is left."""
        self.threads.shutdown(wait=False)

    def leave(self) -> None:
        """A guarded call is over."""
        self.guarded -= 1


class EchoGuard:
    """One call. `off` does nothing; `auto` measures, and guards once an echo was found; `on` guards at once."""

    def __init__(self, rate_hz: int, mode: Mode, pool: EchoPool, log: CallLog) -> None:
        self._rate_hz = rate_hz
        self._mode = mode
        self._pool = pool
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._played = LineTape(rate_hz, TAPE_SECONDS)
        self._heard = LineTape(rate_hz, LOOK_SECONDS)
        self._reach = round(TAPE_SECONDS * rate_hz)
        self._meter = EchoMeter(rate_hz)
        self._gate: EchoGate | None = None
        self._refused = False
        self._muted = 0
        self._end = 0  # end of what was heard, in samples of the clock
        self._next_look = 0
        self._looks = 0
        self._checks = 0
        self._eager = _LOOKS[0][1]
        self._in_doubt = False
        self._held: list[bytes] = []  # not yet given to the agent
        self._idle = True
        self._speech_until = -MOST_DELAY - _TAIL_SECONDS
        if mode == "on":
            self._guard()

    @property
    def echo(self) -> Echo | None:
        """The echo that was found, None if there is none."""
        return self._meter.echo

    def played(self, sound: bytes, at: float, *, speech: bool) -> None:
        """The line plays `sound` (pcm) from `at` on, which may be slightly in the future; `speech`: an agent speaks in
        it.
        """
        if self._mode == "off":
            return
        end = at + len(sound) / pcm.SAMPLE_BYTES / self._rate_hz
        if self._wanted(end):
            self._played.write(sound, self._played.place(at))
        if speech:
            self._speech_until = end

    def cut(self, at: float) -> None:
        """From `at` on the line plays nothing of what it was sent."""
        self._played.cut(self._played.place(at))
        self._speech_until = min(self._speech_until, at)

    async def heard(self, sound: bytes, now: float) -> bytes:
        """A frame of the caller's that has just arrived: unchanged, or noise if it is only echo."""
        if self._mode == "off" or not sound:
            return sound
        samples = len(sound) // pcm.SAMPLE_BYTES
        came = self._heard.place(now)
        if abs(came - (self._end + samples)) > _JITTER_SECONDS * self._rate_hz:
            self._end = came - samples
        first, self._end = self._end, self._end + samples
        delay = self.echo.delay if self.echo else 0.0
        if first / self._rate_hz > self._speech_until + (delay or MOST_DELAY) + _TAIL_SECONDS:
            self._idle = True
            return self._released() + sound  # nobody has spoken whose echo it could be
        if self._idle and self.echo is not None:  # it may have moved in the meantime
            self._next_look = self._end
        self._idle = False
        if self._wanted(now):
            self._heard.write(sound, first)
        if self._end >= self._next_look:
            await self._look()
        if self._gate is None:
            return self._doubted(sound)
        if held := self._released():
            held = self._gate.withhold(held)
        return held + await self._gated(self._gate, sound, first)

    def _doubted(self, sound: bytes) -> bytes:
        """Without a gate: unchanged, and a moment later while it may be the first of an echo."""
        if not self._in_doubt or self._refused:
            return self._released() + sound
        self._held.append(sound)
        most, passed = _DOUBT_SECONDS * self._rate_hz * pcm.SAMPLE_BYTES, b""
        while sum(map(len, self._held)) > most:
            passed += self._held.pop(0)
        return passed

    def _released(self) -> bytes:
        if not self._held:
            return b""
        held = b"".join(self._held)
        self._held.clear()
        return held

    async def _gated(self, gate: EchoGate, sound: bytes, first: int) -> bytes:
        samples, reach, hold = len(sound) // pcm.SAMPLE_BYTES, round(REACH_SECONDS * self._rate_hz), gate.hold
        before = self._played.read(first + samples - reach, reach) if gate.doubts else None
        passed = await self._off_loop(gate.process, sound, self._played.read(first - hold, samples), before)
        if gate.hold != hold:  # there it is: a look would still find it where it was
            self._meter.moved((gate.hold - hold) / self._rate_hz)
            self._next_look = self._end + round(LOOK_SECONDS * self._rate_hz)
        return passed

    def _wanted(self, at: float) -> bool:
        """Whether sound from then is needed: usually not, because no echo was found so far."""
        return (
            self._gate is not None
            or self._meter.suspected is not None
            or self._meter.echo is not None
            or at * self._rate_hz >= self._next_look - self._reach
        )

    def close(self, quality: Quality) -> None:
        """The call is over: note the echo that was found."""
        self._stop()
        if self.echo is not None:
            quality.echo_ms, quality.echo_db = round(self.echo.delay * 1000), self.echo.level_db
        quality.echo_muted_ms = self._muted * 1000 // self._rate_hz

    def _stop(self) -> None:
        if self._gate is not None:
            self._muted += self._gate.muted
            self._gate = None
            self._pool.leave()

    async def _look(self) -> None:
        known = found = self.echo
        early = known is None and self._eager == _LOOKS[0][1]
        sides = self._meter.sides(self._played, self._heard, self._end)
        self._in_doubt = False
        if self._meter.worth_a_look(*sides, early=early):
            # half a millisecond: handing it to a thread would take the loop as long
            found = self._meter.look(*sides, early=early)
            self._in_doubt = early and self._meter.in_doubt
            self._looks += 1
        self._checks += 1
        self._eager = max(_pause(_LOOKS, self._looks), _pause(_CHECKS, self._checks))
        pause = self._eager if found is None else _SELDOM_SECONDS if self._meter.settled else _UNSETTLED_SECONDS
        self._next_look = self._end + round(pause * self._rate_hz)
        if found is not None and known is None:
            self._log.happened("echo_found", f"the line gives the agent's voice back: {found}", echo_db=found.level_db)
        if found is not None or self._meter.suspected is not None:
            gate = self._gate or self._guard()
            if gate is not None:
                self._hold_back(gate)
            if gate is not None and gate.is_new:
                await self._off_loop(gate.learn, *self._last_second(gate))
        elif self._mode == "auto":  # it was suspected, and is not there
            self._stop()
            if self._eager == _SELDOM_SECONDS:
                self._rest()

    def _rest(self) -> None:
        """No echo was found for a long time: keep no sound until shortly before the next search."""
        self._meter.forget()
        self._played.wipe()
        self._heard.wipe()

    def _last_second(self, gate: EchoGate) -> tuple[pcm.Samples, pcm.Samples]:
        """The last second, for a new gate to learn from: an agent interrupts itself within a third of a second."""
        first = self._end - self._rate_hz
        return self._heard.read(first, self._rate_hz), self._played.read(first - gate.hold, self._rate_hz)

    def _hold_back(self, gate: EchoGate) -> None:
        """Set the gate's hold from the delay that was found, unless the canceller reaches that delay already: a changed
        hold would make it learn again."""
        delay = self.echo.delay if self.echo else self._meter.suspected or MARGIN_SECONDS
        if gate.is_new or not 0 < delay - gate.hold / self._rate_hz < WITHIN_REACH_SECONDS:
            gate.follow(max(0, round((delay - MARGIN_SECONDS) * self._rate_hz)))

    def _guard(self) -> EchoGate | None:
        if self._refused:
            return None
        if available and self._pool.enter():
            self._gate = EchoGate(self._rate_hz)
            return self._gate
        self._refused = True
        why = "all places are taken (ECHO_CALLS)" if available else "pywebrtc-audio is not installed"
        self._log.happened("echo_unguarded", f"the agent may hear itself: {why}")
        return None

    async def _off_loop(self, work: Callable[..., T], *args: Any) -> T:
        return await self._loop.run_in_executor(self._pool.threads, work, *args)


def _pause(schedule: tuple[tuple[int, float], ...], done: int) -> float:
    return next((seconds for up_to, seconds in schedule if done < up_to), _SELDOM_SECONDS)
