"""The fake Exotel walks its applets against the real local server: what one says, the other must understand.

The people of these calls are quick, so nothing here takes longer than the answers do.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime

import aiohttp
import pytest

from functions.common.store.folder import FolderStore
from sim.applets import CallFacts, Connect, Encoding, Outcome, Passthru, Person
from sim.flow import FlowRunner
from sim.timeline import Timeline
from tests.support import calls
from tests.support.http_client import deliver
from tests.support.processes import BARE, free_port, server, wait_for

AT_ONCE = Person(Outcome.ANSWERED, ring_s=0.05, talk_s=0.05)
BUSY = Person(Outcome.BUSY, ring_s=0.05)


def served(tmp_path, **settings):
    port = free_port()
    environment = {**BARE, **calls.ENVIRONMENT, "PORT": str(port), "STORE": f"file:{tmp_path}/data", **settings}
    return server([sys.executable, "-m", "functions.local"], port, environment)


async def walk(local, people, encoding=Encoding.BRACKETS, event_method="POST", began=None):
    """Voicebot has just ended: Passthru, Connect on 302, and a Passthru that tells how Connect went."""
    facts = CallFacts(
        call_sid=calls.CALL,
        from_=calls.CALLER,
        to=calls.EXOPHONE,
        flow_id="412233",
        started=began or datetime.now(UTC),
        stream={"StreamSID": calls.STREAM, "Status": "completed", "Duration": "115", "DisconnectedBy": "bot"},
    )
    query = f"?token={calls.TOKEN}"
    passthru, connect = f"{local.url}/exotel/passthru{query}", f"{local.url}/exotel/connect{query}"
    after = Passthru(passthru, waits=False)
    dialled = Connect(connect, connect, people, event_method, if_answered=after, if_nobody=after)
    first = Passthru(passthru, encoding=encoding, if_302=dialled)
    async with aiohttp.ClientSession() as session:
        return await FlowRunner(session, facts, Timeline()).run(first)


def tell(local, *events):
    for event in events:
        assert deliver(local.url, calls.signed_event(event, now=time.time())).status == 200


def transfer_of(tmp_path):
    return calls.record_of(FolderStore(f"{tmp_path}/data"))["transfer"]


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("event_method", ["GET", "POST"])
def test_the_fast_way_to_a_human_who_answers(tmp_path, encoding, event_method):
    with served(tmp_path) as local:
        tell(local, calls.started(), calls.transfer_requested(), calls.ended("transferred"))
        result = asyncio.run(walk(local, {calls.SALES: AT_ONCE}, encoding, event_method))
    assert result.violations == []
    assert result.transfer == "answered"
    assert transfer_of(tmp_path)["state"] == "answered"


def test_the_slow_way_with_the_webhook_two_and_a_half_seconds_late(tmp_path):
    async def slow(local):
        walking = asyncio.create_task(walk(local, {"+919876500030": AT_ONCE}))
        await asyncio.sleep(2.5)
        webhook = calls.signed_webhook(calls.post_call(calls.conversation("Existing Booking")), now=time.time())
        await asyncio.to_thread(deliver, local.url, webhook)
        return await walking

    with served(tmp_path) as local:
        tell(local, calls.started(), calls.ended())
        result = asyncio.run(slow(local))
    assert result.violations == []
    assert [exchange.status for exchange in result.exchanges if exchange.applet == "connect"] == [200]
    assert transfer_of(tmp_path)["state"] == "answered"


def test_a_webhook_that_comes_after_the_first_request_is_served_by_the_fallback(tmp_path):
    async def slower(local):
        walking = asyncio.create_task(walk(local, {calls.SALES: AT_ONCE}))
        await asyncio.to_thread(wait_for, lambda: '"undecided"' in local.output(), "the first request to give up")
        webhook = calls.signed_webhook(calls.post_call(calls.conversation("sales")), now=time.time())
        await asyncio.to_thread(deliver, local.url, webhook)
        return await walking

    with served(tmp_path, TRANSFER_REQUEST_SECONDS="1", TRANSFER_WAIT_SECONDS="8") as local:
        tell(local, calls.started(), calls.ended())
        result = asyncio.run(slower(local))
    assert [exchange.status for exchange in result.exchanges if exchange.applet == "connect"] == [503, 200]
    assert transfer_of(tmp_path)["state"] == "answered"


@pytest.mark.parametrize("one_at_a_time", ["true", "false"])
def test_the_second_number_when_the_first_is_busy(tmp_path, one_at_a_time):
    with served(tmp_path, CONNECT_FETCH_AFTER_ATTEMPT=one_at_a_time) as local:
        tell(local, calls.started(), calls.transfer_requested("support"), calls.ended("transferred"))
        result = asyncio.run(walk(local, {calls.SUPPORT: BUSY, calls.SUPPORT_2: AT_ONCE}))
    assert result.violations == []
    transfer = transfer_of(tmp_path)
    assert transfer["state"] == "answered"
    assert [attempt["state"] for attempt in transfer["attempts"]] == ["busy", "answered"]


def test_nobody_is_wanted_and_the_flow_ends_before_connect(tmp_path):
    with served(tmp_path) as local:
        tell(local, calls.started(), calls.ended())
        webhook = calls.signed_webhook(calls.post_call(calls.conversation("none")), now=time.time())
        deliver(local.url, webhook)
        result = asyncio.run(walk(local, {}))
    assert [exchange.applet for exchange in result.exchanges] == ["passthru"]
    assert transfer_of(tmp_path) is None
