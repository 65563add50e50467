"""The load to plan for, and the measured needs of one relay."""

import math
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from console.words import counted

MEASURED = Path(__file__).parent / "measured.toml"
HOURS = 730
MAX_CALLS = 100_000
GIB = 1024**3
HEADER_BYTES = 74
"""TCP, IP and TLS around one message: 52 and 22 bytes."""
RATES = (8000, 16000)
RECORDS = {"off": 0, "both": 2, "agent": 1}
"""What the relay may record of a call → number of sides."""
KINDS = tuple(f"{way}_{rate}" for way in ("plain", "tls") for rate in RATES)
"""Kinds of calls: connection to the agent, and the agent's rate."""


@dataclass(frozen=True, slots=True)
class Load:
    """`calls` at the busiest moment, `minutes` of calls per month.

    The rest are assumptions, each with its own option.
    """

    calls: int
    minutes: float
    tls: bool = True
    agent_rate: int = 16000
    call_minutes: float = 3.0
    headroom: float = 0.2
    peaks: int = 22
    domain: bool = False
    free_tier: bool = False
    vendor: str = ""
    """The vendor whose list price counts for a minute, together with Exotel's; empty: only prices of a price file."""
    record: str = "off"
    """What the relay records of each call: one of RECORDS."""

    def __post_init__(self) -> None:
        most = self.calls * HOURS * 60
        checks = {
            f"--at-once: expected 1 to {MAX_CALLS:,} calls at once": 1 <= self.calls <= MAX_CALLS,
            "--calls: expected 0 or more calls a month": 0 <= self.minutes < float("inf"),
            f"--calls: {counted(self.calls, 'call')} at once can last {most:,} minutes a month at most": self.minutes
            <= most,
            f"--agent-rate: expected one of {', '.join(map(str, RATES))}": self.agent_rate in RATES,
            "--call-minutes: expected more than 0, at most 60": 0 < self.call_minutes <= 60,
            "--headroom: expected 0 to 90 per cent": 0 <= self.headroom <= 0.9,
            f"--record: expected one of {', '.join(RECORDS)}": self.record in RECORDS,
            "--peaks: expected 0 to 1,000 a month": 0 <= self.peaks <= 1000,
        }
        for complaint, holds in checks.items():
            if not holds:
                raise ValueError(complaint)

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return f"{'tls' if self.tls else 'plain'}_{self.agent_rate}"

    @property
    def calls_a_month(self) -> float:
        """Number of calls per month."""
        return self.minutes / self.call_minutes


def busiest_moment(calls_a_month: float, call_minutes: float, days: int, share: float) -> int:
    """Calls at once in the busiest hour, which takes `share` (0.0–1.0) of a day's calls.

    Calls arrive independently, so the number at once is Poisson distributed: the mean plus three deviations is not
    exceeded in 99.8 of 100 moments of that hour.
    """
    at_once = calls_a_month / max(1, days) * share * call_minutes / 60
    return max(1, math.ceil(at_once + 3 * math.sqrt(at_once)))


@dataclass(frozen=True, slots=True)
class Measured:
    """One relay process on one core; figures per kind of call. Bytes are per minute of a call, with all headers."""

    machine: str
    date: date
    cpu_ms: dict[str, float]
    call_kib: dict[str, float]
    idle_mib: float
    to_line: float
    to_agent: dict[int, float]
    from_line: float

    @classmethod
    def read(cls, path: Path = MEASURED) -> "Measured":
        """Raises ValueError that names the error in the file."""
        try:
            with path.open("rb") as file:
                table = tomllib.load(file)
            wire, calls = table["wire"], {kind: table["call"][kind] for kind in KINDS}
            return cls(
                str(table["machine"]),
                table["date"],
                {kind: _positive(call["cpu_ms"]) for kind, call in calls.items()},
                {kind: _positive(call["kib"]) for kind, call in calls.items()},
                _positive(table["process"]["idle_mib"]),
                _on_the_wire(wire["to_line"]),
                {rate: _on_the_wire(wire[f"to_agent_{rate}"]) for rate in RATES},
                _on_the_wire(wire["from_line"]),
            )
        except OSError as error:
            raise ValueError(f"{path} can't be read: {error.strerror}") from None
        except KeyError as error:
            raise ValueError(f"{path}: {error.args[0]} is missing") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from None

    def cpu_ms_of(self, load: Load) -> float:
        """Milliseconds of CPU per second of one call."""
        return self.cpu_ms[load.kind]

    def call_kib_of(self, load: Load) -> float:
        """Memory of one call."""
        return self.call_kib[load.kind]

    def out_bytes(self, load: Load) -> float:
        """To Exotel and to the agent, per minute."""
        return self.to_line + self.to_agent[load.agent_rate]


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{value!r}: expected a number above 0")
    return float(value)


def _on_the_wire(given: Any) -> float:
    return _positive(given["bytes"]) + _positive(given["messages"]) * HEADER_BYTES
