"""Plays a fault over a number of calls and says what came of it, as data and as a row of the table."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from relay.logs import log
from sim.exotel import CallResult
from sim.heard import find_line
from tests.chaos.faults import STAYS, Fault
from tests.chaos.world import ChaosWorld, asks, chaos_world

LINES = ("agent_greeting", "agent_hours", "backup_greeting")


@dataclass(frozen=True)
class Report:
    """What came of a fault. `normal_after_s`: until a shaken caller hears an agent again, or the line is handed over;
    the worst of all calls. `steady_*`: the calls beside."""

    fault: Fault
    calls: int
    ends: tuple[str, ...]
    agents: tuple[tuple[str, ...], ...]
    heard: tuple[str, ...]
    normal_after_s: float
    holes_s: float
    steady_same: bool
    steady_late_ms: float
    lost_events: tuple[str, ...]
    lost_records: tuple[str, ...]
    false_alarms: int
    """Events that the relay reported as lost; none is."""

    @property
    def good(self) -> bool:
        """Whether the fault did no more harm than it may."""
        as_expected = set(self.ends) == {self.fault.ends} and set(self.agents) == {self.fault.agents}
        lost = self.lost_events or self.lost_records or self.false_alarms
        return as_expected and self.normal_after_s <= self.fault.normal_s and self.steady_same and not lost

    def row(self) -> str:
        """One line of the Markdown table."""
        ends = ", ".join(sorted(set(self.ends)))
        agents = ", ".join(sorted({" → ".join(chain) for chain in self.agents}))
        lines = ", ".join(line.removeprefix("agent_").replace("_", " ") for line in self.heard) or "ambience"
        hole = f", silence of {self.holes_s:.1f} s" if self.holes_s >= 0.05 else ""
        events = "none" if not self.lost_events else f"{len(self.lost_events)}"
        untouched = "same to the sample" if self.steady_same else f"{self.steady_late_ms:.0f} ms later"
        return (
            f"| {self.fault.where} | {self.fault.name} | {lines}{hole} | `{ends}`; {agents} | "
            f"{self.normal_after_s:.1f} s | {untouched} | {events} |"
        )


HEAD = (
    "| Between | Fault | The caller hears | The record says | Normal after | Other calls | Events lost |\n"
    "|---|---|---|---|---|---|---|"
)


async def play(fault: Fault, folder: Path, calls: int, calm: list[CallResult] | None = None) -> Report:
    """`calls`: half through the proxies, half beside them. `calm`: the same calls without a fault."""
    alarms = _Alarms()
    async with chaos_world(folder, script=fault.script) as world:
        acting = asyncio.create_task(fault.act(world))
        await asyncio.sleep(0)
        with alarms.heard():
            shaken, steady = await _place(world, calls, fault.call_s, fault.streams)
            await acting
            await world.settled()
        world.store.throttled = world.store.conflicts = world.store.missing = 0
        await asyncio.to_thread(world.sweep, later_s=900)  # what the schedule does anyway
        return _report(fault, world, shaken, steady, calm, alarms.count)


class _Alarms(logging.Handler):
    """Counts the events that the relay gives up."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += getattr(record, "event", "") == "event_undelivered"

    @contextmanager
    def heard(self) -> Iterator[None]:
        log.addHandler(self)
        try:
            yield
        finally:
            log.removeHandler(self)


async def _place(
    world: ChaosWorld, calls: int, call_s: float, streams: int = 1
) -> tuple[list[CallResult], list[CallResult]]:
    """All calls within a second."""

    async def one(number: int) -> CallResult:
        await asyncio.sleep(number / calls)
        shaken = number % 2 == 0
        for _ in range(streams if shaken else 1):
            result = await world.call(f"call-{number}", shaken=shaken, script=asks(call_s))
        return result

    results = await asyncio.gather(*(one(number) for number in range(calls)))
    return results[::2], results[1::2]


async def calm_calls(folder: Path, calls: int) -> list[CallResult]:
    """The calls beside the proxies when nothing happens."""
    async with chaos_world(folder) as world:
        _, steady = await _place(world, calls, 30)
        await world.settled()
        return steady


def _report(
    fault: Fault,
    world: ChaosWorld,
    shaken: list[CallResult],
    steady: list[CallResult],
    calm: list[CallResult] | None,
    alarms: int,
) -> Report:
    records = [world.record(result.call_sid) for result in shaken]
    everyone = [*shaken, *steady]
    streams = {result.call_sid: fault.streams for result in shaken} | {result.call_sid: 1 for result in steady}
    wanted = {call_sid: ["call.ended"] * times + ["call.started"] * times for call_sid, times in streams.items()}
    return Report(
        fault,
        len(everyone),
        ends=tuple(str(record.get("end_reason")) for record in records),
        agents=tuple(tuple(agent["alias"] for agent in record.get("agents") or ()) for record in records),
        heard=_lines_of(shaken[0]),
        normal_after_s=max(map(partial(_normal_after, fault), shaken, records)),
        holes_s=max(map(_silence_s, shaken)),
        steady_same=calm is not None and all(map(_same, steady, calm)),
        steady_late_ms=max((_late_ms(one, two) for one, two in zip(steady, calm or (), strict=False)), default=0.0),
        lost_events=tuple(one.call_sid for one in everyone if world.events(one.call_sid) != wanted[one.call_sid]),
        lost_records=tuple(one.call_sid for one in everyone if not world.record(one.call_sid).get("ended_at")),
        false_alarms=alarms,
    )


def _silence_s(result: CallResult) -> float:
    """A hole whose end a `clear` has taken away is told twice, the second time with its whole length."""
    return sum({gap.at_s: gap.length_s for gap in result.gaps}.values())


def _lines_of(result: CallResult) -> tuple[str, ...]:
    found = [line for name in LINES if (line := find_line(result.heard, result.rate_hz, name))]
    return tuple(line.name for line in sorted(found, key=lambda line: line.at_s))


def _normal_after(fault: Fault, result: CallResult, record: dict[str, Any]) -> float:
    """From the fault to the next beginning of an agent's line; where the line is lost, until the relay let go of it."""
    if fault.where == "line" and fault.ends != STAYS:
        return float(record["duration_s"]) - fault.at_s
    begins = [line.at_s for name in LINES if (line := find_line(result.heard, result.rate_hz, name))]
    later = [at_s for at_s in begins if at_s > fault.at_s]
    first_ms = record["quality"]["first_audio_ms"]
    if fault.at_s == 0 and first_ms is not None:  # a bad network leaves holes in words: heard, but not made out here
        later.append(first_ms / 1000)
    return min([*later, result.duration_s]) - fault.at_s


def _same(one: CallResult, other: CallResult) -> bool:
    size = min(len(one.heard), len(other.heard))
    return not one.gaps and not one.violations and bool(np.array_equal(one.heard[:size], other.heard[:size]))


def _late_ms(one: CallResult, calm: CallResult) -> float:
    return abs((one.first_sound_s or 0) - (calm.first_sound_s or 0)) * 1000
