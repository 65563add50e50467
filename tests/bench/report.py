"""The table, the numbers for machines, and the plot."""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median_high

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.figures import Case, Row

# design.md, section 5
TARGET_CPU_MS = {False: 3.0, True: 4.0}
TARGET_MEMORY_KB = 75
TARGET_UPLINK_P99 = 10.0

_HEADINGS = (
    "calls",
    "agent",
    "formats",
    "CPU ms per call-second",
    "core %",
    "wake-ups per message",
    "memory KB per call",
    "caller → agent p50 / p99 ms",
    "agent → wire p50 / p99 ms",
    "agent → heard p50 / p99 ms",
    "interruption → clear p99 ms",
    "interruption → silence p50 / p99 ms",
    "holes (ms)",
    "… surely not the load's (ms)",
    "loop lag < ms",
    "generator late p99 ms",
)


def describe(python: str) -> dict[str, object]:
    """The machine and the moment, without which no figure means anything."""
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    cpu = next((text.split(":")[1] for text in _lines("/proc/cpuinfo") if text.startswith("model name")), "").strip()
    return {
        "machine": f"{os.cpu_count()} cores, {cpu or platform.machine()}",
        "python": version,
        "load": os.getloadavg(),
    }


def merged(rows: Iterable[Row]) -> list[Row]:
    """Runs of one case as one row of medians; the table's order is that of the first runs."""
    groups: dict[Case, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.case, []).append(row)
    return [_median_row(group) for group in groups.values()]


def table(rows: Iterable[Row]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(_HEADINGS)} |", "|" + "--:|" * len(_HEADINGS)]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def write(rows: list[Row], machine: dict[str, object], out: Path) -> None:
    """`bench.json` has every run, `bench.md` and `bench.png` the medians."""
    runs = [{**asdict(row), "saturated": row.saturated} for row in rows]
    (out / "bench.json").write_text(json.dumps({**machine, "runs": runs}, indent=2) + "\n")
    told = f"{machine['machine']}, Python {machine['python']}, load average at the start {machine['load'][0]:.2f}"
    medians = merged(rows)
    (out / "bench.md").write_text(f"{told}. Latencies in brackets: the core was full.\n\n{table(medians)}")
    plot(medians, out / "bench.png")


def plot(rows: list[Row], path: Path) -> None:
    """Cost, delay and memory against the number of calls."""
    with style.context("seaborn-v0_8-whitegrid"):
        figure = Figure(figsize=(13, 4), layout="constrained")
        cost, delay, memory = figure.subplots(1, 3)
        _panel(cost, rows, lambda row: row.cpu_ms, "CPU per call-second, ms")
        _panel(delay, rows, lambda row: None if row.saturated else row.uplink_p99, "caller → agent, added, p99, ms")
        _panel(memory, rows, lambda row: row.memory_kb, "memory per call, KB")
        for tls, color in ((False, "C0"), (True, "C1")):
            cost.axhline(TARGET_CPU_MS[tls], color=color, linestyle=":", linewidth=1)
        delay.axhline(TARGET_UPLINK_P99, color="grey", linestyle=":", linewidth=1)
        memory.axhline(TARGET_MEMORY_KB, color="grey", linestyle=":", linewidth=1)
        if cost.lines[2:]:  # more than the two targets
            cost.legend(frameon=True)
        figure.savefig(path, dpi=120)


def _panel(axes: Axes, rows: list[Row], value: Callable[[Row], float | None], title: str) -> None:
    for bare, tls, color, label in (
        (False, False, "C0", "relay"),
        (False, True, "C1", "relay, TLS to the agent"),
        (True, False, "C0", "bare probe"),
        (True, True, "C1", "bare probe, TLS"),
    ):
        points = [
            (row.case.calls, y)
            for row in rows
            if (row.case.bare, row.case.tls, row.case.audio) == (bare, tls, "pcm_8000")
            and row.case.ambience
            and (y := value(row)) is not None
        ]
        if points:
            style = {"marker": "x", "linestyle": "none"} if bare else {"marker": "o", "markersize": 4}
            axes.plot(*zip(*sorted(points), strict=True), color=color, label=label, **style)
    axes.set(title=title, xlabel="calls (dotted: the target)", ylim=(0, None), xlim=(0, None))


def _cells(row: Row) -> list[str]:
    case = row.case
    latencies = [
        _pair(row.uplink_p50, row.uplink_p99),
        _pair(row.wire_p50, row.wire_p99),
        _pair(row.heard_p50, row.heard_p99),
        _number(row.clear_p99),
        _pair(row.silenced_p50, row.silenced_p99),
    ]
    return [
        str(case.calls),
        ("bare probe, " if case.bare else "from source, " if case.source else "") + ("TLS" if case.tls else "plain"),
        case.audio
        + (", no ambience" if not case.ambience else "")
        + (f", frames of {case.frame_ms} ms" if case.frame_ms != 40 else ""),
        f"{row.cpu_ms:.2f}",
        f"{row.core_percent:.0f}",
        _number(row.wakeups, 2),
        _number(row.memory_kb, 0),
        *(f"({text})" if row.saturated and text != "–" else text for text in latencies),
        "–" if row.holes is None else f"{row.holes:.0f} ({row.hole_ms:.0f})",
        "–" if row.sure_holes is None else f"{row.sure_holes:.0f} ({row.sure_hole_ms:.0f})",
        _number(row.loop_lag_ms, 0),
        _number(row.lateness_p99),
    ]


def _pair(low: float | None, high: float | None) -> str:
    return "–" if low is None else f"{_number(low)} / {_number(high)}"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _median_row(group: list[Row]) -> Row:
    def middle(name: str) -> float | None:
        values = [value for row in group if (value := getattr(row, name)) is not None]
        return median_high(values) if values else None

    return Row(group[0].case, **{field.name: middle(field.name) for field in fields(Row)[1:]})


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
