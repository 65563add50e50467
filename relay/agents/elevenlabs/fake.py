"""A fake ElevenLabs: the REST calls a relay and its functions use, the agents' socket, the post-call webhook.

What sets agents up is in `workspace` (fake_rest.py): scripted agents appear there, and those made there answer.

Serve `FakeElevenLabs(...).app()` anywhere and point `ELEVENLABS_BASE_URL` at it.
"""

import asyncio
import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from relay.agents.elevenlabs.fake_conversation import Conversation
from relay.agents.elevenlabs.fake_post_call import Delivery, Webhook, call_audio, conversation_model, deliver
from relay.agents.elevenlabs.fake_record import ConversationRecord
from relay.agents.elevenlabs.fake_refusal import refusal
from relay.agents.elevenlabs.fake_rest import Workspace
from relay.agents.elevenlabs.fake_shapes import FORMATS
from sim.agent_script import AgentScript
from sim.sound import AudioFormat
from sim.speech import spoken
from sim.timeline import Timeline
from sim.vendors.measured import Measured
from sim.vendors.server import FakeVendor

SIGNED_URL_LIFETIME_S = 900.0
ANALYSIS_S = 1.0
SUMMARY_KEYS = ("agent_id", "agent_name", "conversation_id", "status")


@dataclass(slots=True)
class _Signature:
    agent_id: str
    expires_at: float
    single_use: bool


class FakeElevenLabs(FakeVendor):
    """`agents` by id; `*` stands for any other id; a script alone is every agent's. With an `api_key` the REST calls
    require it.

    `webhook` may be changed while it runs: it applies to the next conversation that ends.
    """

    path = "/v1/convai/conversation"
    conversation = Conversation
    announces_tools = False
    conversations: list[ConversationRecord]  # type: ignore[assignment]  # nobody else adds to it

    def __init__(
        self,
        agents: AgentScript | Mapping[str, AgentScript],
        *,
        api_key: str = "",
        webhook: Webhook | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        agents = {"*": agents} if isinstance(agents, AgentScript) else agents
        super().__init__(agents.get("*", AgentScript()), api_key=api_key, timeline=timeline)
        self.deliveries: list[Delivery] = []
        self.workspace = Workspace()
        self._agents = agents
        self.webhook = webhook
        self._signatures: dict[str, _Signature] = {}
        self._running = 0
        self._changed = asyncio.Event()
        self._delivering: set[asyncio.Task[None]] = set()
        for agent_id, script in agents.items():
            for name in (script.input_format, script.output_format):
                if name not in FORMATS:
                    raise ValueError(f"audio format {name!r}: ElevenLabs has {', '.join(FORMATS)}")
            if agent_id != "*":
                self.workspace.add_script(agent_id, script)
            for name in script.lines_to_say():
                spoken(name, AudioFormat(script.output_format).rate_hz)  # converted now, so that no call waits for it

    def app(self) -> web.Application:
        """A new application; the conversations of all of them end up in `conversations`."""
        app = web.Application()
        workspace_routes = self.workspace.routes(self._demand_key)  # first: `guarded` asks for the key from then on
        guarded = self.workspace.guarded
        app.add_routes(
            [
                web.get(self.path, self._converse),
                web.get("/v1/convai/conversation/get-signed-url", self._signed_url),
                web.get("/v1/convai/conversations", guarded(self._list)),
                web.get("/v1/convai/conversations/{id}", guarded(self._get)),
                web.delete("/v1/convai/conversations/{id}", guarded(self._delete)),
                web.get("/v1/convai/conversations/{id}/audio", guarded(self._get_audio)),
                *workspace_routes,
            ]
        )
        app.cleanup_ctx.append(self._deliver_while_serving)
        return app

    async def settled(self, timeout: float = 60.0) -> None:
        """Wait until no conversation runs and every webhook has been sent. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while self._running or self._delivering:
                self._changed.clear()
                await self._changed.wait()

    async def _deliver_while_serving(self, app: web.Application) -> Any:
        async with aiohttp.ClientSession() as session:
            self._session = session
            yield
            for task in self._delivering:
                task.cancel()
            await asyncio.gather(*self._delivering, return_exceptions=True)

    # The socket -----------------------------------------------------------------------------------------------------

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        agent_id = request.query.get("agent_id", "")
        script = self._script(agent_id)
        if script.upgrade_status != 101:
            raise refusal(script.upgrade_status, "refused")
        authorization = self._authorization(request, agent_id)
        if not authorization and script.private:
            # The code for a bad signature is not published; 1008 is the class it belongs to.
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.close(code=1008, message=b"Unauthorized")
            return socket
        conversation = Conversation(script, agent_id, authorization or "public", self.timeline)
        record = conversation.record
        self.conversations.append(record)
        self._running += 1
        try:
            return await conversation.run(request)
        finally:
            self._running -= 1
            self._changed.set()
            webhook = self.webhook or self.workspace.webhook_of(agent_id)
            if webhook and record.ready_at is not None:
                task = asyncio.create_task(deliver(self._session, webhook, record, self._delivered))
                self._delivering.add(task)
                task.add_done_callback(self._delivery_over)

    def _authorization(self, request: web.Request, agent_id: str) -> str:
        """How the client authenticated, empty if it did not."""
        token = request.query.get("conversation_signature", "")
        signature = self._signatures.get(token)
        now = asyncio.get_running_loop().time()
        if signature and signature.agent_id == agent_id and now < signature.expires_at:
            if signature.single_use:
                del self._signatures[token]
            return "signed_url"
        return "authorization_header" if self.api_key and self._has_key(request) else ""

    def _delivered(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.timeline.note("agent", "webhook", f"post-call webhook answered {delivery.status}")

    def _delivery_over(self, task: asyncio.Task[None]) -> None:
        self._delivering.discard(task)
        self._changed.set()

    # REST -----------------------------------------------------------------------------------------------------------

    async def _signed_url(self, request: web.Request) -> web.Response:
        self._demand_key(request)
        agent_id = request.query.get("agent_id", "")
        if not agent_id:
            raise refusal(422, [{"loc": ["query", "agent_id"], "msg": "Field required", "type": "missing"}])
        script = self._script(agent_id)
        await asyncio.sleep(script.signed_url_after_s)
        if script.signed_url_status != 200:
            raise refusal(script.signed_url_status, "refused")
        token = secrets.token_urlsafe(24)
        single_use = request.query.get("include_conversation_id", "").lower() == "true"
        expires_at = asyncio.get_running_loop().time() + SIGNED_URL_LIFETIME_S
        self._signatures[token] = _Signature(agent_id, expires_at, single_use)
        query = {"agent_id": agent_id, "conversation_signature": token}
        secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"  # behind a tunnel
        url = request.url.with_scheme("wss" if secure else "ws").with_path(self.path)
        return web.json_response({"signed_url": str(url.with_query(query))})

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        size = min(100, int(query.get("page_size", "30")))
        found = [record for record in reversed(self.conversations) if _matches(record, query)]
        first = int(base64.urlsafe_b64decode(query["cursor"]).decode()) if query.get("cursor") else 0
        page, more = found[first : first + size], len(found) > first + size
        cursor = base64.urlsafe_b64encode(str(first + size).encode()).decode() if more else None
        conversations = [self._summary(record) for record in page]
        return web.json_response({"conversations": conversations, "has_more": more, "next_cursor": cursor})

    async def _get(self, request: web.Request) -> web.Response:
        record = self._found(request)
        return web.json_response(conversation_model(record, _status(record)))

    async def _delete(self, request: web.Request) -> web.Response:
        self.conversations.remove(self._found(request))
        return web.json_response({})

    async def _get_audio(self, request: web.Request) -> web.Response:
        return web.Response(body=call_audio(self._found(request)), content_type="audio/mpeg")

    def _found(self, request: web.Request) -> ConversationRecord:
        for record in self.conversations:
            if record.conversation_id == request.match_info["id"]:
                return record
        raise refusal(404, {"status": "conversation_not_found", "message": "No such conversation."})

    def _summary(self, record: ConversationRecord) -> dict[str, Any]:
        model = conversation_model(record, _status(record))
        analysis = model["analysis"] or {}
        return {key: model[key] for key in SUMMARY_KEYS} | {
            "start_time_unix_secs": model["metadata"]["start_time_unix_secs"],
            "call_duration_secs": model["metadata"]["call_duration_secs"],
            "message_count": len(model["transcript"]),
            "call_successful": analysis.get("call_successful", "unknown"),
            "transcript_summary": analysis.get("transcript_summary"),
            "termination_reason": model["metadata"]["termination_reason"],
        }

    def _script(self, agent_id: str) -> AgentScript:
        script = self._agents.get(agent_id) or self.workspace.script(agent_id) or self._agents.get("*")
        if script is None:
            raise refusal(404, {"status": "agent_not_found", "message": f"No agent {agent_id!r}."})
        return script

    def _has_key(self, request: web.Request) -> bool:
        return secrets.compare_digest(request.headers.get("xi-api-key", ""), self.api_key)

    def _demand_key(self, request: web.Request) -> None:
        if self.api_key and not self._has_key(request):
            raise refusal(401, {"status": "invalid_api_key", "message": "Invalid API key"})


def _status(record: ConversationRecord) -> str:
    if record.ended_at is None:
        return "in-progress"
    since_s = asyncio.get_running_loop().time() - record.ended_at
    return "done" if since_s >= ANALYSIS_S else "processing"


def _matches(record: ConversationRecord, query: Any) -> bool:
    """Filters of the list call (elevenlabs.md A6); those not listed here are ignored."""
    if query.get("agent_id", record.agent_id) != record.agent_id:
        return False
    if record.started_unix < float(query.get("call_start_after_unix", 0)):
        return False
    if record.started_unix > float(query.get("call_start_before_unix", "inf")):
        return False
    if _status(record) in query.getall("exclude_statuses", ()):
        return False
    conditions: Sequence[str] = query.getall("dynamic_variable_params", ())
    for condition in conditions:
        name, operator, value = condition.split(":", 2)
        if (str(record.variables.get(name, "")) == value) != (operator == "eq"):
            return False
    return True


class _FromRelay(msgspec.Struct):
    """What the relay sends, as far as the benchmark looks at it."""

    type: str = ""
    user_audio_chunk: str = ""
    dynamic_variables: dict[str, str] = {}


_decode = msgspec.json.Decoder(_FromRelay).decode
_MEASURED_AUDIO = b'{"type":"audio","audio_event":{"audio_base_64":"%b","event_id":%d,"is_final":%b}}'
_MEASURED_PING_S = 2.0


class MeasuredElevenLabs(Measured):
    """What it says in the benchmark, which for most of its cases has this agent: written for speed."""

    def received(self, text: bytes) -> None:
        now = perf_counter()
        message = _decode(text)
        if message.user_audio_chunk:
            self._hear(message.user_audio_chunk, now)
        elif message.type == "conversation_initiation_client_data":
            call_sid = message.dynamic_variables["call_sid"]
            self._send_json(
                type="conversation_initiation_metadata",
                conversation_initiation_metadata_event={
                    "conversation_id": f"conv_{call_sid}",
                    "agent_output_audio_format": self._load.audio,
                    "user_input_audio_format": self._load.audio,
                },
            )
            self._ping()
            self.begin(call_sid)

    def _ping(self) -> None:
        if self.transport is not None:
            self._send_json(type="ping", ping_event={"event_id": self._event_id, "ping_ms": None})
            asyncio.get_running_loop().call_later(_MEASURED_PING_S, self._ping)

    def say_words(self, turn: int, words: str) -> None:
        self._send_json(
            type="user_transcript", user_transcription_event={"user_transcript": "Hello?", "event_id": turn}
        )
        self._send_json(type="agent_response", agent_response_event={"agent_response": words, "event_id": turn})

    def say_sound(self, turn: int, *, last: bool) -> None:
        self.send(_MEASURED_AUDIO % (self._load.chunk, turn, b"true" if last else b"false"))

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="interruption", interruption_event={"event_id": turn})
