"""Events out of a log, delivered again."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common.signature import RELAY_HEADER, Verdict, verify
from scripts.replay_events import main, undelivered

EVENT = {"type": "call.ended", "event_id": "a" * 32, "call_sid": "call1"}
LINE = {"time": "2026-11-23T10:00:00Z", "severity": "ERROR", "event": "event_undelivered", "payload": EVENT}


@pytest.fixture
def receiver():
    """A webhook function that keeps what it gets and answers as told."""
    got, statuses = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, body, self.headers[RELAY_HEADER]))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/relay/events", got, statuses
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "log",
    [
        json.dumps(LINE),
        "\n".join(["not JSON", json.dumps({"event": "call_ended"}), json.dumps(LINE), "[1]"]),
        json.dumps([{"insertId": "x", "jsonPayload": LINE}, {"textPayload": "hello"}]),
    ],
)
def test_events_are_found_in_any_log(log):
    assert list(undelivered(log)) == [EVENT]


def test_event_is_signed_and_delivered(receiver, capsys):
    url, got, _ = receiver
    assert main(json.dumps(LINE), {"EVENTS_URL": url, "EVENTS_SECRET": "new,old"}) == 0
    ((path, body, signature),) = got
    assert path == "/relay/events"
    assert json.loads(body) == EVENT
    assert verify(body, signature, ["new"]) == Verdict.VALID
    assert f"{'a' * 32} call.ended of call1: 200" in capsys.readouterr().out


def test_one_refused_event_does_not_stop_the_rest(receiver):
    url, got, statuses = receiver
    statuses += [401, 200]
    log = "\n".join(json.dumps(LINE) for _ in range(2))
    assert main(log, {"EVENTS_URL": url, "EVENTS_SECRET": "s"}) == 1
    assert len(got) == 2


def test_nobody_there(capsys):
    assert main(json.dumps(LINE), {"EVENTS_URL": "http://127.0.0.1:9/relay/events", "EVENTS_SECRET": "s"}) == 1
    assert "no answer" in capsys.readouterr().out


def test_missing_setting_is_named(capsys):
    assert main("", {"EVENTS_SECRET": "s"}) == 2
    assert "EVENTS_URL is not set" in capsys.readouterr().err
