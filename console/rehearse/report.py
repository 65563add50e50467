"""The report of a rehearsal: one HTML file with every call's sound, words and verdicts; it loads nothing."""

import base64
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Final

import numpy as np
import soundfile

from console.rehearse import under_load
from console.rehearse.expectations import Observed
from console.rehearse.results import Comparison, Results
from console.rehearse.runs import Played
from console.rehearse.statistics import Difference
from console.rehearse.under_load import LoadFigures
from console.web.local_page import SHARED
from sim.sound import Pcm

PAGE: Final = Path(__file__).parent / "page"
_COLUMNS: Final = 480
_HALF: Final = 30


def write(results: Results, comparison: Comparison | None, path: Path) -> None:
    """Write the report."""
    page = Template((PAGE / "report.html").read_text(encoding="utf-8"))
    style = (SHARED / "base.css").read_text(encoding="utf-8") + (PAGE / "report.css").read_text(encoding="utf-8")
    path.write_text(
        page.substitute(
            title=html.escape(results.suite.file.title),
            style=style,
            headline=_headline(results),
            comparison=_comparison(comparison),
            load=_load(results.load),
            table="".join(_row(name, results) for name in results.rates()),
            calls="".join(_call(call) for call in _failed_first(results.played)),
        ),
        encoding="utf-8",
    )


def _failed_first(played: Sequence[Played]) -> list[Played]:
    return sorted(played, key=lambda call: (call.passed, call.caller.name, call.number))


def _headline(results: Results) -> str:
    figures = results.figures()
    parts = [
        ("calls as expected", str(results.rate)),
        ("answer time, p50 / p95", f"{_ms(figures['answer_p50_ms'])} / {_ms(figures['answer_p95_ms'])}"),
        ("first words, p50", _ms(figures["first_words_p50_ms"])),
        ("minutes", f"{figures['minutes']}"),
    ]
    if figures["cost"] is not None:
        parts.append((f"cost, {results.suite.file.currency}", f"{figures['cost']}"))
    if results.unplayed:
        parts.append(("not played: budget used up", str(results.unplayed)))
    return "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in parts)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def _comparison(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    warning = (
        ""
        if comparison.same_callers
        else "<p class='problem'>The callers have changed since: what differs may be theirs.</p>"
    )
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td>{_difference(difference)}</tr>"
        for name, difference in comparison.callers.items()
    )
    return (
        "<section class='card'><h2>Against the baseline</h2>"
        f"{warning}<table><tr><th>caller</th><th>before</th><th>now</th><th>difference</th><th></th></tr>"
        f"<tr><td><b>all</b></td>{_difference(comparison.overall)}</tr>{rows}</table></section>"
    )


def _difference(found: Difference) -> str:
    return (
        f"<td>{found.old}</td><td>{found.new}</td>"
        f"<td>{found.value:+.0%} ({found.low:+.0%} to {found.high:+.0%})</td><td>{found.verdict}</td>"
    )


def _load(figures: LoadFigures | None) -> str:
    if figures is None:
        return ""
    table = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_ms(spread.p50)}</td><td>{_ms(spread.p95)}</td><td>{_ms(spread.p99)}</td>"
        f"<td>{spread.count}</td></tr>"
        for name, spread in under_load.rows(figures)
    )
    others = "".join(f"<p>{html.escape(line)}</p>" for line in under_load.counts(figures))
    return (
        "<section class='card'><h2>Under load</h2>"
        "<table><tr><th></th><th>p50</th><th>p95</th><th>p99</th><th>of</th></tr>"
        f"{table}</table>{others}</section>"
    )


def _row(name: str, results: Results) -> str:
    rate = results.rates()[name]
    caller = next(caller for caller in results.suite.callers if caller.name == name)
    failed = sorted({one.expectation for call in results.played if call.caller.name == name for one in call.findings})
    verdict = "good" if rate.passed == rate.runs else "bad"
    return (
        f"<tr class='{verdict}'><td>{html.escape(name)}</td><td>{html.escape(caller.title)}</td><td>{rate}</td>"
        f"<td>{html.escape(', '.join(failed)) or '–'}</td></tr>"
    )


def _call(call: Played) -> str:
    seen = call.observed
    findings = "".join(
        f"<li class='bad'><b>{one.expectation}</b> {html.escape(one.sentence)}</li>" for one in call.findings
    )
    notes = "".join(f"<li class='faint'>{html.escape(note)}</li>" for note in call.notes)
    figures = (
        f"answers {', '.join(f'{answer} ms' for answer in seen.timing.answers) or '–'} · longest silence "
        f"{seen.timing.longest_silence} ms · both at once {seen.timing.talk_over} ms · {seen.duration_s:.1f} s"
    )
    verdict = "passed" if call.passed else "failed"
    return (
        f"<details class='card {verdict}'{'' if call.passed else ' open'}>"
        f"<summary><b>{html.escape(call.caller.name)} #{call.number}</b> {html.escape(call.caller.title)}"
        f" <span class='verdict'>{verdict}</span></summary>"
        f"<ul>{findings}{notes}</ul><p class='faint'>{figures}</p>"
        f"{_waves(call)}{_audio(call)}<ol class='words'>{''.join(_words(seen))}</ol></details>"
    )


def _words(seen: Observed) -> Iterator[str]:
    """Both sides by time: the caller's utterances, each with what the agent understood."""
    lines: list[tuple[float, str, str]] = [(line.start_s, "caller", html.escape(line.text)) for line in seen.said]
    for turn in seen.record.get("turns") or ():
        cut = " <i>(interrupted)</i>" if turn.get("interrupted") else ""
        at_s = (turn.get("offset_ms") or 0) / 1000
        text = html.escape(str(turn.get("text")))
        lines.append((at_s, "agent", text + cut) if turn.get("speaker") == "agent" else (at_s, "understood", text))
    if not seen.record and seen.words:
        lines.append((seen.duration_s, "agent", html.escape(seen.words)))
    for at_s, who, text in sorted(lines, key=lambda one: one[0]):
        label = "the agent understood: " if who == "understood" else ""
        yield f"<li class='{who}'><span class='faint'>{at_s:.1f} s {label}</span><bdi dir='auto'>{text}</bdi></li>"


def _waves(call: Played) -> str:
    tracks = (("caller", call.mouth, _HALF), ("agent", call.ear, 3 * _HALF + 4))
    drawn = "".join(f"<path class='{name}' d='{_outline(pcm, middle)}'/>" for name, pcm, middle in tracks)
    return (
        f"<svg viewBox='0 0 {_COLUMNS} {4 * _HALF + 4}' preserveAspectRatio='none' role='img' "
        f"aria-label='Above what the caller said, below what the caller heard'>{drawn}</svg>"
    )


def _outline(pcm: Pcm, middle: int) -> str:
    """The loudest sample of each column, above and below the middle."""
    if not pcm.size:
        return ""
    columns = np.array_split(np.abs(pcm.astype(np.int32)), min(_COLUMNS, pcm.size))
    heights = [max(0.3, float(column.max()) / 32768 * _HALF * 2.2) for column in columns]
    return "".join(
        f"M{at} {middle - min(height, _HALF):.1f}V{middle + min(height, _HALF):.1f}"
        for at, height in enumerate(heights)
    )


def _audio(call: Played) -> str:
    """Both sides as FLAC: left what the caller said, right what the caller heard."""
    size = max(call.mouth.size, call.ear.size)
    if not size:
        return ""
    both = np.zeros((size, 2), np.int16)
    both[: call.mouth.size, 0], both[: call.ear.size, 1] = call.mouth, call.ear
    file = io.BytesIO()
    soundfile.write(file, both, call.rate_hz, format="FLAC", subtype="PCM_16")
    encoded = base64.b64encode(file.getvalue()).decode()
    return f"<audio controls preload='none' src='data:audio/flac;base64,{encoded}'></audio>"
