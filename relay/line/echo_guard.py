"""Detects a line that returns the agent's own voice, and keeps it from the agent."""

import math
from collections.abc import Callable
from typing import Final, Literal

from relay.audio import pcm
from relay.audio.canceller import available
from relay.audio.echo import LOOK_SECONDS, MOST_DELAY, Echo, EchoMeter
from relay.events.records import Quality
from relay.line.echo_doubt import HeldBack
from relay.line.echo_judge import EchoJudge
from relay.line.echo_looks import SELDOM_SECONDS, EchoLooks
from relay.line.echo_pool import EchoPool
from relay.line.echo_sides import EchoSides
from relay.logs import CallLog

Mode = Literal["auto", "on"]

_UNSETTLED_SECONDS: Final = 0.1  # while an echo is not found at its last place
_TAIL_SECONDS: Final = 0.3  # a room answers a little longer
_ASIDE_SECONDS: Final = 0.5  # so much is put aside at most
_GUARDED_SECONDS: Final = 0.1  # … and with a gate: it must learn soon that the line's time has jumped
_IDLE_SECONDS: Final = 1.0  # while nobody speaks
_JITTER_SECONDS: Final = 0.1  # frames may come this early or late and still be consecutive


class EchoGuard:
    """One call. `auto` measures, and guards once an echo was found; `on` guards at once.

    A frame is usually only put aside: what was put aside is taken in together, a few times a second, or when it is time
    for a look. In doubt, each frame is taken in at once. With a gate, each frame is judged.
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
        self._judge: EchoJudge | None = None
        self._refused = False
        self.passed: Callable[[bytes, float], None] = _drop
        """Gets what the agent is to hear of frames for which `heard` returned less, and when they had arrived."""
        self._muted = 0
        self._end = self._next_look = 0  # end of what was heard, in samples of the clock
        self._looks = EchoLooks()
        self._in_doubt = False
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
            self._sides.speaks(at, self._speech_until)
            if self._idle:
                self._hears, self._wait, self._left = True, self._wait - self._left, 0
        elif self._idle and self._judge is None:
            return  # nobody has spoken for a while
        if at >= self._plays_from:
            self._played.write(sound, round(at * self._rate_hz))

    def cut(self, at: float) -> None:
        """From `at` on the line plays nothing of what it was sent."""
        self._played.cut(self._played.place(at))
        self._speech_until = min(self._speech_until, at)

    def heard(self, sound: bytes, now: float) -> bytes:
        """A frame of the caller's (pcm) has just arrived. Returns what the agent gets at once: perhaps nothing yet,
        perhaps more than `sound`. Only echo is replaced by noise.
        """
        self._left -= len(sound)
        if self._hears:
            self._aside.append(sound)
        if self._left <= 0 and sound:
            return self._take_in(sound, now)
        if self._judge is None or self._idle:
            return sound
        return self._judge.hear(sound, self._end + (self._wait - self._left) // pcm.SAMPLE_BYTES, now)

    def give_up(self) -> bytes:
        """Returns sound that the agent has not got yet, because what comes next shall not wait for it."""
        return b"" if self._judge is None else self._judge.give_up()

    def _take_in(self, sound: bytes, now: float) -> bytes:
        """What was put aside; `sound` is the last of it, and not yet given to the agent."""
        count, came = (self._wait - self._left) // pcm.SAMPLE_BYTES, self._played.place(now)
        if abs(came - (self._end + count)) > _JITTER_SECONDS * self._rate_hz:
            self._end = came - count
        self._end += count
        self._wait = self._left = 0
        echo = self._meter.echo
        first = self._end - len(sound) // pcm.SAMPLE_BYTES
        over = first / self._rate_hz > self._speech_until + (echo.delay if echo else MOST_DELAY) + _TAIL_SECONDS
        if over and not (self._judge is not None and self._judge.waits):
            self._fall_idle()
            return self._held.released() + sound  # nobody has spoken whose echo it could be
        if self._idle:
            self._idle = False
            self._sides.peaks.skip()
            soonest = self._looks.after_silence if echo is None else 0.0  # a known one may have moved in the meantime
            self._next_look = max(self._next_look if echo is None else 0, self._end + round(soonest * self._rate_hz))
        if self._aside:
            self._sides.note(b"".join(self._aside), self._end, whole=self._keeps_all)
            self._aside.clear()
        before = self._look() if self._end >= self._next_look else b""
        self._plan()
        if self._judge is None:
            return before + self._doubted(sound)
        return before + self._judge.hear(sound, self._end, now, self._held.released())

    def _fall_idle(self) -> None:
        if not self._idle and not self._keeps_all:
            self._sides.fall_silent()
        self._idle, self._hears = True, False
        self._aside.clear()
        self.give_up()  # nothing waits, but something may be left to be judged
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
        if self._judge is not None:
            self._pass_on(min(wait, _GUARDED_SECONDS))
        elif not self._in_doubt or self._refused:
            self._pass_on(wait - LOOK_SECONDS if resting else wait / max(1, math.ceil(wait / _ASIDE_SECONDS)))

    def _pass_on(self, seconds: float) -> None:
        """Take no sound in for so long."""
        self._wait = self._left = round(seconds * self._rate_hz) * pcm.SAMPLE_BYTES

    def _doubted(self, sound: bytes) -> bytes:
        """Without a gate: unchanged, and a moment later while it may be the first of an echo."""
        if not self._in_doubt or self._refused:
            return self._held.released() + sound
        return self._held.add(sound)

    def _moved(self, samples: int) -> None:
        """The gate has found the echo there: a look would still find it where it was."""
        self._meter.moved(samples / self._rate_hz)
        self._next_look = self._end + round(LOOK_SECONDS * self._rate_hz)

    def _failed(self, why: str) -> None:
        waiting, self._refused = self._stop(), True
        self._pool.unguarded += 1
        self._log.happened("echo_unguarded", f"the agent may hear itself: its guard failed: {why}")
        self.passed(waiting, self._end / self._rate_hz)

    @property
    def _keeps_all(self) -> bool:
        """Whether all sound is needed: usually not, because no echo was found so far."""
        return self._judge is not None or self._meter.suspected is not None or self._meter.echo is not None

    def close(self, quality: Quality) -> None:
        """The call is over: note the echo that was found."""
        self._stop()
        self.passed = _drop  # otherwise it and the uplink hold each other
        if self.echo is not None:
            quality.echo_ms, quality.echo_db = round(self.echo.delay * 1000), self.echo.level_db
        quality.echo_muted_ms = self._muted * 1000 // self._rate_hz

    def _stop(self) -> bytes:
        """Guard no longer. Returns sound that was still to be judged."""
        if self._judge is None:
            return b""
        judge, self._judge = self._judge, None
        self._muted += judge.muted
        self._pool.leave(judge.gate)
        return judge.close()

    def _look(self) -> bytes:
        """Search for an echo, and begin or end to guard. Returns what the agent gets before anything else."""
        known = self.echo
        early = known is None and self._looks.early(undecided=self._in_doubt or self._meter.suspected is not None)
        measured = self._sides.search(self._meter, self._end, early=early)
        found = self.echo
        self._in_doubt = measured and early and self._meter.in_doubt
        alike = self._meter.in_doubt or self._meter.suspected is not None
        self._looks.checked(measured=measured, alike=alike)
        if found is None:
            soonest = 0.0 if measured else self._meter.soonest(self._sides.peaks, early=early)
            if self._sides.clean and self._looks.after_silence:
                soonest = SELDOM_SECONDS  # not before the next turn
                self._sides.wipe()
            pause = self._looks.pause(undecided=self._in_doubt, alike=alike, at_least=soonest)
        else:
            pause = SELDOM_SECONDS if self._meter.settled else _UNSETTLED_SECONDS
        self._next_look = self._end + round(pause * self._rate_hz)
        if found is not None and known is None:
            self._log.happened("echo_found", f"the line gives the agent's voice back: {found}", echo_db=found.level_db)
        if found is not None or self._meter.suspected is not None:
            judge = self._judge or self._guard()
            if judge is not None:
                judge.expect(self.echo.delay if self.echo else self._meter.suspected or 0.0)
                if judge.is_new:
                    judge.learn(self._sides.last_second(self._end, judge.hold))
        elif self._mode == "auto":  # it was suspected, and is not there
            before = self._stop()
            if self._looks.seldom:
                self._meter.forget()
                self._sides.wipe()
            return before
        return b""

    def _guard(self) -> EchoJudge | None:
        if self._refused:
            return None
        if available and (gate := self._pool.enter()):
            self._judge = EchoJudge(
                self._rate_hz,
                self._pool,
                gate,
                self._played,
                self._log,
                passed=lambda sound, at: self.passed(sound, at),
                moved=self._moved,
                failed=self._failed,
            )
            return self._judge
        self._refused = True
        why = self._pool.refusal if available else "pywebrtc-audio is not installed"
        self._log.happened("echo_unguarded", f"the agent may hear itself: {why}")
        return None


def _drop(sound: bytes, at: float) -> None:
    pass
