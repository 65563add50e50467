"""How many relays are needed, and which limit decides it."""

import math
from dataclasses import dataclass

from console.costs.load import Load, Measured


@dataclass(frozen=True, slots=True)
class Unit:
    """A relay as a cloud runs it. `least` always run; another is started at `add_at` of MAX_CALLS.

    `zones` over which they are spread; 1 where the cloud puts a lost one elsewhere by itself.
    """

    name: str
    vcpu: float
    memory_mib: int
    max_calls: int
    least: int
    zones: int
    add_at: float


@dataclass(frozen=True, slots=True)
class Sizing:
    """`carries`: calls one relay takes with headroom, by CPU, memory and MAX_CALLS; if it is less than MAX_CALLS,
    set MAX_CALLS to it. `one_more_at`: calls a relay at which another is added. `for_zone`: relays that would carry
    the peak although a zone is lost."""

    unit: Unit
    by_cpu: int
    by_memory: int
    carries: int
    one_more_at: int
    relays: int
    decided_by: str
    cpu_share: float
    memory_mib: float
    left_after_loss: int
    for_zone: int

    @property
    def added(self) -> int:
        """Relays that run only at the peak."""
        return self.relays - self.unit.least


def size(unit: Unit, load: Load, measured: Measured) -> Sizing:
    """Raises ValueError if a relay can't carry even one call with this headroom."""
    cpu_ms = measured.cpu_ms_of(load)
    by_cpu = math.floor(unit.vcpu * 1000 * (1 - load.headroom) / cpu_ms)
    free_kib = (unit.memory_mib * (1 - load.headroom) - measured.idle_mib) * 1024
    by_memory = math.floor(free_kib / measured.call_kib_of(load))
    carries = min(by_cpu, by_memory, unit.max_calls)
    if carries < 1:
        raise ValueError(
            f"{unit.name}: {unit.vcpu:g} vCPU and {unit.memory_mib} MiB with {load.headroom:.0%} to spare carry no call"
        )
    one_more_at = max(1, math.floor(unit.add_at * carries))
    needed = math.ceil(load.calls / one_more_at)
    relays = max(unit.least, needed)
    limits = {"MAX_CALLS": unit.max_calls, "CPU": by_cpu, "memory": by_memory}
    decided_by = min(limits, key=lambda name: limits[name]) if needed > unit.least else "the least that runs"
    lost = math.ceil(relays / unit.zones) if unit.zones > 1 else 1
    each = load.calls / relays
    return Sizing(
        unit,
        by_cpu,
        by_memory,
        carries,
        one_more_at,
        relays,
        decided_by,
        each * cpu_ms / 1000 / unit.vcpu,
        measured.idle_mib + each * measured.call_kib_of(load) / 1024,
        min(load.calls, (relays - lost) * carries),
        math.ceil(math.ceil(load.calls / carries) * unit.zones / max(1, unit.zones - 1)),
    )


def added_hours(sizing: Sizing, load: Load, lag_hours: float) -> float:
    """Hours per month of relays beyond the minimum: an upper bound that never falls when the load grows.

    A minute costs most when it falls just above the step to the last relay: then `added` extra relays carry (relays -
    1) times `one_more_at` calls. So all minutes are assumed to fall there. After each peak the added relays run for
    `lag_hours` on average.
    """
    if not sizing.added:
        return 0.0
    busy = load.minutes / 60 * sizing.added / ((sizing.relays - 1) * sizing.one_more_at)
    return min(busy + load.peaks * sizing.added * lag_hours, sizing.added * 730.0)
