"""The thread that writes log lines: what it does when nobody reads."""

import json
import logging
import os
import threading

import pytest

from common.log_writer import LogWriter, QueuedHandler


class Tap:
    """A stream that lets nothing through until it is opened."""

    def __init__(self):
        self.written = []
        self.open = threading.Event()
        self.waiting = threading.Event()

    def write(self, text):
        self.waiting.set()
        assert self.open.wait(20)
        self.written.append(text)

    def flush(self):
        pass


def test_lines_come_out_in_order():
    tap = Tap()
    tap.open.set()
    writer = LogWriter(tap)
    for n in range(1_000):
        writer.put(f"{n}\n")
    assert writer.drain()
    assert tap.written == [f"{n}\n" for n in range(1_000)]
    assert writer.dropped == 0


def test_a_blocked_output_drops_lines_and_logs_how_many():
    """The event loop stood still in `print` for good: all calls silent, /health dead."""
    tap = Tap()
    writer = LogWriter(tap, lines=40)
    writer.put("first\n")
    assert tap.waiting.wait(20)
    for n in range(100):
        writer.put(f"{n}\n")  # returns: the test would hang here
    assert not writer.drain(0.01)
    tap.open.set()
    assert writer.drain(20)
    lines = "".join(tap.written).splitlines()
    lost = [json.loads(line) for line in lines if line.startswith("{")]
    assert lines[0] == "first"
    assert [(line["event"], line["severity"], line["dropped"]) for line in lost] == [
        ("log_lines_dropped", "WARNING", 70)
    ]
    assert [line for line in lines if not line.startswith("{")] == ["first", *map(str, range(30))]


def test_errors_are_not_crowded_out_by_info_lines():
    """An event that could not be delivered is in the log only: chatter must not crowd it out."""
    tap = Tap()
    writer = LogWriter(tap, lines=40)
    handler = QueuedHandler(writer)
    handler.setFormatter(logging.Formatter("%(levelname)s"))
    writer.put("first\n")
    assert tap.waiting.wait(20)
    for level in [logging.INFO] * 100 + [logging.ERROR] * 10:
        handler.emit(logging.makeLogRecord({"levelno": level, "levelname": logging.getLevelName(level)}))
    tap.open.set()
    assert writer.drain(20)
    assert tap.written.count("ERROR\n") == 10


@pytest.mark.parametrize("close", ["reader", "file"])
def test_a_reader_that_is_gone_ends_nothing(close):
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    writer = LogWriter(stream)
    os.close(reading)
    if close == "file":
        stream.detach().detach().close()
    for _ in range(10):
        writer.put("line\n")
    assert writer.drain(20)
    assert writer.dropped >= 1


def test_print_can_write_to_the_log_writer():
    tap = Tap()
    tap.open.set()
    writer = LogWriter(tap)
    print("hello", file=writer, flush=True)
    assert writer.drain(20)
    assert "".join(tap.written) == "hello\n"
