"""The relay's HTTP surface and who may use it."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from yarl import URL

from common.credentials import BasicAuth
from relay import media
from relay.arrivals import IncomingSocket
from relay.events.records import EndReason
from sim.caller import Step, When
from tests.support.relay_world import GREETING, relay_world
from tests.support.virtual import virtual

WAIT = ()
SHORT = (Step(when=When.AT, ms=1500, hang_up=True),)
ALIASES = '[agents.reception]\nid = "agent_0"\n[agents.night]\nid = "agent_1"\n'


@pytest.mark.parametrize("path", ["/media", "/v1/convai/conversation/exotel"])
@virtual
async def test_both_paths_of_the_original_work(tmp_path, path):
    async with relay_world(tmp_path) as world:
        result = await world.call(url=world.url.replace("http", "ws") + path, script=SHORT)
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"


@pytest.mark.parametrize("path", ["/media/s3cret", "/v1/convai/conversation/exotel/s3cret/night"])
@virtual
async def test_a_plain_get_answers_with_the_sockets_url(tmp_path, path):
    """An applet with an https:// URL asks for the socket's address first (exotel.md 1.12)."""
    settings = {"media_token": "s3cret", "public_url": "wss://bot.example.in"}
    async with relay_world(tmp_path, GREETING, GREETING, settings=settings, agents_toml=ALIASES) as world:
        assert await world.get(path) == (200, {"url": f"wss://bot.example.in{path}"})


@virtual
async def test_a_dynamic_url_leads_to_a_call(tmp_path):
    async with relay_world(tmp_path) as world:
        result = await world.call(url=f"{world.url}/media", script=SHORT)
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/media", 401),
        ("/media/wrong", 401),
        ("/media/wrong/night", 401),
        ("/media/s3cret/nobody", 404),
        ("/media/s3cret/night/more", 404),
        ("/media/%2e%2e/s3cret", 401),
    ],
)
@virtual
async def test_wrong_tokens_and_aliases_are_refused_at_the_upgrade(tmp_path, path, status, caplog):
    """Refused before a socket is opened, counted, and logged without what was guessed."""
    async with relay_world(
        tmp_path, GREETING, GREETING, settings={"media_token": "s3cret"}, agents_toml=ALIASES
    ) as world:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await world.http.ws_connect(URL(world.url + path, encoded=True))
        assert refusal.value.status == status
        assert refusal.value.headers.get("WWW-Authenticate") == ("Basic" if status == 401 else None)
        reason = "unauthorized" if status == 401 else "unknown_agent"
        [line] = [entry for entry in caplog.records if getattr(entry, "event", "") == "call_refused"]
        assert (line.reason, line.unlogged) == (reason, 0)
        async with world.http.get(URL(world.url + path, encoded=True)) as response:
            assert (response.status, await response.json()) == (status, {"error": reason})
        assert "wrong" not in caplog.text
        assert "s3cret" not in caplog.text
        assert f'relay_calls_refused_total{{reason="{reason}"}} 2.0' in (await world.get("/metrics"))[1]


@virtual
async def test_the_alias_in_the_path_chooses_the_agent(tmp_path):
    async with relay_world(
        tmp_path, GREETING, GREETING, settings={"media_token": "s3cret"}, agents_toml=ALIASES
    ) as world:
        await world.call(url=f"{world.media_url}/s3cret/night", script=SHORT)
        await world.call(url=f"{world.media_url}/s3cret", script=SHORT)
        assert [one.agent_id for one in world.agents.conversations] == ["agent_1", "agent_0"]


@virtual
async def test_the_query_of_old_applet_urls_chooses_the_agent(tmp_path):
    """Exotel strips the query, it arrives as a custom parameter after start; the agent prepared by then is let go."""
    async with relay_world(tmp_path, GREETING, GREETING, agents_toml=ALIASES) as world:
        await world.call(url=f"{world.media_url}?agent_id=agent_1&tenant=acme", script=SHORT)
        [conversation] = world.agents.conversations
        assert conversation.agent_id == "agent_1"
        assert conversation.variables["tenant"] == "acme"


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ({}, "ws"),
        ({"X-Forwarded-Proto": "https"}, "wss"),
        ({"X-Forwarded-Proto": "https,http"}, "wss"),
        ({"X-Forwarded-Proto": "HTTPS"}, "wss"),
        ({"X-Forwarded-Proto": "wss, ws"}, "wss"),
        ({"X-Forwarded-Proto": "http,https"}, "ws"),
        ({"X-Forwarded-Proto": "ws"}, "ws"),
        ({"X-Forwarded-Proto": "spdy"}, "ws"),
        ({"Forwarded": "for=203.0.113.9;proto=https;by=10.0.0.1, proto=http"}, "wss"),
        ({"Forwarded": 'Proto="HTTPS"'}, "wss"),
        ({"Forwarded": "proto=http, proto=https"}, "ws"),
        ({"Forwarded": "for=_hidden"}, "ws"),
        ({"X-Forwarded-Proto": "https", "Forwarded": "proto=http"}, "wss"),
    ],
)
@virtual
async def test_the_sockets_url_is_secure_when_the_client_came_by_tls(tmp_path, headers, scheme):
    """Two proxies write `https,http`, some HTTPS or wss: Exotel was then given a ws:// address, which nobody serves."""
    async with relay_world(tmp_path) as world:
        status, body = await world.get("/media", headers=headers)
        assert (status, body) == (200, {"url": f"{scheme}://{world.url.removeprefix('http://')}/media"})


@pytest.mark.parametrize("public_url", ["", "itself"])
@virtual
async def test_with_a_password_a_dynamic_url_leads_to_a_call(tmp_path, public_url):
    """The address that was handed out had no password in it: the socket behind it was refused."""
    settings = {"media_token": "s3cret", "media_basic_auth": BasicAuth("exotel", "pa:s/s@of nobody")}
    async with relay_world(tmp_path, settings=settings) as world:
        if public_url:
            world.relay.settings = replace(world.relay.settings, public_url=world.url.replace("http", "ws"))
        asked = world.url.replace("http://", "http://exotel:pa%3As%2Fs%40of%20nobody@") + "/media/s3cret"
        result = await world.call(url=asked, script=SHORT)
        assert (result.error, result.ended_by) == ("", "caller")


@virtual
async def test_basic_auth_opens_the_socket(tmp_path):
    settings = {"media_basic_auth": BasicAuth("exotel", "pa:ss")}
    async with relay_world(tmp_path, settings=settings) as world:
        good = world.media_url.replace("ws://", "ws://exotel:pa%3Ass@")
        assert (await world.call(url=good, script=SHORT)).ended_by == "caller"
        bad = world.media_url.replace("ws://", "ws://exotel:nope@")
        assert (await world.call(url=bad, script=SHORT)).ended_by == "nobody"


@virtual
async def test_the_call_after_the_last_place_is_refused(tmp_path):
    """At MAX_CALLS: 503 for the next one, /ready says so, the running ones don't notice, and a freed place is used."""
    async with relay_world(tmp_path, settings={"max_calls": 2}) as world:
        running = [asyncio.create_task(world.call(script=(Step(when=When.AT, ms=5000, hang_up=True),))) for _ in "ab"]
        await world.until(lambda: len(world.relay.calls) == 2)
        assert (await world.get("/ready"))[0] == 503
        async with world.http.ws_connect(world.media_url):  # could still become a retry of one of the two
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await world.http.ws_connect(world.media_url)
        assert refusal.value.status == 503
        for result in await asyncio.gather(*running):
            assert not result.violations
        await world.until(lambda: world.relay.streams == 0)
        assert (await world.get("/ready"))[0] == 200
        assert (await world.call(script=SHORT)).ended_by == "caller"


@virtual
async def test_the_retry_of_a_handshake_finds_a_place_when_all_are_taken(tmp_path):
    """It was refused with 503 because the stream that it replaces still counted."""
    async with relay_world(tmp_path, settings={"max_calls": 1}) as world:
        first = asyncio.create_task(world.call(call_sid="same", script=()))
        await world.until(lambda: world.relay.calls)
        second = await world.call(call_sid="same", script=SHORT)
        assert second.ended_by == "caller"
        assert (await first).ended_by == "bot"
        assert world.record("same")["end_reason"] == "caller_hung_up"


@virtual
async def test_another_call_on_the_place_of_the_retry_is_handed_over_at_once(tmp_path):
    """And reported: the functions dial a human for it, as for any call that no agent could take."""
    async with relay_world(tmp_path, settings={"max_calls": 1}) as world:
        running = asyncio.create_task(world.call(script=(Step(when=When.AT, ms=3000, hang_up=True),)))
        await world.until(lambda: world.relay.calls)
        refused = await world.call(call_sid="another", script=())
        assert refused.ended_by == "bot"
        record = world.record("another")
        assert (record["end_reason"], record["duration_s"]) == ("agent_failed", 0.0)
        assert record["end_detail"] == "the relay is full: MAX_CALLS is 1"
        assert world.relay.metrics.total(world.relay.metrics.refused) == 1
        assert (await running).ended_by == "caller"


@virtual
async def test_a_start_that_comes_when_the_relay_is_being_stopped_is_ended_too(tmp_path):
    """Its socket was open before; nobody ended that call, and the process was killed under it."""
    start = {"stream_sid": "s", "call_sid": "late", "from": "", "to": "", "media_format": {"sample_rate": "8000"}}
    async with relay_world(tmp_path, settings={"drain_s": 1}) as world, world.http.ws_connect(world.media_url) as line:
        drain = asyncio.create_task(world.relay.drain())
        await asyncio.sleep(2)
        await line.send_json({"event": "start", "stream_sid": "s", "start": start})
        async with asyncio.timeout(5):
            while (await line.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
        await drain
        assert world.record("late")["end_reason"] == "shutdown"


@virtual
async def test_a_relay_without_calls_does_not_wait_for_its_events_as_long_as_for_calls(tmp_path):
    """The functions are down: nine seconds for what is under way to them, not the minutes that calls are given."""
    async with relay_world(tmp_path, with_events_url=True, settings={"drain_s": 600}) as world:
        world.sink.statuses = [500] * 100
        await world.call(script=SHORT)
        await world.relay.drain()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 12


@virtual
async def test_draining_lets_calls_finish_and_takes_no_new_ones(tmp_path):
    async with relay_world(tmp_path, settings={"drain_s": 60}) as world:
        call = asyncio.create_task(world.call(script=(Step(when=When.AT, ms=8000, hang_up=True),)))
        await world.until(lambda: len(world.relay.calls) == 1)
        drain = asyncio.create_task(world.relay.drain())
        await asyncio.sleep(0.1)
        assert (await world.get("/health"))[0] == 200
        assert (await world.get("/ready"))[0] == 503
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await world.http.ws_connect(world.media_url)
        assert refusal.value.status == 503
        result = await call
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"
        started = asyncio.get_running_loop().time()
        await drain
        assert asyncio.get_running_loop().time() - started < 1  # it doesn't sit out the minute


@virtual
async def test_what_does_not_finish_in_time_is_handed_over_with_its_event(tmp_path):
    async with relay_world(tmp_path, settings={"drain_s": 5}, with_events_url=True) as world:
        calls = [asyncio.create_task(world.call(script=WAIT)) for _ in range(3)]
        await world.until(lambda: len(world.relay.calls) == 3)
        await world.relay.drain()
        results = await asyncio.gather(*calls)
        assert {result.close_code for result in results} == {1000}
        assert [event["end_reason"] for event in world.sink.of("ended")] == [EndReason.SHUTDOWN] * 3


@virtual
async def test_a_call_that_is_not_drained_ends_with_the_relay(tmp_path, monkeypatch):
    """The server waits for no handler of its own: a call is a task of the relay's. This one does not notice that its
    line is gone.
    """

    async def wait(line, timeout_s):
        await asyncio.sleep(1_000_000)

    monkeypatch.setattr(media, "await_start", wait)
    async with relay_world(tmp_path) as world:
        call = asyncio.create_task(world.call(script=WAIT))
        await world.until(lambda: world.relay.streams == 1)
        await asyncio.sleep(1)
    assert world.relay.streams == 0
    await call


@virtual
async def test_a_line_that_is_lost_during_the_upgrade_leaves_its_place(tmp_path, monkeypatch):
    async def fail(ws, request):
        raise ConnectionResetError

    monkeypatch.setattr(IncomingSocket, "prepare", fail)
    async with relay_world(tmp_path) as world:
        with pytest.raises(aiohttp.ClientError):
            await world.http.ws_connect(world.media_url)
        await asyncio.sleep(1)
        assert (world.relay.streams, world.relay.closed) == (0, 1)


@virtual
async def test_a_defect_before_the_call_cuts_its_socket_and_is_logged(tmp_path, caplog, monkeypatch):
    async def fail(line, timeout_s):
        raise ZeroDivisionError

    monkeypatch.setattr(media, "await_start", fail)
    async with relay_world(tmp_path) as world, world.http.ws_connect(world.media_url) as ws:
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSED
        await world.until(lambda: world.relay.streams == 0)
        [record] = [record for record in caplog.records if getattr(record, "event", "") == "defect"]
        assert record.exc_info[0] is ZeroDivisionError


@virtual
async def test_the_ambience_is_controlled_over_http(tmp_path, caplog):
    settings = {"ambience": "office", "control_token": "c0ntrol"}
    async with relay_world(tmp_path, settings=settings) as world:
        headers = {"Authorization": "Bearer c0ntrol"}
        call = asyncio.create_task(world.call(call_sid="one", script=(Step(when=When.AT, ms=12_000, hang_up=True),)))
        await world.until(lambda: len(world.relay.calls) == 1)
        await asyncio.sleep(6)
        now = {"active_calls": 1, "calls": {"one": {"enabled": True, "volume": 0.3}}}
        assert await world.get("/bg-sound", headers=headers) == (200, now)

        async def post(body, headers=headers):
            async with world.http.post(world.url + "/bg-sound", json=body, headers=headers) as response:
                return response.status, await response.json(), response.headers.get("WWW-Authenticate")

        refused = {
            404: ({"enabled": True, "call_sid": "other"}, "no such call on this relay"),
            400: ({"enabled": True, "call_sid": 5}, "call_sid: expected a string"),
        }
        assert await post({"enabled": False, "call_sid": "one"}) == (200, {"updated_calls": 1}, None)
        for status, (body, problem) in refused.items():
            assert await post(body) == (status, {"error": problem}, None)
        number = "expected a JSON object: volume: expected a number from 0 to 1"
        assert await post({"volume": 2}) == (400, {"error": number}, None)
        nothing = "expected a JSON object: expected 'enabled' (true or false) or 'volume' (0 to 1) or both"
        assert await post({}) == await post([1]) == (400, {"error": nothing}, None)
        for wrong in ({"Authorization": "Bearer wrong"}, {}):
            assert await post({"volume": 0.5}, headers=wrong) == (401, {"error": "unauthorized"}, "Bearer")
        result = await call
        (line,) = [entry for entry in caplog.records if getattr(entry, "event", "") == "control"]
        assert (line.call_sid, line.action) == ("one", "ambience")
        assert line.getMessage() == "an operator changed the ambience"
        last = result.heard[8000 * 8 : 8000 * 11]
        assert not last.any()
        assert result.heard[8000 * 4 : 8000 * 5].any()


@virtual
async def test_control_is_off_without_a_token(tmp_path):
    async with relay_world(tmp_path) as world:
        assert await world.get("/bg-sound") == (403, {"error": "control is off: set CONTROL_TOKEN"})


@virtual
async def test_metrics_tell_of_calls(tmp_path):
    async with relay_world(tmp_path) as world:
        await world.call(script=SHORT)
        await world.until(lambda: world.relay.streams == 0)
        _, text = await world.get("/metrics")
        assert 'relay_calls_ended_total{reason="caller_hung_up",vendor="elevenlabs"} 1.0' in text
        for name in (
            "relay_calls ",
            "relay_first_audio_seconds",
            "relay_event_loop_lag_seconds",
            "relay_playout_queued_seconds",
            "relay_interruption_to_clear_seconds",
            "relay_gaps_total",
        ):
            assert name in text


@virtual
async def test_events_that_cannot_be_delivered_do_not_hold_a_relay_that_is_idle(tmp_path):
    """With the last call gone the end is near, however long calls might have taken: DRAIN_SECONDS is theirs."""
    async with relay_world(tmp_path, settings={"drain_s": 600}, with_events_url=True) as world:
        world.sink.answer_after_s = 3600.0
        await world.call(script=SHORT)
        await world.until(lambda: world.relay.streams == 0)
        told_at = asyncio.get_running_loop().time()
        await world.relay.drain()
    assert asyncio.get_running_loop().time() - told_at < 12


@virtual
async def test_the_last_events_have_the_whole_grace_of_a_shutdown(tmp_path):
    """The moment the last call was gone, the time for its event was, too: a function that had to start lost it."""
    async with relay_world(tmp_path, settings={"drain_s": 0}, with_events_url=True) as world:
        world.sink.answer_after_s = 5.0
        call = asyncio.create_task(world.call(script=WAIT))
        await world.until(lambda: len(world.relay.calls) == 1)
        await world.relay.drain()
        await call
    assert [event["end_reason"] for event in world.sink.of("ended")] == [EndReason.SHUTDOWN]
