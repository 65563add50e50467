"""The look-up's request, and what is made of each way in which a server can answer. Time is virtual."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.signature import RELAY_HEADER, Verdict, verify
from relay.agents.roster import AgentSpec
from relay.call.lookup import LARGEST_ANSWER, Lookup, question
from relay.call.lookup_answer import LookupAnswer
from relay.line import exotel
from relay.outgoing import outgoing
from relay.settings import Settings
from tests.support.virtual import virtual

DESK = AgentSpec("desk", "elevenlabs", "agent_1")
SECRET, OTHER = "a-secret-of-nobody-at-all", "another-secret-of-nobody"
START = exotel.Start("c", "s", "", "09876500001", "sip:desk", custom_parameters={"language": "hi"})


@asynccontextmanager
async def asked(answer, **settings):
    """A look-up at a server of ours; yields what `ask` returned and the requests that came."""
    requests = []

    async def handle(request):
        requests.append((request.headers.copy(), await request.read()))
        return await answer(request)

    app = web.Application()
    app.router.add_post("/who", handle)
    async with TestServer(app) as server, outgoing() as http:
        lookup = Lookup(http, Settings(**{"events_secret": SECRET, "lookup_s": 2.0, **settings}))
        yield await lookup.ask(str(server.make_url("/who")), START, DESK), requests


def saying(content, status=200, after_s=0.0, **more):
    async def answer(_):
        await asyncio.sleep(after_s)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return web.Response(body=body, status=status, content_type="application/json", **more)

    return answer


@virtual
async def test_a_good_answer_is_followed_and_its_time_kept():
    async with asked(saying({"tags": ["vip"]}, after_s=0.5)) as (found, _):
        assert found.answer.tags == ("vip",)
        assert (found.entry.outcome, found.entry.problem) == ("ok", "")
        assert found.entry.ms == pytest.approx(500, abs=1)


@virtual
async def test_an_answer_part_of_which_cannot_be_used_is_followed_as_far_as_it_can():
    async with asked(saying({"tags": ["vip"], "agent": 5, "ambience_volume": "loud"})) as (found, _):
        assert found.answer.tags == ("vip",)
        assert found.entry.outcome == "partly"
        assert found.entry.problem.startswith("agent: ")
        assert "; ambience_volume: " in found.entry.problem


async def redirected(_):
    raise web.HTTPFound("/elsewhere")


async def broken(request):
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "outcome", "problem"),
    [
        (saying(b"", 204), "ok", ""),
        (saying({"tags": ["vip"]}, 204), "ok", ""),
        (saying({"tags": ["vip"]}, 201), "http_201", "HTTP 201"),
        (saying({"tags": ["vip"]}, 500), "http_500", "HTTP 500"),
        (saying({"tags": ["vip"]}, after_s=2.1), "timeout", "no answer within 2 s"),
        (redirected, "redirect", "HTTP 302: redirects are not followed"),
        (saying(b" " * LARGEST_ANSWER + b"{}"), "too_large", f"an answer of more than {LARGEST_ANSWER} bytes"),
        (saying(b"not json"), "malformed", "expected a JSON object: "),
        (saying(b"[" * 60_000), "malformed", "expected a JSON object: "),
        (saying([1]), "malformed", "expected a JSON object: "),
        (broken, "failed", "ServerDisconnectedError"),
    ],
)
@virtual
async def test_whatever_the_server_does_the_call_goes_on_and_the_record_says_why(answer, outcome, problem):
    async with asked(answer) as (found, _):
        assert found.answer == LookupAnswer()
        assert found.entry.outcome == outcome
        assert found.entry.problem.startswith(problem)
        assert len(found.entry.problem) <= 500
        assert bool(found.entry.problem) == bool(problem)


@virtual
async def test_a_problem_shows_no_whole_number():
    async with asked(saying({"agent": 5, "tags": "call 9876500001 back"})) as (found, _):
        assert "9876500001" not in found.entry.problem


@pytest.mark.parametrize(("secret", "by"), [("", SECRET), (OTHER, OTHER)])
@virtual
async def test_a_request_is_signed_with_its_own_secret_or_that_of_the_events(secret, by):
    async with asked(saying({}), lookup_secret=secret, lookup_headers=(("X-Key", "k"),)) as (_, [(headers, body)]):
        assert verify(body, headers[RELAY_HEADER], (by,)) is Verdict.VALID
        assert (headers["X-Key"], headers["Content-Type"]) == ("k", "application/json")


@pytest.mark.parametrize(("own", "url"), [(None, "https://all"), ("", ""), ("https://own", "https://own")])
def test_an_agent_may_have_an_address_of_its_own_or_none(own, url):
    lookup = Lookup(None, Settings(lookup_url="https://all"))
    assert lookup.url_for(AgentSpec("desk", "elevenlabs", "agent_1", lookup_url=own)) == url


def test_the_question_has_numbers_in_e164_if_they_are_any():
    assert json.loads(question(START, DESK)) == {
        **{"call_sid": "c", "stream_sid": "s", "from": "+919876500001", "to": "sip:desk"},
        **{"custom_parameters": {"language": "hi"}, "agent": "desk"},
    }


@pytest.mark.parametrize(("spec", "agent_id"), [(DESK, "agent_1"), (AgentSpec("desk", "bot", ""), "desk")])
def test_the_question_as_elevenlabs_asks_it(spec, agent_id):
    assert json.loads(question(START, spec, "elevenlabs")) == {
        **{"caller_id": "+919876500001", "agent_id": agent_id, "called_number": "sip:desk", "call_sid": "c"}
    }


@virtual
async def test_the_shape_of_the_setting_is_used():
    async with asked(saying({}), lookup_shape="elevenlabs") as (_, [(_, body)]):
        assert json.loads(body)["caller_id"] == "+919876500001"
    async with asked(saying({})) as (_, [(_, body)]):
        assert json.loads(body)["from"] == "+919876500001"
