"""One call as a file to share: as JSON, as text, or as one HTML file with its sound. Numbers are masked."""

import base64
import html
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from common.documents import mapping, text
from console.calls.rows import tags_of
from console.calls.sound import SUFFIXES
from console.words import named

LARGEST_SOUND: Final = 25_000_000
"""Most bytes of sound in an HTML file; the sound of a longer call is left out, and the file says so."""
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#22262e}"
    "time{color:#5b6472;font-variant-numeric:tabular-nums}li{margin:.35rem 0}ol{list-style:none;padding:0}"
    "del{color:#5b6472}.bad{color:#c0272d}.event{color:#5b6472;font-size:.9em}audio{width:100%}"
    "@media print{audio{display:none}}"
)


def as_json(call: Mapping[str, Any]) -> bytes:
    """The content of the call's page, without the raw pieces."""
    kept = {name: value for name, value in call.items() if name != "raw"}
    return json.dumps(kept, ensure_ascii=False, indent=2).encode() + b"\n"


def as_text(call: Mapping[str, Any]) -> bytes:
    """The call as plain text, for a ticket or an email."""
    lines = [f"{label}: {value}" for label, value in _facts(call)]
    lines += ["", *(f"{_clock(item['at_ms'])}  {_said(item)}" for item in call["timeline"])]
    return "\n".join(lines).encode() + b"\n"


def as_html(call: Mapping[str, Any], sound: Path | None) -> bytes:
    """The call as one HTML file that loads nothing."""
    facts = "".join(f"<li><b>{html.escape(label)}:</b> {html.escape(value)}</li>" for label, value in _facts(call))
    items = "".join(
        f'<li class="{html.escape(str(item["kind"]))} {html.escape(str(item.get("tone", "")))}" dir="auto">'
        f"<time>{_clock(item['at_ms'])}</time> {_marked(item)}</li>"
        for item in call["timeline"]
    )
    title = html.escape(f"Call {call['call_sid']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><ul>{facts}</ul>{_audio(sound)}<ol>{items}</ol>\n"
    ).encode()


FORMATS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any], Path | None], bytes]]]] = {
    "json": ("application/json", lambda call, _: as_json(call)),
    "txt": ("text/plain", lambda call, _: as_text(call)),
    "html": ("text/html", as_html),
}
"""Suffix → content type, and the function that makes the content."""


def _facts(call: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    record = call["record"]
    yield "Call", str(call["call_sid"])
    for label, name in (("Began", "started_at"), ("From", "from"), ("To", "to"), ("Length, seconds", "duration_s")):
        if value := text(record, name):
            yield label, value
    if agent := text(record, "agent", "alias") or text(record, "agent", "id"):
        yield "Agent", agent
    if tags := tags_of(record):
        yield "Tags", ", ".join(tags)
    if end := text(record, "end_reason"):
        yield "End", named(end)
    if call["cause"]:
        yield "What went wrong", f"{call['cause']['sentence']} {call['cause']['advice']}".strip()
    for sentence in call["failovers"]:
        yield "Failover", sentence
    if state := text(mapping(record, "transfer"), "state"):
        yield "Transfer", named(state)
    if summary := text(record, "analysis", "transcript_summary"):
        yield "Summary", summary


def _said(item: Mapping[str, Any]) -> str:
    match item["kind"]:
        case "turn":
            cut = f" [cut off; not heard: {item['unheard']}]" if item["unheard"] else ""
            cut = cut or (" [cut off]" if item["interrupted"] else "")
            return f"{str(item['speaker']).capitalize()}: {item['heard']}{cut}"
        case "tool":
            result = f" → {item['result']['text']}" if item["result"] else ""
            return f"Tool {item['name']} {json.dumps(item['parameters'], ensure_ascii=False)}{result}"
        case _:
            return str(item["text"])


def _marked(item: Mapping[str, Any]) -> str:
    if item["kind"] != "turn":
        return html.escape(_said(item))
    unheard = f" <del>{html.escape(item['unheard'])}</del>" if item["unheard"] else ""
    cut = ' <span class="bad">cut off</span>' if item["interrupted"] else ""
    return f"<b>{html.escape(str(item['speaker']).capitalize())}</b> {html.escape(item['heard'])}{cut}{unheard}"


def _audio(sound: Path | None) -> str:
    if sound is None:
        return ""
    if sound.stat().st_size > LARGEST_SOUND:
        return "<p>The sound of this call is too long to be part of this file.</p>"
    encoded = base64.b64encode(sound.read_bytes()).decode()
    return f'<audio controls src="data:{SUFFIXES[sound.suffix]};base64,{encoded}"></audio>'


def _clock(at_ms: float) -> str:
    minutes, seconds = divmod(int(at_ms // 1000), 60)
    return f"{minutes}:{seconds:02}"
