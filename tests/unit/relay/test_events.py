"""Events reach their receiver, or the log; locally they become files."""

import asyncio
import gzip
import json
import logging
import os
import shutil
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.event_parts import Gathered, joined
from common.signature import Verdict, verify
from relay.events.delivery import DELIVERIES_AT_ONCE, OFFERS_AT_ONCE, DeliveryError, Events, HttpDestination
from relay.events.folder import FolderDestination
from relay.outgoing import outgoing
from sim import virtual_time
from tests.support.virtual import virtual
from tests.unit.relay.test_records import ended, facts

SECRET = "ev3nts"


class Receiver:
    """Takes events; answers with `answers` in turn, then with 200."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[float, str, bytes]] = []

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((asyncio.get_running_loop().time(), request.headers["Relay-Signature"], body))
        assert request.content_type == "application/json"
        answer = self.answers.pop(0) if self.answers else 200
        if callable(answer):
            return await answer(request)
        return web.json_response({"status": "ok", "duplicate": False}, status=answer)

    @property
    def times(self) -> list[float]:
        return [at for at, _, _ in self.requests]


@asynccontextmanager
async def receiving(*answers):
    receiver = Receiver(*answers)
    app = web.Application()
    app.router.add_post("/relay/events", receiver.take)
    async with TestServer(app) as server, outgoing() as http:
        destination = HttpDestination(http, str(server.make_url("/relay/events")), SECRET)
        yield Events(destination), receiver


async def hang(request):
    await asyncio.sleep(3600)
    raise AssertionError


async def drop(request):
    request.transport.abort()
    return web.Response()


def undelivered(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if getattr(record, "event", "") == "event_undelivered"]


# --- over HTTP ---


def test_an_event_is_signed_and_arrives_as_it_is():
    async def story():
        async with receiving() as (events, receiver):
            event = ended(end_detail="naïve ☎")
            assert await events.submit(event) == {"status": "ok", "duplicate": False}
            _, signature, body = receiver.requests[0]
            assert json.loads(body) == event
            assert verify(body, signature, [SECRET]) is Verdict.VALID
            assert verify(body, signature, ["another"]) is Verdict.MISMATCH
            assert events.pending == 0

    virtual_time.run(story())


@pytest.mark.parametrize("failure", [500, 503, 401, 404, 429, 204, 302, drop])
def test_any_status_but_200_is_retried(failure):
    """401 too, because a secret may be in rotation (docs/contracts.md)."""

    async def story():
        async with receiving(failure, failure) as (events, receiver):
            await events.submit(ended())
            assert len(receiver.requests) == 3
            assert len({json.loads(body)["event_id"] for _, _, body in receiver.requests}) == 1
            for _, signature, body in receiver.requests:
                assert verify(body, signature, [SECRET]) is Verdict.VALID

    virtual_time.run(story())


def test_the_pauses_grow_and_the_tries_go_on_for_a_minute(caplog):
    """They doubled without a limit: the last try came after 31 s, and a receiver away for 40 never got the event."""

    async def story():
        async with receiving(*[503] * 100) as (events, receiver):
            assert await events.submit(ended()) == {}
            return receiver.times

    times = virtual_time.run(story())
    pauses = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert pauses[:4] == pytest.approx([0.5, 1, 2, 4], abs=0.01)
    assert times[-1] == pytest.approx(60, abs=0.1)
    assert max(pauses) == pytest.approx(8, abs=0.1)
    assert len(undelivered(caplog)) == 1


@pytest.mark.parametrize("away_s", [5, 20, 40, 58])
def test_a_receiver_that_was_away_gets_the_event(away_s):
    async def story():
        async def closed(request):
            if asyncio.get_running_loop().time() < away_s:
                return web.Response(status=503)
            return web.json_response({"status": "ok"})

        async with receiving(*[closed] * 100) as (events, _):
            assert await events.submit(ended()) == {"status": "ok"}

    virtual_time.run(story())


def test_a_receiver_that_hangs_costs_no_more_than_its_tries(caplog):
    async def story():
        async with receiving(*[hang] * 100) as (events, receiver):
            assert await events.submit(ended()) == {}
            assert asyncio.get_running_loop().time() < 80
            assert len(receiver.requests) == 2

    virtual_time.run(story())
    assert "TimeoutError" in undelivered(caplog)[0].getMessage()


@pytest.mark.parametrize("takes_s", [9, 15, 30])
def test_a_receiver_that_is_slow_is_waited_for(caplog, takes_s):
    """The relay gave up after 10 s, the functions may take 30: the event was stored at every try, sent again, and in
    the end reported as lost."""

    async def story():
        async def slowly(request):
            await asyncio.sleep(takes_s)
            return web.json_response({"status": "ok"})

        async with receiving(*[slowly] * 10) as (events, receiver):
            assert await events.submit(ended()) == {"status": "ok"}
            assert len(receiver.requests) == 1

    virtual_time.run(story())
    assert not undelivered(caplog)


@pytest.mark.parametrize("off_s", [-7200, 3600])
def test_a_wrong_clock_signs_by_the_receivers(caplog, monkeypatch, off_s):
    """With its clock an hour ahead, or two behind, every event was refused for a minute and then given up."""
    monkeypatch.setattr("relay.events.receiver_clock.time", lambda: time.time() + off_s)

    async def story():
        async def judge(request):
            verdict = verify(await request.read(), request.headers["Relay-Signature"], [SECRET])
            return web.json_response({"status": "ok"}, status=200 if verdict is Verdict.VALID else 401)

        async with receiving(*[judge] * 100) as (events, receiver):
            await events.submit(ended())
            assert len(receiver.requests) == 2
            await events.submit(ended())
            assert len(receiver.requests) == 3

    virtual_time.run(story())
    assert not undelivered(caplog)
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "clock_wrong"]
    assert line.off_s == pytest.approx(off_s, abs=3)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 23 Nov 2099 10:00:00 GMT", "Mon, 23 Nov 1999 10:00:00 GMT"])
def test_a_date_beyond_belief_changes_nothing(date):
    """A receiver that does not know the day is not to make us sign for another one."""

    async def story():
        async def refuse(request):
            return web.Response(status=401, headers={"Date": date})

        async with receiving(refuse, refuse) as (events, receiver):
            await events.submit(ended())
            for _, signature, body in receiver.requests:
                assert verify(body, signature, [SECRET]) is Verdict.VALID

    virtual_time.run(story())


def test_what_can_not_be_delivered_is_logged_whole_with_its_numbers_masked(caplog):
    event = ended(turns=[{"speaker": "caller", "text": "hello"}])

    async def story():
        async with receiving(*[500] * 100) as (events, _):
            await events.submit(event)

    virtual_time.run(story())
    (line,) = undelivered(caplog)
    assert line.levelno == logging.ERROR
    parts = [record for record in caplog.records if getattr(record, "event", "") == "event_undelivered_part"]
    assert len(parts) == line.parts
    gathered = Gathered(line.event_id, of=line.parts, parts={record.part: record.data for record in parts})
    payload = joined(gathered, line.sha256)
    assert payload == {**event, "from": "***0001", "to": "***0002"}
    assert line.call_sid == "call-1"
    assert SECRET not in caplog.text
    assert "09876500001" not in json.dumps(payload)


@pytest.mark.parametrize(
    "body",
    [b"", b"thanks", b"[]", b"null", b"\xff\xfe", b'{"a":', b'{"a":"\xff"}', b'{"status":"error"}', b'{"ok":true}']
    + [b"<!doctype html><title>Log in</title>"],
)
def test_only_the_contracts_own_answer_is_a_delivery(body):
    """Any page with 200 counted, a proxy's login page, too: the event was lost and nobody was told."""

    async def story():
        async def answer(request):
            return web.Response(body=body)

        async with receiving(answer) as (events, receiver):
            assert await events.submit(ended()) == {"status": "ok", "duplicate": False}
            assert len(receiver.requests) == 2

    virtual_time.run(story())


@pytest.mark.parametrize("transfer", [None, {}, {"accepted": None}, {"accepted": "yes"}, [], "accepted"])
def test_a_request_for_a_human_wants_a_yes_or_a_no(transfer):
    """What answered without a word about the transfer was taken for a yes: the caller was promised a human."""

    async def story():
        async def silent(request):
            return web.json_response({"status": "ok", "transfer": transfer})

        async def refusing(request):
            return web.json_response({"status": "ok", "transfer": {"accepted": False, "target": None}})

        asked = facts().event("transfer_requested", transfer={"target": "sales", "reason": "", "summary": ""})
        async with receiving(silent, refusing) as (events, receiver):
            assert (await events.submit(asked))["transfer"]["accepted"] is False
            assert len(receiver.requests) == 2

    virtual_time.run(story())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    """On 307 transcript and signature went to the other host; on 302 its 200 to a GET counted as delivered."""
    stranger = []

    async def story():
        async def elsewhere(request):
            stranger.append(request.method)
            return web.json_response({"status": "ok", "transfer": {"accepted": True}})

        other = web.Application()
        other.router.add_route("*", "/{path:.*}", elsewhere)
        async with TestServer(other) as host:

            async def pointing(request):
                return web.Response(status=status, headers={"Location": str(host.make_url("/take"))})

            async with receiving(pointing) as (events, receiver):
                assert await events.submit(ended()) == {"status": "ok", "duplicate": False}
                assert len(receiver.requests) == 2

    virtual_time.run(story())
    assert stranger == []


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_has_a_bound_and_is_not_unpacked(packed):
    """One and a half megabytes of gzip became three gigabytes."""
    taken = []

    async def story():
        async def large(request):
            response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if packed else {})
            await response.prepare(request)
            chunk = gzip.compress(bytes(1_000_000)) if packed else bytes(64 * 1024)
            try:
                for _ in range(1000):
                    await response.write(chunk)
                    taken.append(len(chunk))
            except ConnectionError:
                pass
            return response

        async with receiving(large) as (events, receiver):
            assert await events.submit(ended()) == {"status": "ok", "duplicate": False}
            assert len(receiver.requests) == 2

    virtual_time.run(story())
    assert packed or len(taken) < 100


def test_waiting_for_an_answer_has_an_end_but_the_delivery_goes_on():
    async def story():
        async def slowly(request):
            await asyncio.sleep(5)
            return web.json_response({"status": "ok", "transfer": {"accepted": True}})

        async with receiving(slowly) as (events, receiver):
            loop = asyncio.get_running_loop()
            assert await events.post(ended(), patience_s=2) is None
            assert loop.time() == pytest.approx(2, abs=0.01)
            assert events.pending == 1
            await events.drain(10)
            assert events.pending == 0
            assert len(receiver.requests) == 1
            assert await events.post(ended(), patience_s=2) == {"status": "ok", "duplicate": False}

    virtual_time.run(story())


def test_one_event_that_hangs_does_not_hold_up_another():
    async def story():
        async with receiving(hang) as (events, _):
            first = events.submit(ended())
            await asyncio.sleep(0.01)
            assert await events.post(ended(), patience_s=1) is not None
            assert not first.done()
            await events.drain(0)

    virtual_time.run(story())


def test_a_relay_that_stops_leaves_no_event_behind(caplog):
    async def story():
        async with receiving(*[503] * 100) as (events, _):
            for _ in range(3):
                events.submit(ended())
            await asyncio.sleep(1)
            await events.drain(2)
            assert asyncio.get_running_loop().time() < 4
            assert events.pending == 0

    virtual_time.run(story())
    assert len(undelivered(caplog)) == 3


# --- to a folder ---


def deliver(folder, *events):
    async def story():
        destination = FolderDestination(folder)
        return [await destination.deliver(event) for event in events]

    return virtual_time.run(story())


def files(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_events_and_the_record_become_files(tmp_path):
    started, over = facts().event("started", relay="r1"), ended()
    deliver(tmp_path, started, over)
    assert files(tmp_path) == {
        f"calls/call-1/events/{started['event_id']}.json",
        f"calls/call-1/events/{over['event_id']}.json",
        "logs/call-1.json",
    }
    assert json.loads((tmp_path / f"calls/call-1/events/{started['event_id']}.json").read_text()) == started
    record = json.loads((tmp_path / "logs/call-1.json").read_text())
    assert (record["call_sid"], record["sources"]) == ("call-1", ["relay"])


def test_a_stream_that_was_replaced_is_not_the_end_of_its_call(tmp_path):
    deliver(tmp_path, ended(end_reason="replaced", ended_by="line"))
    assert not (tmp_path / "logs").exists()


def test_a_transfer_is_accepted(tmp_path):
    wish = facts().event("transfer_requested", transfer={"target": "sales", "reason": "", "summary": ""})
    (answer,) = deliver(tmp_path, wish)
    assert answer["transfer"] == {"accepted": True, "target": "sales", "reason": None}


@pytest.mark.parametrize(
    "call_sid", ["../../etc/passwd", "..", ".", "...", "a/b", "", "a" * 129, "a\n", "ü", "a\x00b", "a b"]
)
def test_an_unsafe_call_sid_writes_nothing(tmp_path, call_sid):
    """`..` was let through, and wrote beside the folder of the calls."""
    folder = tmp_path / "in" / "here"
    with pytest.raises(DeliveryError, match="call_sid"):
        deliver(folder, {**ended(), "call_sid": call_sid})
    assert files(tmp_path) == set()


@pytest.mark.parametrize("call_sid", ["b7a90e4c51d24f6a93be7c0d8f12197k", "a", "a.b-c_d", "..a", "a" * 128])
def test_a_call_sid_that_is(tmp_path, call_sid):
    deliver(tmp_path, {**ended(), "call_sid": call_sid})
    assert f"logs/{call_sid}.json" in files(tmp_path)


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "calls").write_text("in the way")
    with pytest.raises(DeliveryError, match="calls"):
        deliver(tmp_path, ended())


def test_what_is_kept_of_a_call_is_for_nobody_elses_eyes(tmp_path):
    """People's words and numbers were readable for every user of the machine; an older file is closed, too."""
    folder = tmp_path / "data"
    before = os.umask(0)
    try:
        deliver(folder, ended(call_sid="call-0"))
        for path in folder.rglob("*.json"):
            path.chmod(0o644)
        deliver(folder, facts().event("started"), ended(), ended(call_sid="call-0"))
    finally:
        os.umask(before)
    modes = {path.is_dir(): oct(path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}
    assert modes == {True: "0o700", False: "0o600"}


def test_a_file_that_an_older_relay_left_half_written_is_closed_too(tmp_path):
    """It would have kept its permissions, and with it the record that was written over it."""
    (tmp_path / "logs").mkdir()
    part = tmp_path / "logs" / ".call-1.json.part"
    part.write_text("half of a record of somebody else's, which is longer than this one" * 100)
    part.chmod(0o644)
    deliver(tmp_path, ended())
    assert oct((tmp_path / "logs" / "call-1.json").stat().st_mode & 0o777) == "0o600"
    assert json.loads((tmp_path / "logs" / "call-1.json").read_text())["call_sid"] == "call-1"


def test_a_folder_that_somebody_empties_is_made_again(tmp_path):
    """Files are written without looking for their folder first: that took longer than the writing."""
    (tmp_path / "data").mkdir()
    deliver(tmp_path / "data", ended())
    shutil.rmtree(tmp_path / "data")
    deliver(tmp_path / "data", ended())
    assert "logs/call-1.json" in files(tmp_path / "data")


def test_an_event_delivered_twice_is_one_file(tmp_path):
    event = ended()
    deliver(tmp_path, event, event)
    assert len(files(tmp_path)) == 2


@virtual
async def test_what_can_wait_is_offered_a_few_at_a_time():
    """Two hundred calls tell how far they are: that may not be what the transfer of one of them waits behind."""
    under_way, most = 0, 0

    async def slowly(request):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(1)
        under_way -= 1
        return web.json_response({"status": "ok", "progress": 1})

    async with receiving(*[slowly] * 10) as (events, receiver):
        offers = [events.offer(facts().event("progress", number=1)) for _ in range(10)]
        assert [answer["progress"] for answer in await asyncio.gather(*offers)] == [1] * 10
        assert len(receiver.requests) == 10
    assert most == OFFERS_AT_ONCE


@virtual
async def test_a_slow_receiver_gets_no_more_connections_than_calls_can_spare():
    """Of 20,000 short calls 5,900 events were under way at once; a relay has descriptors for about a thousand sockets.

    A request for a human goes past those that wait.
    """
    under_way, most, done = 0, 0, []

    class Slow:
        async def deliver(self, event):
            nonlocal under_way, most
            human = event["type"] == "call.transfer_requested"
            under_way += not human
            most = max(most, under_way)
            await asyncio.sleep(1)
            under_way -= not human
            done.append(event["type"])
            return {}

    events = Events(Slow())
    tasks = [events.submit({"type": "call.ended"}) for _ in range(5 * DELIVERIES_AT_ONCE)]
    await asyncio.sleep(0.5)
    tasks.append(events.submit({"type": "call.transfer_requested"}))
    await asyncio.gather(*tasks)
    assert most == DELIVERIES_AT_ONCE
    assert done.index("call.transfer_requested") == DELIVERIES_AT_ONCE
    assert len(done) == 5 * DELIVERIES_AT_ONCE + 1
