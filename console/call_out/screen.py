"""Output of a run: a bar and lines in a terminal, only lines elsewhere, and a table at the end."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from common.phone import mask
from console.call_out.outcome import Outcome, Result
from console.words import counted

COLORS = {
    Outcome.ANSWERED: "green",
    Outcome.OPEN: "cyan",
    Outcome.UNKNOWN: "bold red",
    Outcome.REFUSED: "red",
    Outcome.FAILED: "red",
}
SAYS = {Outcome.OPEN: "called", Outcome.UNKNOWN: "not known whether it was called"}
ROWS = 30
COLUMNS = ("line", "number", "outcome", "duration_s", "call_sid", "detail")


class Screen:
    """A `Watch` of a campaign of `total` numbers; use it as a context. `now`: seconds since the epoch."""

    def __init__(self, console: Console, total: int, *, now: Callable[[], float], show_numbers: bool = False) -> None:
        self._console = console
        self._now = now
        self._written = str if show_numbers else mask
        self._outcomes: dict[str, Outcome] = {}
        self._total = total
        self._bar: Progress | None = None
        if console.is_terminal and total > 1:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def note(self, sentence: str) -> None:
        """Print a line."""
        self._line(f"[yellow]{escape(sentence)}[/]")

    def changed(self, result: Result) -> None:
        """Print a line for one number, and update the bar."""
        self._outcomes[result.callee.number] = result.outcome
        color = COLORS.get(result.outcome, "default")
        says = SAYS.get(result.outcome, result.outcome.replace("-", " "))
        talked = f", {result.duration_s} s" if result.outcome is Outcome.ANSWERED else ""
        detail = f" [dim]({escape(result.detail)})[/]" if result.detail else ""
        over = sum(outcome.is_end for outcome in self._outcomes.values())
        count = "" if self._total == 1 else f" [dim]{over}/{self._total}[/]"
        self._line(f"{escape(self._written(result.callee.number))} [{color}]{says}{talked}[/]{detail}{count}")
        if self._bar:
            calls = sum(outcome is Outcome.OPEN for outcome in self._outcomes.values())
            self._bar.update(self._task, completed=over, description=f"{counted(calls, 'call')} now")

    def table(self, results: Sequence[Result]) -> None:
        """Counts of outcomes, and the numbers that need attention; all numbers if there are few."""
        counts = Counter(result.outcome for result in results)
        table = Table("outcome", "numbers", box=None, pad_edge=False)
        for outcome in Outcome:
            if counts[outcome]:
                table.add_row(outcome.value, str(counts[outcome]), style=COLORS.get(outcome, ""))
        self._console.print()
        self._console.print(table)
        shown = [result for result in results if len(results) <= ROWS or not result.outcome.is_end]
        rows = Table("line", "number", "outcome", "seconds", "call", "why", box=None, pad_edge=False)
        for result in shown[:ROWS]:
            number = self._written(result.callee.number)
            cells = (str(result.callee.line or ""), number, result.outcome.value, str(result.duration_s or ""))
            rows.add_row(*map(escape, (*cells, result.call_sid, result.detail)))
        if shown:
            self._console.print()
            self._console.print(rows)
        if len(shown) > ROWS:
            self._console.print(f"… and {len(shown) - ROWS} more: see --results")

    def _line(self, text: str) -> None:
        clock = datetime.fromtimestamp(self._now()).strftime("%H:%M:%S")
        self._console.print(f"[dim]{clock}[/] {text}", highlight=False, soft_wrap=True)


def write_results(path: Path, results: Sequence[Result]) -> None:
    """A CSV with full numbers, readable by its owner only. It can be used as a list again, by its column `number`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in results:
            cells = (one.callee.line, one.callee.number, one.outcome.value, one.duration_s, one.call_sid, one.detail)
            writer.writerow(cells)
