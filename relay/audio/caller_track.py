"""The caller's sound as a continuous time line: which sound is missing between two frames, and what replaces it.

Pure: every method gets the time (seconds of the event loop's clock). A line gives a frame's place twice, as `chunk` and
as `timestamp`; both may be missing, run ahead, restart or repeat. So neither is trusted alone: sound is missing only if
real time has passed as well. Received sound is passed on unchanged, and an agent that counts samples to notice the end
of a turn always gets samples to count.
"""

from typing import Final

from relay.audio import concealment, pcm

CONCEALED_SECONDS: Final = 0.06  # a repeated pitch period becomes a hum beyond that
PATIENCE: Final = 0.3  # after a shorter stall the network delivers everything, and nothing is missing
_QUIET: Final = 100  # of 32,768: words are louder
_PAUSE_SECONDS: Final = 0.1  # between two words
_LEAST_MS: Final = 5  # stamps are whole milliseconds
_UNKNOWN: Final = float("inf")
_NONE: Final = float("-inf")  # in place of a number of the line's: None would make it an object of its own, far away


class CallerTrack:
    """One call's inbound frames. `gap_ms`, `lost`: how much was filled so far, and for how many messages.

    `missing`: samples that were lost before the last frame.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._recent = (b"", b"", b"")  # the last frames, for concealment: 60 ms at the usual frame size
        self._frame, self._frame_ms = 0, 0.0  # length of the frame before, in samples
        self._steady = False  # the frame before came in its turn, and nothing replaces it
        self._next_chunk = _NONE
        self._next_ms = _NONE  # the timestamp that a frame without a gap would have
        self._in_step = False  # the last timestamp moved on in step with its sound
        self._position = 0  # samples passed on, except those of `_waited`
        self._waited = 0  # samples of silence passed on since the last frame
        self._held_back = False  # frames are arriving late, after silence replaced them
        self._quiet = 0  # samples since their last word
        self._origin = _UNKNOWN  # when the line began, according to its least late frame
        self._last_at = _NONE
        self.gap_ms = 0
        self.lost = 0
        self.missing = 0
        self.position_s = 0.0
        """Seconds of sound passed on, including replacements."""

    def arrived(self, sound: bytes, now: float, timestamp_ms: int | None, chunk: int | None) -> tuple[bytes, ...]:
        """What to pass on for a frame: the replacement of missing frames before it, and `sound` itself.

        Empty for a quiet late frame that silence has already replaced.
        """
        if self.in_its_turn(sound, now, timestamp_ms, chunk):
            return (sound,)
        samples = len(sound) // pcm.SAMPLE_BYTES
        if not samples:
            return ()
        if self._held_back and self._can_go(sound, samples, now):
            self._note(samples, now, timestamp_ms, chunk)
            return ()
        end = now - (self._position + samples) / self._rate_hz
        if self._origin == _UNKNOWN:
            self._origin = end
        missing = self._missing(timestamp_ms, chunk, (end - self._origin) * 1000) if self._frame else 0
        self.missing = missing
        if self._waited:
            self._held_back = self._waited > missing
        fill = self._fill(missing, sound)
        filled = self._waited + len(fill) // pcm.SAMPLE_BYTES
        self.gap_ms += round(filled * 1000 / self._rate_hz)
        self._position += filled + samples
        self.position_s = self._position / self._rate_hz
        self._origin = min(self._origin, now - self.position_s)
        self._waited = 0
        self._note(samples, now, timestamp_ms, chunk)
        self._steady = self._in_step and not self._held_back
        self._recent = (*self._recent[1:], sound)
        return (fill, sound) if fill else (sound,)

    def in_its_turn(self, sound: bytes, now: float, timestamp_ms: int | None, chunk: int | None) -> bool:
        """Whether nothing is missing before a frame, whatever the time, as with nearly all: then it has arrived, and
        only itself is to be passed on. Otherwise nothing was done.
        """
        samples, self.missing = len(sound) // pcm.SAMPLE_BYTES, 0
        if not self._steady or timestamp_ms is None or samples != self._frame:
            return False
        at_ms, number = float(timestamp_ms), _NONE if chunk is None else float(chunk)
        if at_ms != self._next_ms or number != self._next_chunk:
            return False
        self._position += samples
        self.position_s = position_s = self._position / self._rate_hz
        if now - position_s < self._origin:
            self._origin = now - position_s
        self._last_at, self._next_ms, self._next_chunk = now, at_ms + self._frame_ms, number + 1
        _, before_last, last = self._recent
        self._recent = (before_last, last, sound)
        return True

    def waited(self, now: float) -> bytes:
        """Silence for the time without frames; empty before PATIENCE is over, and if it was already returned."""
        if self._last_at == _NONE or now - self._last_at < PATIENCE:
            return b""
        # a frame that arrives now would fill the time since one frame ago
        owed = int((now - self._last_at) * self._rate_hz) - self._frame - self._waited
        count = owed // self._frame * self._frame
        if count <= 0:
            return b""
        first, self._waited, self._steady = self._waited == 0, self._waited + count, False
        return concealment.fade_out(self._before(), count, self._rate_hz).tobytes() if first else bytes(2 * count)

    def due(self, now: float) -> float:
        """When to call `waited`."""
        if self._last_at == _NONE:
            return now + PATIENCE
        return self._last_at + max(PATIENCE, (self._waited + 2 * self._frame) / self._rate_hz)

    def _note(self, samples: int, now: float, timestamp_ms: int | None, chunk: int | None) -> None:
        self._frame, self._last_at = samples, now
        self._frame_ms = samples * 1000 / self._rate_hz
        self._next_chunk = _NONE if chunk is None else float(chunk + 1)
        self._next_ms = _NONE if timestamp_ms is None else timestamp_ms + self._frame_ms

    def _can_go(self, sound: bytes, samples: int, now: float) -> bool:
        """Whether a late frame is part of a pause that is too long, because silence replaced it already.

        Words are passed on however late they are; pauses between them are cut to a tenth of a second, because the agent
        has already had that time.
        """
        if now - self._last_at > samples / self._rate_hz / 2:
            self._held_back = False  # in real time again
            return False
        quiet = pcm.peak(sound) < _QUIET
        self._quiet = self._quiet + samples if quiet else 0
        return self._quiet > _PAUSE_SECONDS * self._rate_hz

    def _missing(self, timestamp_ms: int | None, chunk: int | None, late_ms: float) -> int:
        """Samples between the last frame and this one, which arrived `late_ms` after the line's quickest."""
        frame_ms = self._frame_ms
        by_time = None if timestamp_ms is None or self._next_ms == _NONE else timestamp_ms - self._next_ms
        due = self._next_chunk
        skipped = None if chunk is None or due == _NONE or chunk < due else chunk - int(due)
        was_in_step, self._in_step = self._in_step, by_time is not None and abs(by_time) <= frame_ms / 2
        claimed = 0.0
        if skipped:
            agreed = by_time is not None and abs(by_time - skipped * frame_ms) <= frame_ms / 2
            claimed = by_time if by_time is not None and agreed else skipped * frame_ms
        elif by_time is not None and was_in_step:
            # timestamps taken when sending scatter; a line that omits silence omits more than a frame
            claimed = by_time if by_time >= max(_LEAST_MS, frame_ms * (0.75 if skipped is None else 2)) else 0.0
        if not 0 < claimed <= late_ms + frame_ms / 2:
            return 0
        self._in_step = by_time is not None and claimed == by_time
        self.lost += skipped or round(claimed / frame_ms)
        return round(claimed * self._rate_hz / 1000)

    def _fill(self, missing: int, sound: bytes) -> bytes:
        """The replacement still needed before `sound`, so that `missing` samples lie between it and the last frame."""
        rate = self._rate_hz
        if self._waited:  # late rather than lost, or nearly all replaced already: rise from silence without a click
            count = max(missing - self._waited, round(concealment.EDGE_SECONDS * rate))
            return concealment.fade_in(pcm.samples(sound), count, rate).tobytes()
        if not missing:
            return b""
        before, after = self._before(), pcm.samples(sound)
        if missing <= CONCEALED_SECONDS * rate:
            return concealment.conceal(before, after, missing, rate).tobytes()
        half = missing // 2
        return (
            concealment.fade_out(before, half, rate).tobytes()
            + concealment.fade_in(after, missing - half, rate).tobytes()
        )

    def _before(self) -> pcm.Samples:
        return pcm.samples(b"".join(self._recent))
