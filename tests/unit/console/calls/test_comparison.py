"""What a change has changed: the sides of a comparison, and that each leads to its calls."""

import json
from dataclasses import replace
from datetime import date

import pytest

from console.calls.comparison import Pivot, compared
from console.calls.figures import overview
from console.calls.index import Index
from console.calls.rows import row_of
from console.calls.search import Filter, count
from console.calls.trends import trends
from tests.support.many_calls import CHANGED, records


def call(sid, at, version="", agent="desk"):
    return {
        "call_sid": sid, "started_at": f"{at}:00.000Z", "duration_s": 60.0, "end_reason": "agent_ended", "turns": [],
        "agent": {"alias": agent, "vendor": "elevenlabs", "id": agent}, "vendor_version": version or None,
    }  # fmt: skip


ALL = Filter()


@pytest.fixture
def asked(tmp_path):
    """Of these records: what a pivot parts them into, and how many calls its sides lead to."""

    def ask(found, pivot, wanted=ALL):
        index = Index("file:/compared", tmp_path)
        rows = [
            (f"logs/{one['call_sid']}.json", "1", row_of(one["call_sid"], json.dumps(one).encode())) for one in found
        ]
        index.put(rows)
        with index.reading() as connection:
            columns = index.columns(connection)
            days = trends(connection, columns, wanted)["days"]
            parts = compared(connection, columns, wanted, days, pivot)
            for side in parts["sides"].values():
                leads_to = Filter.parse({**given(wanted), **side["filters"]})
                for more, figure in LEADS:
                    assert count(connection, replace(leads_to, **more)) == side[figure], figure
            return parts, overview(connection, columns, wanted, date(2026, 11, 22))["now"]

    return ask


LEADS = (
    ({}, "calls"),
    ({"cause": "any"}, "failed"),
    ({"transfer": "any"}, "transferred"),
    ({"transfer": "-", "cause": "-"}, "handled"),
    ({"transfer": "answered"}, "reached"),
    ({"failover": True}, "failovers"),
    ({"success": "success"}, "successful"),
)


def given(wanted):
    return {name: str(value) for name in ("agent", "agent_version", "first_day") if (value := getattr(wanted, name))}


@pytest.mark.parametrize("wanted", [ALL, Filter(agent="billing"), Filter(agent_version="agtvrsn_8")])
def test_a_day_parts_the_calls_and_each_figure_leads_to_its_calls(asked, wanted):
    """ "Handled without a human" led to failed calls, too, and "Transferred" to nothing."""
    parts, _ = asked(records(600), Pivot(day=date(2026, 11, 15)), wanted)
    before, after = parts["sides"]["before"], parts["sides"]["after"]
    assert after["filters"]["first_day"] == "2026-11-15"
    assert before["filters"]["last_day"] == "2026-11-14"
    assert (before["days"], after["days"]) == (3 if wanted.agent_version else 23, 8)
    assert before["calls"] > 0
    assert after["calls"] > 0


@pytest.mark.parametrize("day", ["2026-10-01", "2026-10-23", "2026-12-01"])
def test_a_day_with_all_calls_on_one_side_compares_nothing(asked, day):
    assert asked(records(60), Pivot(day=date.fromisoformat(day)))[0]["sides"] == {}


def test_a_version_stands_beside_the_one_before_it(asked):
    """Of its own agents: what another agent was given in between is no part of it. Both may run on the same days."""
    found = [
        call("a", "2026-11-02T10:00", "v1"),
        call("b", "2026-11-03T10:00", "v2"),
        call("c", "2026-11-03T12:00", "night-1", "night"),
        call("d", "2026-11-04T09:00", "v3"),
        call("e", "2026-11-05T10:00", "v2"),
        call("f", "2026-11-05T11:00"),
    ]
    parts, _ = asked(found, Pivot(version="v3"))
    assert [parts["sides"][side]["filters"]["agent_version"] for side in ("before", "after")] == ["v2", "v3"]
    assert [parts["sides"][side]["calls"] for side in ("before", "after")] == [2, 1]
    assert [parts["sides"][side]["days"] for side in ("before", "after")] == [3, 1]
    assert parts["versions"] == [["v3", "2026-11-04"], ["v2", "2026-11-03"]]
    for first in ("v1", "night-1", "unknown", "-"):
        assert asked(found, Pivot(version=first))[0]["sides"] == {}
    later = Filter(first_day=date(2026, 11, 4))
    assert asked(found, Pivot(version="v3"), later)[0]["sides"] == {}, "v2 began before the days that are looked at"


def test_versions_of_thirty_days_are_offered_with_the_day_that_they_began(asked):
    parts, _ = asked(records(600), Pivot(version="agtvrsn_8"))
    assert parts["versions"] == [["agtvrsn_8", f"{CHANGED.astimezone():%Y-%m-%d}"]]
    assert parts["sides"]["before"]["calls"] + parts["sides"]["after"]["calls"] == 600


def test_without_calls_or_a_pivot_there_is_nothing_to_compare(asked):
    assert asked([], Pivot(version="v1"))[0] == {"sides": {}, "versions": []}
    assert asked(records(60), Pivot())[0]["sides"] == {}


def test_a_pivot_that_is_no_day_is_named():
    assert Pivot.parse({"pivot": " 2026-11-23 ", "pivot_version": ""}) == Pivot(date(2026, 11, 23))
    with pytest.raises(ValueError, match="pivot='soon': expected a date such as"):
        Pivot.parse({"pivot": "soon"})
