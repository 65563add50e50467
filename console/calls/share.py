"""`console calls --share DIR`: a report of a period as files that can be shared.

It opens from a disk and loads nothing. It contains no numbers and no scripts, and transcripts only if requested; these
are redacted by all rules of REDACT (docs/privacy.md), which find most personal data but not all.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from common.phone import mask
from common.times import rfc3339
from console.calls.costing import Costing
from console.calls.figures import overview
from console.calls.index import Index
from console.calls.search import Filter, Order, page
from console.calls.sending import as_html
from console.calls.source import Source
from console.calls.trends import trends
from console.calls.view import view
from console.records.masking import mask_all
from console.words import counted, named
from functions.common.redaction import ALL, redact
from functions.common.store import StoreError

MOST_CALLS: Final = 1000
"""How many calls are listed, newest first; the figures cover all calls."""
_DEEPEST: Final = 40
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#22262e;"
    "background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{padding:.25rem .6rem;text-align:left;"
    "border-bottom:1px solid #d9dde3;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "svg{width:100%;height:9rem}rect{fill:#2f6fb0}rect.bad{fill:#c0272d}.faint{color:#5b6472}"
    "@media(prefers-color-scheme:dark){body{background:#16191e;color:#e4e7eb}.faint{color:#a0a8b4}th,td{border-color:#3a414b}}"
)
_FIGURES: Final[Sequence[tuple[str, str]]] = (
    ("calls", "Calls"),
    ("minutes", "Minutes"),
    ("handled", "Handled without a human"),
    ("transferred", "Transferred"),
    ("reached", "Transfers that reached somebody"),
    ("failed", "Failed"),
    ("failovers", "Another agent took over"),
    ("successful", "Successful, by the vendor's evaluation"),
    ("answer_ms_p50", "Answer time, median, ms"),
    ("answer_ms_p95", "Answer time, 95th percentile, ms"),
    ("cost", "Cost"),
)
_GROUPS: Final = {"agent": "By agent", "called": "By called number", "end_reason": "By end", "success": "By judgement"}


@dataclass(frozen=True, slots=True)
class Share:
    """The report's content: the calls of `index` that match `wanted`; those of the last week if it names no days."""

    source: Source
    index: Index
    costing: Costing
    wanted: Filter
    words: bool = False

    def write(self, folder: Path, today: date) -> int:
        """Returns the number of files. Raises ValueError if the folder is not empty, OSError or StoreError."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(f"--share {folder}: expected a folder that is not there yet, or is empty")
        with self.index.reading() as connection:
            columns = self.index.columns(connection)
            found = overview(connection, columns, self.wanted, today)
            period = replace(
                self.wanted,
                first_day=date.fromisoformat(found["first_day"]),
                last_day=date.fromisoformat(found["last_day"]),
            )
            daily = trends(connection, columns, period)
            shares = self.costing.shares(columns, today)
            rows = list(_rows(connection, period))
        for name in ("now", "before"):
            found[name] = self.costing.of_period(found[name], shares)
        folder.mkdir(parents=True, exist_ok=True)
        pages = self._pages(rows) if self.words else {}
        for call_sid, body in pages.items():
            (folder / "calls").mkdir(exist_ok=True)
            (folder / "calls" / f"{call_sid}.html").write_bytes(body)
        report = "".join(self._report(found, daily, rows, pages))
        (folder / "index.html").write_text(report, encoding="utf-8")
        return 1 + len(pages)

    def _pages(self, rows: list[Mapping[str, Any]]) -> dict[str, bytes]:
        """One page for each listed call that can be read."""
        pages = {}
        for row in rows:
            try:
                call = view(self.source, row["call_sid"], numbers=True)
            except StoreError:
                continue
            if call:
                call["record"] = {**call["record"], "from": "", "to": ""}
                # Redact first: a card number masked as a phone number would keep four digits.
                shown = {**mask_all(_without_secrets(call)), "call_sid": row["call_sid"]}
                pages[row["call_sid"]] = as_html(shown, None)
        return pages

    def _report(
        self,
        found: Mapping[str, Any],
        daily: Mapping[str, Any],
        rows: list[Mapping[str, Any]],
        pages: Mapping[str, bytes],
    ) -> Iterator[str]:
        title = f"Calls from {found['first_day']} to {found['last_day']}"
        yield (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
            f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        )
        made = rfc3339(datetime.now().timestamp())
        kept = "words redacted, which finds most and not all" if self.words else "no transcripts"
        yield f'<p class="faint">Made at {made}. No numbers of callers; {kept}.</p>'
        yield from self._figures(found)
        yield _bars("Calls a day", daily["days"], _sums(daily["figures"].get("calls", {}), len(daily["days"])))
        failures = _sums(daily["causes"], len(daily["days"]))
        yield _bars("Failed calls a day", daily["days"], failures, "bad") if any(failures) else ""
        yield _bars("Calls by hour of the day", [f"{hour}:00" for hour in range(24)], found["hours"])
        for name, heading in _GROUPS.items():
            yield _table((heading, "Calls", "Failed"), [_group(name, *one) for one in found["groups"][name]])
        causes = [(named(cause), number) for cause, _, number in found["causes"]]
        yield _table(("What failed", "Calls"), causes) if causes else ""
        yield from _list(rows, pages, found["now"]["calls"], words=self.words)

    def _figures(self, found: Mapping[str, Any]) -> Iterator[str]:
        code = self.costing.prices.currency.code
        cells = []
        for name, heading in _FIGURES:
            heading = f"{heading}, {code}" if name == "cost" else heading
            cells.append((heading, *(_figure(found[side][name]) for side in ("now", "before"))))
        if found["now"]["cost_unknown"]:
            cells.append(("Calls of unknown cost", _figure(found["now"]["cost_unknown"]), ""))
        yield _table(("", "This period", "Previous period"), cells)


def _rows(connection: Any, period: Filter) -> Iterator[Mapping[str, Any]]:
    cursor, listed = "", 0
    while True:
        one = page(connection, period, Order.NEWEST, cursor)
        for row in one["calls"]:
            if listed == MOST_CALLS:
                return
            yield row
            listed += 1
        cursor = one["next"]
        if not cursor:
            return


def _list(rows: list[Mapping[str, Any]], pages: Mapping[str, bytes], calls: float, *, words: bool) -> Iterator[str]:
    more = f", the newest {counted(len(rows), 'call')} of {calls:,.0f}" if calls > len(rows) else ""
    yield f"<h2>The calls{more}</h2><table><tr><th>Began<th>Call<th>Agent<th>End<th class=n>Seconds<th>Transfer"
    yield "<th>About</tr>" if words else "</tr>"
    for row in rows:
        began = datetime.fromtimestamp(row["started"]).astimezone() if row["started"] else None
        call_sid = html.escape(row["call_sid"])
        link = f'<a href="calls/{call_sid}.html">{call_sid}</a>' if row["call_sid"] in pages else call_sid
        end = named(row["cause"] or row["end_reason"]) if not row["problem"] else "record can't be read"
        yield (
            f"<tr><td>{f'{began:%Y-%m-%d %H:%M}' if began else ''}<td>{link}<td>{html.escape(row['agent'])}"
            f"<td>{html.escape(end)}<td class=n>{row['duration_s']:.0f}<td>{html.escape(named(row['transfer']))}"
        )
        yield f'<td dir="auto">{html.escape(redact(row["title"], ALL))}</tr>' if words else "</tr>"
    yield "</table>\n"


def _group(name: str, value: str, calls: int, failed: int) -> tuple[str, int, int]:
    shown = mask(value) if name == "called" and value else named(value)
    return shown or "unknown", calls, failed


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def cells(tag: str, row: Sequence[object]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place else ''}>{html.escape(str(cell))}" for place, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>"


def _bars(title: str, slots: Sequence[str], values: Sequence[float], tone: str = "") -> str:
    """Each bar has a tooltip, so no table of the values is needed."""
    most = max([*values, 1])
    width = 100 / max(1, len(slots))
    bars = "".join(
        f'<rect class="{tone}" x="{place * width:.3f}%" width="{width * 0.8:.3f}%" y="{100 - 100 * value / most:.2f}%" '
        f'height="{100 * value / most:.2f}%"><title>{html.escape(slot)}: {value:,.0f}</title></rect>'
        for place, (slot, value) in enumerate(zip(slots, values, strict=True))
    )
    name = html.escape(title)
    span = f"{slots[0]} to {slots[-1]}, at most {most:,.0f}" if slots else "none"
    return f'<h2>{name}</h2><p class="faint">{html.escape(span)}</p><svg role="img" aria-label="{name}">{bars}</svg>'


def _sums(series: Mapping[str, Sequence[float | None]], length: int) -> list[float]:
    return [sum(values[place] or 0 for values in series.values()) for place in range(length)]


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:,.2f}"


def _without_secrets(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return redact(value, ALL)
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {key: _without_secrets(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, depth + 1) for item in value]
    return value
