"""The index: rows from records of every quality, and questions that stay quick because they use it."""

import json
import sqlite3
from datetime import date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.calls.index import Index
from console.calls.rows import row_of
from console.calls.search import PAGE, Filter, Order, choices, count, match, page, page_query
from console.calls.trends import trends
from tests.support.many_calls import records


def asked(explored, question, *arguments):
    with explored[1].reading() as connection:
        return question(connection, *arguments)


def walk(explored, wanted, order):
    found, cursor = [], ""
    while True:
        one = asked(explored, page, wanted, order, cursor)
        assert len(one["calls"]) <= PAGE
        found += one["calls"]
        cursor = one["next"]
        if not cursor:
            return found


def test_a_row_has_what_the_list_shows():
    [record] = records(1)
    record["from"] = "+919876543210"
    row = row_of(record["call_sid"], json.dumps(record).encode())
    assert row.problem == ""
    assert row.caller == "***3210"
    assert row.day == f"{datetime.fromisoformat(record['started_at']).astimezone():%Y-%m-%d}"
    assert (row.agent, row.end_reason) == (record["agent"]["alias"], record["end_reason"])
    assert row.title == record["analysis"]["call_summary_title"]
    for spelling in ("919876543210", "9876543210", "09876543210", "3210"):
        assert spelling in row.words.split()


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
        trends(connection, Filter())


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
        Filter(unreadable=True),
        Filter(first_day=date(2026, 11, 1)),
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
    found = asked(explored, choices)
    assert sum(number for _, number in found["agent"]) == 600
    assert {value for value, _ in found["agent"]} == {"reception", "billing", "bookings"}
    assert found["unreadable"] == 0


def test_trends_agree_with_the_calls(explored):
    found = asked(explored, trends, Filter())
    assert sum(sum(numbers) for numbers in found["figures"]["calls"].values()) == 600
    assert sum(sum(numbers) for numbers in found["end_reasons"].values()) == 600
    assert found["days"] == sorted(found["days"])
    assert len(found["days"]) in {30, 31}
    first_audio = [value for series in found["figures"]["first_audio_ms"].values() for value in series if value]
    assert 150 < min(first_audio) <= max(first_audio) < 700
    assert asked(explored, trends, Filter(text="zebra"))["days"] == []


def test_the_index_is_for_its_user_only_cannot_be_written_by_readers_and_is_made_anew_when_damaged(tmp_path):
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
