"""Shapes of what Exotel's applets and callbacks send, as integrations captured or documented them (exotel.md 2 to 4).

The functions read each; the fake's flow sends no name that was never seen, and leaves none out that is always there.
Ids and numbers are made up.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from functions.common.http import request
from functions.transfer import exotel
from sim.applets import CallFacts, Connect, Outcome, Passthru, Person
from sim.flow import FlowRunner
from sim.serving import serving
from sim.timeline import Timeline
from tests.support.virtual import virtual

CORPUS = json.loads((Path(__file__).parents[2] / "fixtures" / "exotel" / "callbacks.json").read_text())
SID = "b7a90e4c51d24f6a93be7c0d8f12197k"
ALWAYS = {
    "stream": {"CallSid", "From", "To", "Direction", "flow_id"},
    "after_connect": {"CallSid", "CallType", "DialCallStatus", "DialWhomNumber"},
    "dial": {"CallSid", "EventType", "DialWhomNumber", "Status"},
}
_LATER = {"EndTime", "CurrentTime", "StartTime", "Created", "DialCallDuration", "CallType", "From", "To"}
"""Of every applet's request, so that not each entry has to repeat them."""


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry["name"])
def test_the_functions_read_it(entry):
    values = entry["values"]
    if entry["method"] == "JSON":
        given = request("POST", "/x", "", {"Content-Type": "application/json"}, json.dumps(values).encode())
    elif entry["method"] == "POST":
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        given = request("POST", "/x", "", form, urlencode(values).encode())
    else:
        given = request("GET", "/x", urlencode(values))
    said = exotel.parameters(given)
    assert exotel.call_sid(said) == entry.get("call_sid", SID)
    means = entry["means"]
    for kind, result in (("stream", exotel.stream_result(said)), ("dial", exotel.dial_result(said))):
        if kind == "dial" and means["stream"] is not None:
            continue  # one request says one thing
        expected = means[kind]
        assert (result is None) == (expected is None)
        assert {name: (result or {})[name] for name in expected or {}} == (expected or {})
    assert exotel.began_at(said) == means["began_at"]


@virtual
async def test_the_fakes_flow_says_what_exotel_says():
    """A stream, a Passthru, a Connect whom one answers and one does not, a Passthru behind it."""
    seen = {}

    async def take(incoming):
        names = {*incoming.query, *await incoming.post()}
        seen.setdefault(incoming.path.strip("/"), []).append(names)
        if incoming.path == "/connect":
            numbers = {"destination": {"numbers": ["+919876500008", "+919876500009"]}}
            url = f"http://{incoming.host}/dial"
            return web.json_response({**numbers, "dial_passthru_event_url": url})
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    stream = {"StreamSID": "s", "Status": "completed", "Duration": "9", "StreamUrl": "wss://x", "DisconnectedBy": "bot"}
    facts = CallFacts(SID, "09876500001", "08047100002", "412233", datetime.now(UTC), stream)
    async with serving(app) as url, aiohttp.ClientSession() as http:
        people = {"+919876500009": Person(), "+919876500008": Person(Outcome.BUSY)}
        after = Passthru(f"{url}/after_connect")
        connect = Connect(f"{url}/connect", people=people, if_answered=after, if_nobody=after)
        await FlowRunner(http, facts, Timeline()).run(Passthru(f"{url}/stream", if_200=connect))
    for kind, always in ALWAYS.items():
        kinds = {
            kind,
            "stream",
            *(("status",) if kind == "dial" else ()),
        }  # a dial event is a status callback of its leg
        captured = {name for entry in CORPUS if entry["kind"] in kinds for name in entry["values"]}
        for names in seen[kind]:
            assert names >= always, kind
            assert names <= captured | _LATER, names - captured - _LATER
