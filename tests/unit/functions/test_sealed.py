"""RAW_BODIES=encrypted: no raw webhook is in the store as it came, and whoever has the key reads it as if it were."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.env import SettingError
from functions.common.fetch import Answer
from functions.common.sealed import SealedError, Sealing, is_sealed, sealing_of, size_of
from functions.webhook.settings import Settings
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore, MemoryStore

KEY = "a-key-that-nobody-has"
OTHER = "another-key-of-nobody"
ENCRYPTED = {"RAW_BODIES": "encrypted", "RAW_BODIES_KEY": KEY}
WEBHOOK = calls.signed_webhook(calls.post_call(calls.conversation("yes")))
PLACE = "inbox/2026/11/23/digest.json"


def raw(store):
    return {key: body for key, body in store.objects.items() if key.startswith("inbox/2") and "forwarded" not in key}


def only(store):
    [(place, body)] = raw(store).items()
    return place, body


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_to_the_same_bytes(body):
    sealed = Sealing([KEY]).seal(PLACE, body)
    assert Sealing([KEY]).open(PLACE, sealed) == body
    assert (is_sealed(sealed), size_of(sealed)) == (True, len(body))
    assert json.loads(sealed).keys() == {"sealed", "key", "nonce", "bytes", "data"}


def test_the_envelope_is_json_that_names_method_and_key_and_is_new_each_time():
    first, second = (json.loads(Sealing([KEY]).seal(PLACE, b"words")) for _ in range(2))
    assert (first["sealed"], first["bytes"]) == ("aes-256-gcm", 5)
    assert first["key"] == second["key"] != json.loads(Sealing([OTHER]).seal(PLACE, b"words"))["key"]
    assert first["nonce"] != second["nonce"]
    assert KEY not in json.dumps(first)


def test_an_envelope_that_was_touched_or_moved_does_not_open():
    sealing = Sealing([KEY])
    sealed = sealing.seal(PLACE, b"words of a caller")
    envelope = json.loads(sealed)
    data = bytearray(base64.b64decode(envelope["data"]))
    data[0] ^= 1
    touched = {**envelope, "data": base64.b64encode(data).decode()}
    for place, body in (
        ("inbox/2026/11/23/other.json", sealed),
        (PLACE, json.dumps(touched, separators=(",", ":")).encode()),
        (PLACE, json.dumps({**envelope, "nonce": "x"}, separators=(",", ":")).encode()),
        (PLACE, sealed[:-9]),
    ):
        with pytest.raises(SealedError, match=f"{place} is encrypted"):
            sealing.open(place, body)


def test_a_renewed_key_opens_what_the_one_before_sealed():
    sealed = Sealing([KEY]).seal(PLACE, b"words")
    assert Sealing([OTHER, KEY]).open(PLACE, sealed) == b"words"
    with pytest.raises(SealedError, match="RAW_BODIES_KEY does not hold its key"):
        Sealing([OTHER]).open(PLACE, sealed)
    with pytest.raises(SealedError, match="RAW_BODIES_KEY is not set"):
        Sealing().open(PLACE, sealed)
    assert sealing_of({"RAW_BODIES_KEY": f"{OTHER},{KEY}"}).open(PLACE, sealed) == b"words"


def test_a_body_that_is_not_sealed_is_what_it_is():
    assert Sealing([KEY]).open(PLACE, b'{"type":"x"}') == b'{"type":"x"}'


def test_a_webhook_is_understood_and_at_no_moment_in_the_store_as_it_came():
    seen = []

    class Watched(MemoryStore):
        def create(self, key, body):
            seen.append(body)
            return super().create(key, body)

    store = Watched()
    app = calls.webhook_app(store, **ENCRYPTED)
    assert app.handle(WEBHOOK).status == 200
    place, body = only(store)
    assert Sealing([KEY]).open(place, body) == WEBHOOK.body
    assert WEBHOOK.body not in seen
    assert calls.record_of(store)["transfer"]["target"] == "support"
    assert app.handle(WEBHOOK).status == 200  # once more: another nonce, and nothing new
    assert only(store) == (place, body)


@pytest.mark.parametrize("after", [False, True])
def test_the_sweep_finishes_what_a_crash_left_sealed(after):
    counting = CrashingStore(MemoryStore(), None)
    calls.webhook_app(counting, **ENCRYPTED).handle(WEBHOOK)
    for dies_at in range(counting.operations):
        store = MemoryStore()
        with pytest.raises(Crash):
            calls.webhook_app(CrashingStore(store, dies_at, after=after), **ENCRYPTED).handle(WEBHOOK)
        calls.webhook_app(store, **ENCRYPTED).handle(WEBHOOK)
        calls.webhook_app(store, lambda: calls.NOW + 10_000, **ENCRYPTED).sweep()
        place, body = only(store)
        assert Sealing([KEY]).open(place, body) == WEBHOOK.body, dies_at
        assert not [key for key in store.objects if key.startswith("pending/webhooks/")]


def test_the_ticket_service_gets_the_bytes_as_they_came():
    sent = []

    def fetch(method, url, *, headers=None, body=None, timeout_s=0, **_):
        sent.append(body)
        return Answer(200, b"")

    store = MemoryStore()
    settings = {**ENCRYPTED, "TICKET_SERVICE_URL": "https://tickets.example"}
    calls.webhook_app(store, **settings).handle(WEBHOOK)
    calls.webhook_app(store, lambda: calls.NOW + 60, fetch, **settings).sweep()
    assert sent == [WEBHOOK.body]
    assert is_sealed(only(store)[1])


def test_a_sweep_without_the_key_says_so_and_goes_on_when_it_is_back(caplog):
    store = MemoryStore()
    calls.webhook_app(store, **ENCRYPTED, TICKET_SERVICE_URL="https://tickets.example").handle(WEBHOOK)
    counts = calls.webhook_app(store, lambda: calls.NOW + 60, RAW_BODIES="keep").sweep()
    assert counts.failed == 1
    assert "is encrypted, and RAW_BODIES_KEY is not set" in caplog.text
    counts = calls.webhook_app(store, lambda: calls.NOW + 10_000, RAW_BODIES_KEY=KEY).sweep()
    assert counts.failed == 0
    assert not [key for key in store.objects if key.startswith("pending/webhooks/")]


def test_what_came_before_the_setting_did_is_sealed_when_the_sweep_works_on_it():
    store = MemoryStore()
    tickets = {"TICKET_SERVICE_URL": "https://tickets.example"}
    calls.webhook_app(store, **tickets).handle(WEBHOOK)
    assert only(store)[1] == WEBHOOK.body
    calls.webhook_app(store, lambda: calls.NOW + 60, lambda *_, **__: Answer(200, b""), **tickets, **ENCRYPTED).sweep()
    assert is_sealed(only(store)[1])


def test_a_dropped_body_says_how_large_it_was_before_it_was_sealed():
    store = MemoryStore()
    tickets = {"TICKET_SERVICE_URL": "https://tickets.example"}
    calls.webhook_app(store, **tickets, **ENCRYPTED).handle(WEBHOOK)
    done = {**tickets, "RAW_BODIES": "drop", "RAW_BODIES_KEY": KEY}
    calls.webhook_app(store, lambda: calls.NOW + 60, lambda *_, **__: Answer(200, b""), **done).sweep()
    assert only(store)[1] == b'{"dropped":true,"bytes":%d}' % len(WEBHOOK.body)


def test_encryption_without_a_key_is_refused_at_the_start():
    with pytest.raises(
        SettingError, match="RAW_BODIES_KEY is not set: expected a key, because of RAW_BODIES=encrypted"
    ):
        Settings.from_env({**calls.ENVIRONMENT, "RAW_BODIES": "encrypted"})
    with pytest.raises(SettingError, match=r"RAW_BODIES_KEY=\(hidden\): expected 16 characters"):
        Settings.from_env({**calls.ENVIRONMENT, "RAW_BODIES": "encrypted", "RAW_BODIES_KEY": "short"})
