"""Events out of a log, put together and delivered again."""

import base64
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common.event_parts import PART_SIZE, split
from common.log_line import MAX_LINE, written
from common.signature import RELAY_HEADER, Verdict, verify
from console.replay.command import replay as main
from console.replay.found import Found

WORDS = "आपका अपॉइंटमेंट\u2028 मंगलवार को\u0085 सुबह दस बजे है, क्या यह ठीक रहेगा? "


def event(event_id="a" * 32, turns=400):
    """An ordinary call in Hindi; random words, so that it can't be packed away."""
    chosen = random.Random(event_id)
    texts = ["".join(chosen.choices(WORDS, k=90)) for _ in range(turns)]
    return {
        "type": "call.ended",
        "event_id": event_id,
        "call_sid": "call1",
        "turns": [{"text": text} for text in texts],
    }


def lines(event, *, whole=True):
    """As the relay writes them."""
    parts = list(split(event))
    written_parts = [
        {"time": "t", "severity": "ERROR", "event": "event_undelivered_part", "call_sid": "call1", **part}
        for part in parts
    ]
    head = {"event": "event_undelivered", "call_sid": "call1", "event_id": event["event_id"], "type": "call.ended"}
    return [*written_parts, {**head, "parts": len(parts), "sha256": parts[0]["sha256"]}][: None if whole else -1]


def found_in(log):
    found = Found()
    found.read(log)
    return list(found.events()), found.unreadable


EVENT = event()
LINES = lines(EVENT)
OLD = {"time": "t", "severity": "ERROR", "event": "event_undelivered", "payload": {**EVENT, "event_id": "b" * 32}}


def test_the_event_takes_several_lines_and_none_is_too_long():
    assert len(LINES) > 3
    for line in LINES:
        text = written(line)
        assert len(text.encode()) <= MAX_LINE
        assert json.loads(text) == line


def raw(log):
    return "".join(json.dumps(line) + "\n" for line in log)


FORMATS = {
    "docker logs": raw,
    "docker compose logs": lambda log: "".join(f"relay-1  | {json.dumps(line)}\n" for line in log),
    "aws logs tail": lambda log: "".join(
        f"2026-11-29T10:00:00+00:00 relay/relay/1 {json.dumps(line)}\n" for line in log
    ),
    "aws filter-log-events": lambda log: json.dumps(
        {"events": [{"message": json.dumps(line)} for line in log]}, indent=4
    ),
    "aws filter-log-events, text": lambda log: "\n".join(json.dumps(line) for line in log),
    "aws insights": lambda log: json.dumps(
        {
            "results": [
                [{"field": "@timestamp", "value": "t"}, {"field": "@message", "value": json.dumps(one)}] for one in log
            ]
        }
    ),
    "gcloud": lambda log: json.dumps([{"insertId": "x", "jsonPayload": line} for line in log], indent=2),
    "gcloud, text": lambda log: json.dumps([{"textPayload": json.dumps(line)} for line in log]),
    "two pages": lambda log: (
        json.dumps({"events": [{"message": json.dumps(line)} for line in log[:2]]}, indent=4)
        + "\n"
        + json.dumps({"events": [{"message": json.dumps(line)} for line in log[2:]]}, indent=4)
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("order", ["as written", "backwards", "shuffled", "twice"])
def test_parts_are_joined_out_of_any_log_in_any_order(name, order):
    log = [{"event": "call_ended", "message": "beside it"}, *LINES]
    if order == "backwards":
        log = log[::-1]
    elif order == "shuffled":
        random.Random(1).shuffle(log)
    elif order == "twice":
        log = log + log
    assert found_in(FORMATS[name](log)) == ([EVENT], [])


def test_a_line_of_the_time_before_there_were_parts():
    assert found_in(raw([OLD, *LINES])) == ([EVENT, OLD["payload"]], [])


def test_words_that_hold_a_lines_end_of_unicodes_are_not_lost():
    """U+2028 and U+0085 in a caller's words cut the line for `splitlines`: the event was passed over, with status 0."""
    text = json.dumps(OLD, ensure_ascii=False)
    assert "\u2028" in text
    assert found_in(text + "\n") == ([OLD["payload"]], [])
    assert found_in(f"relay-1 | {text}\n") == ([OLD["payload"]], [])


@pytest.mark.parametrize("gone", [0, 1, len(LINES) - 2])
def test_what_is_incomplete_is_named(gone):
    events, problems = found_in(raw(LINES[:gone] + LINES[gone + 1 :]))
    assert events == []
    assert problems == [f"event {'a' * 32} of call call1: part {gone + 1} of {len(LINES) - 1} is missing"]


def test_a_head_alone_is_named():
    assert found_in(raw(LINES[-1:]))[1][0].startswith(f"event {'a' * 32} of call call1: part 1, 2, 3")


def test_parts_without_their_head_are_enough():
    assert found_in(raw(lines(EVENT, whole=False))) == ([EVENT], [])


@pytest.mark.parametrize("change", ["data", "sha256", "parts", "event_id"])
def test_what_was_changed_on_the_way_is_not_delivered(change):
    log = [dict(line) for line in LINES[:-1]]
    other = base64.b64encode(b"x" * (PART_SIZE // 4 * 3)).decode()
    for line in log if change != "data" else log[:1]:
        line[change] = {"data": other, "sha256": "0" * 64, "parts": None, "event_id": ""}[change]
    events, problems = found_in(raw(log))
    assert events == []
    assert problems


@pytest.mark.parametrize("at", [60, 1_000, 5_000])
def test_a_line_that_a_driver_cut_is_never_passed_over_in_silence(at):
    text = raw(LINES)
    events, problems = found_in(text[:at] + "\n" + text[at:])
    assert events == []
    assert any("can't be read" in problem or "missing" in problem for problem in problems)
    events, problems = found_in(raw([OLD])[:5_000] + "\n")
    assert (events, len(problems)) == ([], 1)


@pytest.mark.parametrize(
    "log", ["", "\n\n", "not JSON\n[1]\n{}\nnull\n", json.dumps({"event": "call_ended"}), "[" * 5_000]
)
def test_a_log_without_events_is_no_problem(log):
    assert found_in(log) == ([], [])


@pytest.fixture
def receiver():
    """A webhook function that keeps what it gets and answers as told."""
    got, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, body, self.headers[RELAY_HEADER]))
            status, said = answers.pop(0) if answers else (200, b'{"status": "ok"}')
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/relay/events", got, answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_event_is_signed_and_delivered(receiver, capsys):
    url, got, _ = receiver
    assert main(raw(LINES), {"EVENTS_URL": url, "EVENTS_SECRET": "new,old"}) == 0
    ((path, body, signature),) = got
    assert path == "/relay/events"
    assert json.loads(body) == EVENT
    assert verify(body, signature, ["new"]) == Verdict.VALID
    assert f"{'a' * 32} call.ended of call1: delivered" in capsys.readouterr().out


@pytest.mark.parametrize(
    "refusal", [(401, b""), (503, b'{"status": "ok"}'), (200, b"<html>"), (200, b'{"status": "error"}'), (302, b"")]
)
def test_one_refused_event_does_not_stop_the_rest(receiver, refusal):
    url, got, answers = receiver
    answers.append(refusal)
    assert main(raw([*LINES, *lines(event("c" * 32))]), {"EVENTS_URL": url, "EVENTS_SECRET": "s"}) == 1
    assert len(got) == 2


def test_what_can_be_delivered_is_and_the_rest_is_status_1(receiver, capsys):
    url, got, _ = receiver
    assert main(raw([*LINES, *lines(event("c" * 32))[1:]]), {"EVENTS_URL": url, "EVENTS_SECRET": "s"}) == 1
    assert len(got) == 1
    assert f"event {'c' * 32} of call call1: part 1 of" in capsys.readouterr().err


def test_nobody_there(capsys):
    assert main(raw(LINES), {"EVENTS_URL": "http://127.0.0.1:9/relay/events", "EVENTS_SECRET": "s"}) == 1
    assert "no answer" in capsys.readouterr().out


def test_missing_setting_is_named(capsys):
    assert main("", {"EVENTS_SECRET": "s"}) == 2
    assert "EVENTS_URL is not set" in capsys.readouterr().err
