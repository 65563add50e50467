"""Finds out whether the line returns its own sound, with which delay and level, while the agent speaks.

Whitened cross-correlation: with the magnitudes of the spectra divided out only the phases matter, and an echo is a peak
at its delay, however the line colours it. Measurements are averaged until an echo is certain.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.line_tape import LineTape
from relay.audio.voice import SPEECH_DB, block_levels

LEAST_DELAY: Final = 0.04
MOST_DELAY: Final = 1.0
LOOK_SECONDS: Final = 1.0
_COMPARED_HZ: Final = 4000  # a voice is mostly below 2 kHz, and half as many samples cost less than half
_SURE: Final = 10.0  # a peak this many times the spread of all places; two voices reach 9.5
_FAINTEST_DB: Final = -42.0  # inaudible
_LOUDEST_DB: Final = 6.0  # … a louder sound is not an echo
_AUDIBLE_DB: Final = -65.0
_BACK_SHARE: Final = 0.15  # of the second that must contain sound: shorter sounds match anything
_LOUD_BELOW_DB: Final = 15.0
_LEVELS: Final = 9  # measurements of which the median is used
_SAME: Final = 0.004  # seconds; two measurements have to find the same echo
_FORGET: Final = 0.8  # weight of earlier measurements
_LOUD_SHARE: Final = 0.1  # share of the time the agent must speak, to make a measurement worth its cost


@dataclass(frozen=True, slots=True)
class Echo:
    """`delay`: seconds from playing to hearing. `level_db`: of the echo relative to what was played."""

    delay: float
    level_db: float


class EchoMeter:
    """One call. Pure: it gets the two sides of a second, cut from their tapes."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._look = round(LOOK_SECONDS * rate_hz)
        self._reach = round(MOST_DELAY * rate_hz)
        self._step = rate_hz // _COMPARED_HZ
        self._size = 1 << ((self._look + self._reach) // self._step - 1).bit_length()
        self._seen: NDArray[np.float16] | None = None  # its numbers are phases, added up: three digits are enough
        self._candidate: float | None = None
        self._levels: deque[float] = deque(maxlen=_LEVELS)
        self.echo: Echo | None = None

    @property
    def suspected(self) -> float | None:
        """The delay of an echo in the last measurement, even if it was the first to find one."""
        return self._candidate

    @property
    def settled(self) -> bool:
        """The last measurement found the echo at its known delay."""
        return self.echo is not None and self._candidate == self.echo.delay

    def sides(self, played: LineTape, heard: LineTape, end: int) -> tuple[pcm.Samples, pcm.Samples]:
        """The input of `look`: the second of `heard` up to sample `end`, and what was `played` in it and before."""
        first = end - self._look
        return played.read(first - self._reach, self._look + self._reach), heard.read(first, self._look)

    def worth_a_look(self, played: pcm.Samples, heard: pcm.Samples) -> bool:
        """Whether the agent speaks in these `sides`, and anything is heard. Usually not: most callers listen."""
        back = block_levels(heard, self._rate_hz)
        if np.count_nonzero(back >= _AUDIBLE_DB) < _BACK_SHARE * len(back):
            return False
        levels = block_levels(played[self._reach // 2 :], self._rate_hz)
        return bool(np.count_nonzero(levels >= SPEECH_DB) >= _LOUD_SHARE * len(levels))

    def look(self, played: pcm.Samples, heard: pcm.Samples) -> Echo | None:
        """Compare two `sides` that are worth it. Returns what is known so far."""
        sides = np.zeros((2, self._size))  # in one call, because each call works out its own factors
        for side, sound in zip(sides, (played, heard), strict=True):
            self._fewer(sound, side)
        spectra = np.fft.rfft(sides)
        cross = np.conj(spectra[0], out=spectra[0])
        cross *= spectra[1]
        cross /= np.abs(cross) + 1e-3
        numbers = cross.view(np.float64)
        if self._seen is not None and self.echo is None:  # search for a known echo again: it may have moved
            numbers += _FORGET * self._seen
        self._seen = numbers.astype(np.float16)
        places = np.fft.irfft(cross, self._size)
        # The tape of what was played begins `reach` earlier: that delay is place 0, and shorter ones wrap to the end.
        reach, look = self._reach // self._step, self._look // self._step
        delays = places[-reach:]
        least = round(LEAST_DELAY * self._rate_hz) // self._step
        best = least + int(np.argmax(delays[least:]))
        level_db = self._level_db(played, heard, best * self._step)
        # An agent that repeats the caller matches too, but later: sound before it was played is not its echo.
        earlier = places[-reach - look + 1 : -reach + least].max()
        likely = delays[best] >= max(_SURE * float(np.std(delays)), earlier)
        if not likely or not _FAINTEST_DB <= level_db <= _LOUDEST_DB:
            self._candidate = None
            return self.echo
        delay, before = best * self._step / self._rate_hz, self._candidate
        self._candidate = delay
        if before is not None and abs(delay - before) <= _SAME:
            if self.echo is not None and abs(delay - self.echo.delay) > _SAME:
                self._levels.clear()
            self._levels.append(level_db)
            self.echo = Echo(delay, round(float(np.median(self._levels)), 1))
        return self.echo

    def _fewer(self, sound: pcm.Samples, side: NDArray[np.float64]) -> None:
        """Resample to _COMPARED_HZ by summing neighbours; numpy's reduction costs as much as a transform."""
        count = len(sound) // self._step
        for first in range(self._step):
            side[:count] += sound[first :: self._step][:count]

    def moved(self, seconds: float) -> None:
        """The known echo's delay has changed by `seconds`."""
        if self.echo is not None:
            self.echo = Echo(self.echo.delay + seconds, self.echo.level_db)
            self._candidate = self.echo.delay

    def forget(self) -> None:
        """Free the averages (32 KB): no echo was found."""
        self._seen = None

    def _level_db(self, played: pcm.Samples, heard: pcm.Samples, delay: int) -> float:
        """Level of the echo, from the median of the loud blocks: in some of them the caller speaks."""
        source = block_levels(played[self._reach - delay :][: self._look], self._rate_hz)
        back = block_levels(heard, self._rate_hz)
        loud = source >= source.max() - _LOUD_BELOW_DB
        return float(np.median((back - source)[loud]))
