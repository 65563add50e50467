"""A picture of a call: what was said and heard on one time axis, what happened when, and how long it took."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from common.phone import mask
from sim.outcome import Outcome
from sim.sound import Pcm
from sim.speech import line, spoken

INK, FAINT, AMBIENCE = "#22262e", "#8a919e", "#b4bac5"
CALLER, AGENT, CUT, STEP = "#0b8f7e", "#4350c8", "#d3383f", "#c27c00"
SIZE_INCHES, DPI = (16.0, 9.6), 100


@dataclass(frozen=True, slots=True)
class _Span:
    """A line of speech on the time axis, in seconds."""

    start: float
    end: float
    text: str
    is_cut: bool = False


def draw(outcome: Outcome, path: Path) -> None:
    """Write the picture as a PNG of 1,600 by 960."""
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.edgecolor": FAINT}):
        figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor="white")
        sides = {"left": 0.045, "right": 0.985}
        whole = GridSpec(3, 1, figure, top=0.885, bottom=0.395, height_ratios=(1, 1, 0.72), hspace=0.06, **sides)
        below = GridSpec(1, 2, figure, top=0.315, bottom=0.04, width_ratios=(1.9, 1), wspace=0.07, **sides)
        said, heard, lane = (figure.add_subplot(whole[row]) for row in range(3))
        _title(figure, outcome)
        end_s = _end_s(outcome)
        callers, agents = _caller_spans(outcome), _agent_spans(outcome)
        _track(said, outcome.call.said, outcome.call.rate_hz, callers, CALLER, "caller says", end_s)
        _track(heard, outcome.call.heard, outcome.call.rate_hz, agents, AGENT, "caller hears", end_s)
        _events(lane, outcome, end_s)
        for axes in (said, heard):
            for at_s in _cut_ins(outcome):
                axes.axvline(at_s, 0.0, 0.55, color=CUT, linewidth=1)
            axes.axvspan(outcome.call.duration_s, end_s, color="#f2f3f5", linewidth=0)
        _close_up(figure.add_subplot(below[0]), outcome, agents)
        _figures(figure.add_subplot(below[1]), outcome)
        figure.savefig(path)


def _title(figure: Figure, outcome: Outcome) -> None:
    figure.text(0.045, 0.955, outcome.scenario.title, fontsize=19, fontweight="bold", va="center")
    figure.text(0.045, 0.917, outcome.scenario.about, fontsize=10.5, color=FAINT, va="center")
    verdict, color = ("as expected", CALLER) if outcome.passed else ("NOT as expected", CUT)
    figure.text(0.985, 0.955, verdict, fontsize=13, fontweight="bold", color=color, ha="right", va="center")
    figure.text(0.985, 0.917, f"call {outcome.call.call_sid}", fontsize=8.5, color=FAINT, ha="right", va="center")


def _end_s(outcome: Outcome) -> float:
    """The axis goes on for as long as something happened after the stream."""
    last = max((one.at for one in outcome.happenings if one.who == "flow"), default=0.0) - outcome.call.started_at
    return max(outcome.call.duration_s, last) * 1.015 + 0.3


def _caller_spans(outcome: Outcome) -> list[_Span]:
    return [_Span(at_s, at_s + spoken(name).size / 8000, line(name).text) for at_s, name in outcome.call.said_lines]


def _agent_spans(outcome: Outcome) -> list[_Span]:
    spans = []
    for one in outcome.lines:
        words = line(one.name).text.split()
        heard = words[: round(len(words) * one.heard_ms / one.length_ms)]
        spans.append(_Span(one.at_s, one.at_s + one.heard_ms / 1000, " ".join(heard), is_cut=not one.is_whole))
    return spans


def _cut_ins(outcome: Outcome) -> list[float]:
    return [cut - outcome.call.started_at for one in outcome.conversations for cut in one.interruptions]


def _track(axes: Axes, pcm: Pcm, rate_hz: int, spans: Sequence[_Span], color: str, name: str, end_s: float) -> None:
    """One waveform: coloured where a line is spoken, grey elsewhere, with the words above."""
    _waveform(axes, pcm, rate_hz, 0.0, pcm.size / rate_hz, AMBIENCE)
    for span in spans:
        _waveform(axes, pcm, rate_hz, span.start, span.end, color)
        ending = " …" if span.is_cut else ""
        # About 190 characters of this size fit across the figure.
        words = textwrap.fill(span.text + ending, max(16, int((span.end - span.start) / end_s * 190)), max_lines=4)
        axes.text(span.start, 0.86, words, fontsize=8.5, va="top", color=color, linespacing=1.15)
    axes.set(xlim=(0, end_s), ylim=(-0.42, 0.88), yticks=[], ylabel=name)
    axes.tick_params(labelbottom=False, length=0)
    _bare(axes)


def _waveform(axes: Axes, pcm: Pcm, rate_hz: int, start: float, end: float, color: str, columns: int = 3000) -> None:
    """The outline of [start, end) in seconds: highest and lowest sample of each column."""
    piece = pcm[max(0, int(start * rate_hz)) : max(0, int(end * rate_hz))]
    step = max(1, min(pcm.size // columns, piece.size))
    count = piece.size // step
    if not count:
        return
    blocks = piece[: count * step].reshape(count, step) / 32768.0
    places = start + (np.arange(count) + 0.5) * step / rate_hz
    axes.fill_between(places, blocks.min(axis=1), blocks.max(axis=1) + 0.002, color=color, linewidth=0.4)


def _events(axes: Axes, outcome: Outcome, end_s: float) -> None:
    """What happened, as labelled points; a label that would touch another goes to the next row."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(6)]
    for one in outcome.happenings:
        text, color = _label(one.who, one.what, one.detail)
        if not text:
            continue
        at_s = max(0.0, one.at - outcome.call.started_at)
        width = (len(text) + 2) * end_s / 195
        # Near the right edge the words stand before their point.
        side, left = ("left", at_s) if at_s + width < end_s else ("right", at_s - width)
        row = next((row for row, spans in enumerate(taken) if _is_free(spans, left, left + width)), len(taken) - 1)
        taken[row].append((left, left + width))
        height = 4.5 - 0.87 * row
        axes.plot([at_s, at_s], [height, 5.2], color=color, linewidth=0.7, alpha=0.6)
        axes.plot([at_s], [height], "o", color=color, markersize=4)
        gap = end_s * (0.004 if side == "left" else -0.004)
        axes.text(at_s + gap, height, text, fontsize=8.5, va="center", ha=side, color=color)
    marks = [mark for mark in outcome.call.marks if not mark.name.startswith("probe-")]  # those tell of the line only
    for mark in marks:
        axes.plot([mark.due_s], [5.35], marker=7, color=CUT if mark.cleared else STEP, markersize=5, clip_on=False)
    if marks:
        legend = "▾ mark: all that was sent before it has been played"
        axes.text(1.0, -0.2, legend, fontsize=8, color=STEP, ha="right", va="top", transform=axes.transAxes)
    axes.set(xlim=(0, end_s), ylim=(-0.2, 5.4), yticks=[], ylabel="events")
    axes.set_xlabel("seconds since the call began", color=FAINT, labelpad=1)
    axes.tick_params(axis="x", colors=FAINT, labelsize=8, length=3)
    _bare(axes)


def _is_free(spans: Sequence[tuple[float, float]], left: float, right: float) -> bool:
    return all(right <= start or left >= end for start, end in spans)


def _label(who: str, what: str, detail: str) -> tuple[str, str]:
    """What the picture says about a happening, and in which colour; empty for what it leaves out."""
    match who, what:
        case "agent", "metadata":
            return "agent ready", AGENT
        case "agent", "interrupted":
            return "agent notices the caller", CUT
        case "agent", "tool":
            return detail.partition(" ")[0], STEP
        case "agent", "fails":
            return f"agent fails: {detail}", CUT
        case "agent", "webhook":
            return detail.replace("post-call webhook answered", "webhook"), AGENT
        case "line", "clear":
            return "clear", CUT
        case "line", "presses":
            return f"key {detail}", CALLER
        case "line", "ended":
            return {"bot": "relay hands over", "caller": "caller hangs up"}.get(detail, detail), INK
        case "flow", "connect":
            return f"connect {detail}", STEP
        case "flow", "dial" | "answered":
            return f"{'dialling' if what == 'dial' else 'answered'} {mask(detail)}", STEP
    return "", INK


def _close_up(axes: Axes, outcome: Outcome, agents: Sequence[_Span]) -> None:
    """The moment that matters most: the first interruption, or else the first seconds."""
    cuts = _cut_ins(outcome)
    cut_spans = [span for span in agents if span.is_cut and cuts and span.start < cuts[0]]
    if cuts and cut_spans:
        silence = max(cuts[0], cut_spans[-1].end)
        begins = max((at_s for at_s, _ in outcome.call.said_lines if at_s < cuts[0]), default=cuts[0])
        clears = [clear for clear in outcome.call.clears if clear >= cuts[0] - 0.001]
        points = [(begins, "caller speaks", CALLER), (cuts[0], "agent notices", CUT)]
        points += [(clears[0], f"clear  +{(clears[0] - cuts[0]) * 1000:.0f} ms", CUT)] if clears else []
        points += [(silence, f"silence  +{(silence - cuts[0]) * 1000:.0f} ms", INK)]
        start, end = begins - 0.35, silence + 0.65
        title = "The caller cuts in"
    else:
        first, speech = outcome.figures.first_sound_ms, outcome.figures.first_speech_ms
        points = [(0.0, "start", INK)]
        points += [(first / 1000, f"first sound  {first} ms", FAINT)] if first is not None else []
        points += [(speech / 1000, f"agent heard  {speech} ms", AGENT)] if speech is not None else []
        start, end = -0.1, max(at_s for at_s, *_ in points) + 1.2
        title = "The first second"
    rate_hz = outcome.call.rate_hz
    for track, offset, color in ((outcome.call.said, 0.55, CALLER), (outcome.call.heard, -0.45, AGENT)):
        first_sample = max(0, int(start * rate_hz))
        piece = track[first_sample : int(end * rate_hz)] / 32768.0
        places = (first_sample + np.arange(piece.size)) / rate_hz
        axes.plot(places, piece * 0.9 + offset, color=color, linewidth=0.6)
    for index, (at_s, text, color) in enumerate(points):
        axes.axvline(at_s, color=color, linewidth=1.1)
        axes.annotate(
            text, (at_s, 1.06 + 0.24 * (index % 3)), xytext=(5, 0), textcoords="offset points", color=color,
            fontsize=9, va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip
    axes.set(xlim=(start, end), ylim=(-1.0, 1.7), yticks=[0.55, -0.45], yticklabels=["says", "hears"])
    axes.tick_params(axis="both", colors=FAINT, labelsize=8, length=2)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=4)
    _bare(axes)


def _figures(axes: Axes, outcome: Outcome) -> None:
    """The numbers, and what was not as expected."""
    axes.set_title("In numbers", loc="left", fontsize=11, fontweight="bold", pad=4)
    axes.set_axis_off()
    rows = figure_rows(outcome)
    for index, (name, value) in enumerate(rows):
        height = 0.95 - index * 0.098
        axes.text(0.0, height, name, fontsize=9.5, va="center", transform=axes.transAxes)
        axes.text(0.99, height, value, fontsize=9.5, ha="right", va="center", transform=axes.transAxes)
    for index, failure in enumerate(outcome.failures[:2]):
        text = textwrap.shorten(failure, 84)
        axes.text(0.0, -0.02 - index * 0.08, text, fontsize=7.5, color=CUT, va="center", transform=axes.transAxes)


def figure_rows(outcome: Outcome) -> list[tuple[str, str]]:
    """The figures of a call in words, for the picture and the terminal."""
    figures = outcome.figures

    def ms(value: int | None) -> str:
        return "–" if value is None else f"{value:,} ms"

    return [
        ("call", f"{figures.duration_s:.1f} s"),
        ("first words heard after", ms(figures.first_speech_ms)),
        ("agent notices → clear at the line", ms(figures.cut_in_to_clear_ms)),
        ("agent notices → caller hears it stop", ms(figures.cut_in_to_silence_ms)),
        ("holes in the sound", f"{figures.gaps}" + (f" ({figures.gap_ms:,} ms)" if figures.gaps else "")),
        ("ahead of real time, at most", ms(figures.ahead_max_ms)),
        ("slowest pong", ms(figures.pong_max_ms)),
        ("connect answered after", ms(figures.connect_ms)),
        ("rules broken", f"{figures.violations}"),
    ]


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
