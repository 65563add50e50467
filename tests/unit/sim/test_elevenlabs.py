import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from common.signature import Verdict, verify
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from relay.agents.elevenlabs.fake_rest import Trouble
from sim.agent_script import AgentScript, Reply
from sim.serving import serving
from tests.support.virtual import virtual

KEY = {"xi-api-key": "sk_1"}
BRIEF = AgentScript(
    replies=(Reply("start", ("agent_goodbye",), end_call=True),), data_collection={"should_transfer": "billing"}
)


@asynccontextmanager
async def api(script=BRIEF, **options):
    fake = FakeElevenLabs({"a1": script, "a2": BRIEF}, api_key="sk_1", **options)
    async with serving(fake.app()) as url, aiohttp.ClientSession(url) as session:
        yield fake, session


async def signed_url(session, **query):
    path = "/v1/convai/conversation/get-signed-url"
    async with session.get(path, params={"agent_id": "a1", **query}, headers=KEY) as response:
        assert response.status == 200
        return (await response.json())["signed_url"]


async def converse(session, url, **variables):
    """A whole conversation; the close code it ended with."""
    async with session.ws_connect(url) as socket:
        message = {"type": "conversation_initiation_client_data", "dynamic_variables": variables}
        if not socket.closed:
            await socket.send_json(message)
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == "ping":
                await socket.send_json({"type": "pong", "event_id": event["ping_event"]["event_id"]})
        return socket.close_code


async def get(session, path, headers=KEY, **query):
    async with session.get(path, params=query, headers=headers) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("side", ["input_format", "output_format"])
def test_an_agent_with_a_format_that_elevenlabs_does_not_have_is_refused(side):
    """A-law came in for OpenAI, and the fake spoke it here as well: a call over it ended with nothing heard."""
    with pytest.raises(ValueError, match="audio format 'alaw_8000': ElevenLabs has pcm_8000, .*ulaw_8000$"):
        FakeElevenLabs({"a1": AgentScript(**{side: "alaw_8000"})})


@virtual
async def test_the_key_is_demanded_everywhere():
    async with api() as (_, session):
        for path in ("conversation/get-signed-url?agent_id=a1", "conversations", "conversations/x"):
            for headers in ({}, {"xi-api-key": "wrong"}):
                status, body = await get(session, f"/v1/convai/{path}", headers)
                assert (status, body["detail"]["status"]) == (401, "invalid_api_key")


@virtual
async def test_signed_urls():
    async with api(AgentScript(private=True, replies=BRIEF.replies)) as (fake, session):
        url = await signed_url(session)
        assert url.startswith(f"ws://127.0.0.1:{session._base_url.port}/v1/convai/conversation?agent_id=a1&")
        assert await converse(session, url) == 1000
        assert await converse(session, url) == 1000, "good for several conversations"
        assert [record.authorization for record in fake.conversations] == ["signed_url"] * 2
        single = await signed_url(session, include_conversation_id="true")
        assert await converse(session, single) == 1000
        assert await converse(session, single) == 1008, "with a conversation id it is good for one"
        assert await converse(session, url.replace("a1", "a2")) == 1000, "a public agent needs none"
        await asyncio.sleep(901)
        assert await converse(session, url) == 1008, "expired"
        assert await converse(session, "/v1/convai/conversation?agent_id=a1") == 1008


@virtual
async def test_signed_url_errors():
    async with api(AgentScript(signed_url_status=429)) as (_, session):
        path = "/v1/convai/conversation/get-signed-url"
        assert (await get(session, path, agent_id="a1"))[0] == 429
        assert (await get(session, path, agent_id="nobody"))[0] == 404
        status, body = await get(session, path)
        assert (status, body["detail"][0]["loc"]) == (422, ["query", "agent_id"])


@virtual
async def test_an_upgrade_can_be_refused():
    async with api(AgentScript(upgrade_status=403)) as (_, session):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect("/v1/convai/conversation?agent_id=a1")
        assert refused.value.status == 403


@virtual
async def test_a_conversation_can_be_fetched_until_it_is_done():
    async with api() as (fake, session):
        await converse(session, await signed_url(session), call_sid="c1")
        (record,) = fake.conversations
        path = f"/v1/convai/conversations/{record.conversation_id}"
        status, body = await get(session, path)
        assert (status, body["status"], body["analysis"]) == (200, "processing", None)
        await asyncio.sleep(2)
        _, body = await get(session, path)
        assert body["status"] == "done"
        assert body["analysis"]["data_collection_results"]["should_transfer"]["value"] == "billing"
        assert body["conversation_initiation_client_data"]["dynamic_variables"] == {"call_sid": "c1"}
        assert [(turn["role"], turn["time_in_call_secs"]) for turn in body["transcript"]] == [("agent", 0)]
        assert body["metadata"]["termination_reason"] == "end_call tool was called."
        async with session.get(f"{path}/audio", headers=KEY) as response:
            assert response.content_type == "audio/mpeg"
            assert (await response.read()).startswith(b"\xff\xfb")
        assert (await get(session, "/v1/convai/conversations/conv_x"))[0] == 404


@virtual
async def test_conversations_are_listed_newest_first_in_pages():
    async with api() as (fake, session):
        url = await signed_url(session)
        for number in range(5):
            await converse(session, url, call_sid=f"c{number}")
        await converse(session, "/v1/convai/conversation?agent_id=a2")
        ids = [record.conversation_id for record in reversed(fake.conversations)]
        path = "/v1/convai/conversations"
        found, cursor = [], {}
        for _ in range(3):
            _, page = await get(session, path, page_size=2, **cursor)
            found += [one["conversation_id"] for one in page["conversations"]]
            cursor = {"cursor": page["next_cursor"]}
        assert (found, page["has_more"], page["next_cursor"]) == (ids, False, None)

        async def listed(**query):
            return [one["conversation_id"] for one in (await get(session, path, **query))[1]["conversations"]]

        assert await listed(agent_id="a2") == ids[:1]
        assert await listed(dynamic_variable_params="call_sid:eq:c0") == ids[-1:]
        assert await listed(call_start_after_unix=str(fake.conversations[0].started_unix + 1000)) == []
        assert ids[0] not in await listed(exclude_statuses="processing"), "it has only just ended"


@asynccontextmanager
async def receiver(*statuses):
    """An endpoint that answers with `statuses`, then 200; yields its URL and what came: (time, body, signature)."""
    came = []
    left = list(statuses)

    async def receive(request):
        came.append((asyncio.get_running_loop().time(), await request.read(), request.headers["ElevenLabs-Signature"]))
        return web.Response(status=left.pop(0) if left else 200)

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with serving(app) as url:
        yield f"{url}/hook", came


@virtual
async def test_the_webhook_comes_after_its_delay_and_is_signed():
    async with receiver() as (url, came), api(webhook=Webhook(url, "wsec_1", delay_s=2.5)) as (fake, session):
        await converse(session, await signed_url(session), call_sid="c1")
        await fake.settled()
        ((at, body, header),) = came
        assert at - fake.conversations[0].ended_at == pytest.approx(2.5, abs=0.01)
        assert verify(body, header, ["wsec_1"]) is Verdict.VALID
        assert verify(body, header, ["wsec_2"]) is Verdict.MISMATCH
        event = json.loads(body)
        assert event["type"] == "post_call_transcription"
        assert event["data"]["conversation_id"] == fake.conversations[0].conversation_id
        assert event["data"]["analysis"]["data_collection_results"]["should_transfer"]["value"] == "billing"
        assert [delivery.status for delivery in fake.deliveries] == [200]


@pytest.mark.parametrize(
    ("statuses", "retry", "attempts"),
    [((503, 503), True, 3), ((503, 503), False, 1), ((401,), True, 1), ((202,), True, 1), ((429, 408, 500), True, 4)],
)
@virtual
async def test_retries_are_off_unless_enabled_and_only_for_some_statuses(statuses, retry, attempts):
    webhook = {"secret": "wsec_1", "retry": retry}
    async with receiver(*statuses) as (url, came), api(webhook=Webhook(url, **webhook)) as (fake, session):
        await converse(session, await signed_url(session))
        await fake.settled(timeout=10_000)
        assert len(came) == attempts
        gaps = [later[0] - earlier[0] for earlier, later in zip(came, came[1:], strict=False)]
        for gap, planned in zip(gaps, (30, 120, 480), strict=False):
            assert planned <= gap <= planned * 1.1 + 0.1
        assert len({body for _, body, _ in came}) == 1, "the same bytes every time"


@virtual
async def test_the_same_webhook_several_times():
    async with receiver() as (url, came), api(webhook=Webhook(url, "wsec_1", copies=3)) as (fake, session):
        await converse(session, await signed_url(session))
        await fake.settled()
        assert len(came) == 3


@virtual
async def test_a_conversation_s_answer_can_be_spoilt_once():
    async with api() as (fake, session):
        await converse(session, await signed_url(session))
        path = f"/v1/convai/conversations/{fake.conversations[0].conversation_id}"
        cut = b'{"transcript":[{"message":"cut \\ud83d"}]}'
        fake.workspace.troubles = [Trouble("GET", path, 200, body=cut), Trouble("GET", path, 500)]
        answers = []
        for _ in range(3):
            async with session.get(path, headers=KEY) as response:
                answers.append((response.status, await response.read() == cut))
        assert answers == [(200, True), (500, False), (200, False)]
