"""When the caller spoke: voice by its energy above the line's noise, and by its hiss at the end of a word.

Simple, because it only measures: sound is collected and processed twice a second, or on request. Times are seconds of
the event loop's clock, at the relay.
"""

from array import array
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.levels import BATCH_SECONDS, BLOCK_SECONDS, SPEECH_DB
from relay.audio.loudness import LevelMeter, steps_of
from relay.audio.together import Together
from relay.audio.voice_runs import ACTIVE, runs_of

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
        self._frames: list[bytes] = []  # of the next batch
        self._arrived = array("d")  # when they did
        self._due: list[bytes] | None = None  # frames of a batch that is to be processed …
        self._due_arrived = self._arrived
        self._due_bytes = 0
        self._waiting = 0  # bytes, with those of that batch
        self._latest = self._batch + round(_LATEST_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
        self._known_until = -_UNKNOWN  # when the last frame arrived that was processed
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
        """When the caller last stopped speaking, or `before` if that is later; None if nothing was said.

        From what arrived by then, and perhaps later: a voice that is processed alone takes several times as long.
        """
        self._look_until(before)
        for start, end, voiced in reversed(list(self._stretches)):
            if voiced >= _LEAST_SECONDS and start < before:
                return min(end, before)
        return None

    def spoke_between(self, first: float, last: float) -> bool:
        """Whether there is any speech in that time."""
        self._look_until(last + _LEAST_SECONDS)  # if it begins at the end of that time, it is no click by then
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
        self._look_until(_UNKNOWN)

    def _look_until(self, when: float) -> None:
        """Process at least what had arrived by then."""
        if self._known_until < when:
            self._process_due()
            if self._known_until < when and self._waiting >= 2 * self._block:
                self._end_batch()
                self._process_due()

    def _end_batch(self) -> None:
        self._due, self._due_arrived, self._due_bytes = self._frames, self._arrived, self._waiting
        self._frames, self._arrived = [], array("d")

    def _batch_is_full(self) -> None:
        """Its length does not depend on when it is processed, and so on other calls."""
        if self._due is None:
            self._end_batch()
            if self._defer is not None:
                self._defer(self, _LATE_SECONDS)
                return
        if self._defer is None or self._waiting >= self._latest:
            self._process_due()

    def _process_due(self) -> None:
        if self._due is not None:
            _process([self])

    def _noise(self, low_db: float, count: int) -> float:
        """The line's level when nobody speaks: low, but not the lowest, in the last seconds. `count`: new blocks."""
        self._noise_db = min(max(_QUIETEST_DB, low_db), self._noise_db + _NOISE_RISES_DB * count * BLOCK_SECONDS)
        return self._noise_db

    def _heard(self, kinds: bytes, hisses: bytes) -> None:
        """What the blocks are that were due."""
        places, louds = runs_of(kinds, hisses)
        if louds and self._due is not None:
            times = self._times(places, self._due)
            for number, loud in enumerate(louds):
                self._active(times[2 * number], times[2 * number + 1], loud * BLOCK_SECONDS)

    def _done(self, rest: bytes) -> None:
        """What was due is processed up to `rest`, an incomplete block."""
        self._waiting += len(rest) - self._due_bytes
        self._known_until = self._due_arrived[-1]
        if rest:
            self._frames.insert(0, rest)
            self._arrived.insert(0, self._known_until)
        self._due, self._due_arrived = None, self._arrived

    def _active(self, start: float, end: float, voiced: float) -> None:
        """Whether there is voice or hiss in that time; `voiced`: seconds of it that are loud."""
        starts, ends, voices = self._starts, self._ends, self._voiced
        if ends and start - ends[-1] <= (_PAUSE_SECONDS if voiced else _HISS_SECONDS):
            ends[-1] = max(ends[-1], end)
            voices[-1] += voiced
        elif voiced:
            if voices and voices[-1] < _LEAST_SECONDS:
                starts[-1], ends[-1], voices[-1] = start, end, voiced
                return
            starts.append(start)
            ends.append(end)
            voices.append(voiced)
            if len(starts) > _KEPT:
                del starts[0], ends[0], voices[0]

    def _times(self, blocks: list[int], among: list[bytes]) -> list[float]:
        """When each of `blocks` (rising) of `among`, which are due, began: each frame was complete when it arrived."""
        times: list[float] = []
        frame, last, end = 0, len(among) - 1, len(among[0])
        for block in blocks:
            place = block * 2 * self._block
            while end <= place and frame < last:
                frame += 1
                end += len(among[frame])
            times.append(self._due_arrived[frame] - (end - place) / (2 * self.rate_hz))
        return times


def measure(voices: list[VoiceActivity]) -> None:
    """Process the batches that are due, of several calls in one go: for each of them alone, most of the time would go
    into calls of numpy that do little.
    """
    due = [voice for voice in dict.fromkeys(voices) if voice._due is not None]  # it may have been asked meanwhile
    for rate_hz in {voice.rate_hz for voice in due}:
        _process([voice for voice in due if voice.rate_hz == rate_hz])


def _process(voices: list[VoiceActivity]) -> None:
    """What is due of each of `voices`, which have the same rate, up to its last whole block."""
    rate_hz = voices[0].rate_hz
    sounds = Together(rate_hz)
    rests = [b"" if voice._due is None else sounds.add(voice._due, voice._due_bytes) for voice in voices]
    beside = [voice._beside for voice in voices if voice._beside is not None and voice._beside.add_to(sounds)]
    levels = sounds.levels()
    firsts, ends, count = sounds.firsts, sounds.ends, len(voices)
    loudest, steps = np.maximum.reduceat(levels, firsts).tolist(), steps_of(levels)
    for number, meter in enumerate(beside, count):
        meter.measured(steps[firsts[number] : ends[number]], sounds.clipped(number, loudest[number]))
    lengths = [ends[number] - firsts[number] for number in range(count)]
    levels = levels[: ends[count - 1]]
    halves = levels.astype(np.float16).tobytes()
    for number, voice in enumerate(voices):
        voice._levels = (voice._levels + halves[2 * firsts[number] : 2 * ends[number]])[-_NOISE_BYTES:]
    lows = _lows([voice._levels for voice in voices])
    noises = [voices[number]._noise(lows[number], lengths[number]) for number in range(count)]
    active_from = [max(SPEECH_DB, noise + _HISS_ABOVE_NOISE_DB) for noise in noises]
    loud_from = [max(SPEECH_DB, noise + _ABOVE_NOISE_DB) for noise in noises]
    active, loud = levels >= np.array(active_from).repeat(lengths), levels >= np.array(loud_from).repeat(lengths)
    kinds = np.add(active, loud, dtype=np.uint8).tobytes()
    for number, voice in enumerate(voices):
        first, end = firsts[number], ends[number]
        if voice._meter is not None:
            voice._meter.measured(steps[first:end], sounds.clipped(number, loudest[number]))
        if loudest[number] >= active_from[number]:
            kind = kinds[first:end]
            voice._heard(kind, sounds.hisses(number) if ACTIVE in kind else b"")
        voice._done(rests[number])


def _lows(levels: list[bytes]) -> list[float]:
    """Of each of these levels, as float16, the one that a tenth of them does not reach."""
    size = len(levels[0])
    for one in levels:
        if len(one) != size:
            return [_lows([one])[0] for one in levels]
    ranked = np.frombuffer(bytearray().join(levels), np.uint16).reshape(len(levels), -1)
    # None is above zero, so the lowest have the highest bits. Not every processor ranks float16 by itself
    place = ranked.shape[1] - 1 - ranked.shape[1] // _NOISE_SHARE
    ranked.partition(place, axis=1)
    lows: list[float] = ranked[:, place].view(np.float16).tolist()
    return lows
