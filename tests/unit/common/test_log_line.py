"""Every line of every part: masked and cut once, on its way out."""

import json
import logging
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import log_line
from common.log_line import MAX_LINE, written
from functions.common.log import JsonLines
from relay.logs import JsonFormatter

NUMBER = "+91 98765, 43210"


@pytest.mark.parametrize("formatter", [JsonFormatter(), JsonLines()], ids=["relay", "functions"])
def test_a_number_in_any_string_of_a_line_is_masked(formatter):
    """Seven kinds of lines showed whole numbers when a model, a vendor or a line chose the text."""
    try:
        raise ValueError(f"refused: {NUMBER}")
    except ValueError as error:
        raised = (type(error), error, error.__traceback__)
    more = {"reason": f"the caller at {NUMBER}", "turns": [{"text": NUMBER}], "at": "2026-11-29", "port": 9876543210}
    record = logging.makeLogRecord({"msg": "agent said %s", "args": (NUMBER,), "exc_info": raised, "event": "x"})
    vars(record).update(more if isinstance(formatter, JsonFormatter) else {"fields": more})
    line = json.loads(formatter.format(record))
    assert "98765, 43210" not in json.dumps(line)
    assert "98765" not in line["message"] + line["exception"] + line["reason"] + line["turns"][0]["text"]
    assert line["message"] == "agent said ***3210"
    assert (line["at"], line["port"]) == ("2026-11-29", 9876543210)


@pytest.mark.parametrize(
    "key",
    [
        *("call_sid", "stream_sid", "conversation_id", "event_id", "agent_id", "function_request_id"),
        *("time", "severity", "event", "path", "host", "sha256", "data"),
    ],
)
def test_ids_are_not_taken_for_numbers(key):
    """A call's lines, a sound's hash or a part of an event would not be found again."""
    assert json.loads(written({"reason": "9876543210", key: "9876543210"})) == {"reason": "***3210", key: "9876543210"}
    whole = "7" * MAX_LINE
    assert log_line.cleaned({key: whole, "reason": "a"})[key] == whole
    assert log_line.cleaned({key: whole + "7", "reason": "a"})[key] == "7" * 2_000, "from a stranger"


def test_a_value_of_many_parts_is_cut_in_breadth_and_depth():
    """Fifty of a list, fifty of an object; what lies deeper than four is text, and masked as such."""
    deep = {"a": {"b": {"c": {"d": {"e": "9876543210"}}}}}
    line = log_line.cleaned({"many": list(range(60)), "named": {str(n): n for n in range(60)}, "deep": deep})
    assert line["many"] == list(range(50))
    assert line["named"] == {str(n): n for n in range(50)}
    assert line["deep"] == {"a": {"b": {"c": {"d": "{'e': '***3210'}"}}}}
    assert log_line.cleaned({"n" * 200: 1, "inner": {"m" * 200: 2}}) == {"n" * 100: 1, "inner": {"m" * 100: 2}}


def test_a_line_that_is_too_long_is_cut_in_steps_and_says_so():
    """Each step keeps as much as it can."""
    for texts, kept in ((3, 2_000), (10, 600), (40, 150), (80, 40)):
        line = json.loads(written({"event": "x", "message": "m", **{f"f{n}": "a" * 3_000 for n in range(texts)}}))
        assert line["f0"] == "a" * kept + "… (3000 characters)"
        assert line.get("cut") == (None if kept == 2_000 else True)


def test_a_long_text_is_cut_and_says_how_long_it_was():
    """A close reason, an error notice, an id of 120 kB: each was written whole, in every line of its call."""
    line = json.loads(written({"event": "x", "message": "a" * 120_000}))
    assert line["message"] == "a" * 2_000 + "… (120000 characters)"
    assert json.loads(written({"event": "x", "message": "a" * 2_000}))["message"] == "a" * 2_000


def test_a_traceback_keeps_its_end():
    line = json.loads(written({"event": "x", "message": "", "exception": "a" * 9_000 + "\nValueError: odd"}))
    assert line["exception"] == "(9016 characters) …" + "a" * 1_984 + "\nValueError: odd"


def test_no_number_is_cut_in_two_and_so_shown():
    for shift in range(20):
        line = json.loads(written({"event": "x", "message": "a" * (1_985 + shift) + " 9876543210 and more words"}))
        assert "98765" not in line["message"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4_000) | st.binary(max_size=50),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=200), inner, max_size=20),
    max_leaves=30,
)


@given(st.dictionaries(st.text(max_size=300), ANY, max_size=12), st.text('नmx\x00\n"\\', max_size=9_000))
def test_no_line_is_longer_than_a_driver_leaves_whole(fields, message):
    """Docker's drivers cut at 16 KiB, and what they cut is no JSON: filters and alarms don't see it."""
    text = written({"time": "t", "severity": "INFO", "event": "x", "message": message, **fields})
    assert "\n" not in text
    assert len(text.encode(errors="surrogatepass")) <= MAX_LINE
    json.loads(text)


def test_ten_long_fields_are_one_short_line():
    line = written({"event": "x", "message": "m", **{f"field{n}": "न" * 5_000 for n in range(10)}})
    assert len(line.encode()) <= MAX_LINE
    assert json.loads(line)["cut"] is True


def test_what_a_line_is_known_by_is_left_when_nothing_else_fits():
    known = {
        "time": "2026-11-29T10:00:00Z",
        "severity": "ERROR",
        "event": "agent_failed",
        "message": "the agent failed",
    }
    many = {f"field {number} {'x' * 90}": "y" * 40 for number in range(200)}
    line = json.loads(written({**many, **known, "call_sid": "c" * 300}))
    assert line == {**known, "call_sid": "c" * 200, "cut": True}


@pytest.mark.parametrize("formatter", [JsonFormatter(), JsonLines()], ids=["relay", "functions"])
def test_a_value_that_json_does_not_know_is_written_as_text(formatter):
    record = logging.makeLogRecord({"msg": "stored", "event": "x"})
    more = {"took": timedelta(seconds=2)}
    vars(record).update(more if isinstance(formatter, JsonFormatter) else {"fields": more})
    assert json.loads(formatter.format(record))["took"] == "0:00:02"
