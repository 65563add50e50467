"""When the caller spoke: voice by its energy above the line's noise, and by its hiss at the end of a word.

Simple, because it only measures: sound is collected and processed twice a second, or on request. Times are seconds of
the event loop's clock, at the relay.
"""

from array import array
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.levels import BATCH_SECONDS, BLOCK_SECONDS, SPEECH_DB, levels_of
from relay.audio.loudness import LevelMeter, steps_of
from relay.audio.voice_runs import runs_of

_LATE_SECONDS: Final = 0.3  # a batch is processed within this time, when there is time for it …
_LATEST_SECONDS: Final = 0.5  # … and after so much more sound in any case
_ABOVE_NOISE_DB: Final = 12.0
_HISS_ABOVE_NOISE_DB: Final = 6.0
_HISS_SECONDS: Final = 0.03  # between a word and its hiss
_NOISE_SECONDS: Final = 4.0  # nobody speaks this long without a pause
_NOISE_RISES_DB: Final = 10.0  # a second
_NOISE_BYTES: Final = round(_NOISE_SECONDS / BLOCK_SECONDS) * 2
_NOISE_SHARE: Final = 10  # the level that one in ten blocks does not reach
_QUIETEST_DB: Final = SPEECH_DB - _ABOVE_NOISE_DB  # lower levels make no difference
_PAUSE_SECONDS: Final = 0.2  # a shorter one, as before a p, belongs to the speech
_LEAST_SECONDS: Final = 0.08  # of sound; a click is not speech
_KEPT: Final = 64  # stretches
_UNKNOWN: Final = float("inf")

Defer = Callable[["VoiceActivity", float], None]
"""Have `measure` called with this one, and with others, within so many seconds."""


class VoiceActivity:
    """One call's caller. Gets every frame; is asked now and then.

    `meter` gets the same sound when it is processed. `defer`: puts that off until there is time for it.
    """

    def __init__(self, rate_hz: int, *, meter: LevelMeter | None = None, defer: Defer | None = None) -> None:
        self.rate_hz = rate_hz
        self._meter = meter
        self._beside: LevelMeter | None = None
        self._defer = defer
        self._block = round(BLOCK_SECONDS * rate_hz)
        self._batch = round(BATCH_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
        self._frames: list[bytes] = []  # that wait to be processed
        self._arrived = array("d")  # when they did
        self._waiting = 0  # bytes
        self._latest = self._batch + round(_LATEST_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
        self._due = 0  # frames of a batch that will be processed later
        self._noise_db = _UNKNOWN
        self._levels = b""  # of the last seconds as float16, to 0.03 dB
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

    def take_along(self, beside: LevelMeter) -> None:
        """Another voice of the call, at the same rate: what `beside` heard is measured whenever this one is."""
        if self._beside is not None:
            self._beside.go_along(along=False)
        self._beside = beside
        beside.go_along(along=True)

    def look(self) -> None:
        """Process what waits, up to its last whole block."""
        self._process_due()
        if self._waiting >= 2 * self._block:
            _process([self], [len(self._frames)])

    def _batch_is_full(self) -> None:
        """Its length does not depend on when it is processed, and so on other calls."""
        if not self._due:
            self._due = len(self._frames)
            if self._defer is not None:
                self._defer(self, _LATE_SECONDS)
                return
        if self._defer is None or self._waiting >= self._latest:
            self._process_due()

    def _process_due(self) -> None:
        if self._due:
            measure([self])

    def _noise(self, low_db: float, count: int) -> float:
        """The line's level when nobody speaks: low, but not the lowest, in the last seconds. `count`: new blocks."""
        self._noise_db = min(max(_QUIETEST_DB, low_db), self._noise_db + _NOISE_RISES_DB * count * BLOCK_SECONDS)
        return self._noise_db

    def _heard(self, sound: pcm.Samples, kinds: bytes, frames: list[bytes]) -> None:
        """What the blocks of `sound` are, which begins with the first of `frames`."""
        places, louds = runs_of(kinds, sound, self._block)
        if louds:
            times = self._times(places, frames)
            for number, loud in enumerate(louds):
                self._active(times[2 * number], times[2 * number + 1], loud * BLOCK_SECONDS)

    def _done(self, count: int, rest: bytes) -> None:
        """The first `count` frames are processed up to `rest`, an incomplete block."""
        self._waiting += len(rest) - sum(map(len, self._frames[:count]))
        self._frames[:count] = [rest]
        del self._arrived[: count - 1]
        self._due = 0

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
        """When each of `blocks` (rising) of `among`, the first waiting frames, began: each was complete when it
        arrived.
        """
        times: list[float] = []
        frame, last, end = 0, len(among) - 1, len(among[0])
        for block in blocks:
            place = block * 2 * self._block
            while end <= place and frame < last:
                frame += 1
                end += len(among[frame])
            times.append(self._arrived[frame] - (end - place) / (2 * self.rate_hz))
        return times


def measure(voices: list[VoiceActivity]) -> None:
    """Process the batches that are due, of several calls in one go: for each of them alone, most of the time would go
    into calls of numpy that do little.
    """
    due = [voice for voice in dict.fromkeys(voices) if voice._due]  # one may be there twice, when asked meanwhile
    for rate_hz in {voice.rate_hz for voice in due}:
        alike = [voice for voice in due if voice.rate_hz == rate_hz]
        _process(alike, [voice._due for voice in alike])


def _process(voices: list[VoiceActivity], counts: list[int]) -> None:
    """The first `counts` frames of each of `voices`, which have the same rate, up to the last whole block."""
    rate_hz = voices[0].rate_hz
    block = round(BLOCK_SECONDS * rate_hz)
    taken: list[tuple[VoiceActivity, list[bytes], bytes]] = []  # … with the frames, and with their sound
    sounds: list[pcm.Samples] = []
    for voice, count in zip(voices, counts, strict=True):
        frames = voice._frames[:count]
        joined = b"".join(frames)
        if whole := len(joined) // (2 * block) * block:
            taken.append((voice, frames, joined))
            sounds.append(pcm.samples(joined)[:whole])
    if not taken:
        return
    count, meters = len(taken), [voice._beside for voice, _, _ in taken if voice._beside is not None]
    beside = [(meter, sound) for meter in meters if (sound := meter.waiting()) is not None]
    sounds += [sound for _, sound in beside]
    levels = levels_of(sounds, rate_hz)
    lengths = [len(sound) // block for sound in sounds]
    ends = list(accumulate(lengths))
    firsts = [end - length for end, length in zip(ends, lengths, strict=True)]
    loudest, steps = np.maximum.reduceat(levels, firsts).tolist(), steps_of(levels)
    for number, (meter, sound) in enumerate(beside, count):
        meter.measured(sound, loudest[number], steps[firsts[number] : ends[number]])
    levels, lengths = levels[: ends[count - 1]], lengths[:count]
    halves = levels.astype(np.float16).tobytes()
    for number, (voice, _, _) in enumerate(taken):
        voice._levels = (voice._levels + halves[2 * firsts[number] : 2 * ends[number]])[-_NOISE_BYTES:]
    lows = _lows([voice._levels for voice, _, _ in taken])
    noises = [voice._noise(low, length) for (voice, _, _), low, length in zip(taken, lows, lengths, strict=True)]
    active_from = [max(SPEECH_DB, noise + _HISS_ABOVE_NOISE_DB) for noise in noises]
    loud_from = [max(SPEECH_DB, noise + _ABOVE_NOISE_DB) for noise in noises]
    active, loud = levels >= np.array(active_from).repeat(lengths), levels >= np.array(loud_from).repeat(lengths)
    kinds = np.add(active, loud, dtype=np.uint8).tobytes()
    for number, (voice, frames, joined) in enumerate(taken):
        sound, first, end = sounds[number], firsts[number], ends[number]
        if voice._meter is not None:
            voice._meter.measured(sound, loudest[number], steps[first:end])
        if loudest[number] >= active_from[number]:
            voice._heard(sound, kinds[first:end], frames)
        voice._done(len(frames), joined[2 * len(sound) :])


def _lows(levels: list[bytes]) -> list[float]:
    """Of each of these levels, as float16, the one that a tenth of them does not reach."""
    if any(len(one) != len(levels[0]) for one in levels):
        return [_lows([one])[0] for one in levels]
    ranked = np.frombuffer(bytearray().join(levels), np.float16).reshape(len(levels), -1)
    place = ranked.shape[1] // _NOISE_SHARE
    ranked.partition(place, axis=1)
    lows: list[float] = ranked[:, place].tolist()
    return lows
