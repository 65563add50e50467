"""The index: rows from records of every quality, and questions that stay quick because they use it."""

import json
import re
import sqlite3
import time
from collections import Counter
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.calls.app import PAGE as PAGE_FOLDER
from console.calls.choices import choices
from console.calls.columns import Columns, percentiles
from console.calls.figures import overview
from console.calls.index import Index
from console.calls.rows import answer_times, median_answer_ms, row_of
from console.calls.search import PAGE, Filter, Order, count, match, page, page_query
from console.calls.trends import trends
from tests.support.many_calls import NEWEST, records


def asked(explored, question, *arguments):
    with explored[1].reading() as connection:
        return question(connection, *arguments)


def figured(explored, question, *arguments):
    """A question to the columns, which follow the index."""
    with explored[1].reading() as connection:
        return question(connection, explored[1].columns(connection), *arguments)


def walk(explored, wanted, order):
    found, cursor = [], ""
    while True:
        one = asked(explored, page, wanted, order, cursor)
        assert len(one["calls"]) <= PAGE
        found += one["calls"]
        cursor = one["next"]
        if not cursor:
            return found


def test_the_page_knows_every_filter_as_one():
    """Version and criterion were no part of the address: their choices and links led to all calls."""
    script = (PAGE_FOLDER / "address.js").read_text(encoding="utf-8")
    listed = script.partition("FIELDS = [")[2].partition("]")[0]
    assert set(re.findall(r'"(\w+)"', listed)) == {field.name for field in fields(Filter)} | {"order"}


def test_a_row_has_what_the_list_shows():
    [record] = records(1)
    record["from"] = "+919876543210"
    row = row_of(record["call_sid"], json.dumps(record).encode())
    assert row.problem == ""
    assert row.caller == "***3210"
    assert row.day == f"{datetime.fromisoformat(record['started_at']).astimezone():%Y-%m-%d}"
    assert (row.agent, row.end_reason) == (record["agent"]["alias"], record["end_reason"])
    assert row.title == record["analysis"]["call_summary_title"]
    assert "919876543210" in row.digits.split()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "It is empty"),
        (b"  \n", "It is empty"),
        (b'{"schema": 1, "call_sid": "a', "cut off"),
        (b"[]", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"{}", "not a record of a call"),
        (b'{"schema": 2, "turns": []}', "newer version"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_row_that_says_so(body, says):
    row = row_of("a1", body)
    assert row.call_sid == "a1"
    assert says in row.problem


@pytest.mark.parametrize(
    "broken",
    [{"turns": 7}, {"agent": []}, {"quality": None}, {"duration_s": "long"}, {"started_at": 5}, {"transfer": "x"}],
)
def test_fields_of_a_wrong_kind_count_as_unknown(broken):
    [record] = records(1)
    assert row_of("a1", json.dumps({**record, **broken}).encode()).problem == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=4), values, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ("schema", "turns", "agent", "from", "started_at", "duration_s", "transfer", "quality", "analysis")
        ),
        JSON
        | st.dictionaries(st.sampled_from(("gaps", "interruptions", "first_audio_ms", "state", "alias", "text")), JSON)
        | st.lists(st.dictionaries(st.sampled_from(("speaker", "text", "interrupted")), JSON), max_size=3),
    )
)
@example({"quality": {"gaps": 1e300}})
@example({"started_at": "0001-01-01T00:00:00Z"})
@example({"turns": [{"speaker": "agent", "text": "\ud800"}]})
def test_no_record_whatever_is_in_it_stops_the_others(index_of_nothing, record):
    """`"gaps": 1e300` was once too large for SQLite, and one such record kept the whole store from being indexed."""
    row = row_of("a1", json.dumps({"turns": [], **record}).encode())
    index_of_nothing.put([("logs/a1.json", "1", row)])
    with index_of_nothing.reading() as connection:
        assert count(connection, Filter()) == 1
        page(connection, Filter(), Order.NEWEST, "")
        trends(connection, index_of_nothing.columns(connection), Filter())


@pytest.fixture(scope="module")
def index_of_nothing(tmp_path_factory):
    return Index("file:/nowhere", tmp_path_factory.mktemp("index"))


@pytest.mark.parametrize("order", list(Order))
def test_paging_shows_every_call_once_and_in_order(explored, order):
    found = walk(explored, Filter(), order)
    assert len(found) == len({call["call_sid"] for call in found}) == 600
    values = [call[{"longest": "duration_s", "interrupted": "interruptions"}.get(order, "started")] for call in found]
    assert values == sorted(values, reverse=order is not Order.OLDEST)


def test_filters_narrow_and_combine(explored):
    everything = walk(explored, Filter(), Order.NEWEST)
    day = date.fromisoformat(everything[300]["day"])
    for wanted, holds in (
        (Filter(agent="billing"), lambda call: call["agent"] == "billing"),
        (Filter(end_reason="line_lost"), lambda call: call["end_reason"] == "line_lost"),
        (Filter(transfer="busy", agent="billing"), lambda call: call["transfer"] + call["agent"] == "busybilling"),
        (Filter(transfer="-"), lambda call: call["transfer"] == ""),
        (Filter(first_day=day, last_day=day), lambda call: call["day"] == day.isoformat()),
        (Filter(min_s=20, max_s=30), lambda call: 20 <= call["duration_s"] <= 30),
        (Filter(unreadable=True), lambda call: False),
    ):  # fmt: skip
        expected = [call["call_sid"] for call in everything if holds(call)]
        assert [call["call_sid"] for call in walk(explored, wanted, Order.NEWEST)] == expected, wanted
        assert asked(explored, count, wanted) == len(expected)


def test_search_finds_words_beginnings_and_numbers_and_takes_nothing_for_syntax(explored):
    one = asked(explored, page, Filter(), Order.NEWEST, "")["calls"][0]
    assert one["call_sid"] in {
        call["call_sid"] for call in walk(explored, Filter(text=one["caller"][-4:]), Order.NEWEST)
    }
    assert [call["call_sid"] for call in walk(explored, Filter(text=one["call_sid"]), Order.NEWEST)] == [
        one["call_sid"]
    ]
    assert 0 < asked(explored, count, Filter(text="APPOINTMENT fri")) < 600
    assert asked(explored, count, Filter(text="appointment charged twice zebra")) == 0
    for harmless in ('"', "bill AND", "bill -station", "NEAR(", "*", "a:b", "'; DROP TABLE calls; --", "()"):
        asked(explored, count, Filter(text=harmless))
    assert match("  ") == match("-*'") == ""


@pytest.mark.parametrize("after", [None, (1795000000.0, 5)])
@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(agent="billing"),
        Filter(end_reason="line_lost"),
        Filter(transfer="busy"),
        Filter(transfer="any"),
        Filter(unreadable=True),
        Filter(first_day=date(2026, 11, 1)),
        Filter(tag="vip"),
        Filter(lookup="timeout"),
    ],
)
def test_a_page_reads_a_page_not_the_table(explored, wanted, after):
    """At 100,000 calls: the plan searches or walks an index in the order wanted, and sorts nothing."""
    sql, values = page_query(wanted, Order.NEWEST, after)
    with explored[1].reading() as connection:
        plan = " / ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
    assert "USING INDEX" in plan
    # newer SQLites sort what a partial index is known to hold one row of or none, as that of unreadable calls here
    assert "TEMP B-TREE" not in plan or "by_problem" in plan


def test_a_page_of_a_large_index_costs_a_few_steps(explored):
    """Counted, not timed: the virtual machine's instructions for the first page and for one far behind."""
    steps = []
    with explored[1].reading() as connection:
        connection.set_progress_handler(lambda: steps.append(1), 100)
        page(connection, Filter(agent="billing"), Order.NEWEST, "")
    assert len(steps) < 120, f"{len(steps) * 100} instructions for {PAGE + 1} rows"


def test_wrong_questions_are_named(explored):
    with pytest.raises(ValueError, match="first_day='yesterday': expected a date such as"):
        Filter.parse({"first_day": "yesterday"})
    with pytest.raises(ValueError, match="min_s='x': expected a number of seconds"):
        Filter.parse({"min_s": "x"})
    with pytest.raises(ValueError, match="cursor='7': expected what an earlier page gave"):
        asked(explored, page, Filter(), Order.NEWEST, "7")


def test_choices_count_what_there_is(explored):
    found = figured(explored, choices)
    assert sum(number for _, number in found["agent"]) == 600
    assert {value for value, _ in found["agent"]} == {"reception", "billing", "bookings"}
    assert found["unreadable"] == 0


def test_trends_agree_with_the_calls(explored):
    found = figured(explored, trends, Filter())
    assert sum(sum(numbers) for numbers in found["figures"]["calls"].values()) == 600
    assert sum(sum(numbers) for numbers in found["end_reasons"].values()) == 600
    assert found["days"] == sorted(found["days"])
    assert len(found["days"]) in {30, 31}
    first_audio = [value for series in found["figures"]["first_audio_ms"].values() for value in series if value]
    assert 150 < min(first_audio) <= max(first_audio) < 700
    assert figured(explored, trends, Filter(text="zebra"))["days"] == []


def test_the_figures_of_a_period_stand_beside_those_of_the_one_before(explored):
    calls = walk(explored, Filter(), Order.NEWEST)
    last = date.fromisoformat(calls[0]["day"])
    found = figured(explored, overview, Filter(), date(2030, 1, 1))
    assert found["last_day"] == last.isoformat(), "a store of last year begins with its own last week"
    week = [one for one in calls if found["first_day"] <= one["day"] <= found["last_day"]]
    earlier = (last - timedelta(days=13)).isoformat()
    assert found["now"]["calls"] == len(week)
    assert found["before"]["calls"] == sum(earlier <= one["day"] < found["first_day"] for one in calls)
    assert found["now"]["failed"] == sum(bool(one["cause"]) for one in week)
    assert found["now"]["handled"] == sum(not one["cause"] and not one["transfer"] for one in week)
    assert found["now"]["minutes"] == pytest.approx(sum(one["duration_s"] for one in week) / 60, abs=0.1)
    waits = [one["answer_ms"] for one in week if one["answer_ms"] is not None]
    assert found["now"]["answer_ms_p50"] == pytest.approx(np.percentile(waits, 50), abs=1)
    assert sum(found["hours"]) == sum(found["weekdays"]) == len(week)
    assert found["weekdays"][0] == sum(date.fromisoformat(one["day"]).weekday() == 0 for one in week)
    assert {value: number for value, number, _ in found["groups"]["agent"]} == Counter(one["agent"] for one in week)
    assert sum(number for _, _, number in found["causes"]) == found["now"]["failed"]


def judged(
    sid,
    day,
    *,
    criteria=None,
    listed=None,
    version="",
    failed_over=False,
    agents_version="",
    tags=(),
    outcome="",
    end="",
):
    agent = {"alias": "desk", "vendor": "elevenlabs", "id": "a", "conversation_id": "c", "end_reason": "agent_ended"}
    lost = {**agent, "end_reason": "agent_failed", "end_detail": "http_500"}
    record = {
        "call_sid": sid, "started_at": f"{day}T10:00:00.000Z", "ended_at": f"{day}T10:01:00.000Z", "duration_s": 60.0,
        "agent": agent, "agents": [lost, agent] if failed_over else [agent], "end_reason": end or "agent_ended",
        "vendor_version": version or None, "agents_version": agents_version or None,
        "turns": [], "tags": tags, "lookup": {"ms": 9, "outcome": outcome} if outcome else None,
        "analysis": {"evaluation_criteria_results": criteria or {}, "evaluation_criteria_results_list": listed or []},
    }  # fmt: skip
    return (f"logs/{sid}.json", "1", row_of(sid, json.dumps(record).encode()))


def test_criteria_failovers_and_versions_are_told_by_day(tmp_path):
    index = Index("file:/judged", tmp_path)
    polite, rude, unsure = ({"polite": {"result": result}} for result in ("success", "failure", "unknown"))
    both = [{"criteria_id": "polite", "result": "success"}, {"criteria_id": "a=b;c", "result": "failure"}]
    index.put(
        [
            judged("a", "2026-11-20", criteria=polite, version="v1"),
            judged("b", "2026-11-20", criteria=rude, version="v1", failed_over=True),
            judged("c", "2026-11-20", criteria=unsure, version="v1"),
            judged("d", "2026-11-22", listed=both, version="v2"),
            judged("e", "2026-11-22", agents_version="7-abc"),
        ]
    )
    wanted = Filter(first_day=date(2026, 11, 16), last_day=date(2026, 11, 22))
    found, over = figured((None, index), trends, wanted), figured((None, index), overview, wanted, date(2026, 11, 22))
    assert found["criteria"] == {"a_b_c": [None, None, 0.0], "polite": [50.0, None, 100.0]}
    assert found["failovers"] == {"calls": [1, 0, 0]}
    assert found["versions"] == {"v1": [3, 0, 0], "v2": [0, 0, 1], "7-abc": [0, 0, 1]}
    assert over["criteria"] == [["a_b_c", 1, 0], ["polite", 3, 2]]
    assert {version: calls for version, calls, _ in over["groups"]["agent_version"]} == {"v1": 3, "v2": 1, "7-abc": 1}
    assert over["now"]["failovers"] == 1
    with index.reading() as connection:
        assert count(connection, Filter(agent_version="v1")) == 3
        for criterion, calls in {"polite=success": 2, "polite=failure": 1, "lite=success": 0, "polite": 0}.items():
            assert count(connection, Filter(criterion=criterion)) == calls


def test_calls_are_told_and_found_by_what_a_look_up_said_of_them(tmp_path):
    """Numbers in tags are masked like all others: lists show tags, and addresses have them."""
    index = Index("file:/tagged", tmp_path)
    index.put(
        [
            judged("a", "2026-11-20", tags=["vip", " gold  plan ", "vip"], outcome="ok"),
            judged("b", "2026-11-20", tags=["vip"], outcome="partly", end="line_lost"),
            judged("c", "2026-11-22", tags=["again +91 98765 43210"], outcome="http_500"),
            judged("d", "2026-11-22", tags="vip"),
            judged("e", "2026-11-22", tags=[7, "", None, "v", *map(str, range(90))]),
        ]
    )
    week = Filter(first_day=date(2026, 11, 16), last_day=date(2026, 11, 22))
    found, over = figured((None, index), trends, week), figured((None, index), overview, week, date(2026, 11, 22))
    assert list(found["tags"]) == ["vip", "0", "1", "10", "11", "2"]
    assert found["tags"]["vip"] == [2, 0, 0]
    assert found["lookups"] == {"ok": [1, 0, 0], "partly": [1, 0, 0], "http_500": [0, 0, 1]}
    assert over["groups"]["tag"][0] == ["vip", 2, 1]
    assert ["", 2, 0] in over["groups"]["lookup"]
    with index.reading() as connection:
        tags = dict(choices(connection, index.columns(connection))["tag"])
        rows = {row["call_sid"]: row["tags"] for row in page(connection, Filter(), Order.NEWEST, "")["calls"]}
        for tag, calls in {"vip": 2, "gold plan": 1, "gold": 0, "again +91 98765 43210": 1, "-": 1, "%": 0}.items():
            wanted = Filter(tag=tag)
            assert count(connection, wanted) == calls
            assert index.columns(connection).of(connection, wanted).sum() == calls
        assert count(connection, Filter(lookup="-")) == 2
        assert count(connection, Filter(lookup="http_500")) == count(connection, Filter(text="again")) == 1
    assert rows["a"] == "gold plan\nvip"
    assert len(rows["e"].split("\n")) == 13
    assert (tags["vip"], tags["gold plan"], tags["again ***3210"]) == (2, 1, 1)


@pytest.mark.parametrize(
    "wanted",
    [
        {"agent": "billing"}, {"agent": "-"}, {"cause": "any"}, {"cause": "-", "transfer": "-"}, {"transfer": "any"},
        {"agent": "any"}, {"transfer": "busy"}, {"tag": "vip"}, {"tag": "-"}, {"lookup": "timeout"}, {"hour": "9"},
        {"criterion": "answered=failure"}, {"criterion": "answered"}, {"min_s": "30", "max_s": "40.5"},
        {"called": "+918047100002"}, {"text": "bill", "agent": "billing"}, {"failover": "1"}, {"waiting": "1"},
        {"unreadable": "1"}, {"success": "success", "first_day": "2026-11-10", "last_day": "2026-11-12"},
    ],
)  # fmt: skip
def test_figures_and_list_mean_the_same_calls(explored, wanted):
    """The list asks the index in SQL; figures are made of columns, by arithmetic."""
    filters = Filter.parse(wanted)
    expected = len(walk(explored, filters, Order.NEWEST))
    with explored[1].reading() as connection:
        assert explored[1].columns(connection).of(connection, filters).sum() == expected
        assert count(connection, filters) == expected


def test_columns_follow_what_is_added_changed_and_removed(tmp_path):
    """And readers of the old ones may go on."""
    index = Index("file:/followed", tmp_path)
    index.put([judged("a", "2026-11-20", version="v1"), judged("b", "2026-11-20", version="v1")])
    with index.reading() as connection:
        before = index.columns(connection)
        assert index.columns(connection) is before
    index.put([judged("b", "2026-11-21", version="v2"), judged("c", "2026-11-22", version="v3")])
    index.remove(["logs/a.json"])
    with index.reading() as connection:
        after = index.columns(connection)
        fresh = Columns().followed(connection)
    assert before.counts("agent_version", np.ones(2, bool)) == [("v1", 2)]
    assert sorted(after.counts("agent_version", np.ones(2, bool))) == [("v2", 1), ("v3", 1)]
    assert (after.ids.tolist(), after.day.tolist()) == (fresh.ids.tolist(), fresh.day.tolist())
    assert all(np.array_equal(after.numbers[name], fresh.numbers[name], equal_nan=True) for name in after.numbers)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6) | st.just(float("nan"))), max_size=60),
    st.sampled_from([0, 5, 50, 95, 100]),
)
def test_percentiles_of_cells_are_numpys(pairs, percent):
    cells = np.array([cell for cell, _ in pairs], np.int64)
    values = np.array([value for _, value in pairs], np.float64)
    [found] = percentiles(values, cells, 5, [percent])
    for cell in range(5):
        known = values[(cells == cell) & ~np.isnan(values)]
        if not len(known):
            assert np.isnan(found[cell])
        else:
            assert found[cell] == pytest.approx(np.percentile(known, percent), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(), Filter(agent="billing"), Filter(text="bill"), Filter(min_s=30, transfer="-"), Filter(cause="any"),
        Filter(hour=9), Filter(failover=True), Filter(first_day=NEWEST.date() - timedelta(days=3)),
        Filter(text="43210", last_day=NEWEST.date() - timedelta(days=3), end_reason="agent_ended"),
    ],
)  # fmt: skip
def test_columns_and_rows_agree_on_what_a_filter_leaves(explored, wanted):
    with explored[1].reading() as connection:
        columns = explored[1].columns(connection)
        assert int(columns.of(connection, wanted).sum()) == count(connection, wanted)


def test_the_index_is_private_read_only_for_readers_and_rebuilt_when_damaged(tmp_path):
    index = Index("file:/somewhere", tmp_path)
    assert index.path.stat().st_mode & 0o777 == 0o600
    with index.reading() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM calls")
    index.path.write_bytes(b"not a database, but as long as one must be" * 100)
    assert Index("file:/somewhere", tmp_path).known() == {}
    assert Index("file:/elsewhere", tmp_path).path != index.path


def test_a_changed_record_is_no_longer_found_by_its_old_words(tmp_path):
    index = Index("file:/somewhere", tmp_path)
    for words in ("apple", "pear"):
        index.put([("logs/a.json", words, row_of("a", json.dumps({"turns": [{"text": words}]}).encode()))])
    with index.reading() as connection:
        assert [count(connection, Filter(text=words)) for words in ("apple", "pear", "")] == [0, 1, 1]


NUMBERS = ("+91 98765 43210", "98765 43210", "098765-43210", "98765432", "43210", "(98765) 43210", "0091 98765 43210",
           "98765–43210", "९८७६५ ४३२१०", "919876543210", "321", "98765 43")  # fmt: skip


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """One call from +919876543210 in which a number is said, transferred to another; and one from somebody else."""
    index = Index("file:/numbered", tmp_path_factory.mktemp("index"))
    [mine] = records(1)
    attempts = [{"number": "+918047100011", "state": "answered"}]
    mine |= {"from": "+919876543210", "transfer": {"state": "answered", "attempts": attempts}}
    mine["turns"] = [{"speaker": "caller", "text": "Call me at 22 5555 0199, not on the 23rd.", "offset_ms": 1}]
    other = {**mine, "call_sid": "b" * 32, "from": "+911112223334", "transfer": None, "turns": []}
    rows = [row_of(str(n), json.dumps(one).encode()) for n, one in enumerate((mine, other))]
    index.put([(f"logs/{row.call_sid}.json", "1", row) for row in rows])
    return index


def found_by(index, text):
    with index.reading() as connection:
        return [call["call_sid"] for call in page(connection, Filter(text=text), Order.NEWEST, "")["calls"]]


@pytest.mark.parametrize("spelling", NUMBERS)
def test_a_number_is_found_in_any_spelling_and_from_any_part(numbered, spelling):
    """`98765 43210` found nothing, `+91 98765-43210` neither: only whole numbers without a space in them did."""
    assert found_by(numbered, spelling) == ["0"]


def test_numbers_that_were_said_or_dialled_are_found_too_and_words_go_with_them(numbered):
    assert found_by(numbered, "225555") == found_by(numbered, "80 4710 0011") == ["0"]
    assert found_by(numbered, "call 22 5555 0199") == ["0"]
    assert found_by(numbered, "zebra 22 5555 0199") == []
    assert found_by(numbered, "23rd") == ["0"], "what is no number is a word"


def failed_at(record, **agent):
    return {**record, "end_reason": "agent_failed", "agents": [{"vendor": "elevenlabs", "alias": "day", **agent}]}


def test_failures_are_one_filter_grouped_by_cause(tmp_path):
    """Why did three calls fail this morning: one choice tells how many of what, the next shows them."""
    index = Index("file:/failures", tmp_path)
    fine, *broken = records(4)
    fine |= {"end_reason": "agent_ended", "transfer": None}
    broken[0] = failed_at(broken[0], end_reason="http_401")
    broken[1] = failed_at(broken[1], end_reason="http_401")
    broken[2] |= {"end_reason": "line_lost", "transfer": None}
    rows = [row_of(one["call_sid"], json.dumps(one).encode()) for one in (fine, *broken)]
    index.put([(f"logs/{row.call_sid}.json", "1", row) for row in rows])
    with index.reading() as connection:
        assert count(connection, Filter(cause="any")) == 3
        assert count(connection, Filter(cause="key_refused")) == 2
        assert choices(connection, index.columns(connection))["cause"] == [
            ["key_refused", "ElevenLabs refused the API key.", 2],
            ["line_lost", "The phone line broke off without a goodbye.", 1],
        ]


def test_a_failover_is_seen_in_the_list_though_the_call_went_well(tmp_path):
    [record] = records(1)
    record["agents"] = [
        {"alias": "day", "vendor": "elevenlabs", "end_reason": "close_1011"},
        {"alias": "night", "vendor": "openai", "end_reason": "ended"},
    ]
    record |= {"end_reason": "agent_ended", "transfer": None}
    row = row_of("a", json.dumps(record).encode())
    assert (row.failovers, row.cause) == (1, "")
    index = Index("file:/failovers", tmp_path)
    index.put([("logs/a.json", "1", row)])
    with index.reading() as connection:
        assert (
            count(connection, Filter(failover=True)) == choices(connection, index.columns(connection))["failover"] == 1
        )


@pytest.mark.parametrize(("minutes", "waiting"), [(5, 1), (90, 0)])
def test_a_filter_shows_who_waits_for_a_human(tmp_path, minutes, waiting):
    """A transfer of last week that nobody told the end of is nobody on the line."""
    [record] = records(1)
    ended = datetime.fromtimestamp(time.time() - minutes * 60, UTC)
    record |= {"ended_at": ended.isoformat(), "transfer": {"state": "ringing", "attempts": []}}
    index = Index("file:/waiting", tmp_path)
    index.put([("logs/a.json", "1", row_of("a", json.dumps(record).encode()))])
    with index.reading() as connection:
        assert count(connection, Filter(waiting=True)) == waiting


def test_how_long_a_caller_waits_follows_from_the_turns_times():
    def turn(speaker, offset_ms):
        return {"speaker": speaker, "text": "words", "offset_ms": offset_ms}

    turns = [turn("agent", 100), turn("caller", 5000), turn("agent", 5800), turn("agent", 9000), turn("caller", 12_000)]
    assert answer_times(turns) == [None, None, 800, None, None]
    assert median_answer_ms([*turns, turn("agent", 14_000)]) == 2000
    assert median_answer_ms(turns[:1]) is None
