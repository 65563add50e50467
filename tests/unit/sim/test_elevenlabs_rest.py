"""The fake's workspace: as strict as the published models, and as destructive as a PATCH may be."""

from contextlib import asynccontextmanager

import aiohttp
import pytest

from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_rest import Trouble
from sim.agent_script import AgentScript
from sim.serving import serving
from tests.support.virtual import virtual

KEY = {"xi-api-key": "sk_1"}
TOOL = {"type": "client", "name": "transfer_to_human", "description": "Fetch a person."}


@asynccontextmanager
async def api():
    """(workspace, ask): `await ask(method, path, body)` is (status, JSON)."""
    fake = FakeElevenLabs({"agent_1": AgentScript(input_format="pcm_8000", private=True)}, api_key="sk_1")
    async with serving(fake.app()) as url, aiohttp.ClientSession(url) as session:

        async def ask(method, path, body=None, headers=KEY):
            async with session.request(method, path, json=body, headers=headers) as response:
                return response.status, await response.json()

        yield fake.workspace, ask


@virtual
async def test_a_scripted_agent_is_shown_as_it_behaves():
    async with api() as (_, ask):
        status, agent = await ask("GET", "/v1/convai/agents/agent_1")
        assert status == 200
        assert agent["conversation_config"]["asr"]["user_input_audio_format"] == "pcm_8000"
        assert agent["platform_settings"]["auth"]["enable_auth"] is True


@virtual
async def test_nothing_without_the_key():
    async with api() as (workspace, ask):
        for method, path in (("GET", "/v1/convai/tools"), ("POST", "/v1/convai/agents/create")):
            status, body = await ask(method, path, headers={"xi-api-key": "sk_2"})
            assert (status, body["detail"]["status"]) == (401, "invalid_api_key")
        assert list(workspace.agents) == ["agent_1"]


WRONG = [
    ("POST", "/v1/convai/agents/create", {"name": "x"}, "conversation_config"),
    ("POST", "/v1/convai/agents/create", {"conversation_config": {"asr": {"format": "pcm_8000"}}}, "format"),
    ("PATCH", "/v1/convai/agents/agent_1", {"conversation_config": {"tts": {"speed": "fast"}}}, "float"),
    (
        "PATCH",
        "/v1/convai/agents/agent_1",
        {"conversation_config": {"conversation": {"client_events": ["interuption"]}}},
        "interuption",
    ),
    (
        "PATCH",
        "/v1/convai/agents/agent_1",
        {"conversation_config": {"asr": {"user_input_audio_format": "alaw_8000"}}},
        "alaw_8000",
    ),
    (
        "PATCH",
        "/v1/convai/agents/agent_1",
        {"conversation_config": {"agent": {"prompt": {"tool_ids": ["tool_gone"]}}}},
        "tool_gone",
    ),
    (
        "PATCH",
        "/v1/convai/agents/agent_1",
        {"platform_settings": {"data_collection": {"should_transfer": {"type": "boolean"}}}},
        "description",
    ),
    ("POST", "/v1/convai/tools", TOOL, "unknown field `type`"),
    ("POST", "/v1/convai/tools", {"tool_config": {**TOOL, "parameters": {"properties": {}}}}, "type"),
    ("POST", "/v1/workspace/webhooks", {"name": "x", "webhook_url": "https://a.example.com"}, "unknown field `name`"),
    (
        "POST",
        "/v1/workspace/webhooks",
        {"settings": {"auth_type": "hmac", "name": "x", "webhook_url": "http://a.example.com"}},
        "HTTPS",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "said"), WRONG)
@virtual
async def test_a_body_of_another_shape_is_refused_with_what_is_wrong(method, path, body, said):
    async with api() as (workspace, ask):
        before = (dict(workspace.agents), dict(workspace.tools), dict(workspace.webhooks))
        status, answer = await ask(method, path, body)
        assert status == 422
        (problem,) = answer["detail"]
        assert problem["loc"][0] == "body"
        assert said in f"{problem['loc']} {problem['msg']}"
        assert (workspace.agents, workspace.tools, workspace.webhooks) == before


@virtual
async def test_a_patch_merges_sections_and_replaces_what_is_in_them():
    async with api() as (workspace, ask):
        workspace.agents["agent_1"]["platform_settings"]["data_collection"] = {"mood": {}}
        change = {
            "conversation_config": {"conversation": {"client_events": ["audio"]}},
            "platform_settings": {"data_collection": {"size": {"type": "number", "description": "How many."}}},
        }
        assert (await ask("PATCH", "/v1/convai/agents/agent_1", change))[0] == 200
        agent = workspace.agents["agent_1"]
        assert agent["conversation_config"]["conversation"]["client_events"] == ["audio"]
        assert agent["conversation_config"]["conversation"]["max_duration_seconds"] == 600
        assert list(agent["platform_settings"]["data_collection"]) == ["size"]


@virtual
async def test_tools_are_shown_beside_their_ids_but_both_may_not_be_sent():
    async with api() as (_, ask):
        _, made = await ask("POST", "/v1/convai/tools", {"tool_config": TOOL})
        prompt = {"tool_ids": [made["id"]]}
        body = {"conversation_config": {"agent": {"prompt": prompt}}}
        _, agent = await ask("PATCH", "/v1/convai/agents/agent_1", body)
        assert agent["conversation_config"]["agent"]["prompt"]["tools"] == [TOOL]
        prompt["tools"] = [TOOL]
        assert (await ask("PATCH", "/v1/convai/agents/agent_1", body))[0] == 422


@virtual
async def test_a_language_and_a_model_must_go_together():
    async with api() as (_, ask):
        config = {"agent": {"language": "hi"}, "tts": {"model_id": "eleven_flash_v2"}}
        status, answer = await ask("POST", "/v1/convai/agents/create", {"conversation_config": config})
        assert (status, answer["detail"]["status"]) == (400, "invalid_agent_config")


@virtual
async def test_a_webhooks_secret_is_shown_once_and_its_retries_not_at_all():
    async with api() as (workspace, ask):
        settings = {"auth_type": "hmac", "name": "calls", "webhook_url": "https://a.example.com/hook"}
        _, made = await ask("POST", "/v1/workspace/webhooks", {"settings": settings})
        change = {"is_disabled": False, "name": "calls", "retry_enabled": True}
        assert (await ask("PATCH", f"/v1/workspace/webhooks/{made['webhook_id']}", change))[1] == {"status": "ok"}
        (shown,) = (await ask("GET", "/v1/workspace/webhooks"))[1]["webhooks"]
        assert "webhook_secret" not in shown
        assert "retry_enabled" not in shown
        workspace.settings["webhooks"]["post_call_webhook_id"] = made["webhook_id"]
        webhook = workspace.webhook_of("agent_1")
        assert (webhook.secret, webhook.retry) == (made["webhook_secret"], True)


@virtual
async def test_long_lists_come_in_pages():
    async with api() as (workspace, ask):
        workspace.tools = {f"tool_{number}": TOOL for number in range(250)}
        _, page = await ask("GET", "/v1/convai/tools?page_size=100&cursor=200")
        assert (len(page["tools"]), page["has_more"]) == (50, False)
        _, page = await ask("GET", "/v1/convai/tools")
        assert (len(page["tools"]), page["next_cursor"]) == (30, "30")


@virtual
async def test_a_scripted_api_error_happens_once():
    async with api() as (workspace, ask):
        workspace.troubles.append(Trouble("GET", "/v1/convai/tools", 429, "slow down", {"Retry-After": "1"}))
        assert (await ask("GET", "/v1/convai/settings"))[0] == 200
        assert (await ask("GET", "/v1/convai/tools"))[0] == 429
        assert (await ask("GET", "/v1/convai/tools"))[0] == 200
