"""Results of a load test: how many calls the relay carried at once, and how long callers waited."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from common.documents import number, objects
from console.rehearse.runs import Played
from console.rehearse.timing import percentile
from console.words import counted

LATE_MS = 100
"""A machine that is later than this with its own frames measures itself, not the relay."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds over all calls; `count` values, None where there are none."""

    count: int
    p50: int | None
    p95: int | None
    p99: int | None

    @classmethod
    def of(cls, values: Iterable[int]) -> "Spread":
        """Of these values."""
        found = list(values)
        return cls(len(found), percentile(found, 0.5), percentile(found, 0.95), percentile(found, 0.99))


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """`refused`: calls that the relay refused. `at_once`: the maximum of concurrent calls. `relay`: the relay's own
    part of each answer; `holes`: times when a caller heard nothing though there should have been sound; both from the
    records, None if none could be read. `silenced`: from a cut-in to the agent's last sound. `machine_late_ms`: see
    LATE_MS.
    """

    placed: int
    refused: int
    at_once: int
    first_words: Spread
    answer: Spread
    relay: Spread
    silenced: Spread
    holes: int | None
    hole_ms: int | None
    machine_late_ms: int

    @property
    def machine_kept_up(self) -> bool:
        """Whether the figures measure the relay."""
        return self.machine_late_ms <= LATE_MS


def measure(played: Sequence[Played]) -> LoadFigures:
    """Over all calls of a run."""
    seen = [call.observed for call in played]
    placed = [call for call in seen if call.line.placed]
    records = [call.record for call in placed if call.record]
    return LoadFigures(
        placed=len(placed),
        refused=len(seen) - len(placed),
        at_once=_most_at_once((call.line.started_s, call.line.started_s + call.duration_s) for call in placed),
        first_words=Spread.of(call.timing.first for call in placed if call.timing.first is not None),
        answer=Spread.of(answer for call in placed for answer in call.timing.answers),
        relay=Spread.of(_relay_ms(call.record for call in placed)),
        silenced=Spread.of(stopped for call in placed for stopped in call.timing.stopped),
        holes=_sum(records, "gaps"),
        hole_ms=_sum(records, "gap_ms"),
        machine_late_ms=max((call.line.late_ms for call in placed), default=0),
    )


def lines(figures: LoadFigures) -> Iterator[str]:
    """All figures as sentences."""
    for name, spread in rows(figures):
        if spread.count:
            yield f"{name}: {spread.p50} ms (p50), {spread.p95} ms (p95), {spread.p99} ms (p99) of {spread.count}."
    yield from counts(figures)


def counts(figures: LoadFigures) -> Iterator[str]:
    """Counts, as sentences."""
    refused = f", {figures.refused} refused" if figures.refused else ""
    yield f"{counted(figures.placed, 'call')} placed{refused}, {figures.at_once} at once."
    if figures.holes is not None:
        yield f"Holes in the sound: {figures.holes}, {figures.hole_ms} ms in all."
    if not figures.machine_kept_up:
        yield (
            f"This machine was up to {figures.machine_late_ms} ms late with the callers' own sound: the times are "
            "partly its own. Place fewer calls from it, or use a larger one."
        )


def rows(figures: LoadFigures) -> tuple[tuple[str, Spread], ...]:
    """Distributions, by their labels."""
    return (
        ("First words", figures.first_words),
        ("Answer time", figures.answer),
        ("The relay's part of it", figures.relay),
        ("Silenced after a cut-in", figures.silenced),
    )


def _relay_ms(records: Iterable[object]) -> Iterator[int]:
    for record in records:
        for turn in objects(record, "turns"):
            if (part := number(turn, "relay_ms")) is not None:
                yield round(part)


def _sum(records: Sequence[object], name: str) -> int | None:
    return round(sum(number(record, "quality", name) or 0 for record in records)) if records else None


def _most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """Calls that end at the moment another begins do not overlap."""
    moments = sorted(moment for start, end in spans for moment in ((start, 1), (end, -1)))
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most
