"""Has a call's sound judged by its gate off the event loop, and passes it on in order; nothing waits for that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from relay.audio import pcm
from relay.audio.echo_gate import MARGIN_SECONDS, REACH_SECONDS, WITHIN_REACH_SECONDS
from relay.audio.line_tape import LineTape
from relay.line.echo_gates import Job, Learned, Piece, Verdict
from relay.line.echo_pool import EchoPool
from relay.logs import CallLog

WITHIN_SECONDS: Final = 0.06  # a caller's word is worth more than an echo, and later it would disturb a conversation
_IN_TIME_SECONDS: Final = 0.06  # before the gate may close, sound that was passed on already has to be judged


@dataclass(slots=True)
class _Frame:
    """A frame of the caller's: where it ends, in samples of the clock, when it came, whether it was passed on.

    `before`: sound before it that is kept from the agent in any case.
    """

    sound: bytes
    end: int
    at: float
    before: bytes
    passed: bool = False


class EchoJudge:
    """One guarded call. `passed` gets what the agent is to hear, as soon as that is known, and when it had come;
    `moved` by how many samples the gate found the echo to have moved, `failed` why the gate can judge no more.

    What arrives while sound is being judged, follows together. While the gate stays open in any case, sound is passed
    on first and judged later.
    """

    def __init__(
        self,
        rate_hz: int,
        pool: EchoPool,
        gate: int,
        played: LineTape,
        log: CallLog,
        *,
        passed: Callable[[bytes, float], None],
        moved: Callable[[int], None],
        failed: Callable[[str], None],
    ) -> None:
        self.gate = gate
        self._rate_hz = rate_hz
        self._pool = pool
        self._played = played
        self._log = log
        self._passed, self._moved, self._failed = passed, moved, failed
        self._pieces: list[_Frame] = []  # that have come
        self._judged: list[_Frame] = []  # … and are being judged
        self._asked = False
        self._behind = False  # it happened
        self._late = False  # what is being judged was passed on
        self._open_for = 0  # samples that follow those of `_pieces` that were passed on, for which the gate stays open
        self._known = Verdict()  # the gate's state, as of the last round
        self._begun = False  # there is a gate
        self._hold: int | None = None  # to be set
        self._held = 0  # what it is
        self.is_new = True
        """Nothing about the line has been learned yet."""
        self._learned: Learned | None = None
        self._closed = False

    @property
    def waits(self) -> bool:
        """Whether there is sound that was not passed on yet."""
        return self._oldest is not None

    @property
    def _oldest(self) -> _Frame | None:
        return next((piece for piece in (*self._judged, *self._pieces) if not piece.passed), None)

    @property
    def hold(self) -> int:
        """See EchoGate; perhaps not set yet."""
        return self._held if self._hold is None else self._hold

    @property
    def muted(self) -> int:
        """See EchoGate."""
        return self._known.muted

    def expect(self, delay: float) -> None:
        """An echo comes so many seconds after its sound. If the canceller reaches that already, its hold stays: a
        changed one would make it learn again.
        """
        if self.is_new or not 0 < delay - self.hold / self._rate_hz < WITHIN_REACH_SECONDS:
            self._hold = max(0, round((delay - MARGIN_SECONDS) * self._rate_hz))

    def learn(self, learned: Learned) -> None:
        """See EchoGate."""
        self.is_new, self._learned = False, learned

    def hear(self, sound: bytes, end: int, now: float, before: bytes = b"") -> bytes:
        """A frame has arrived. Returns what the agent gets at once, perhaps nothing.

        `before`: sound that was held back, and for which it is to get noise.
        """
        if self._late:
            self._unjudged(1)
            return before + sound
        oldest = self._oldest
        piece = _Frame(sound, end, now, before)
        self._pieces.append(piece)
        if oldest is not None and now - oldest.at >= WITHIN_SECONDS:
            return self.give_up()
        passed = oldest is None and not before and self._stays_open(piece)
        self._ask()
        return sound if passed else b""

    def give_up(self) -> bytes:
        """Returns what was not passed on yet: nobody is to wait for it any longer.

        The gate misses what it has not begun with, which is like a gap on the line.
        """
        waiting, self._late = self._waiting(), any(not piece.passed for piece in self._judged)
        for piece in self._judged:
            piece.passed = True
        self._pieces.clear()
        self._open_for = 0
        if waiting:
            self._unjudged(len(waiting))
        return b"".join(waiting)

    def close(self) -> bytes:
        """Nothing is to be judged any more. Returns what was not passed on."""
        self._closed = True
        return b"".join(self._waiting())

    def _waiting(self) -> list[bytes]:
        return [piece.before + piece.sound for piece in (*self._judged, *self._pieces) if not piece.passed]

    def _unjudged(self, frames: int) -> None:
        self._pool.fell_behind(frames)
        if not self._behind:
            self._behind = True
            self._log.happened("echo_behind", "the agent may hear itself: its guard has too little CPU")

    def _stays_open(self, piece: _Frame) -> bool:
        """Whether `piece` can be passed on: the gate will not close before its end, whatever it finds in it."""
        samples = len(piece.sound) // pcm.SAMPLE_BYTES
        if self._open_for > samples:
            self._open_for -= samples
            piece.passed = True
        return piece.passed

    def _ask(self) -> None:
        if self._asked or not self._pieces:
            return
        if not self._pieces[-1].passed or self._open_for < _IN_TIME_SECONDS * self._rate_hz:
            self._asked = True
            self._pool.ask(self)

    def job(self) -> Job | None:
        """See Asks."""
        if self._closed or not self._pieces:
            self._asked = False
            return None
        self._judged, self._pieces = self._pieces, []
        hold, self._hold = self._hold, None
        learned, self._learned = self._learned, None
        self._held = self._held if hold is None else hold
        rate_hz, self._begun = 0 if self._begun else self._rate_hz, True
        pieces = [self._piece(frame) for frame in self._judged]
        return Job(self.gate, rate_hz, False, hold, learned, self._judged[0].before, pieces)

    def _piece(self, frame: _Frame) -> Piece:
        samples, played = len(frame.sound) // pcm.SAMPLE_BYTES, self._played
        reached = b""
        if self._known.doubts:
            reach = round(REACH_SECONDS * self._rate_hz)
            reached = played.codes(frame.end - reach, reach).tobytes()
        return Piece(frame.sound, played.codes(frame.end - samples - self._held, samples).tobytes(), reached)

    def done(self, verdict: Verdict) -> None:
        """See Asks."""
        self._asked = False
        if self._closed:
            return
        if verdict.error:
            self._failed(verdict.error)
            return
        judged, self._judged = self._judged, []
        self._late, self._known, self._open_for = False, verdict, verdict.open_for
        if verdict.hold != self._held and self._hold is None:
            self._moved(verdict.hold - self._held)
        self._held = verdict.hold
        for piece, sound in zip(judged, verdict.passed, strict=True):
            if not piece.passed:
                self._passed(sound, piece.at)
        for piece in self._pieces:
            if piece.passed:
                self._open_for -= len(piece.sound) // pcm.SAMPLE_BYTES
            elif self._stays_open(piece):
                self._passed(piece.sound, piece.at)
            else:
                break
        self._ask()
