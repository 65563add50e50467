"""The gates of a relay's guarded calls, and the messages by which they are used: wherever they are, it is not the event
loop's thread."""

from typing import Protocol

import msgspec
import numpy as np

from relay.audio import pcm
from relay.audio.echo_gate import EchoGate
from relay.audio.line_tape import decoded


class Piece(msgspec.Struct, array_like=True, gc=False):
    """A frame of the caller's (pcm), and the sound whose echo it may contain, as μ-law (EchoGate.process)."""

    sound: bytes
    played: bytes
    reached: bytes = b""
    """What was played before, if the gate is in doubt."""


class Learned(msgspec.Struct, array_like=True, gc=False):
    """Sound of before the gate, both sides as μ-law (EchoGate.learn)."""

    heard: bytes
    played: bytes


class Job(msgspec.Struct, array_like=True, gc=False):
    """What the gate `gate` is to do. `rate_hz`: it is new; `over`: the last one. `hold`: see EchoGate.follow; `before`:
    sound (pcm) to be withheld before the pieces.
    """

    gate: int
    rate_hz: int = 0
    over: bool = False
    hold: int | None = None
    learned: Learned | None = None
    before: bytes = b""
    pieces: list[Piece] = []


class Verdict(msgspec.Struct, array_like=True, gc=False):
    """What came of a job: for each piece what the agent gets, and the gate's state after it. `error`: it failed."""

    passed: list[bytes] = []
    hold: int = 0
    open_for: int = 0
    doubts: bool = False
    muted: int = 0
    error: str = ""


class Judges(Protocol):
    """Where gates are."""

    def do(self, jobs: list[Job]) -> list[Verdict]:
        """One after the other. Takes milliseconds. Raises OSError if all gates are lost; they can be made again."""
        ...

    def close(self) -> None:
        """None is needed any more."""
        ...


class Gates:
    """In this process."""

    def __init__(self) -> None:
        self._gates: dict[int, EchoGate] = {}

    def do(self, jobs: list[Job]) -> list[Verdict]:
        """See Judges."""
        return [self._outcome(job) for job in jobs]

    def close(self) -> None:
        """See Judges."""
        self._gates.clear()

    def _outcome(self, job: Job) -> Verdict:
        """An error of one call's is not the others'."""
        try:
            return self._done(job)
        except Exception as error:  # noqa: BLE001 - the call learns of it
            self._gates.pop(job.gate, None)
            return Verdict(error=f"{type(error).__name__}: {error}")

    def _done(self, job: Job) -> Verdict:
        if job.rate_hz:
            self._gates[job.gate] = EchoGate(job.rate_hz)
        if job.over:
            self._gates.pop(job.gate, None)
            return Verdict()
        if (gate := self._gates.get(job.gate)) is None:
            return Verdict(error="what it knew is lost")
        if job.hold is not None:
            gate.follow(job.hold)
        if job.learned is not None:
            gate.learn(_samples(job.learned.heard), _samples(job.learned.played))
        noise = gate.withhold(job.before) if job.before else b""
        passed = [
            gate.process(piece.sound, _samples(piece.played), _samples(piece.reached) if piece.reached else None)
            for piece in job.pieces
        ]
        passed[:1] = [noise + first for first in passed[:1]]
        return Verdict(passed, gate.hold, gate.open_for, gate.doubts, gate.muted)


def _samples(codes: bytes) -> pcm.Samples:
    return decoded(np.frombuffer(codes, np.uint8))
