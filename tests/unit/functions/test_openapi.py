"""docs/openapi.yaml is what the functions do: the same routes, and answers that fit its schemas."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from common import layout
from common.relay_request import AGENTS_FILE
from functions.common.agent_versions import AgentVersions
from functions.common.http import request
from tests.support import calls
from tests.support.memory_store import MemoryStore
from tests.unit.functions.test_connect import World
from tests.unit.functions.test_live import progress
from tests.unit.functions.test_relay_agents import ask

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "docs" / "openapi.yaml").read_text())


def operations():
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}


def check(path, response, method="get"):
    """The answer's status is documented and its body fits the schema of that status."""
    documented = DOCUMENT["paths"][path][method]["responses"][str(response.status)]
    if "$ref" in documented:
        documented = DOCUMENT["components"]["responses"][documented["$ref"].rpartition("/")[2]]
    schema = documented["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(calls.body_of(response))
    assert response.headers["content-type"] == "application/json"


def test_it_is_valid():
    validate(DOCUMENT)


def test_it_has_every_route_and_no_other():
    store = MemoryStore()
    assert operations() == {*calls.webhook_app(store).routes, *calls.transfer_app(store).routes}


def test_what_the_webhook_answers():
    store = MemoryStore()
    app = calls.webhook_app(store)
    webhook = calls.signed_webhook(calls.post_call(calls.conversation()))
    for response in (app.handle(webhook), app.handle(webhook), app.handle(request("POST", "/webhook/post-call"))):
        check("/webhook/post-call", response, "post")
    for sent in (calls.started(), calls.transfer_requested(), calls.transfer_requested("nobody", 9), {"type": "x"}):
        check("/relay/events", app.handle(calls.signed_event(sent)), "post")
    check("/relay/events", app.handle(request("POST", "/relay/events")), "post")


def test_what_a_progress_is_answered():
    store = MemoryStore()
    app = calls.webhook_app(store)
    command = {"id": "c1", "do": "note", "by": "asha", "expires_at": calls.NOW + 5, "what": {"text": "hello"}}
    hand = {"watched_until": calls.NOW + 5, "commands": [command]}
    for sent in (progress(2, after=1), progress(1), progress(2)):
        check("/relay/events", app.handle(calls.signed_event(sent)), "post")
        store.create(layout.hand(calls.CALL, calls.STREAM), json.dumps(hand).encode())
    assert "commands" in calls.body_of(app.handle(calls.signed_event(progress(3))))


def test_what_a_piece_of_a_recording_is_answered():
    app = calls.webhook_app(MemoryStore())
    wanted = app.handle(calls.signed_event(calls.upload_wanted(size=4)))
    check("/relay/events", wanted, "post")
    query = calls.body_of(wanted)["uploads"][0]["url"].partition("?")[2]
    for body, signed in ((b"abc", query), (b"abcd", query), (b"abcd", query), (b"abcd", query + "0")):
        check("/relay/recording", app.handle(request("PUT", "/relay/recording", signed, body=body)), "put")


def test_what_relays_learn_about_agents():
    store = MemoryStore()
    app = calls.webhook_app(store)
    for query in ({"relay": "r-1"}, {"relay": "a/b"}):
        check("/relay/agents", ask(app, query=query))
    AgentVersions(store).push("[agents.a]", {"a.wav": b"a"}, by="asha", note="", after=None)
    check("/relay/agents", ask(app))
    check("/relay/agents", ask(app, secret="a-secret-of-somebody"))
    check("/relay/agents/file", ask(app, AGENTS_FILE, {"sha256": "0" * 64}))


FULL = {
    "CONNECT_RECORD": "true",
    "CONNECT_PARALLEL": "3",
    "CONNECT_PLAYBACK": "summary",
    "CONNECT_OUTGOING_NUMBER": "08047100002",
    "CONNECT_MUSIC_ON_HOLD": "https://cdn.example.in/hold.wav",
}


@pytest.mark.parametrize("settings", [{}, FULL])
def test_what_connect_answers(settings):
    world = World(**settings)
    check("/exotel/connect", world.connect())  # 503
    check("/exotel/connect", world.connect())  # nobody
    world.tell(calls.transfer_requested("support"))
    check("/exotel/connect", world.connect())
    check("/exotel/connect", world.transfer.handle(calls.exotel("connect", token="wrong")))


def test_what_the_other_applets_are_answered():
    world = World()
    world.tell(calls.transfer_requested())
    for path, said in (
        ("passthru", {"Stream__Status": "completed"}),
        ("passthru", {}),
        ("dial-events", {"EventType": "Dial"}),
    ):
        for method in ("GET", "POST"):
            response = world.transfer.handle(calls.exotel(path, method=method, CallSid=calls.CALL, **said))
            check(f"/exotel/{path}", response, method.lower())
            refused = world.transfer.handle(calls.exotel(path, token="", method=method))
            check(f"/exotel/{path}", refused, method.lower())
