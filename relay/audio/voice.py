"""When the caller spoke: voice by its energy above the line's noise, and by its hiss at the end of a word.

Simple, because it only measures. What was said is looked at twice a second, or on request. Times are seconds of the
event loop's clock, at the relay.
"""

from array import array
from collections.abc import Iterator
from typing import Final

from relay.audio import pcm
from relay.audio.blocks import LEVEL_BYTES, RECORD_BYTES, Blocks, summary
from relay.audio.levels import BLOCK_SECONDS, SPEECH_DB
from relay.audio.loudness import LevelMeter
from relay.audio.voice_runs import runs_of

_BATCH_SECONDS: Final = 0.5  # of sound, after which what was said in it is looked at
_ABOVE_NOISE_DB: Final = 12.0
_HISS_ABOVE_NOISE_DB: Final = 6.0
_HISS_SECONDS: Final = 0.03  # between a word and its hiss
_NOISE_SECONDS: Final = 4.0  # nobody speaks this long without a pause
_NOISE_RISES_DB: Final = 10.0  # a second
_NOISE_BLOCKS: Final = round(_NOISE_SECONDS / BLOCK_SECONDS)
_NOISE_SHARE: Final = 10  # the level that one in ten blocks does not reach
_QUIETEST_DB: Final = SPEECH_DB - _ABOVE_NOISE_DB  # lower levels make no difference
_PAUSE_SECONDS: Final = 0.2  # a shorter one, as before a p, belongs to the speech
_LEAST_SECONDS: Final = 0.08  # of sound; a click is not speech
_KEPT: Final = 64  # stretches
_BATCH_BYTES: Final = round(_BATCH_SECONDS / BLOCK_SECONDS) * RECORD_BYTES
_UNKNOWN: Final = float("inf")


class VoiceActivity:
    """One call's caller. Gets every frame; is asked now and then. `meter` is told what is found in the same sound."""

    def __init__(self, rate_hz: int, *, meter: LevelMeter | None = None) -> None:
        self._bytes_per_s = float(pcm.SAMPLE_BYTES * rate_hz)
        self._meter = meter
        self._blocks = Blocks(rate_hz)
        self._records = b""  # of blocks that nobody has looked at …
        self._times = array("d")  # … and when each of them began
        self._arrived = 0.0  # when the last frame did
        self._known_until = -_UNKNOWN  # what arrived by then has been looked at
        self._noise_db = _UNKNOWN
        self._levels = b""  # of the last seconds' blocks
        # stretches of speech without a pause: when, and for how many seconds loud. Objects would take six times as much
        self._starts, self._ends, self._voiced = array("d"), array("d"), array("d")

    def hear(self, sound: bytes, now: float) -> None:
        """A frame that has just arrived, pcm at the line's rate. It was complete when it did."""
        before = len(self._blocks.rest)
        if records := self._blocks.hear(sound):
            began = (self._arrived - before / self._bytes_per_s) if before else now - len(sound) / self._bytes_per_s
            self._times.append(began)
            for later in range(1, len(records) // RECORD_BYTES):
                self._times.append(now - (len(sound) + before) / self._bytes_per_s + later * BLOCK_SECONDS)
            self._records += records
        self._arrived = now
        if len(self._records) >= _BATCH_BYTES:
            self.look()

    def last_end(self, before: float) -> float | None:
        """When the caller last stopped speaking, or `before` if that is later; None if nothing was said.

        From what arrived by then, and perhaps later.
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

    def look(self) -> None:
        """Look at what has come, up to its last whole block."""
        records, times = self._records, self._times
        if not records:
            return
        self._records, self._times, self._known_until = b"", array("d"), self._arrived
        count = len(records) // RECORD_BYTES
        self._levels, low, highest, full = summary(records, self._levels, max(_NOISE_BLOCKS, count), _NOISE_SHARE)
        if self._meter is not None:
            self._meter.measured(self._levels[-LEVEL_BYTES * count :], full)
        noise_db = self._noise(low, count)
        active = self._blocks.level(max(SPEECH_DB, noise_db + _HISS_ABOVE_NOISE_DB))
        if highest < active:
            return
        places, louds = runs_of(records, active, self._blocks.level(max(SPEECH_DB, noise_db + _ABOVE_NOISE_DB)))
        times.append(self._arrived - len(self._blocks.rest) / self._bytes_per_s)
        for number, loud in enumerate(louds):
            self._active(times[places[2 * number]], times[places[2 * number + 1]], loud * BLOCK_SECONDS)

    def _look_until(self, when: float) -> None:
        """At what had arrived by then, at least."""
        if self._known_until < when:
            self.look()

    def _noise(self, low: int, count: int) -> float:
        """The line's level in dB when nobody speaks: low, but not the lowest, lately. `count`: new blocks."""
        low_db = max(_QUIETEST_DB, self._blocks.decibels(low))
        self._noise_db = min(low_db, self._noise_db + _NOISE_RISES_DB * count * BLOCK_SECONDS)
        return self._noise_db

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
