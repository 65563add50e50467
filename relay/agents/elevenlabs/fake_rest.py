"""A fake ElevenLabs workspace: its agents, tools and webhooks, behind the REST calls that set them up.

Strict where the real one may be lenient (fake_shapes.py), and as destructive as it may be: a PATCH merges the
published sections, but every list and every map in them is replaced, so a client that does not merge loses something.
"""

import copy
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from common.documents import Document, mapping, text
from relay.agents.elevenlabs.fake_post_call import Webhook
from relay.agents.elevenlabs.fake_refusal import refusal
from relay.agents.elevenlabs.fake_shapes import AgentPatch, NewAgent, NewWebhook, ToolBody, WebhookPatch
from sim.agent_script import AgentScript, Reply

_MERGED = {
    ("conversation_config",),
    ("conversation_config", "asr"),
    ("conversation_config", "tts"),
    ("conversation_config", "conversation"),
    ("conversation_config", "agent"),
    ("conversation_config", "agent", "prompt"),
    ("platform_settings",),
    ("platform_settings", "auth"),
    ("platform_settings", "privacy"),
    ("platform_settings", "workspace_overrides"),
}
_PAGE = 30


@dataclass(frozen=True, slots=True)
class Trouble:
    """The answer to the next matching request, once."""

    method: str
    path: str
    """The beginning of the path."""
    status: int
    detail: Any = "refused"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent as it stands instead of `detail`: cut off, a proxy's page, half an emoji."""


def new_agent(name: str) -> Document:
    """A new agent's defaults: wide-band sound, ten minutes, public (elevenlabs.md A1.2, A2.4, A3)."""
    return {
        "name": name,
        "conversation_config": {
            "asr": {
                "quality": "high",
                "provider": "elevenlabs",
                "user_input_audio_format": "pcm_16000",
                "keywords": [],
            },
            "tts": {
                "model_id": "eleven_flash_v2",
                "voice_id": "voice_default",
                "agent_output_audio_format": "pcm_16000",
            },
            "turn": {"turn_timeout": 7.0},
            "conversation": {
                "text_only": False,
                "max_duration_seconds": 600,
                "client_events": ["audio", "interruption"],
            },
            "language_presets": {},
            "agent": {
                "first_message": "",
                "language": "en",
                "prompt": {"prompt": "", "tool_ids": [], "built_in_tools": {"end_call": None, "skip_turn": None}},
            },
        },
        "platform_settings": {
            "auth": {"enable_auth": False, "allowlist": [], "require_origin_header": False},
            "data_collection": {},
            "overrides": {"conversation_config_override": {"agent": {"first_message": False, "language": False}}},
            "workspace_overrides": {"webhooks": None, "conversation_initiation_client_data_webhook": None},
            "privacy": {"record_voice": True, "retention_days": -1, "zero_retention_mode": False},
        },
        "tags": [],
    }


class Workspace:
    """What `FakeElevenLabs.workspace` holds; tests may change any of it directly."""

    def __init__(self) -> None:
        self.agents: dict[str, Document] = {}
        self.tools: dict[str, Document] = {}
        """Configurations by id."""
        self.webhooks: dict[str, Document] = {}
        """As the list shows them, and `retry_enabled`."""
        self.secrets: dict[str, str] = {}
        """The webhooks' secrets by id."""
        self.settings: Document = {"webhooks": {"post_call_webhook_id": None, "events": ["transcript"]}}
        self.tells_retries = False
        """Whether the list of webhooks shows `retry_enabled`; the published model does not."""
        self.troubles: list[Trouble] = []
        self.asked: list[tuple[str, str]] = []
        """Method and path of every request."""
        self.meddle: Callable[[Document], None] = lambda agent: None
        """What else happens to an agent when it is changed."""
        self._demand_key: Callable[[web.Request], None] = lambda request: None

    def routes(self, demand_key: Callable[[web.Request], None]) -> list[web.RouteDef]:
        """`demand_key` raises for a request without it."""
        self._demand_key = demand_key
        return [
            web.get("/v1/convai/agents", self.guarded(self._list_agents)),
            web.post("/v1/convai/agents/create", self.guarded(self._create_agent)),
            web.get("/v1/convai/agents/{id}", self.guarded(self._get_agent)),
            web.patch("/v1/convai/agents/{id}", self.guarded(self._patch_agent)),
            web.get("/v1/convai/tools", self.guarded(self._list_tools)),
            web.post("/v1/convai/tools", self.guarded(self._create_tool)),
            web.patch("/v1/convai/tools/{id}", self.guarded(self._patch_tool)),
            web.get("/v1/convai/settings", self.guarded(self._get_settings)),
            web.get("/v1/workspace/webhooks", self.guarded(self._list_webhooks)),
            web.post("/v1/workspace/webhooks", self.guarded(self._create_webhook)),
            web.patch("/v1/workspace/webhooks/{id}", self.guarded(self._patch_webhook)),
        ]

    def add_script(self, agent_id: str, script: AgentScript) -> None:
        """An agent as its script behaves."""
        agent = new_agent(agent_id)
        config = agent["conversation_config"]
        config["asr"]["user_input_audio_format"] = script.input_format
        config["tts"]["agent_output_audio_format"] = script.output_format
        config["conversation"]["client_events"] = sorted(script.client_events)
        agent["platform_settings"]["auth"]["enable_auth"] = script.private
        self.agents[agent_id] = agent

    def script(self, agent_id: str) -> AgentScript | None:
        """The socket behaviour of an agent that was set up by REST: it greets, and can do nothing else."""
        agent = self.agents.get(agent_id)
        if agent is None:
            return None
        config = agent["conversation_config"]
        greets = bool(text(config, "agent", "first_message"))
        return AgentScript(
            replies=(Reply(on="start", say=("agent_greeting",)),) if greets else (),
            input_format=config["asr"]["user_input_audio_format"],
            output_format=config["tts"]["agent_output_audio_format"],
            client_events=frozenset(config["conversation"]["client_events"]),
            private=agent["platform_settings"]["auth"]["enable_auth"],
        )

    def webhook_of(self, agent_id: str) -> Webhook | None:
        """Where the agent's conversations are posted to: its own webhook, else the workspace's."""
        own = mapping(self.agents.get(agent_id), "platform_settings", "workspace_overrides", "webhooks")
        chosen = own if own.get("post_call_webhook_id") else mapping(self.settings, "webhooks")
        webhook = self.webhooks.get(text(chosen, "post_call_webhook_id"))
        if webhook is None or webhook["is_disabled"] or "transcript" not in (chosen.get("events") or ["transcript"]):
            return None
        return Webhook(webhook["webhook_url"], self.secrets[webhook["webhook_id"]], retry=webhook["retry_enabled"])

    def guarded(
        self, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """`handler`, if the request has the key and no trouble is due."""

        async def answer(request: web.Request) -> web.Response:
            self.asked.append((request.method, request.path))
            trouble = self._trouble_of(request)
            if trouble and trouble.body is not None:
                headers = {"Content-Type": "application/json", **trouble.headers}
                return web.Response(status=trouble.status, body=trouble.body, headers=headers)
            if trouble:
                raise refusal(trouble.status, trouble.detail, trouble.headers)
            self._demand_key(request)
            return await handler(request)

        return answer

    def _trouble_of(self, request: web.Request) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.method == request.method and request.path.startswith(trouble.path):
                self.troubles.remove(trouble)
                return trouble
        return None

    # Agents ---------------------------------------------------------------------------------------------------------

    async def _list_agents(self, request: web.Request) -> web.Response:
        wanted = request.query.get("search", "").lower()
        found = [
            {"agent_id": agent_id, "name": agent["name"], "tags": agent["tags"], "created_at_unix_secs": 1_700_000_000}
            for agent_id, agent in self.agents.items()
            if wanted in agent["name"].lower()
        ]
        return web.json_response(_page(request, "agents", found))

    async def _create_agent(self, request: web.Request) -> web.Response:
        body = await _body(request, NewAgent)
        agent = _merged(new_agent(""), body, ())
        self._check(agent, body)
        agent_id = _new_id("agent")
        self.agents[agent_id] = agent
        return web.json_response({"agent_id": agent_id})

    async def _get_agent(self, request: web.Request) -> web.Response:
        agent_id = request.match_info["id"]
        return web.json_response(self._shown(agent_id, self._agent(agent_id)))

    async def _patch_agent(self, request: web.Request) -> web.Response:
        agent_id = request.match_info["id"]
        before = self._agent(agent_id)
        body = await _body(request, AgentPatch)
        agent = _merged(before, body, ())
        self._check(agent, body)
        self.meddle(agent)
        self.agents[agent_id] = agent
        return web.json_response(self._shown(agent_id, agent))

    def _agent(self, agent_id: str) -> Document:
        if agent_id not in self.agents:
            raise refusal(404, {"status": "agent_not_found", "message": f"No agent {agent_id!r}."})
        return self.agents[agent_id]

    def _shown(self, agent_id: str, agent: Document) -> Document:
        """As GET returns it: with the tools' configurations beside their ids."""
        shown = copy.deepcopy(agent)
        prompt = shown["conversation_config"]["agent"]["prompt"]
        inline = prompt.get("tools") or []
        prompt["tools"] = [*inline, *(copy.deepcopy(self.tools[tool_id]) for tool_id in prompt["tool_ids"])]
        return {"agent_id": agent_id, **shown, "metadata": {"created_at_unix_secs": 1_700_000_000}}

    def _check(self, agent: Document, body: Document) -> None:
        """Rules that span fields."""
        prompt = mapping(body, "conversation_config", "agent", "prompt")
        where = ["body", "conversation_config", "agent", "prompt"]
        if prompt.get("tools") and prompt.get("tool_ids"):
            raise _unprocessable([*where, "tools"], "Only one of tools and tool_ids may be given")
        unknown = [tool_id for tool_id in prompt.get("tool_ids") or () if tool_id not in self.tools]
        if unknown:
            raise _unprocessable([*where, "tool_ids"], f"No such tool: {', '.join(unknown)}")
        own = mapping(agent, "platform_settings", "workspace_overrides", "webhooks")
        webhook_id = text(own, "post_call_webhook_id")
        if webhook_id and webhook_id not in self.webhooks:
            raise _unprocessable(["body", "platform_settings", "workspace_overrides"], f"No webhook {webhook_id}")
        english = text(agent, "conversation_config", "agent", "language") == "en"
        if english == text(agent, "conversation_config", "tts", "model_id").endswith("v2_5"):
            message = f"{'English' if english else 'Non-English'} agents must use another text-to-speech model."
            raise refusal(400, {"status": "invalid_agent_config", "message": message})

    # Tools ----------------------------------------------------------------------------------------------------------

    async def _list_tools(self, request: web.Request) -> web.Response:
        found = [{"id": tool_id, "tool_config": config} for tool_id, config in self.tools.items()]
        return web.json_response(_page(request, "tools", found))

    async def _create_tool(self, request: web.Request) -> web.Response:
        config = (await _body(request, ToolBody))["tool_config"]
        tool_id = _new_id("tool")
        self.tools[tool_id] = config
        return web.json_response({"id": tool_id, "tool_config": config})

    async def _patch_tool(self, request: web.Request) -> web.Response:
        tool_id = request.match_info["id"]
        if tool_id not in self.tools:
            raise refusal(404, {"status": "tool_not_found", "message": f"No tool {tool_id!r}."})
        self.tools[tool_id] = (await _body(request, ToolBody))["tool_config"]
        return web.json_response({"id": tool_id, "tool_config": self.tools[tool_id]})

    # Webhooks -------------------------------------------------------------------------------------------------------

    async def _get_settings(self, request: web.Request) -> web.Response:
        return web.json_response({**self.settings, "can_use_mcp_servers": False})

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        hidden = set() if self.tells_retries else {"retry_enabled"}
        shown = [{key: value for key, value in one.items() if key not in hidden} for one in self.webhooks.values()]
        return web.json_response({"webhooks": shown})

    async def _create_webhook(self, request: web.Request) -> web.Response:
        settings = (await _body(request, NewWebhook))["settings"]
        if not settings["webhook_url"].startswith(("https://", "http://127.0.0.1:")):  # the latter for tests
            raise _unprocessable(["body", "settings", "webhook_url"], "An HTTPS URL is required")
        return web.json_response(self.add_webhook(settings["webhook_url"], settings["name"]))

    def add_webhook(self, url: str, name: str = "webhook", **more: Any) -> Document:
        """`{webhook_id, webhook_secret}`; `more` takes the place of what a new one has."""
        webhook_id, secret = _new_id("webhook"), f"wsec_{secrets.token_hex(16)}"
        self.webhooks[webhook_id] = {
            "webhook_id": webhook_id,
            "name": name,
            "webhook_url": url,
            "is_disabled": False,
            "is_auto_disabled": False,
            "created_at_unix": int(time.time()),
            "auth_type": "hmac",
            "most_recent_failure_error_code": None,
            "most_recent_failure_timestamp": None,
            "retry_enabled": False,
            **more,
        }
        self.secrets[webhook_id] = secret
        return {"webhook_id": webhook_id, "webhook_secret": secret}

    async def _patch_webhook(self, request: web.Request) -> web.Response:
        webhook = self.webhooks.get(request.match_info["id"])
        if webhook is None:
            raise refusal(404, {"status": "webhook_not_found", "message": "No such webhook."})
        body = await _body(request, WebhookPatch)
        webhook |= {"is_disabled": body["is_disabled"], "name": body["name"]}
        webhook["is_auto_disabled"] = webhook["is_auto_disabled"] and body["is_disabled"]
        if body.get("retry_enabled") is not None:
            webhook["retry_enabled"] = body["retry_enabled"]
        return web.json_response({"status": "ok"})


async def _body(request: web.Request, shape: type[msgspec.Struct]) -> Document:
    """The parsed body. 422 if it is malformed."""
    try:
        body = msgspec.json.decode(await request.read())
        msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        raise _unprocessable(["body", *filter(None, place.rstrip("`").split("."))], said) from None
    except msgspec.DecodeError as error:
        raise _unprocessable(["body"], str(error)) from None
    document: Document = body
    return document


def _unprocessable(loc: list[str], msg: str) -> web.HTTPException:
    return refusal(422, [{"loc": loc, "msg": msg, "type": "value_error"}])


def _merged(before: Any, change: Any, path: tuple[str, ...]) -> Any:
    """`change` over `before`, recursively where the API merges; elsewhere `change` replaces it."""
    if path and path not in _MERGED or not isinstance(before, dict):
        return copy.deepcopy(change)
    result = copy.deepcopy(before)
    for key, value in change.items():
        result[key] = _merged(before.get(key), value, (*path, key)) if value is not None else None
    return result


def _page(request: web.Request, name: str, found: list[Document]) -> Document:
    size = min(100, int(request.query.get("page_size", str(_PAGE))))
    first = int(request.query.get("cursor") or 0)
    more = len(found) > first + size
    return {name: found[first : first + size], "has_more": more, "next_cursor": str(first + size) if more else None}


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"
