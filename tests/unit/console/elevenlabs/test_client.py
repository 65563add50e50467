import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from console.elevenlabs.client import Api, ApiError, Trouble
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.serving import serving
from tests.support.virtual import virtual

KEY = "sk_of_nobody_at_all"


@asynccontextmanager
async def answering(*answers):
    """An API that gives these answers in turn, each (status, body, headers); its requests and pauses are kept."""
    asked, paused, left = [], [], list(answers)

    async def answer(request):
        asked.append(request)
        status, body, headers = (*left.pop(0), {}, {})[:3]
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body), headers=headers)

    async def pause(seconds):
        paused.append(seconds)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serving(app) as url, aiohttp.ClientSession() as session:
        yield Api(session, url, KEY, sleep=pause), asked, paused


REFUSALS = [
    (401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, Trouble.KEY),
    (401, {"detail": {"status": "missing_permissions", "message": "missing convai_read"}}, Trouble.PERMISSION),
    (401, {"detail": {"status": "invalid_api_key", "message": "for a data residency stack"}}, Trouble.REGION),
    (401, "", Trouble.KEY),
    (403, {"detail": {"status": "ip_not_allowed", "message": "IP address not allowed"}}, Trouble.ADDRESS),
    (403, "", Trouble.ADDRESS),
    (403, {"detail": {"status": "forbidden", "message": "not in your plan"}}, Trouble.PERMISSION),
    (404, {"detail": {"status": "agent_not_found", "message": "no such agent"}}, Trouble.UNKNOWN),
    (422, {"detail": [{"loc": ["body", "name"], "msg": "Field required", "type": "missing"}]}, Trouble.SHAPE),
    (400, {"detail": "no"}, Trouble.SHAPE),
    (302, "", Trouble.SHAPE),
]


@pytest.mark.parametrize(("status", "body", "trouble"), REFUSALS)
@virtual
async def test_a_refusal_is_one_sentence_of_its_kind(status, body, trouble):
    async with answering((status, body, {"Location": "https://elsewhere.example.com/"})) as (api, asked, _):
        with pytest.raises(ApiError) as refused:
            await api.agent("agent_1")
        assert (refused.value.trouble, refused.value.status) == (trouble, status)
        assert "\n" not in str(refused.value)
        assert KEY not in str(refused.value)
        assert len(asked) == 1
        assert asked[0].headers["xi-api-key"] == KEY


@virtual
async def test_what_is_wrong_with_a_body_is_said_with_its_place():
    detail = [{"loc": ["body", "tts", "speed"], "msg": "too fast"}, {"loc": None, "msg": "and more"}, "odd"]
    async with answering((422, {"detail": detail})) as (api, *_):
        with pytest.raises(ApiError, match=r"body\.tts\.speed: too fast; : and more"):
            await api.patch_agent("agent_1", {})


@virtual
async def test_it_waits_as_long_as_asked():
    answers = [(429, "", {"Retry-After": "7"}), (429, "", {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}), (429, "")]
    async with answering(*answers, (200, {"agent_id": "agent_9"})) as (api, asked, paused):
        assert await api.create_agent({}) == "agent_9"
        assert paused == [7.0, 2.0, 4.0]
        assert len(asked) == 4


@virtual
async def test_it_refuses_to_wait_too_long():
    async with answering((429, "", {"Retry-After": "3600"})) as (api, asked, paused):
        with pytest.raises(ApiError) as refused:
            await api.tools()
        assert refused.value.trouble is Trouble.RATE
        assert paused == []


@virtual
async def test_a_stumble_is_tried_again_but_nothing_is_made_twice():
    """A POST whose answer was 502 may have been carried out: repeated, it would leave two agents."""
    async with answering((502, ""), (500, "gone"), (200, {"agent_id": "agent_1"})) as (api, asked, _):
        assert (await api.agent("agent_1"))["agent_id"] == "agent_1"
        assert len(asked) == 3
    async with answering((502, "")) as (api, asked, _):
        with pytest.raises(ApiError, match="502"):
            await api.create_agent({})
        assert len(asked) == 1


@pytest.mark.parametrize("body", ["<html>", "[]", ""])
@virtual
async def test_an_answer_that_is_not_theirs(body):
    async with answering((200, body)) as (api, *_):
        with pytest.raises(ApiError, match="is it ElevenLabs"):
            await api.settings()


@virtual
async def test_what_is_made_has_an_id_and_a_webhook_its_secret():
    async with answering((200, {}), (200, {"id": None}), (200, {"webhook_id": "w_1"})) as (api, *_):
        with pytest.raises(ApiError, match="no id for the new agent"):
            await api.create_agent({})
        with pytest.raises(ApiError, match="no id for the tool t"):
            await api.create_tool({"name": "t"})
        with pytest.raises(ApiError, match="no secret for the webhook w_1"):
            await api.create_webhook("calls", "https://a.example.com")


@virtual
async def test_nobody_there():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ApiError) as refused:
            await Api(session, "http://127.0.0.1:1", KEY).settings()
        assert refused.value.trouble is Trouble.UNREACHABLE


@virtual
async def test_lists_are_read_to_their_end():
    first = {"tools": [{"id": "t1"}, "odd"], "has_more": True, "next_cursor": "c1"}
    async with answering((200, first), (200, {"tools": [{"id": "t2"}], "has_more": False})) as (api, asked, _):
        assert [tool["id"] for tool in await api.tools()] == ["t1", "t2"]
        assert asked[1].query["cursor"] == "c1"


@virtual
async def test_a_name_is_matched_whole_and_ids_are_quoted():
    agents = [{"agent_id": "a1", "name": "Reception"}, {"agent_id": "a2", "name": "Reception at night"}]
    async with answering((200, {"agents": agents}), (200, {})) as (api, asked, _):
        assert await api.agents_named("Reception") == ["a1"]
        await api.agent("../settings")
        assert asked[1].raw_path == "/v1/convai/agents/..%2Fsettings"


@virtual
async def test_a_conversation_is_deleted_or_was_not_there():
    gone = {"detail": {"status": "conversation_not_found", "message": "No such conversation."}}
    async with answering((200, {}), (204, ""), (404, gone), (401, {"detail": "no"})) as (api, asked, _):
        assert await api.delete_conversation("conv/1") is True
        assert await api.delete_conversation("conv_2") is True
        assert await api.delete_conversation("conv_2") is False
        with pytest.raises(ApiError):
            await api.delete_conversation("conv_3")
        assert (asked[0].method, asked[0].raw_path) == ("DELETE", "/v1/convai/conversations/conv%2F1")


@virtual
async def test_the_fake_deletes_a_conversation_as_the_vendor_does():
    fake = FakeElevenLabs({})
    fake.conversations.append(SimpleNamespace(conversation_id="conv_1"))
    async with serving(fake.app()) as url, aiohttp.ClientSession() as session:
        api = Api(session, url, KEY)
        assert [await api.delete_conversation("conv_1"), await api.delete_conversation("conv_1")] == [True, False]
        assert fake.conversations == []
