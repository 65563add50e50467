import io
import json
import logging
import sys

import pytest

from functions.common import log


@pytest.fixture
def lines(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log.set_up("INFO")
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    log.LOGGER.setLevel(logging.NOTSET)


def test_a_line_is_what_the_contract_says(lines):
    log.info("relay_event_received", "call.ended stored", call_sid="abc", duplicate=False)
    (line,) = lines()
    assert list(line) == ["time", "severity", "event", "message", "call_sid", "duplicate"]
    assert line["time"].endswith("Z")
    assert (line["severity"], line["event"]) == ("INFO", "relay_event_received")


def test_below_the_level_nothing_is_written(lines):
    log.LOGGER.setLevel("ERROR")
    log.info("x", "y")
    assert not lines()


def test_an_exception_is_in_the_line_without_its_numbers(lines):
    """An error's own words may hold what we would never log."""
    try:
        raise KeyError("+919876500001")
    except KeyError:
        log.error("internal_error", "GET /x failed", exc_info=True)
    (line,) = lines()
    assert "KeyError: '***0001'" in line["exception"]
    assert "9876500001" not in json.dumps(line)


def test_a_library_s_warning_is_a_line_too(lines):
    logging.getLogger("urllib3").warning("retrying")
    assert lines()[0]["event"] == "urllib3"
