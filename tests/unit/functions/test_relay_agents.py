"""What relays ask of the agents' file: signed, and answered with a signature; who asked is known for a while."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from common.agent_version import AgentVersion
from common.relay_request import AGENTS, AGENTS_FILE, to_sign
from common.signature import RELAY_HEADER, Verdict, sign, verify
from functions.common.agent_versions import AgentVersions
from functions.common.http import request
from functions.common.relays_seen import FORGOTTEN_S, MOST_LISTED, WRITTEN_EVERY_S, Seen, note, relays
from functions.common.store import Listed
from tests.support import calls
from tests.support.memory_store import MemoryStore

TEXT = '[agents.a]\nid = "a"\n'
ME = {"relay": "r-1", "serving": "file-0123456789ab", "every": "30"}


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def app(store):
    return calls.webhook_app(store)


def ask(app, path=AGENTS, query=ME, secret=calls.EVENTS_SECRET, signed=None, **headers):
    signature = sign(to_sign(path, query if signed is None else signed), secret, calls.NOW)
    all_headers = {RELAY_HEADER: signature, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return app.handle(request("GET", path, urlencode(query), all_headers))


def push(store, files=None):
    versions = AgentVersions(store)
    return versions.push(TEXT, files or {}, by="asha", note="", after=versions.pointer())


def test_the_version_that_counts_comes_signed(app, store):
    pushed = push(store)
    answer = ask(app)
    assert (answer.status, answer.headers["etag"]) == (200, f'"{pushed.name}"')
    assert AgentVersion.decoded(answer.body) == pushed
    signature = answer.headers["relay-signature"]
    assert verify(answer.body, signature, [calls.EVENTS_SECRET], now=calls.NOW) is Verdict.VALID


@pytest.mark.parametrize("known", ['"{0}"', '"file-1", "{0}"', '"7-000000000000","{0}"'])
def test_a_relay_that_has_the_version_gets_304(app, store, known):
    name = push(store).name
    answer = ask(app, If_None_Match=known.format(name))
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", f'"{name}"')


def test_there_is_none(app):
    assert (ask(app).status, calls.body_of(ask(app))) == (404, {"status": "none"})


def test_a_sound_comes_as_it_is(app, store):
    content = bytes(range(256))
    digest = push(store, {"a.wav": content}).files["a.wav"].sha256
    answer = ask(app, AGENTS_FILE, {"relay": "r-1", "sha256": digest})
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, content, "application/octet-stream")


@pytest.mark.parametrize("name", ["", "0" * 64, "../../current.json", "0" * 63])
def test_a_sound_outside_the_configuration_is_404(app, name):
    assert calls.refusal(ask(app, AGENTS_FILE, {"relay": "r-1", "sha256": name})) == (404, "there is no such file")


@pytest.mark.parametrize("path", [AGENTS, AGENTS_FILE])
@pytest.mark.parametrize(
    "wrong", [{"secret": "a-secret-of-somebody"}, {"signed": {**ME, "relay": "r-2"}}, {"signed": {}}]
)
def test_requests_need_a_signature_and_it_is_valid_for_one_request(app, store, path, wrong):
    push(store)
    assert calls.refusal(ask(app, path, **wrong)) == (401, "bad signature")
    assert not list(store.keys("pending/relays/"))


def test_without_a_signature_nothing_is_said(app):
    assert calls.refusal(app.handle(request("GET", AGENTS, urlencode(ME)))) == (401, "bad signature")


def test_while_the_secret_is_rotated_each_relay_gets_a_signature_it_can_check(store):
    push(store)
    environment = {"EVENTS_SECRET": f"the-new-secret-of-nobody,{calls.EVENTS_SECRET}"}
    for secret in ("the-new-secret-of-nobody", calls.EVENTS_SECRET):
        answer = ask(calls.webhook_app(store, **environment), secret=secret)
        assert verify(answer.body, answer.headers["relay-signature"], [secret], now=calls.NOW) is Verdict.VALID


@pytest.mark.parametrize("name", ["", "a/b", "x" * 129, ".."])
def test_a_relay_has_a_name_that_can_be_a_key(app, store, name):
    refused = (400, "relay: expected 1 to 128 of A-Z a-z 0-9 . _ -")
    assert calls.refusal(ask(app, query={**ME, "relay": name})) == refused
    assert not list(store.keys("pending/relays/"))


def test_what_a_relay_says_of_itself_is_kept_and_cut(app, store):
    ask(app, query={**ME, "refused": "7-3fa9c1d02b6e", "problem": "x" * 999, "every": "1e9"})
    assert relays(store, calls.NOW) == [
        Seen("r-1", "file-0123456789ab", "7-3fa9c1d02b6e", "x" * 300, 3600.0, calls.NOW)
    ]


SEEN = Seen("r-1", "7-3fa9c1d02b6e", "", "", 30.0, calls.NOW)


def test_what_has_not_changed_is_written_now_and_then(store):
    note(store, SEEN)
    note(store, replace(SEEN, at=calls.NOW + WRITTEN_EVERY_S - 1))
    assert [one.at for one in relays(store, calls.NOW)] == [calls.NOW]
    note(store, replace(SEEN, at=calls.NOW + WRITTEN_EVERY_S))
    assert [one.at for one in relays(store, calls.NOW)] == [calls.NOW + WRITTEN_EVERY_S]


@pytest.mark.parametrize("change", [{"serving": "8-3fa9c1d02b6e"}, {"refused": "8-3fa9c1d02b6e"}, {"every_s": 5.0}])
def test_what_has_changed_is_written_at_once(store, change):
    note(store, SEEN)
    note(store, replace(SEEN, at=calls.NOW + 1, **change))
    assert [one.at for one in relays(store, calls.NOW)] == [calls.NOW + 1]


def test_a_relay_that_was_not_heard_of_has_gone(store):
    note(store, SEEN)
    last = calls.NOW + WRITTEN_EVERY_S + 3 * 30
    assert [len(relays(store, now)) for now in (calls.NOW, last - 1, last)] == [1, 1, 0]


def test_an_invalid_relay_report_is_ignored(store):
    store.create("pending/relays/x.json", b"nonsense")
    store.create("pending/relays/y.json", b'{"relay": 1.5, "every_s": "x"}')
    assert relays(store, calls.NOW) == []


def test_not_more_are_listed_than_anybody_has(store):
    for number in range(MOST_LISTED + 5):
        note(store, replace(SEEN, relay=f"r-{number}"))
    assert len(relays(store, calls.NOW)) == MOST_LISTED


def test_the_sweep_forgets_relays_that_have_been_gone_for_a_day(store, monkeypatch):
    note(store, SEEN)
    note(store, replace(SEEN, relay="r-2"))
    written = {"r-1": calls.NOW - FORGOTTEN_S - 1, "r-2": calls.NOW - FORGOTTEN_S + 1}
    listed = [Listed(f"pending/relays/{name}.json", "1", at) for name, at in written.items()]
    monkeypatch.setattr(store, "versions", lambda prefix: iter(one for one in listed if one.key.startswith(prefix)))
    calls.webhook_app(store).sweep()
    assert list(store.keys("pending/relays/")) == ["pending/relays/r-2.json"]


def test_on_lambda_a_sound_goes_as_base64(store):
    from functions.common.aws import to_result

    answer = ask(calls.webhook_app(store), AGENTS_FILE, {"sha256": push(store, {"a": b"\xff\x00"}).files["a"].sha256})
    assert (to_result(answer)["body"], to_result(answer)["isBase64Encoded"]) == ("/wA=", True)
    version = to_result(ask(calls.webhook_app(store)))
    assert (json.loads(version["body"])["agents"], version["isBase64Encoded"]) == (TEXT, False)
