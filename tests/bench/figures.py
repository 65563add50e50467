"""What is measured: the samples of one run, and the row of the table that they make."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LINE_HZ = 8000
FRAME_IN_S = 0.02


@dataclass(frozen=True, slots=True)
class Case:
    """One run. `audio`: what the agent hears and speaks, as ElevenLabs names it; the line is always 8 kHz PCM."""

    calls: int
    tls: bool = False
    audio: str = "pcm_8000"
    ambience: bool = True
    bare: bool = False
    """The probe (bare.py) instead of the relay; it has no ambience, but sends silence in its stead."""
    frame_ms: int = 40
    level: bool = False
    """The agent's speech is brought to its level (`level = "auto"`)."""
    duck_db: float = 6.0
    echo: int = 0
    """So many of the calls are kept from their echo (`echo_guard = "on"`)."""
    echo_guard: str = "auto"
    """Of the calls, unless `echo` is given: with `off` no echo is searched for."""
    source: bool = False
    """The relay runs from its source, not compiled as in its image."""
    settle_s: float = 2.0
    """How long after the last call began the window begins. A line's lead is learned after 8 to 10 seconds."""

    def __str__(self) -> str:
        return " ".join(
            [f"{self.calls} calls", "over TLS" if self.tls else "plain", self.audio]
            + ["without ambience"] * (not self.ambience)
            + ["through the bare probe"] * self.bare
            + ["from source"] * self.source
            + [f"in frames of {self.frame_ms} ms"] * (self.frame_ms != 40)
            + ["levelled"] * self.level
            + [f"ducked by {self.duck_db:g} dB"] * (self.duck_db != 6)
            + [f"{self.echo} guarded from echo"] * (self.echo > 0)
            + ["without search for echo"] * (self.echo_guard == "off")
            + [f"after {self.settle_s:g} s"] * (self.settle_s != 2)
        )


def _doubles() -> array:
    return array("d")


@dataclass(slots=True)
class Samples:
    """Filled by the load while `recording`. Seconds."""

    recording: bool = False
    uplink: array = field(default_factory=_doubles)
    """Caller's frame sent → the agent has it."""
    wire: array = field(default_factory=_doubles)
    """Agent's first chunk of an utterance sent → its first sample is on the line."""
    heard: array = field(default_factory=_doubles)
    """… → the caller hears it."""
    clear: array = field(default_factory=_doubles)
    """Interruption sent → `clear` on the line."""
    silenced: array = field(default_factory=_doubles)
    """… → the agent is no longer heard: the frame that the line plays is over."""
    lateness: array = field(default_factory=_doubles)
    """How late the generator itself was with a frame."""
    holes: array = field(default_factory=_doubles)
    """Lengths of what was missing for callers who should always hear something."""
    sure_holes: array = field(default_factory=_doubles)
    """… of that, what the load did not cause by reading late itself; up to three milliseconds less than there was."""
    messages: int = 0
    """Media and audio messages that the process under test was sent or has sent."""
    lost_frames: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Milliseconds and kilobytes; None where the case has no such figure."""

    case: Case
    cpu_ms: float
    """CPU of the process per second of one call."""
    core_percent: float
    wakeups: float | None
    """Times that the process slept and was woken, per message: one system call and more each, whatever it is for."""
    memory_kb: float | None
    uplink_p50: float | None
    uplink_p99: float | None
    wire_p50: float | None
    wire_p99: float | None
    heard_p50: float | None
    heard_p99: float | None
    clear_p99: float | None
    silenced_p50: float | None
    silenced_p99: float | None
    holes: int | None
    hole_ms: float | None
    sure_holes: int | None
    sure_hole_ms: float | None
    loop_lag_ms: float | None
    """No timer of the relay was later than this (upper bound of a bucket of its own histogram)."""
    lateness_p99: float | None
    lost_frames: int
    failures: int

    @property
    def saturated(self) -> bool:
        """The core was full: the latencies then say how long the queues have grown, nothing else."""
        return self.core_percent > 95


def percentile(seconds: Sequence[float], percent: float) -> float | None:
    """In milliseconds, None of nothing."""
    return round(float(np.percentile(seconds, percent)) * 1000, 2) if len(seconds) else None


def row(
    case: Case,
    samples: Samples,
    *,
    cpu_s: float,
    window_s: float,
    wakeups: int,
    memory_kb: float | None,
    loop_lag_ms: float | None,
) -> Row:
    """Sum up one run."""
    return Row(
        case=case,
        cpu_ms=round(cpu_s / window_s / case.calls * 1000, 3),
        core_percent=round(cpu_s / window_s * 100, 1),
        wakeups=round(wakeups / samples.messages, 2) if samples.messages else None,
        memory_kb=memory_kb,
        uplink_p50=percentile(samples.uplink, 50),
        uplink_p99=percentile(samples.uplink, 99),
        wire_p50=percentile(samples.wire, 50),
        wire_p99=percentile(samples.wire, 99),
        heard_p50=percentile(samples.heard, 50),
        heard_p99=percentile(samples.heard, 99),
        clear_p99=percentile(samples.clear, 99),
        silenced_p50=percentile(samples.silenced, 50),
        silenced_p99=percentile(samples.silenced, 99),
        holes=len(samples.holes) if case.ambience else None,
        hole_ms=round(sum(samples.holes) * 1000, 1) if case.ambience else None,
        sure_holes=len(samples.sure_holes) if case.ambience else None,
        sure_hole_ms=round(sum(samples.sure_holes) * 1000, 1) if case.ambience else None,
        loop_lag_ms=loop_lag_ms,
        lateness_p99=percentile(samples.lateness, 99),
        lost_frames=samples.lost_frames,
        failures=len(samples.failures),
    )
