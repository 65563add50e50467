"""How calls change from day to day: numbers, lengths, times, evaluations, transfers, failovers, ends, versions."""

import sqlite3
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from console.calls.columns import UNKNOWN_DAY, Columns, Mask, known_or_none, percentiles
from console.calls.figures import judgements
from console.calls.search import Filter

MOST_AGENTS: Final = 6
MOST_DAYS: Final = 92
MOST_VERSIONS: Final = 8
MOST_TAGS: Final = 6
OTHERS: Final = "others"
_PERCENTILES: Final = {
    "duration_s": {50: "length_s"},
    "first_audio_ms": {50: "first_audio_ms", 95: "first_audio_p95_ms"},
    "answer_ms": {50: "answer_ms", 95: "answer_p95_ms"},
}


def trends(connection: sqlite3.Connection, columns: Columns, wanted: Filter) -> dict[str, Any]:
    """By day: `figures` of each agent (medians, 95th percentiles, gaps and interruptions per call, per cent
    successful), `criteria` (per cent successful by each), and numbers of calls by how they ended, failed, were taken
    over and transferred, by `versions`, by `tags` (a call may have several), and by the outcome of their `lookups`. By
    hour: `hours`. Only the last MOST_DAYS days; agents with few calls are counted together."""
    mask = columns.of(connection, wanted) & (columns.day != UNKNOWN_DAY)
    if not mask.any():
        empty = (
            "figures",
            "transfers",
            "end_reasons",
            "causes",
            "criteria",
            "versions",
            "failovers",
            "tags",
            "lookups",
        )
        return {"days": [], "agents": [], "hours": [], **{name: {} for name in empty}}
    last = int(columns.day[mask].max())
    mask &= columns.day > last - MOST_DAYS
    first = int(columns.day[mask].min())
    days = last - first + 1
    of_day = columns.day - first
    hours = columns.numbers["hour"][mask]
    failovers = np.bincount(of_day[mask & (columns.numbers["failovers"] > 0)], minlength=days)
    return {
        "days": [date.fromordinal(day).isoformat() for day in range(first, last + 1)],
        **_by_agent(columns, mask, of_day, days),
        "transfers": _daily(columns, "transfer", mask & ~columns.is_word("transfer", ""), of_day, days),
        "end_reasons": _daily(columns, "end_reason", mask, of_day, days, unknown="unknown"),
        "causes": _daily(columns, "cause", mask & ~columns.is_word("cause", ""), of_day, days),
        "failovers": {"calls": failovers.tolist()} if failovers.any() else {},
        "versions": _versions(columns, mask & ~columns.is_word("agent_version", ""), of_day, days),
        "tags": {
            tag: np.bincount(of_day[mask & columns.has_tag(tag)], minlength=days).tolist()
            for tag, _ in columns.tagged(mask)[:MOST_TAGS]
        },
        "lookups": _daily(columns, "lookup", mask & ~columns.is_word("lookup", ""), of_day, days),
        "criteria": _criteria(columns, mask, of_day, days),
        "hours": np.bincount(hours[(hours >= 0) & (hours < 24)].astype(np.int64), minlength=24).tolist(),
    }


def _by_agent(columns: Columns, mask: Mask, of_day: NDArray[np.int64], days: int) -> dict[str, Any]:
    """`agents` and `figures`. A cell is one day of one agent."""
    most = columns.counts("agent", mask)
    agents = [agent for agent, _ in most[:MOST_AGENTS]] + ([OTHERS] if len(most) > MOST_AGENTS else [])
    place_of = {agent: place for place, agent in enumerate(agents[:MOST_AGENTS])}
    places = np.array([place_of.get(agent, MOST_AGENTS) for agent in columns.meanings["agent"]], np.int64)
    cells = places[columns.words["agent"][mask]] * days + of_day[mask]
    count = len(agents) * days
    calls = np.bincount(cells, minlength=count).astype(np.float64)
    numbers = {name: values[mask] for name, values in columns.numbers.items()}
    judged = _cells(cells, count, ~columns.is_word("success", "")[mask])
    successful = _cells(cells, count, columns.is_word("success", "success")[mask])
    found: dict[str, list[float | None]] = {"calls": [int(one) for one in calls]}
    for column, named in _PERCENTILES.items():
        for name, values in zip(named.values(), percentiles(numbers[column], cells, count, list(named)), strict=True):
            found[name] = known_or_none(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        found["success"] = known_or_none(np.where(judged > 0, 100 * successful / judged, np.nan))
        for name in ("gaps", "interruptions"):
            sums = _cells(cells, count, np.nan_to_num(numbers[name]))
            found[name] = known_or_none(np.where(calls > 0, sums / calls, np.nan), 3)
    by_agent = {
        name: {agent: values[place * days : (place + 1) * days] for place, agent in enumerate(agents)}
        for name, values in found.items()
    }
    return {"agents": agents, "figures": by_agent}


def _cells(cells: NDArray[np.int64], count: int, weights: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(cells, weights=weights.astype(np.float64), minlength=count), np.float64)


def _daily(
    columns: Columns, name: str, mask: Mask, of_day: NDArray[np.int64], days: int, unknown: str = ""
) -> dict[str, list[int]]:
    """Word → number of calls on each day, most frequent word first."""
    meanings = columns.meanings[name]
    cells = columns.words[name][mask] * days + of_day[mask]
    table = np.bincount(cells, minlength=len(meanings) * days).reshape(len(meanings), days)
    totals = table.sum(axis=1)
    order = sorted(np.flatnonzero(totals), key=lambda code: -totals[code])
    return {meanings[code] or unknown: table[code].tolist() for code in order}


def _versions(columns: Columns, mask: Mask, of_day: NDArray[np.int64], days: int) -> dict[str, list[int]]:
    """The most frequent versions; empty if there is only one."""
    found = _daily(columns, "agent_version", mask, of_day, days)
    return dict(list(found.items())[:MOST_VERSIONS]) if len(found) > 1 else {}


def _criteria(columns: Columns, mask: Mask, of_day: NDArray[np.int64], days: int) -> dict[str, list[float | None]]:
    """Criterion → for each day, per cent of the judged calls that were successful."""
    judged: dict[str, list[NDArray[np.float64]]] = {}
    for said, daily in _daily(columns, "criteria", mask & ~columns.is_word("criteria", ""), of_day, days).items():
        for name, is_success in judgements(said):
            sums = judged.setdefault(name, [np.zeros(days), np.zeros(days)])
            sums[0] += daily
            sums[1] += np.array(daily) * is_success
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: known_or_none(np.where(of > 0, 100 * good / of, np.nan))
            for name, (of, good) in sorted(judged.items())
        }
