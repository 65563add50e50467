"""Log lines: one JSON object each, in the shape that dashboards are made from (docs/contracts.md)."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from relay.logs import CallLog, JsonFormatter, LineLimit, configure, log


@pytest.fixture
def lines(monkeypatch):
    """What the relay logs, as written."""
    before, level, output = logging.root.handlers[:], log.level, io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    configure("INFO")
    (handler,) = logging.root.handlers

    def read():
        assert handler.writer.drain()
        return [json.loads(line) for line in output.getvalue().split("\n") if line]

    yield read
    logging.root.handlers[:] = before
    log.setLevel(level)


def test_a_line_says_when_how_bad_what_and_the_fields(lines):
    log.warning("call refused", extra={"event": "call_refused", "reason": "full"})
    (line,) = lines()
    at = datetime.fromisoformat(line.pop("time"))
    assert at.tzinfo is not None
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert line == {"severity": "WARNING", "event": "call_refused", "message": "call refused", "reason": "full"}


@pytest.mark.parametrize(
    "value",
    ['quo"te\nline', "नमस्ते ☎", {"a": [1, None]}, 1.5, None, True, 10**30],
    ids=lambda value: type(value).__name__,
)
def test_any_field_is_one_line(lines, value):
    log.info("x", extra={"event": "x", "field": value})
    assert lines()[0]["field"] == value


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, ValueError("no"), b"\xff", float("nan")], ids=lambda value: type(value).__name__
)
def test_an_unserialisable_field_does_not_lose_the_line(lines, value):
    log.info("x", extra={"event": "x", "field": value})
    assert lines()[0]["event"] == "x"


def test_text_that_can_not_be_written_does_not_lose_the_line():
    """Bytes that are no UTF-8 come in as surrogates: from headers, from paths, from the names of files."""
    record = logging.makeLogRecord({"msg": "no such file: \udcff", "event": "x", "path": "\udcff"})
    line = JsonFormatter().format(record)
    assert json.loads(line.encode())["event"] == "x"


def test_an_exception_comes_with_its_traceback(lines):
    try:
        raise ValueError("odd")
    except ValueError:
        log.exception("defect", extra={"event": "defect"})
    (line,) = lines()
    assert line["severity"] == "ERROR"
    assert "ValueError: odd" in line["exception"]
    assert "Traceback" in line["exception"]


def test_percent_signs_in_a_message_are_just_that(lines):
    CallLog("c", "s").happened("x", "100 % of %s")
    assert lines()[0]["message"] == "100 % of %s"


def test_every_line_of_a_call_names_it(lines):
    call = CallLog("call-1", "stream-1")
    call.happened("agent_connected", "agent day is there", agent="day")
    call.happened("line_malformed", "odd", level=logging.WARNING)
    first, second = lines()
    assert (first["call_sid"], first["stream_sid"], first["agent"]) == ("call-1", "stream-1", "day")
    assert (second["severity"], second["event"]) == ("WARNING", "line_malformed")


def test_a_defect_of_a_call_keeps_its_name(lines):
    """The adapter replaced what the line said of itself by what it knew of the call, so no alarm could see a defect."""
    CallLog("call-1", "stream-1").error("defect", exc_info=ValueError("odd"), extra={"event": "defect", "more": 1})
    (line,) = lines()
    assert (line["event"], line["more"], line["call_sid"], line["stream_sid"]) == ("defect", 1, "call-1", "stream-1")


def test_what_is_below_the_level_is_not_written(lines):
    CallLog("c", "s").happened("x", "fine", level=logging.DEBUG)
    log.debug("fine")
    assert lines() == []


def test_libraries_log_from_warning_on_and_bad_requests_are_not_logged(lines):
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("aiohttp.server").error("a bad request, with its content")
    logging.getLogger("some.library").warning("trouble")
    (line,) = lines()
    assert (line["event"], line["message"]) == ("some.library", "trouble")


def test_a_record_without_an_event_is_named_after_its_logger():
    record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "slow %d", (3,), None)
    line = json.loads(JsonFormatter().format(record))
    assert (line["event"], line["message"]) == ("asyncio", "slow 3")


def test_what_anybody_can_cause_is_not_written_without_end():
    """Each guess at a token wrote a line: a thousand guesses a second were as many lines, to be paid for."""
    now = 100.0
    limit = LineLimit(3, lambda: now)
    assert [limit.take("unauthorized") for _ in range(5)] == [0, 0, 0, None, None]
    assert limit.take("full") == 0
    now = 101.0
    assert [limit.take("unauthorized") for _ in range(4)] == [2, 0, 0, None]
