"""Finds out whether the line returns its own sound, with which delay and level, while the agent speaks.

Whitened cross-correlation: with the magnitudes of the spectra divided out only the phases matter, and an echo is a peak
at its delay, however the line colours it. Measurements are averaged until an echo is certain.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.levels import BLOCK_SECONDS, block_levels
from relay.audio.line_tape import Codes, LineTape, decoded, pairs_into, peaks
from relay.audio.pages import mapped
from relay.audio.recent_peaks import RecentPeaks

LEAST_DELAY: Final = 0.04
MOST_DELAY: Final = 1.0
LOOK_SECONDS: Final = 1.0
_COMPARED_HZ: Final = 4000  # a voice is mostly below 2 kHz, and half as many samples cost less than half
_SURE: Final = 10.0  # a peak this many times the spread of all places; two voices reach 9.5
_LIKELY: Final = 9.0  # … twice in a voice's first third of a second; no two voices of 120 pairs
_PERHAPS: Final = 6.5  # … once: nearly every audible echo, and some callers
_STRAYS: Final = 2  # early measurements in a row that may miss what is suspected
_WHITENED_EARLY: Final = 0.8  # exponent of the magnitudes that are divided out; later 1
_FAINTEST_DB: Final = -42.0  # inaudible
_LOUDEST_DB: Final = 6.0  # … a louder sound is not an echo
AUDIBLE_PEAK: Final = 45  # of 32,768 in a hundredth of a second: -65 dB in a voice
SPEECH_PEAK: Final = 250  # … -50 dB
_BACK_SHARE: Final = 0.15  # of the second that must contain sound: shorter sounds match anything
_BACK_SHARE_EARLY: Final = 0.1
_LOUD_BELOW_DB: Final = 15.0
_LEVELS: Final = 9  # measurements of which the median is used
_SAME: Final = 0.004  # seconds; two measurements have to find the same echo
_FORGET: Final = 0.8  # weight of earlier measurements
_SEEN_STEPS: Final = 25  # of a measurement's numbers, -1 to 1: five times their sum fits into a byte
_LOUD_SHARE: Final = 0.1  # share of the time the agent must speak, to make a measurement worth its cost


@dataclass(frozen=True, slots=True)
class Echo:
    """`delay`: seconds from playing to hearing. `level_db`: of the echo relative to what was played."""

    delay: float
    level_db: float


class _Bench:
    """Room to work in, for transforms of `size`. One for all calls, which take turns: of their own it was 300 KB.

    Nothing large is allocated beside it: the end of the heap would grow with each search, and the buffers of TLS
    connections would then land on pages that are in memory (relay/allocator.py).
    """

    def __init__(self, size: int) -> None:
        self.sides = np.empty((2, size), dtype=np.float32)
        # Any: numpy's own types know no transforms of single precision
        self.spectra: NDArray[Any] = np.empty((2, size // 2 + 1), dtype=np.complex64)
        self.numbers: NDArray[np.float32] = self.spectra.view(np.float32)
        self.indices = self.spectra.view(np.intp).ravel()  # needed before; numpy converts others itself, into 128 KB
        self.magnitudes = np.empty(size // 2 + 1, dtype=np.float32)
        self.places: NDArray[Any] = np.empty(size, dtype=np.float32)


_bench: Final = cache(_Bench)


class EchoMeter:
    """One call. Pure: it gets the two sides of a second, cut from their tapes."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._look = round(LOOK_SECONDS * rate_hz)
        self._reach = round(MOST_DELAY * rate_hz)
        self._block = round(BLOCK_SECONDS * rate_hz)
        self._step = rate_hz // _COMPARED_HZ
        self._size = 1 << ((self._look + self._reach) // self._step - 1).bit_length()
        self._seen: NDArray[np.int8] | None = None  # phases, added up, of all measurements so far, all but the last one
        self._candidate: float | None = None
        self._last = (0.0, 0.0)  # delay and height of the last measurement's peak
        self._missed = False  # it found none; one such measurement among the first is forgiven
        self._strays = 0  # early measurements in a row that did not confirm what is suspected
        self._likeness = 0.0  # the lower height of the last two, if they are at the same place
        self._levels: list[float] = []  # the latest; an empty deque takes 760 bytes
        self.echo: Echo | None = None

    @property
    def suspected(self) -> float | None:
        """The delay of a likely echo in the last measurement, even if it was the first to find one."""
        return self._candidate

    @property
    def in_doubt(self) -> bool:
        """One of the last two early measurements may have met an echo, or a caller whose voice is alike."""
        return self.echo is None and self._last[1] >= _PERHAPS

    @property
    def settled(self) -> bool:
        """The last measurement found the echo at its known delay."""
        return self.echo is not None and self._candidate == self.echo.delay

    def sides(self, played: LineTape, heard: LineTape, end: int) -> tuple[Codes, Codes]:
        """The input of `look`: the second of `heard` up to sample `end`, and what was `played` in it and before."""
        first = end - self._look
        return played.codes(first - self._reach, self._look + self._reach), heard.codes(first, self._look)

    def worth_a_look(self, played: LineTape, heard: RecentPeaks, end: int, *, early: bool = False) -> bool:
        """Whether more than noise is heard, and the agent spoke before. Usually not: most callers listen."""
        if self.soonest(heard, early=early) > 0:
            return False
        before = self._reach - self._reach // 2
        source = peaks(played.codes(end - self._look - before, self._look + before), self._block)
        return bool(np.count_nonzero(source >= SPEECH_PEAK) >= _LOUD_SHARE * len(source))

    def soonest(self, heard: RecentPeaks, *, early: bool = False) -> float:
        """So many seconds must pass until enough can be heard for a look."""
        least, share = (SPEECH_PEAK, _BACK_SHARE_EARLY) if early else (AUDIBLE_PEAK, _BACK_SHARE)
        return max(0.0, share - heard.share(least)) * LOOK_SECONDS

    def look(self, played: Codes, heard: Codes, *, early: bool = False) -> Echo | None:
        """Compare two `sides` that are worth it. Returns what is known so far. On one thread: calls share a bench.

        `early`: the agent has only begun to speak. What is alike then is suspected sooner.
        """
        bench = _bench(self._size)
        for side, codes in zip(bench.sides, (played, heard), strict=True):
            self._fewer(codes, side, bench)
        # scaled by 1/size: the transform without a scale is one of doubles, whatever it gets
        cross, other = np.fft.rfft(bench.sides, norm="forward", out=bench.spectra)
        np.conj(cross, out=cross)
        cross *= other
        numbers, squares = bench.numbers
        np.multiply(numbers, numbers, out=squares)
        magnitudes = np.add(squares[::2], squares[1::2], out=bench.magnitudes)  # np.abs takes ten times as long
        if early:  # in a few syllables many frequencies hold only noise, which counts less if not all are made equal
            np.power(magnitudes, np.float32(_WHITENED_EARLY / 2), out=magnitudes)
        else:
            np.sqrt(magnitudes, out=magnitudes)
        magnitudes += 1e-3 / self._size**2
        np.reciprocal(magnitudes, out=magnitudes)
        for part in (cross.real, cross.imag):
            part *= magnitudes
        if self._seen is not None and self.echo is None:  # search for a known echo again: it may have moved
            numbers[: self._size] += np.multiply(
                self._seen, np.float32(_FORGET / _SEEN_STEPS), out=squares[: self._size]
            )
        if not early:  # earlier ones hold less of the echo
            if self._seen is None:
                self._seen = np.frombuffer(mapped(self._size), np.int8)
            steps = np.multiply(numbers, np.float32(_SEEN_STEPS), out=squares)
            self._seen[:] = np.rint(steps, out=steps)[: self._size]
        places = np.fft.irfft(cross, self._size, out=bench.places)
        # The tape of what was played begins `reach` earlier: that delay is place 0, and shorter ones wrap to the end.
        reach, look = self._reach // self._step, self._look // self._step
        delays = places[-reach:]
        least = round(LEAST_DELAY * self._rate_hz) // self._step
        best = least + int(np.argmax(delays[least:]))
        # An agent that repeats the caller matches too, but later: sound before it was played is not its echo.
        earlier = places[-reach - look + 1 : -reach + least].max()
        spread = float(np.sqrt(delays @ delays / reach))  # their mean is nothing
        height = float(delays[best]) / (spread + 1e-9) if delays[best] >= earlier else 0.0
        delay = best * self._step / self._rate_hz
        likely = height >= (_PERHAPS if early else _SURE)
        level_db = self._level_db(decoded(played), decoded(heard), best * self._step) if likely else 0.0
        suspected, self._candidate = self._candidate, None
        self._strays += 1
        if early and suspected is not None and self._strays <= _STRAYS:
            self._candidate = suspected
        if not likely or not _FAINTEST_DB <= level_db <= _LOUDEST_DB:
            if self._missed or not early:
                self._last, self._likeness = (0.0, 0.0), 0.0
            self._missed = True
            return self.echo
        last, self._last, self._missed = self._last, (delay, height), False
        self._likeness = min(height, last[1]) if abs(delay - last[0]) <= _SAME else 0.0
        if not early or self._likeness >= _LIKELY:
            self._candidate, self._strays = delay, 0
        elif suspected is not None and abs(delay - suspected) <= _SAME:
            self._candidate, self._strays = suspected, 0
        if self._likeness >= _SURE:
            if self.echo is not None and abs(delay - self.echo.delay) > _SAME:
                self._levels.clear()
            self._levels.append(level_db)
            del self._levels[:-_LEVELS]
            self.echo = Echo(delay, round(float(np.median(self._levels)), 1))
        return self.echo

    def _fewer(self, codes: Codes, side: NDArray[np.float32], bench: _Bench) -> None:
        """Decode and resample to _COMPARED_HZ by summing neighbours; numpy's reduction costs as much as a transform."""
        count, stride = len(codes) // self._step, self._step // 2
        pairs, indices = codes.view(np.uint16), bench.indices[:count]
        pairs_into(side[:count], pairs[::stride], indices)
        for first in range(1, stride):
            side[:count] += pairs_into(bench.places[:count], pairs[first::stride], indices)
        side[count:] = 0

    def moved(self, seconds: float) -> None:
        """The known echo's delay has changed by `seconds`."""
        if self.echo is not None:
            self.echo = Echo(self.echo.delay + seconds, self.echo.level_db)
            self._candidate = self.echo.delay

    def forget(self) -> None:
        """Free the averages (8 KB): no echo was found."""
        self._seen = None

    def _level_db(self, played: pcm.Samples, heard: pcm.Samples, delay: int) -> float:
        """Level of the echo, from the median of the loud blocks: in some of them the caller speaks."""
        source = block_levels(played[self._reach - delay :][: self._look], self._rate_hz)
        back = block_levels(heard, self._rate_hz)
        loud = source >= source.max() - _LOUD_BELOW_DB
        return float(np.median((back - source)[loud]))


def prepare() -> None:
    """Search once, and find an echo. What that needs of numpy and of memory is then there when calls are running: more
    than two megabytes, partly read from the disk, which took 20 ms.
    """
    rate_hz = min(pcm.LINE_RATES)
    meter, played = EchoMeter(rate_hz), np.frombuffer(Random(1).randbytes(2 * rate_hz), np.uint8)
    for early in (True, False):
        meter.look(played, played[rate_hz // 2 :][:rate_hz], early=early)
