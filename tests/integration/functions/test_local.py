"""`python -m functions.local` as a process, over the folder store: a call goes the whole way, fast and slow."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.recording import HEAD_BYTES, head
from functions.common.store.folder import FolderStore
from tests.support import calls
from tests.support.http_client import deliver, send
from tests.support.processes import BARE, ROOT, free_port, server, wait_for


@pytest.fixture
def local(tmp_path):
    port = free_port()
    environment = {
        **BARE,
        **calls.ENVIRONMENT,
        "PORT": str(port),
        "STORE": f"file:{tmp_path / 'data'}",
        "SWEEP_EVERY_SECONDS": "1",
    }
    with server([sys.executable, "-m", "functions.local"], port, environment) as served:
        served.store = FolderStore(tmp_path / "data")
        yield served


def test_the_fast_way(local):
    """The agent asks for a human, the socket closes, Exotel asks for the number, dials it, and somebody answers."""
    now = time.time()
    deliver(local.url, calls.signed_event(calls.started(), now=now))
    accepted = deliver(local.url, calls.signed_event(calls.transfer_requested(), now=now)).json()
    assert accepted["transfer"] == {"accepted": True, "target": "sales", "reason": None}
    deliver(local.url, calls.signed_event(calls.ended("transferred"), now=now))
    answer = deliver(local.url, calls.connect()).json()
    assert answer["destination"]["numbers"] == [calls.SALES]
    assert (
        answer["dial_passthru_event_url"]
        == f"{local.url}/exotel/dial-events?token={calls.TOKEN}&stream_sid={calls.STREAM}"
    )
    for state in ("Dial", "Ringing", "Answered"):
        deliver(local.url, calls.exotel("dial-events", CallSid=calls.CALL, EventType=state, DialWhomNumber=calls.SALES))
    deliver(local.url, calls.signed_webhook(calls.post_call(calls.conversation()), now=now))
    record = calls.record_of(local.store)
    assert record["transfer"]["state"] == "answered"
    assert record["end_reason"] == "transferred"
    assert record["sources"] == ["relay", "webhook"]


def test_the_slow_way(local):
    """Only the webhook knows that a human is wanted, and it comes while Exotel's request is already waiting."""
    now = time.time()
    deliver(local.url, calls.signed_event(calls.started(), now=now))
    deliver(local.url, calls.signed_event(calls.ended(), now=now))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(deliver, local.url, calls.connect())
        first = Path(local.store._root, "calls", calls.CALL, "connect", f"first-{calls.STREAM}.json")
        wait_for(first.exists, "the connect request to begin waiting")
        data = calls.conversation("Existing Booking")
        deliver(local.url, calls.signed_webhook(calls.post_call(data), now=now))
        assert asked.result(20).json()["destination"]["numbers"] == ["+919876500030"]
    missed = calls.exotel("dial-events", CallSid=calls.CALL, EventType="Terminal", DialCallStatus="no-answer")
    deliver(local.url, missed)
    assert calls.record_of(local.store)["transfer"]["state"] == "no_answer"


def test_two_hundred_webhooks_at_once(local):
    now = time.time()

    def one(number: int) -> int:
        data = calls.conversation(call_sid=f"call-{number}", conversation_id=f"conv_{number}")
        return deliver(local.url, calls.signed_webhook(calls.post_call(data), now=now)).status

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(one, range(200))) == {200}
    assert len(list(local.store.keys("logs/call-"))) == 200
    assert len(list(local.store.keys("inbox/2"))) == 200
    assert not list(local.store.keys("pending/webhooks/"))


def test_one_call_reported_by_many_at_once(local):
    """All 60 news are of one record: every compare-and-swap conflict there can be, and nothing is lost."""
    now = time.time()

    def one(number: int) -> int:
        return deliver(
            local.url, calls.signed_event(calls.started(number + 1, stream_sid=f"s{number}"), now=now)
        ).status

    with ThreadPoolExecutor(60) as pool:
        assert set(pool.map(one, range(60))) == {200}
    assert len(calls.record_of(local.store)["agents"]) == 60


@pytest.mark.parametrize("size", [100, 6_000_000])
def test_small_and_large(local, size):
    body = b'{"type":"unknown","filler":"' + b"x" * (size - 30) + b'"}'
    assert len(body) == size
    assert deliver(local.url, calls.signed_webhook(body, now=time.time())).status == 200
    assert [local.store.read(key).body for key in local.store.keys("inbox/2")] == [body]


def test_it_sweeps_by_itself(local):
    wait_for(lambda: "sweep_done" in local.output(), "a sweep")


def test_a_recording_is_taken_in_and_joined(local):
    """Leave is given over the wire, the piece comes with it, and its own sweep makes the file."""
    now = time.time()
    sound = head(8000, 2, 64_000) + bytes([0x80, 0x90]) * 64_000
    wanted = calls.upload_wanted(count=1, size=len(sound))
    deliver(local.url, calls.signed_event(calls.started(), now=now))
    [leave] = deliver(local.url, calls.signed_event(wanted, now=now)).json()["uploads"]
    url = f"{local.url}/relay/{leave['url']}"
    assert send(f"{url}0", "PUT", leave["headers"], sound).status == 403
    assert send(url, "PUT", leave["headers"], sound + b"more").status == 400
    assert send(url, "PUT", leave["headers"], sound).status == 200
    assert send(url, "PUT", leave["headers"], sound).status == 412
    deliver(local.url, calls.signed_event(calls.ended(), now=now))
    told = {"mode": "both", "rate_hz": 8000, "channels": 2, "duration_ms": 5000, "pieces": 1}
    deliver(local.url, calls.signed_event(calls.event("recording.ended", 9, calls.ENDED, recording=told), now=now))
    wait_for(lambda: calls.record_of(local.store)["recording"]["file"], "the joined file")
    assert len(local.store.read(f"audio/{calls.CALL}.wav").body) == HEAD_BYTES + 2 * 5 * 8000


def test_every_line_is_json_and_no_number_is_whole(local):
    now = time.time()
    deliver(local.url, calls.signed_event(calls.started(), now=now))
    deliver(local.url, calls.signed_event(calls.transfer_requested("nobody we know"), now=now))
    deliver(local.url, calls.signed_webhook(calls.post_call(calls.conversation("Existing Booking")), now=now))
    deliver(local.url, calls.connect())
    deliver(local.url, calls.exotel("connect", token="wrong", CallFrom=calls.CALLER))
    deliver(
        local.url, calls.exotel("dial-events", CallSid=calls.CALL, EventType="Answered", DialWhomNumber=calls.SALES)
    )
    deliver(local.url, calls.exotel("passthru", CallSid=calls.CALL, From=calls.CALLER, Stream__Status="failed"))
    asked = calls.conversation("call 09876500011 please", call_sid="asks", conversation_id="conv_asks")
    deliver(local.url, calls.signed_webhook(calls.post_call(asked), now=now))
    deliver(local.url, calls.signed_event({**calls.started(), "call_sid": "+919876500012"}, now=now))
    deliver(local.url, calls.signed_webhook(b"not json " + calls.CALLER.encode(), now=now))
    assert send(local.url + f"/exotel/connect?token={calls.TOKEN}x&CallFrom={calls.CALLER}").status == 401
    output = local.output()
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert {"webhook_received", "relay_event_received", "connect_answered", "webhook_unreadable"} <= set(events)
    for secret in (
        calls.CALLER[1:],
        calls.SALES[3:],
        calls.EXOPHONE[1:],
        "9876500030",
        "9876500011",
        "9876500012",
        calls.TOKEN,
        calls.WEBHOOK_SECRET,
    ):
        assert secret not in output


def test_it_stops_on_request(local):
    local.process.send_signal(signal.SIGTERM)
    assert local.process.wait(10) == 0


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TRANSFER_TARGETS", '{"sales": "12345"}', "a number that can be made E.164"),
        ("TRANSFER_ON_FAILURE", "nobody", "one of the targets: support, sales, team_1"),
        ("EXOTEL_TOKEN", "", "a secret for Exotel's URLs"),
        ("STORE", "ftp://x", "file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        ("PORT", "eighty", "a whole number from 1 to 65535"),
        ("LOG_LEVEL", "loud", "one of DEBUG, INFO"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path, variable, value, expected):
    environment = {**BARE, **calls.ENVIRONMENT, "STORE": f"file:{tmp_path}", variable: value}
    ran = subprocess.run(
        [sys.executable, "-m", "functions.local"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith(variable)
    assert expected in ran.stderr
    assert ran.stderr.count("\n") == 1
