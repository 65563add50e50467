"""Plots cost against load: one line per cloud, with a mark wherever another relay is needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from console.costs.cost import Plan
from console.costs.load import MAX_CALLS, Load
from console.plan.words import NAMES
from console.words import counted

COLORS = {"aws": "#c27c00", "gcp": "#4350c8"}
INK, FAINT = "#22262e", "#8a919e"
POINTS = 160
SMALL: Mapping[str, Any] = {"color": FAINT, "fontsize": 8, "ha": "right"}
SIZE_INCHES, DPI = (10.0, 5.6), 100

Planner = Callable[[Load], Plan]


def loads(load: Load) -> Sequence[Load]:
    """Loads from one concurrent call to ten times the load, evenly on a logarithmic axis; minutes in proportion."""
    last = min(load.calls * 10, MAX_CALLS)
    calls = sorted({round(last ** (n / (POINTS - 1))) for n in range(POINTS)} | {load.calls})
    return [_scaled(load, each) for each in calls]


def steps(load: Load, plan: Plan) -> Sequence[Load]:
    """The loads at which another relay is added, within `loads`."""
    last, size = min(load.calls * 10, MAX_CALLS), plan.sizing
    return [_scaled(load, at) for at in range(size.unit.least * size.one_more_at + 1, last + 1, size.one_more_at)]


def _scaled(load: Load, calls: int) -> Load:
    return replace(load, calls=calls, minutes=load.minutes * calls / load.calls)


def draw(load: Load, planners: Mapping[str, Planner], path: Path, note: str = "") -> None:
    """Write the picture as PNG, SVG or PDF, depending on the file's name; `note` is printed small.

    Raises ValueError for other extensions.
    """
    if path.suffix not in {".png", ".svg", ".pdf"}:
        raise ValueError(f"--plot {path}: expected a name that ends in .png, .svg or .pdf")
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.edgecolor": FAINT}):
        figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        for cloud, planner in planners.items():
            here = planner(load)
            calls, usd = zip(*((each.calls, planner(each).usd) for each in loads(load)), strict=True)
            axes.plot(calls, usd, color=COLORS[cloud], linewidth=2, label=NAMES[cloud])
            added = [(each.calls, planner(each).usd) for each in steps(load, here)]
            axes.plot(*zip(*added, strict=True) if added else ((), ()), "o", color=COLORS[cloud], markersize=4)
            mark = f"{here.usd:,.0f}, {here.sizing.relays} {'relay' if here.sizing.relays == 1 else 'relays'}"
            above = cloud == "aws"
            axes.annotate(
                mark,
                (load.calls, here.usd),
                xytext=(-8, 10) if above else (8, -16),
                textcoords="offset points",
                color=COLORS[cloud],
                ha="right" if above else "left",
            )
        axes.plot([], [], "o", color=FAINT, markersize=4, label="another relay is added")
        axes.axvline(load.calls, color=FAINT, linewidth=0.8, linestyle=":")
        axes.set(xscale="log", yscale="log", ylabel="US dollars a month, without the minutes of Exotel and the agent")
        if any(item.part in {"exotel", "agent"} for planner in planners.values() for item in planner(load).items):
            axes.set_ylabel("US dollars a month")
        each = load.minutes / load.calls
        axes.set_xlabel(f"calls at the busiest moment, with {counted(round(each), 'minute')} a month for each of them")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_formatter(NullFormatter())
        axes.grid(which="major", color="#e6e8ec")
        axes.spines[["top", "right"]].set_visible(False)
        marked = f"{counted(load.calls, 'call')} at once and {load.minutes:,.0f} minutes"
        axes.set_title(f"What a month costs; {marked} are marked", loc="left")
        axes.legend(frameon=False, loc="upper left")
        axes.annotate(note, (1, 0), xytext=(-4, 6), xycoords="axes fraction", textcoords="offset points", **SMALL)
        figure.savefig(path, metadata={"Software": None} if path.suffix == ".png" else None)
