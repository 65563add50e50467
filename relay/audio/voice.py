"""When the caller spoke: voice by its energy above the line's noise, and by its hiss at the end of a word.

Simple, because it only measures: sound is collected and processed twice a second, or on request. Times are seconds of
the event loop's clock, at the relay.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.deferred import Defer

BLOCK_SECONDS: Final = 0.01
_LATE_SECONDS: Final = 0.3  # a batch is processed within this time, when there is time for it …
_LATEST_SECONDS: Final = 0.5  # … and after so much more sound in any case
BATCH_SECONDS: Final = 0.5  # of sound that waits to be processed: a second costs 0.04 ms less, and holds 9 KB more
SPEECH_DB: Final = -50.0  # of full scale; quieter is no speech on any line
_ABOVE_NOISE_DB: Final = 12.0
_HISS_ABOVE_NOISE_DB: Final = 6.0
_HISS_CROSSINGS: Final = 2800  # changes of sign a second: an s, an f, a sh
_HISS: Final = _HISS_CROSSINGS * BLOCK_SECONDS
_HISS_SECONDS: Final = 0.03  # between a word and its hiss
_NOISE_SECONDS: Final = 4.0  # nobody speaks this long without a pause
_NOISE_RISES_DB: Final = 10.0  # a second
_QUIETEST_DB: Final = SPEECH_DB - _ABOVE_NOISE_DB  # lower levels make no difference
_PAUSE_SECONDS: Final = 0.2  # a shorter one, as before a p, belongs to the speech
_LEAST_SECONDS: Final = 0.08  # of sound; a click is not speech
_KEPT: Final = 64  # stretches


def block_levels(sound: pcm.Samples, rate_hz: int) -> NDArray[np.float32]:
    """Level of each whole BLOCK_SECONDS, in dB of full scale."""
    size = round(BLOCK_SECONDS * rate_hz)
    blocks = sound[: len(sound) // size * size].astype(np.float32).reshape(-1, size)
    levels: NDArray[np.float32] = np.vecdot(blocks, blocks)  # np.einsum is wrapped in Python
    levels /= size * 32768.0**2
    levels += 1e-9
    np.log10(levels, out=levels)
    levels *= 10
    return levels


def levels_to_the_end(sound: pcm.Samples, rate_hz: int) -> NDArray[np.float32]:
    """`block_levels`, and the level of what is left at the end, as if silence followed it."""
    if missing := -len(sound) % round(BLOCK_SECONDS * rate_hz):
        sound = np.concatenate((sound, np.zeros(missing, np.int16)))  # np.pad takes ten times as long
    return block_levels(sound, rate_hz)


class VoiceActivity:
    """One call's caller. Gets every frame; is asked now and then.

    `also` gets the same sound with its `block_levels`, whole blocks of it, when it is processed. `defer`: puts that
    off until there is time for it.
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        also: Callable[[pcm.Samples, NDArray[np.float32]], None] | None = None,
        defer: Defer | None = None,
    ) -> None:
        self._rate_hz = rate_hz
        self._also = also
        self._defer = defer
        self._block = round(BLOCK_SECONDS * rate_hz)
        self._batch = round(BATCH_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
        self._frames: list[bytes] = []  # that wait to be processed
        self._arrived = array("d")  # when they did
        self._waiting = 0  # bytes
        self._latest = self._batch + round(_LATEST_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
        self._due = 0  # frames of a batch that will be processed later
        self._noise_db: float | None = None
        self._levels = np.empty(0, dtype=np.float16)  # of the last seconds, to 0.03 dB
        # stretches of speech without a pause: when, and for how many seconds loud. Objects would take six times as much
        self._starts, self._ends, self._voiced = array("d"), array("d"), array("d")

    def hear(self, sound: bytes, now: float) -> None:
        """A frame that has just arrived, pcm at the line's rate."""
        self._frames.append(sound)
        self._arrived.append(now)
        self._waiting += len(sound)
        if self._waiting >= self._batch:
            self._batch_is_full()

    def last_end(self, before: float) -> float | None:
        """When the caller last stopped speaking, or `before` if that is later; None if nothing was said."""
        self.look()
        for start, end, voiced in reversed(list(self._stretches)):
            if voiced >= _LEAST_SECONDS and start < before:
                return min(end, before)
        return None

    def spoke_between(self, first: float, last: float) -> bool:
        """Whether there is any speech in that time."""
        self.look()
        return any(voiced >= _LEAST_SECONDS and start < last and end > first for start, end, voiced in self._stretches)

    @property
    def _stretches(self) -> Iterator[tuple[float, float, float]]:
        return zip(self._starts, self._ends, self._voiced, strict=True)

    def look(self) -> None:
        """Process what waits, up to its last whole block."""
        self._process_due()
        self._process(len(self._frames))

    def _batch_is_full(self) -> None:
        """Its length does not depend on when it is processed, and so on other calls."""
        if not self._due:
            self._due = len(self._frames)
            if self._defer is not None:
                self._defer(self._process_due, _LATE_SECONDS)
                return
        if self._defer is None or self._waiting >= self._latest:
            self._process_due()

    def _process_due(self) -> None:
        if self._due:
            self._process(self._due)
            self._due = 0

    def _process(self, count: int) -> None:
        """The first `count` frames, up to the last whole block; only an incomplete one is kept."""
        frames = self._frames[:count]
        joined = b"".join(frames)
        whole = len(joined) // (2 * self._block) * 2 * self._block
        if not whole:
            return
        sound = pcm.samples(joined)[: whole // pcm.SAMPLE_BYTES]
        levels = block_levels(sound, self._rate_hz)
        if self._also is not None:
            self._also(sound, levels)
        noise_db = self._noise(levels)
        active_from = max(SPEECH_DB, noise_db + _HISS_ABOVE_NOISE_DB)
        found = levels.tolist()  # fifty numbers: a call of numpy's takes longer than to go through them
        if max(found) >= active_from:
            runs = self._runs(found, sound, active_from, max(SPEECH_DB, noise_db + _ABOVE_NOISE_DB))
            starts = self._times([first for first, _, _ in runs], frames)
            ends = self._times([end for _, end, _ in runs], frames)
            for start, end, (_, _, loud) in zip(starts, ends, runs, strict=True):
                self._active(start, end, loud * BLOCK_SECONDS)
        self._frames[:count] = [joined[whole:]]
        del self._arrived[: count - 1]
        self._waiting -= whole

    def _runs(
        self, levels: list[float], sound: pcm.Samples, active_from: float, loud_from: float
    ) -> list[tuple[int, int, int]]:
        """Blocks in a row that are loud, or active and a hiss: the first, the one after the last, how many are loud."""
        runs: list[tuple[int, int, int]] = []
        crossings: list[int] = []  # only if they matter
        first = loud = -1
        for place, level in enumerate(levels):
            if level < loud_from:
                if level >= active_from and not crossings:
                    crossings = self._crossings(sound).tolist()
                if level < active_from or crossings[place] < _HISS:
                    if first >= 0:
                        runs.append((first, place, loud))
                        first = -1
                    continue
            if first < 0:
                first, loud = place, 0
            loud += level >= loud_from
        if first >= 0:
            runs.append((first, len(levels), loud))
        return runs

    def _crossings(self, sound: pcm.Samples) -> NDArray[np.uint64]:
        """How often each block changes its sign."""
        negative = sound < 0
        changes = np.zeros(len(sound), dtype=np.bool_)
        np.not_equal(negative[1:], negative[:-1], out=changes[1:])
        eights = np.bitwise_count(np.packbits(changes))  # a block is a multiple of eight samples at every line rate
        counts: NDArray[np.uint64] = np.add.reduce(eights.reshape(-1, self._block // 8), axis=1)
        return counts

    def _noise(self, levels: NDArray[np.float32]) -> float:
        """The line's level when nobody speaks: low, but not the lowest, in the last seconds."""
        most = round(_NOISE_SECONDS / BLOCK_SECONDS)
        kept = self._levels[max(0, len(self._levels) + len(levels) - most) :]
        self._levels = np.concatenate([kept, levels[-most:]], dtype=np.float16)
        ranked, place = self._levels.copy(), len(self._levels) // 10
        ranked.partition(place)
        low = max(_QUIETEST_DB, float(ranked[place]))
        rise = _NOISE_RISES_DB * len(levels) * BLOCK_SECONDS
        self._noise_db = low if self._noise_db is None else min(low, self._noise_db + rise)
        return self._noise_db

    def _active(self, start: float, end: float, voiced: float) -> None:
        """Whether there is voice or hiss in that time; `voiced`: seconds of it that are loud."""
        stretches = self._starts, self._ends, self._voiced
        if self._ends and start - self._ends[-1] <= (_PAUSE_SECONDS if voiced else _HISS_SECONDS):
            self._ends[-1] = max(self._ends[-1], end)
            self._voiced[-1] += voiced
        elif voiced:
            if self._voiced and self._voiced[-1] < _LEAST_SECONDS:
                for values in stretches:
                    values.pop()
            for values, value in zip(stretches, (start, end, voiced), strict=True):
                values.append(value)
                del values[:-_KEPT]

    def _times(self, blocks: list[int], among: list[bytes]) -> list[float]:
        """When each of `blocks` of `among`, the first waiting frames, began: each was complete when it arrived."""
        ends = list(accumulate(map(len, among)))
        places = [block * 2 * self._block for block in blocks]
        frames = [min(bisect_right(ends, place), len(ends) - 1) for place in places]
        return [
            self._arrived[frame] - (ends[frame] - place) / (2 * self._rate_hz)
            for frame, place in zip(frames, places, strict=True)
        ]
