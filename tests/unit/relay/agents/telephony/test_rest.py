"""Twilio's REST API for a bot's own call: whole answers, and what becomes of them."""

import asyncio
import base64
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from relay.agents.telephony import rest
from relay.agents.telephony.rest import PATH, RestCalls
from sim.serving import serving
from tests.support.virtual import virtual

TARGETS = {"09876500010": "sales", "+918047100009": "support"}
UNKNOWN = "this number is not among the agent's transfer_targets"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Session:
    """A bot's session, as far as REST needs it."""

    transfer_targets = TARGETS

    def __init__(self, refusal="", *, answers_after_s=0.0):
        self.done, self._refusal, self._after_s = [], refusal, answers_after_s

    def order(self, tool, parameters):
        self.done.append((tool, parameters))

    async def use(self, tool, parameters):
        self.order(tool, parameters)
        await asyncio.sleep(self._after_s)
        return self._refusal


@asynccontextmanager
async def admitted(session):
    """What a bot asks with its token, and the calls."""
    calls = RestCalls()
    token = calls.admit("CA1", "AC1", session)
    app = web.Application()
    app.router.add_post(PATH, calls.update)
    async with serving(app) as url, aiohttp.ClientSession() as http:

        async def ask(form, *, call="CA1", account="AC1", user="AC1", password=token):
            where = url + PATH.format(account=account, call=call)
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            async with http.post(where, data=form, headers={**FORM, "Authorization": f"Basic {pair}"}) as response:
                return response.status, await response.json(), response.headers.get("WWW-Authenticate")

        yield ask, calls


def answer(**said):
    return 200, {"sid": "CA1", "account_sid": "AC1", "uri": "/2010-04-01/Accounts/AC1/Calls/CA1.json", **said}, None


def problem(status, code, text):
    return status, {"code": code, "message": text, "status": status}, None


@pytest.mark.parametrize("status", ["completed", "canceled"])
@virtual
async def test_a_bot_hangs_up(status):
    session = Session()
    async with admitted(session) as (ask, _):
        assert await ask({"Status": status}) == answer(status=status)
        assert await ask({"Twiml": "<Response><Hangup/></Response>"}) == answer(status="in-progress")
    assert session.done == [("end_call", {}), ("end_call", {})]


@pytest.mark.parametrize(
    ("who", "target"),
    [("+91 98765 00010", "sales"), ("08047100009", "support"), ("Sales Desk", "Sales Desk")],
)
@virtual
async def test_a_bot_transfers_by_a_number_that_is_configured_or_by_a_targets_name(who, target):
    session = Session()
    async with admitted(session) as (ask, _):
        assert await ask({"Twiml": f"<Response><Dial>{who}</Dial></Response>"}) == answer(status="in-progress")
    assert session.done == [("transfer_to_human", {"target": target, "reason": "requested by the bot over REST"})]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({}, "expected Status=completed, or Twiml with <Dial> or <Hangup/>"),
        ({"Status": "paused"}, "expected Status=completed, or Twiml with <Dial> or <Hangup/>"),
        ({"Twiml": "<Response><Redirect/></Response>"}, "expected <Dial> or <Hangup/>, got <Redirect>"),
        ({"Twiml": "<Response/>"}, "expected <Dial> or <Hangup/>"),
        ({"Twiml": "<Response><Dial/></Response>"}, "expected a number or a target's name in <Dial>"),
        *[
            ({"Twiml": f"<Response><Dial>{who}</Dial></Response>"}, UNKNOWN)
            for who in ("+919876500099", "1800 123", "+12")
        ],
    ],
)
@virtual
async def test_what_can_not_be_done_is_a_twilio_error(form, text):
    session = Session()
    async with admitted(session) as (ask, _):
        assert await ask(form) == problem(400, 21218, text)
    assert session.done == []


@virtual
async def test_a_transfer_that_is_refused_says_why_and_a_slow_one_is_under_way():
    transfer = {"Twiml": "<Response><Dial>sales</Dial></Response>"}
    async with admitted(Session("nobody is there")) as (ask, _):
        assert await ask(transfer) == problem(400, 21218, "nobody is there")
    async with admitted(Session("too late", answers_after_s=4.1)) as (ask, _):
        assert await ask(transfer) == answer(status="in-progress")
    async with admitted(Session("in time", answers_after_s=3.9)) as (ask, _):
        assert await ask(transfer) == problem(400, 21218, "in time")


@pytest.mark.parametrize("wrong", [{"call": "CA2"}, {"account": "AC2"}, {"user": "AC2"}, {"password": "x"}])
@virtual
async def test_only_a_call_s_own_credentials_control_it(wrong):
    """The answer to a call that does not exist is the same."""
    session = Session()
    async with admitted(session) as (ask, _):
        status, body, challenge = await ask({"Status": "completed"}, **wrong)
    assert (status, body, None) == problem(401, 20003, "Authenticate")
    assert challenge == 'Basic realm="Twilio API"'
    assert session.done == []


@virtual
async def test_a_bot_that_lost_its_call_controls_it_no_longer():
    session, other = Session(), Session()
    async with admitted(session) as (ask, calls):
        calls.forget("CA1", other)
        assert (await ask({"Status": "completed"}))[0] == 200
        calls.forget("CA1", session)
        assert (await ask({"Status": "completed"}))[0] == 401


@virtual
async def test_a_body_that_does_not_come_is_given_up():
    async with admitted(Session()) as (ask, _):

        async def slowly():
            yield b"Status="
            await asyncio.sleep(rest._BODY_PATIENCE + 1)

        assert await ask(slowly()) == problem(408, 20408, "expected the body within 5 s")
