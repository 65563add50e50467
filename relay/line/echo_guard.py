"""Detects a line that returns the agent's own voice, and keeps it from the agent, off the event loop."""

import math
from typing import Final, Literal

from relay.audio import pcm
from relay.audio.echo import LOOK_SECONDS, MOST_DELAY, Echo, EchoMeter
from relay.audio.echo_gate import MARGIN_SECONDS, REACH_SECONDS, WITHIN_REACH_SECONDS, EchoGate, available
from relay.events.records import Quality
from relay.line.echo_doubt import HeldBack
from relay.line.echo_looks import SELDOM_SECONDS, EchoLooks
from relay.line.echo_pool import EchoPool, EchoWork
from relay.line.echo_sides import EchoSides
from relay.logs import CallLog

Mode = Literal["auto", "on"]

_UNSETTLED_SECONDS: Final = 0.1  # while an echo is not found at its last place
_TAIL_SECONDS: Final = 0.3  # a room answers a little longer
_ASIDE_SECONDS: Final = 0.5  # so much is put aside at most, as by the voice detector
_IDLE_SECONDS: Final = 1.0  # while nobody speaks
_JITTER_SECONDS: Final = 0.1  # frames may come this early or late and still be consecutive


class EchoGuard:
    """One call. `off` does nothing; `auto` measures, and guards once an echo was found; `on` guards at once.

    A frame is usually only put aside: what was put aside is taken in together, a few times a second, or when it is time
    for a look. With a gate, or in doubt, each frame is taken in at once.
    """

    def __init__(self, rate_hz: int, mode: Mode, pool: EchoPool, log: CallLog) -> None:
        self._rate_hz = rate_hz
        self._bytes_per_second = rate_hz * pcm.SAMPLE_BYTES
        self._mode = mode
        self._pool = pool
        self._log = log
        self._sides = EchoSides(rate_hz)
        self._played = self._sides.played
        self._meter = EchoMeter(rate_hz)
        self._gate: EchoGate | None = None
        self._refused = False
        self._work = EchoWork(pool)
        self._behind = False  # it happened
        self._muted = 0
        self._end = 0  # end of what was heard, in samples of the clock
        self._next_look = 0
        self._looks = EchoLooks()
        self._in_doubt = False
        self._learns = False  # the gate is to learn from what was heard before
        self._held = HeldBack(rate_hz)  # not yet given to the agent
        self._idle = True
        self._speech_until = -MOST_DELAY - _TAIL_SECONDS
        self._aside: list[bytes] = []  # heard, and given to the agent, but not yet taken in
        self._hears = False  # sound is put aside
        self._wait = self._left = 0  # so many bytes are heard before sound is taken in; what is left of them
        self._plays_from = 0.0  # seconds; what is played before is not needed
        if mode == "on":
            self._guard()

    @property
    def echo(self) -> Echo | None:
        """The echo that was found, None if there is none."""
        return self._meter.echo

    def played(self, sound: bytes, at: float, *, speech: bool) -> None:
        """The line plays `sound` (pcm) from `at` on, perhaps a little later than now; `speech`: the agent speaks."""
        if speech:
            self._speech_until = at + len(sound) / self._bytes_per_second
            if self._idle:
                self._hears, self._wait, self._left = True, self._wait - self._left, 0
        elif self._idle and self._gate is None:
            return  # nobody has spoken for a while
        if at >= self._plays_from:
            self._played.write(sound, round(at * self._rate_hz))

    def cut(self, at: float) -> None:
        """From `at` on the line plays nothing of what it was sent."""
        self._played.cut(self._played.place(at))
        self._speech_until = min(self._speech_until, at)

    def heard_now(self, sound: bytes, now: float) -> bytes | None:
        """A frame of the caller's (pcm) that has just arrived, as the agent gets it. None: it has to be `judged` before
        the next frame.
        """
        self._left -= len(sound)
        if self._hears:
            self._aside.append(sound)
        if self._left > 0 or not sound:
            return sound
        return self._take_in(sound, now)

    async def judged(self, sound: bytes) -> bytes:
        """What the agent gets for the frame of which `heard_now` returned None: unchanged, or noise if it is only
        echo.
        """
        if (gate := self._gate) is None:
            return sound
        if self._learns:
            self._learns = False
            await self._work.do(gate.learn, *self._sides.last_second(self._end, gate.hold))
        if held := self._held.released():
            held = gate.withhold(held)
        return held + await self._gated(gate, sound)

    def _take_in(self, sound: bytes, now: float) -> bytes | None:
        """What was put aside; `sound` is the last of it, and not yet given to the agent."""
        count, came = (self._wait - self._left) // pcm.SAMPLE_BYTES, self._played.place(now)
        if abs(came - (self._end + count)) > _JITTER_SECONDS * self._rate_hz:
            self._end = came - count
        self._end += count
        self._wait = self._left = 0
        echo = self._meter.echo
        first = self._end - len(sound) // pcm.SAMPLE_BYTES
        if first / self._rate_hz > self._speech_until + (echo.delay if echo else MOST_DELAY) + _TAIL_SECONDS:
            self._fall_idle()
            return self._held.released() + sound  # nobody has spoken whose echo it could be
        if self._idle:
            self._idle = False
            self._sides.peaks.skip()
            if echo is not None:  # it may have moved in the meantime
                self._next_look = self._end
        if self._aside:
            self._sides.note(b"".join(self._aside), self._end, whole=self._keeps_all)
            self._aside.clear()
        if self._work.overdue:
            return self._unjudged(sound)
        if self._end >= self._next_look:
            self._look()
        self._plan()
        return self._doubted(sound) if self._gate is None else None

    def _fall_idle(self) -> None:
        """Nothing is needed until an agent speaks."""
        if not self._idle and not self._keeps_all:
            self._sides.wipe()
        self._idle, self._hears = True, False
        self._aside.clear()
        self._pass_on(_IDLE_SECONDS)

    def _plan(self) -> None:
        """When to take sound in again, and whether to put it aside until then."""
        look, wait = self._next_look / self._rate_hz, (self._next_look - self._end) / self._rate_hz
        keeps_all = self._keeps_all
        self._plays_from = 0.0 if keeps_all else look - LOOK_SECONDS - MOST_DELAY
        resting = not keeps_all and wait > LOOK_SECONDS
        if not resting and not self._hears:
            self._sides.peaks.skip()
        self._hears = not resting
        if self._gate is None and (not self._in_doubt or self._refused):
            self._pass_on(wait - LOOK_SECONDS if resting else wait / max(1, math.ceil(wait / _ASIDE_SECONDS)))

    def _pass_on(self, seconds: float) -> None:
        """Take no sound in for so long."""
        self._wait = self._left = round(seconds * self._rate_hz) * pcm.SAMPLE_BYTES

    def _doubted(self, sound: bytes) -> bytes:
        """Without a gate: unchanged, and a moment later while it may be the first of an echo."""
        if not self._in_doubt or self._refused:
            return self._held.released() + sound
        return self._held.add(sound)

    async def _gated(self, gate: EchoGate, sound: bytes) -> bytes:
        samples, reach, hold = len(sound) // pcm.SAMPLE_BYTES, round(REACH_SECONDS * self._rate_hz), gate.hold
        before = self._played.read(self._end - reach, reach) if gate.doubts else None
        played = self._played.read(self._end - samples - hold, samples)
        passed = await self._work.do(gate.process, sound, played, before)
        if passed is None:
            return self._unjudged(sound)
        if gate.hold != hold:  # there it is: a look would still find it where it was
            self._meter.moved((gate.hold - hold) / self._rate_hz)
            self._next_look = self._end + round(LOOK_SECONDS * self._rate_hz)
        return passed

    def _unjudged(self, sound: bytes) -> bytes:
        """The threads have fallen behind. The gate misses this sound, which is like a gap on the line."""
        self._pool.unjudged += 1
        if not self._behind:
            self._behind = True
            self._log.happened("echo_behind", "the agent may hear itself: its guard has too little CPU")
        return sound

    @property
    def _keeps_all(self) -> bool:
        """Whether all sound is needed: usually not, because no echo was found so far."""
        return self._gate is not None or self._meter.suspected is not None or self._meter.echo is not None

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

    def _look(self) -> None:
        known = found = self.echo
        early = known is None and self._looks.early(undecided=self._in_doubt or self._meter.suspected is not None)
        measured = self._meter.worth_a_look(self._played, self._sides.peaks, self._end, early=early)
        if measured:
            # half a millisecond: handing it to a thread would take the loop as long
            found = self._meter.look(*self._meter.sides(self._played, self._sides.heard, self._end), early=early)
        self._in_doubt = measured and early and self._meter.in_doubt
        self._looks.checked(measured=measured)
        if found is None:
            soonest = 0.0 if measured else self._meter.soonest(self._sides.peaks, early=early)
            pause = self._looks.pause(undecided=self._in_doubt, at_least=soonest)
        else:
            pause = SELDOM_SECONDS if self._meter.settled else _UNSETTLED_SECONDS
        self._next_look = self._end + round(pause * self._rate_hz)
        if found is not None and known is None:
            self._log.happened("echo_found", f"the line gives the agent's voice back: {found}", echo_db=found.level_db)
        if found is not None or self._meter.suspected is not None:
            gate = self._gate or self._guard()
            if gate is not None:
                self._hold_back(gate)
                self._learns = gate.is_new
        elif self._mode == "auto":  # it was suspected, and is not there
            self._stop()
            if self._looks.seldom:
                self._meter.forget()
                self._sides.wipe()

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
