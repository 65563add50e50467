"""The functions' HTTP surface, ill-treated: forged and replayed signatures, guessed tokens, bombs."""

import json
import time

import pytest

from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, sign
from functions.common.http import request
from functions.local import application
from sim.serving import serving
from tests.integration.abuse.wire import Wire
from tests.support import calls
from tests.support.memory_store import MemoryStore
from tests.support.virtual import virtual

ROUTES = {
    "/relay/events": (RELAY_HEADER, calls.EVENTS_SECRET, calls.started()),
    "/webhook/post-call": (ELEVENLABS_HEADER, calls.WEBHOOK_SECRET, calls.post_call(calls.conversation())),
}


def send(path, body, headers):
    store = MemoryStore()
    return calls.webhook_app(store).handle(request("POST", path, "", headers, body)), store


def forged(secret, body, now=calls.NOW):
    """Headers' values that must not be believed, by what is wrong with them."""
    good = sign(body, secret, now)
    stamp, digest = good.split(",")
    return {
        "none": None,
        "empty": "",
        "no digest": stamp,
        "no time": digest,
        "another secret": sign(body, "guessed", now),
        "an empty secret": sign(body, "", now),
        "another body": sign(body + b" ", secret, now),
        "half the digest": good[:-32],
        "one digit off": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "a later time": good.replace(stamp, f"t={int(now) + 1}"),
        "an hour old": sign(body, secret, now - 3600),
        "from tomorrow": sign(body, secret, now + 86_400),
        "the time twice": f"t={int(now)},{sign(body, secret, now - 3600)}",
        "surrogates": "t=1,v0=\udcff",
        "a bomb": "v0=a," * 2000,
    }


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("wrong", forged("x", b"y"))
def test_what_is_not_signed_leaves_no_trace(path, wrong):
    """401, the same words for every reason, and nothing in the store: the inbox is for what was proved to be the
    vendor's."""
    header, secret, document = ROUTES[path]
    body = json.dumps(document).encode()
    value = forged(secret, body)[wrong]
    answer, store = send(path, body, {} if value is None else {header: value})
    assert answer.status == 401
    assert calls.body_of(answer)["error"] == "bad signature"
    assert not store.objects


@pytest.mark.parametrize("path", ROUTES)
def test_a_replay_changes_nothing(path):
    """The same bytes with the same signature again, within the half hour a signature lasts: taken for a repeat."""
    header, secret, document = ROUTES[path]
    body = json.dumps(document).encode()
    store = MemoryStore()
    app = calls.webhook_app(store)
    again = request("POST", path, "", {header: sign(body, secret, calls.NOW)}, body)
    assert calls.body_of(app.handle(again)) == {"status": "ok", "duplicate": False}
    before = dict(store.objects)
    assert calls.body_of(app.handle(again)) == {"status": "ok", "duplicate": True}
    assert store.objects == before


def test_one_secret_does_not_open_the_other_door():
    """A relay's secret must not make webhooks, nor the vendor's events."""
    for path, (header, _, document) in ROUTES.items():
        other = next(secret for route, (_, secret, _) in ROUTES.items() if route != path)
        body = json.dumps(document).encode()
        assert send(path, body, {header: sign(body, other, calls.NOW)})[0].status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"type":"call.started","event_id":' + b"9" * 100_000 + b"}",
        b'{"type":"post_call_transcription","data":{"conversation_id":"../../../etc/passwd","transcript":[]}}',
        b'{"type":"post_call_transcription","data":{"conversation_id":{"$ne":1}}}',
        b"\xff\xfe\x00\x01",
        b"",
        b"null",
        b'{"type":"post_call_transcription","data":{"conversation_id":"c","transcript":'
        + b'[{"role":"user","message":"' * 1
        + b"\\ud800"
        + b'"}]}}',
        b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("path", ROUTES)
def test_bombs_that_are_signed(path, body):
    """Even a sender with the secret gets an answer, not a crash; and no key is made of a path."""
    header, secret, _ = ROUTES[path]
    answer, store = send(path, body, {header: sign(body, secret, calls.NOW)})
    assert answer.status in {200, 400}
    assert not [key for key in store.objects if ".." in key or "passwd" in key]


@pytest.mark.parametrize("transfer", [{}, None, [], "sales", {"target": None}, {"target": {"a": 1}, "summary": 7}])
def test_a_request_for_a_human_that_says_nothing_of_whom(transfer):
    """An empty `transfer` was answered 503 for a minute: the caller would have been told that there is nobody."""
    answer, store = send_event({**calls.transfer_requested(), "transfer": transfer})
    assert answer.status == 200
    assert calls.body_of(answer)["transfer"]["target"] == "support"
    assert any("/requests/" in key for key in store.objects)


def send_event(event):
    body = json.dumps(event).encode()
    return send("/relay/events", body, {RELAY_HEADER: sign(body, calls.EVENTS_SECRET, calls.NOW)})


def test_a_packed_bomb_is_unpacked_to_a_limit():
    """A thousand to one: what unpacks to more than the limit is kept packed, flagged, and answered."""
    import gzip

    body = gzip.compress(bytes(300 * 1024 * 1024), 9)
    headers = {ELEVENLABS_HEADER: sign(body, calls.WEBHOOK_SECRET, calls.NOW), "Content-Encoding": "gzip"}
    answer, store = send("/webhook/post-call", body, headers)
    assert answer.status == 200
    assert [key for key in store.objects if key.endswith(".problem.json")]


@pytest.mark.parametrize(
    "token", ["", calls.TOKEN[:-1], calls.TOKEN + "x", calls.TOKEN.upper(), calls.TOKEN + "\0", "é" * 1000]
)
@pytest.mark.parametrize("route", ["connect", "passthru", "dial-events"])
def test_a_guessed_token_gets_no_number_and_writes_nothing(token, route):
    store = MemoryStore()
    answer = calls.transfer_app(store).handle(calls.exotel(route, token=token, CallSid=calls.CALL))
    assert answer.status == 401
    assert b"+91" not in answer.body
    assert not store.objects


@pytest.mark.parametrize(
    "call_sid", ["../logs/x", "a/b", "..", "a" * 129, "\0", "x\ny", "%2e%2e", "логи", "a b", "*", "-" * 128 + "/"]
)
def test_ids_that_are_paths_become_no_key(call_sid):
    """A key is made of what Exotel says, so it must not be able to name another call's or another folder's."""
    store = MemoryStore()
    app = calls.transfer_app(store)
    for route in ("connect", "passthru", "dial-events"):
        said = {"CallSid": call_sid, "EventType": "Answered", "DialCallStatus": "completed"}
        assert app.handle(calls.exotel(route, **said)).status in {200, 302, 503}
    assert not [key for key in store.objects if call_sid in key]
    event = {**calls.started(), "call_sid": call_sid}
    store = MemoryStore()
    assert calls.webhook_app(store).handle(calls.signed_event(event)).status == 400
    assert not store.objects


@virtual
async def test_a_body_that_never_comes_is_not_waited_for(tmp_path):
    """A sender with a fresh-looking signature must send the rest in time: a slow one held its connection for ever."""
    app = application({**calls.ENVIRONMENT, "STORE": f"file:{tmp_path}", "SWEEP_EVERY_SECONDS": "0"})
    async with serving(app) as url, await Wire.open(url) as wire:
        fresh = f"{ELEVENLABS_HEADER}: {sign(b'', 'guessed')}"
        answer = wire.request(f"POST /webhook/post-call HTTP/1.1\nHost: x\nContent-Length: 30000000\n{fresh}", b"{")
        wire.patience_s = 100
        assert (await answer).status == 408


def test_the_store_says_nothing_of_itself_to_strangers():
    """What goes wrong below is in the log; the sender hears that it may try again."""

    class Broken(MemoryStore):
        def create(self, key, body):
            raise RuntimeError(f"secret detail of {key}")

    body = json.dumps(calls.started()).encode()
    signed = request("POST", "/relay/events", "", {RELAY_HEADER: sign(body, calls.EVENTS_SECRET, time.time())}, body)
    answer = calls.webhook_app(Broken(), time.time).handle(signed)
    assert answer.status == 503
    assert b"secret" not in answer.body
