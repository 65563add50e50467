"""ElevenLabs: a corpus of its messages, its rules about late audio, and sessions against a small server."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer
from hypothesis import example, given
from hypothesis import strategies as st

from relay.agents.elevenlabs.codec import (
    AudioChunk,
    Interrupted,
    Metadata,
    Ping,
    decode,
    initiation,
)
from relay.agents.elevenlabs.options import ElevenLabsAgent
from relay.agents.elevenlabs.session import ElevenLabsSession
from relay.agents.late_sound import EventGate
from relay.agents.seam import (
    AgentError,
    AgentText,
    Audio,
    CallerText,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    Said,
    ToolCall,
    UtteranceDone,
    Working,
)
from relay.agents.session import SocketSession, listens
from relay.agents.telephony.session import TelephonySession
from relay.at_once import Later
from relay.audio.convert import AudioFormat, Encoding
from sim import virtual_time
from sim.vendors.registry import corpus_of
from tests.support.virtual import virtual

PCM_16 = AudioFormat(Encoding.PCM, 16000)
CALL = CallInfo("call-1", "stream-1", "09876500001", "08047100002", AudioFormat(Encoding.PCM, 8000), {"flow": "book"})


# --- the codec ---


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b"{}",
        b'{"type":[]}',
        b'{"type":{}}',
        b'{"type":"audio","audio_event":null}',
        b'{"type":"audio","audio_event":{"audio_base_64":5,"event_id":1}}',
        b'{"type":"audio","audio_event":{"audio_base_64":"AA==","event_id":{}}}',
        b'{"type":"ping","ping_event":{}}',
        b'{"type":"ping","ping_event":{"event_id":"soon"}}',
        b'{"type":"agent_response","agent_response_event":[]}',
        b'{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":'
        b'{"conversation_id":"c","user_input_audio_format":["pcm_8000"]}}',
        b'{"type":"error","error_event":"quota"}',
        b'{"type":"queue_status","queue_status_event":"waiting"}',
        b'{"type":"client_tool_call"}',
        b'{"type":"agent_tool_response","agent_tool_response":"end_call"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda text: repr(text[:60]),
)
def test_what_can_not_be_read_is_noted(text):
    (notice,) = decode(text)
    assert isinstance(notice, Notice)
    assert notice.kind == "malformed"
    assert len(notice.text) <= 200


ANY_SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
ANY_JSON = st.recursive(
    ANY_SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
MESSAGES = [json.loads(case["message"]) for case in json.loads(corpus_of("elevenlabs").read_text(encoding="utf-8"))]
TYPES = st.sampled_from(sorted({message["type"] for message in MESSAGES}))
WRAPPERS = st.sampled_from(sorted({key for message in MESSAGES for key in message if key != "type"}))
FIELDS = st.sampled_from(
    sorted({key for message in MESSAGES for body in message.values() if isinstance(body, dict) for key in body})
)


@given(TYPES, st.dictionaries(WRAPPERS, st.dictionaries(FIELDS, ANY_JSON) | ANY_JSON, max_size=4))
@example("audio", {"audio_event": {"audio_base_64": "ąę", "event_id": 1}})
@example("interruption", {"interruption_event": {"event_id": 1e300}})
def test_no_message_makes_the_codec_raise(kind, wrappers):
    for event in decode(json.dumps({**wrappers, "type": kind}).encode()):
        match event:
            case AudioChunk(data, event_id):
                assert type(data) is bytes
                assert type(event_id) is int
            case Ping(event_id):
                assert type(event_id) is int
            case Interrupted(event_id):
                assert event_id is None or type(event_id) is int
            case ToolCall(call_id, name, parameters):
                assert type(call_id) is str
                assert type(name) is str
                assert isinstance(parameters, dict)
            case Metadata(conversation_id):
                assert type(conversation_id) is str


@given(st.binary(max_size=200))
def test_no_bytes_make_the_codec_raise(text):
    decode(text)


SOUND = bytes(range(256)) * 4
IN_BASE64 = base64.b64encode(SOUND).decode()


@pytest.mark.parametrize(
    ("event", "is_final"),
    [
        ({"audio_base_64": IN_BASE64, "event_id": 7}, False),
        ({"event_id": 7, "is_final": True, "audio_base_64": IN_BASE64}, True),
        ({"audio_base_64": IN_BASE64, "event_id": "7", "is_final": "yes"}, False),
        ({"audio_base_64": IN_BASE64, "event_id": 7, "is_final": None, "alignment": {"chars": ["a"] * 100}}, False),
        ({"audio_base_64": IN_BASE64[:-2] + "\n" + IN_BASE64[-2:], "event_id": 7}, False),
    ],
    ids=["usual", "another order", "numbers as text", "more than is read", "base64 in lines"],
)
@pytest.mark.parametrize("type_first", [True, False])
def test_long_sound_is_read_however_it_is_written(event, is_final, type_first):
    """It is read in one step; what differs from the usual only by its spelling must not be noted as malformed."""
    kind = {"type": "audio"}
    message = {**kind, "audio_event": event} if type_first else {"audio_event": event, **kind}
    assert decode(json.dumps(message).encode()) == [AudioChunk(SOUND, 7, is_final)]


def test_a_long_message_of_another_kind_is_what_it_says():
    """Also one that has sound in it."""
    said = {"type": "agent_response", "agent_response_event": {"agent_response": "word " * 200, "event_id": 3}}
    assert decode(json.dumps(said).encode()) == [AgentText(("word " * 200).strip(), "3")]
    said["audio_event"] = {"audio_base_64": IN_BASE64, "event_id": 7}
    assert decode(json.dumps(said).encode()) == [AgentText(("word " * 200).strip(), "3")]


# --- what is sent ---


def test_the_initiation_says_who_calls():
    """Over a plain socket the vendor fills in none of this (elevenlabs.md A4); the names are those of the original."""
    assert json.loads(initiation(CALL)) == {
        "type": "conversation_initiation_client_data",
        "dynamic_variables": {
            "caller_number": "09876500001",
            "called_number": "08047100002",
            "call_sid": "call-1",
            "stream_sid": "stream-1",
            "name": "",
            "recent_history": "",
            "flow": "book",
        },
    }


def test_parameters_of_the_line_may_not_take_the_place_of_what_we_know():
    """With `call_sid` as a custom parameter a conversation gave itself out for another call's."""
    ours = ("caller_number", "called_number", "call_sid", "stream_sid", "recent_history", "call_proof")
    call = CallInfo("c", "s", "1", "2", PCM_16, dict.fromkeys(ours, "forged"), proof="s:right")
    variables = json.loads(initiation(call))["dynamic_variables"]
    assert {name: variables[name] for name in ours} == {
        "caller_number": "1",
        "called_number": "2",
        "call_sid": "c",
        "stream_sid": "s",
        "recent_history": "",
        "call_proof": "s:right",
    }
    without = CallInfo("c", "s", "1", "2", PCM_16, {"call_proof": "forged"})
    assert "call_proof" not in json.loads(initiation(without))["dynamic_variables"]
    assert "right" not in repr(call)


def test_line_parameters_are_passed_on_but_never_override_the_vendors_names():
    call = CallInfo("c", "s", "1", "2", PCM_16, {"name": "Asha", "system__time": "now", "secret__key": "k", "é": "ü"})
    variables = json.loads(initiation(call))["dynamic_variables"]
    assert variables["name"] == "Asha"
    assert variables["é"] == "ü"
    assert "system__time" not in variables


def test_nothing_that_has_to_be_allowed_first_is_sent():
    """Overrides are off by default, and one that is not allowed ends the conversation (elevenlabs.md A2.2)."""
    assert set(json.loads(initiation(CALL))) == {"type", "dynamic_variables"}


# --- late audio ---


def heard(*events: tuple[str, int | None]) -> list[int]:
    """Ids of the audio that may be played, of a run of ("audio", id) and ("interruption", id)."""
    late, admitted = EventGate(), []
    for kind, event_id in events:
        if kind == "interruption":
            late.interrupted(event_id)
        elif late.admits(event_id):
            admitted.append(event_id)
    return admitted


@pytest.mark.parametrize(
    ("about", "events", "played"),
    [
        ("no interruption", [("audio", 1), ("audio", 1), ("audio", 3)], [1, 1, 3]),
        ("the rest of the interrupted reply is dropped", [("audio", 3), ("interruption", 3), ("audio", 3)], [3]),
        ("so is what is older", [("audio", 3), ("interruption", 4), ("audio", 3), ("audio", 4)], [3, 4]),
        ("the next reply is played", [("audio", 3), ("interruption", 3), ("audio", 3), ("audio", 5)], [3, 5]),
        (
            "a reply may reuse the id of the interruption (python#829)",
            [("audio", 3), ("interruption", 5), ("audio", 5)],
            [3, 5],
        ),
        (
            "a typing sound stopped by a lower id",
            [("audio", 9), ("interruption", 4), ("audio", 9), ("audio", 10)],
            [9, 9, 10],
        ),
        ("the watermark never falls", [("interruption", 8), ("interruption", 2), ("audio", 5), ("audio", 9)], [9]),
        ("a lower one frees nothing", [("audio", 8), ("interruption", 8), ("interruption", 2), ("audio", 8)], [8]),
        ("twice the same", [("audio", 3), ("interruption", 3), ("interruption", 3), ("audio", 3)], [3]),
        (
            "twice the same, with a reply between",
            [("interruption", 3), ("audio", 3), ("interruption", 3), ("audio", 3)],
            [3],
        ),
        (
            "without an id: what was heard last",
            [("audio", 3), ("interruption", None), ("audio", 3), ("audio", 4)],
            [3, 4],
        ),
        ("without an id, before anything was heard", [("interruption", None), ("audio", 1)], [1]),
        ("before anything was heard", [("interruption", 1), ("audio", 1), ("audio", 2)], [1, 2]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_which_audio_an_interruption_has_overtaken(about, events, played):
    assert heard(*events) == played


@given(st.lists(st.tuples(st.sampled_from(["audio", "interruption"]), st.integers(0, 6)), max_size=30))
def test_the_event_gate_follows_the_documented_rule_for_event_ids(events):
    """Below the highest interruption: never. Above it: always. The same id: not if some of it came before (A2.5)."""
    late, watermark, latest = EventGate(), -1, -1
    for kind, event_id in events:
        if kind == "interruption":
            late.interrupted(event_id)
            watermark = max(watermark, event_id)
        else:
            admitted = late.admits(event_id)
            assert admitted if event_id > watermark else not admitted or event_id == watermark
            latest = max(latest, event_id if admitted else -1)


# --- sessions ---


@dataclass
class Server:
    """What ElevenLabs would be: REST answers from `signed_url`, one conversation told by `talk`."""

    talk: Callable[["Server"], Awaitable[None]]
    signed_url: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    received: list[dict[str, Any]] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    ws: web.WebSocketResponse | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def rest(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        assert self.signed_url
        return await self.signed_url(request)

    async def refuse(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=int(request.match_info["status"]))

    async def socket(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.ws = web.WebSocketResponse()
        await self.ws.prepare(request)
        reading = asyncio.create_task(self._read())
        try:
            await self.talk(self)
        finally:
            await self.ws.close()
            await reading
        return self.ws

    async def _read(self) -> None:
        async for message in self.ws:
            self.received.append(json.loads(message.data))
            self.news.set()

    async def say(self, kind: str, **body: Any) -> None:
        wrapper = kind if kind in {"client_tool_call", "mcp_tool_call", "agent_tool_request"} else f"{kind}_event"
        await self.ws.send_json({"type": kind, wrapper: body})

    async def say_metadata(self, heard: str = "pcm_16000", spoken: str = "pcm_16000") -> None:
        await self.say(
            "conversation_initiation_metadata",
            conversation_id="conv_1",
            user_input_audio_format=heard,
            agent_output_audio_format=spoken,
        )

    async def say_audio(self, data: bytes, event_id: int, **more: Any) -> None:
        await self.say("audio", audio_base_64=base64.b64encode(data).decode(), event_id=event_id, **more)

    async def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message received that is `wanted`."""
        async with asyncio.timeout(30):
            while not (found := [message for message in self.received if wanted(message)]):
                self.news.clear()
                await self.news.wait()
        return found[0]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message.get("type") == kind]


@asynccontextmanager
async def session_with(talk, *, signed_url=None, api_key=""):
    server = Server(talk, signed_url)
    app = web.Application()
    app.router.add_get("/v1/convai/conversation/get-signed-url", server.rest)
    app.router.add_get("/v1/convai/conversation", server.socket)
    app.router.add_get("/refuses/{status}", server.refuse)
    async with TestServer(app) as running, aiohttp.ClientSession() as http:
        agent = ElevenLabsAgent("agent_1", api_key, base_url=str(running.make_url("")))
        session = ElevenLabsSession(agent, http)
        try:
            yield session, server
        finally:
            await session.close()


async def everything(session: ElevenLabsSession) -> list[Any]:
    async with asyncio.timeout(120):
        return [event async for event in session.events()]


def played(story: Callable[[], Awaitable[Any]]) -> Any:
    return virtual_time.run(story())


def conversation(talk, *, api_key="", signed_url=None) -> tuple[list[Any], Server, ElevenLabsSession]:
    """Connect, then take everything until the end."""

    async def story():
        async with session_with(talk, api_key=api_key, signed_url=signed_url) as (session, server):
            await session.connect(CALL)
            return await everything(session), server, session

    return played(story)


def refusal(talk, *, api_key="", signed_url=None) -> AgentError:
    """Fail to connect."""

    async def story():
        async with session_with(talk, api_key=api_key, signed_url=signed_url) as (session, _):
            with pytest.raises(AgentError) as caught:
                await session.connect(CALL)
            return caught.value

    return played(story)


def url_of(request: web.Request, query: str = "agent_id=agent_1&conversation_signature=cvtkn_1") -> str:
    return f"ws://{request.host}/v1/convai/conversation?{query}"


async def give_signed_url(request: web.Request) -> web.StreamResponse:
    return web.json_response({"signed_url": url_of(request)})


async def nothing(server: Server) -> None:
    """Metadata, then goodbye."""
    await server.say_metadata()


def test_the_order_at_the_start():
    """Open, initiation at once, metadata, and only then audio (elevenlabs.md A2.1)."""

    async def talk(server):
        await server.hear(lambda message: message["type"] == "conversation_initiation_client_data")
        assert len(server.received) == 1
        await server.say_metadata("pcm_8000", "ulaw_8000")
        await server.hear(lambda message: "user_audio_chunk" in message)

    async def story():
        async with session_with(talk) as (session, server):
            assert await session.connect(CALL) == Formats(
                AudioFormat(Encoding.PCM, 8000), AudioFormat(Encoding.ULAW, 8000)
            )
            assert session.conversation_id == "conv_1"
            await session.send_audio(b"\x01\x00\x02\x00")
            await everything(session)
            assert server.received[1] == {"user_audio_chunk": "AQACAA=="}
            assert server.requests[0].query.get("agent_id") == "agent_1"
            assert "xi-api-key" not in server.requests[0].headers
            assert "Origin" not in server.requests[0].headers  # an allowlist judges by it (elevenlabs.md A1.2)

    played(story)


def test_with_a_key_a_signed_url_is_fetched_and_used_as_it_is():
    events, server, _ = conversation(nothing, api_key="key-1", signed_url=give_signed_url)
    rest, socket = server.requests
    assert rest.headers["xi-api-key"] == "key-1"
    assert rest.query["agent_id"] == "agent_1"
    assert "include_conversation_id" not in rest.query  # it would make the URL single-use
    assert socket.query_string == "agent_id=agent_1&conversation_signature=cvtkn_1"
    assert "xi-api-key" not in socket.headers
    assert events == [Ended(by_agent=True, reason="ended", detail="1000")]


def test_a_prepared_session_fetches_the_url_once_and_early():
    async def slowly(request):
        await asyncio.sleep(0.5)
        return await give_signed_url(request)

    async def story():
        async with session_with(nothing, api_key="key-1", signed_url=slowly) as (session, server):
            loop = asyncio.get_running_loop()
            session.prepare()
            session.prepare()
            await asyncio.sleep(0.45)
            began = loop.time()
            await session.connect(CALL)
            assert loop.time() - began < 0.1
            assert len(server.requests) == 2

    played(story)


def test_a_session_that_was_prepared_in_vain_closes_quietly():
    async def hanging(request):
        await asyncio.sleep(3600)
        raise AssertionError

    async def failing(request):
        return web.json_response({}, status=500)

    async def story(signed_url):
        async with session_with(nothing, api_key="key-1", signed_url=signed_url) as (session, _):
            session.prepare()
            await asyncio.sleep(0.1)
            await session.close()
            await session.close()

    for signed_url in (hanging, failing, give_signed_url):
        played(lambda signed_url=signed_url: story(signed_url))


@pytest.mark.parametrize("status", [204, 401, 403, 404, 422, 429, 500, 503])
def test_a_signed_url_that_is_refused(status):
    async def refuse(request):
        return web.json_response({"detail": {"status": "no", "message": "not with this key"}}, status=status)

    error = refusal(nothing, api_key="key-1", signed_url=refuse)
    assert error.reason == f"http_{status}"
    assert f"HTTP {status}" in str(error)
    assert "key-1" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b"null",
        b'{"url":"wss://x"}',
        b'"wss://x"',
        b"\xff\xfe",
        b'{"signed_url":"\xff"}',
    ],
)
def test_an_answer_without_a_signed_url(body):
    async def answer(request):
        return web.Response(body=body, content_type="application/json")

    error = refusal(nothing, api_key="key-1", signed_url=answer)
    assert error.reason == "malformed"
    assert "signed_url" in str(error)


@pytest.mark.parametrize("signed_url", [None, 5, "", "nonsense", "wss://", "http://[::1", "ftp://x/y", {"a": "b"}])
def test_a_signed_url_that_is_not_one(signed_url):
    async def answer(request):
        return web.json_response({"signed_url": signed_url})

    assert refusal(nothing, api_key="key-1", signed_url=answer).reason in {"unreachable", "malformed"}


def test_a_signed_url_that_never_comes():
    async def story():
        async def hang(request):
            await asyncio.sleep(3600)
            raise AssertionError

        async with session_with(nothing, api_key="key-1", signed_url=hang) as (session, _):
            with pytest.raises(AgentError, match="no signed URL within") as caught:
                await session.connect(CALL)
            assert caught.value.reason == "connect_timeout"
            assert asyncio.get_running_loop().time() < 10

    played(story)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_an_upgrade_that_is_refused_names_the_status_and_keeps_the_signature_to_itself(status):
    async def to_refusal(request):
        return web.json_response({"signed_url": f"ws://{request.host}/refuses/{status}?conversation_signature=cvtkn_9"})

    error = refusal(nothing, api_key="key-1", signed_url=to_refusal)
    assert error.reason == f"http_{status}"
    assert "cvtkn_9" not in str(error)


def test_an_agent_that_is_not_listening():
    async def story():
        async with aiohttp.ClientSession() as http:
            session = ElevenLabsSession(ElevenLabsAgent("agent_1", base_url="http://127.0.0.1:1"), http)
            with pytest.raises(AgentError) as caught:
                await session.connect(CALL)
            await session.close()
            return caught.value

    assert played(story).reason == "unreachable"


def test_a_server_that_says_nothing():
    async def talk(server):
        await server.hear(lambda message: False)

    async def story():
        async with session_with(talk) as (session, _):
            with pytest.raises(AgentError, match="no conversation_initiation_metadata") as caught:
                await session.connect(CALL)
            assert caught.value.reason == "silent"
            assert asyncio.get_running_loop().time() < 10

    played(story)


def test_pings_before_the_metadata_are_answered_and_do_not_prolong_the_wait():
    async def talk(server):
        for n in range(60):
            await server.say("ping", event_id=n, ping_ms=None)
            await asyncio.sleep(1)

    async def story():
        async with session_with(talk) as (session, server):
            with pytest.raises(AgentError, match="no conversation_initiation_metadata"):
                await session.connect(CALL)
            assert asyncio.get_running_loop().time() < 10
            assert [pong["event_id"] for pong in server.of_type("pong")[:3]] == [0, 1, 2]

    played(story)


@pytest.mark.parametrize("seconds", [10.0, 55.0])
def test_a_place_in_the_queue_is_worth_waiting_for(seconds):
    """New agents are created with queueing on: metadata can come late (elevenlabs.md A2.3)."""

    async def talk(server):
        await server.say("queue_status", status="waiting")
        await asyncio.sleep(seconds)
        await server.say("queue_status", status="admitted")
        await asyncio.sleep(1)
        await server.say_metadata()

    events, _, session = conversation(talk)
    assert session.conversation_id == "conv_1"
    assert isinstance(events[-1], Ended)


def test_a_queue_that_times_out():
    async def talk(server):
        await server.say("queue_status", status="waiting")
        await asyncio.sleep(20)
        await server.say("queue_status", status="timed_out")
        await server.ws.close(code=4300, message=b"Queue wait timed out")

    error = refusal(talk)
    assert error.reason == "close_4300"
    assert "Queue wait timed out" in str(error)


def test_a_queue_that_forgets_the_caller():
    async def talk(server):
        await server.say("queue_status", status="waiting")
        await asyncio.sleep(3600)

    assert refusal(talk).reason == "silent"


@pytest.mark.parametrize("formats", [("opus_48000", "pcm_16000"), ("pcm_16000", "mp3_44100")])
def test_a_format_that_nobody_knows_is_fatal(formats):
    async def talk(server):
        await server.say_metadata(*formats)
        await server.hear(lambda message: False)

    error = refusal(talk)
    assert error.reason == "unsupported_format"
    assert formats[0] in str(error)
    assert "pcm_22050" in str(error)


REFUSALS = [
    (1008, "Override for field 'voice_id' is not allowed by config."),
    (1008, "Missing required dynamic variables in first message: {'x'}"),
    (1008, "Invalid message received"),
    (1002, "This request exceeds your quota limit."),
    (1011, "internal error"),
    (3000, "[quota_exceeded] You've run out of credits."),
    (4300, "Agent has exceeded its daily call limit of 100"),
    (1000, ""),
]


@pytest.mark.parametrize(("code", "reason"), REFUSALS)
def test_a_conversation_that_is_refused_says_why(code, reason):
    async def talk(server):
        await server.say("error", code=code, error_type="some_error")
        await server.ws.close(code=code, message=reason.encode())

    error = refusal(talk)
    assert error.reason == f"close_{code}"
    assert reason in str(error)
    if code != 1000:
        assert "some_error" in str(error)


@pytest.mark.parametrize(("code", "reason"), [*REFUSALS[:-1], (1006, ""), (1005, "")])
def test_every_close_but_1000_is_a_failure_that_keeps_code_and_reason(code, reason):
    """elevenlabs.md A3.6; the two that don't come over the wire stand for no close frame, and one without a code."""

    async def talk(server):
        await server.say_metadata()
        if code == 1006:
            server.ws._req.transport.abort()
        elif code == 1005:
            await server.ws._writer.send_frame(b"", aiohttp.WSMsgType.CLOSE)
        else:
            await server.ws.close(code=code, message=reason.encode())

    events, _, _ = conversation(talk)
    assert events == [Ended(by_agent=False, reason=f"close_{code}", detail=f"{code} {reason}".strip())]


def test_1000_is_the_agents_goodbye():
    async def talk(server):
        await server.say_metadata()
        await server.ws.close(code=WSCloseCode.OK, message=b"end_call tool was called.")

    events, _, _ = conversation(talk)
    assert events == [Ended(by_agent=True, reason="ended", detail="1000 end_call tool was called.")]


@pytest.mark.parametrize("kind", ["error", "client_error"])
def test_an_error_explains_the_close_that_follows(kind):
    async def talk(server):
        await server.say_metadata()
        await server.ws.send_json({"type": kind, "error_event": {"code": 1002, "error_type": "llm_timeout"}})
        await server.ws.close(code=1002, message=b"")

    events, _, _ = conversation(talk)
    assert events[0] == Notice("error", "1002 llm_timeout")
    assert events[1] == Ended(by_agent=False, reason="close_1002", detail="1002 (1002 llm_timeout)")


def test_an_error_that_does_not_end_the_conversation():
    async def talk(server):
        await server.say_metadata()
        await server.say("error", code=1002, error_type="tool_error")
        await server.say_audio(b"\x01\x00", 1)

    events, _, _ = conversation(talk)
    assert [type(event) for event in events] == [Notice, Audio, Ended]
    assert events[-1].by_agent


@pytest.mark.parametrize("code", [1000, 1002, 1006])
def test_the_time_limit_is_not_a_failure(code):
    async def talk(server):
        await server.say_metadata()
        await server.say("error", code=1000, error_type="max_duration_exceeded")
        if code == 1006:
            server.ws._req.transport.abort()
        else:
            await server.ws.close(code=code)

    events, _, _ = conversation(talk)
    assert events[-1].by_agent


async def end_call(server):
    await server.ws.send_json({"type": "agent_tool_response", "agent_tool_response": {"tool_name": "end_call"}})


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_after_end_call_any_close_is_a_goodbye(code):
    async def talk(server):
        await server.say_metadata()
        await end_call(server)
        await server.say_audio(b"\x01\x00", 4)
        if code == 1006:
            server.ws._req.transport.abort()
        else:
            await server.ws.close(code=code)

    events, _, _ = conversation(talk)
    assert events[0] == Audio(b"\x01\x00", "4")
    assert events[-1].by_agent


@pytest.mark.parametrize("pinging", [False, True])
def test_a_server_that_forgets_to_close_after_end_call(pinging):
    """Its pings used to start the patience anew each time, and the caller sat there with an agent that was gone."""

    async def talk(server):
        await server.say_metadata()
        await end_call(server)
        for n in range(60):
            if pinging:
                await server.say("ping", event_id=n)
            await asyncio.sleep(2)

    async def story():
        async with session_with(talk) as (session, _):
            await session.connect(CALL)
            events = await everything(session)
            assert asyncio.get_running_loop().time() < 10
            return events

    assert played(story)[-1] == Ended(by_agent=True, reason="ended", detail="1000 end_call without a close")


@pytest.mark.parametrize("sound_first", [True, False])
def test_a_goodbye_that_was_heard_is_not_followed_by_seconds_of_nothing(sound_first):
    """A server that never closes left the caller for 3.6 s on a line on which all had been said."""

    async def talk(server):
        await server.say_metadata()
        if not sound_first:
            await end_call(server)
        for _ in range(7):
            await server.say_audio(bytes(6400), 4)  # 1.4 s, all at once
        if sound_first:
            await end_call(server)
        await asyncio.sleep(60)

    async def story():
        async with session_with(talk) as (session, _):
            await session.connect(CALL)
            began = asyncio.get_running_loop().time()
            events = await everything(session)
            assert 1.4 < asyncio.get_running_loop().time() - began <= 1.4 + 1.0
            return events

    assert played(story)[-1].by_agent


def test_a_ping_is_answered_at_once_whatever_it_estimates():
    async def talk(server):
        await server.say_metadata()
        began = asyncio.get_running_loop().time()
        await server.say("ping", event_id=12, ping_ms=5000)
        assert await server.hear(lambda message: message.get("type") == "pong") == {"type": "pong", "event_id": 12}
        assert asyncio.get_running_loop().time() == began

    conversation(talk)


def test_a_conversation_in_events():
    async def talk(server):
        await server.say_metadata()
        await server.say("agent_response", agent_response="Good morning.", event_id=1)
        await server.say_audio(b"\x01\x00", 1)
        await server.say_audio(b"", 1, is_final=True)
        await server.ws.send_json(
            {"type": "user_transcript", "user_transcription_event": {"user_transcript": "Hello", "event_id": 2}}
        )
        await server.say_audio(b"\x02\x00", 2)
        await server.say("interruption", event_id=2)
        await server.say_audio(b"\x03\x00" * 1600, 2)
        await server.say_audio(b"\x04\x00", 3, is_final=True)
        await server.say("client_tool_call", tool_name="x", tool_call_id="t1", parameters={"a": 1})
        await server.ws.send_bytes(json.dumps({"type": "agent_response_complete"}).encode())
        await server.ws.send_str("nonsense")

    events, _, session = conversation(talk)
    assert events[:-2] == [
        AgentText("Good morning.", "1"),
        Audio(b"\x01\x00", "1"),
        UtteranceDone("1"),
        CallerText("Hello"),
        Audio(b"\x02\x00", "2"),
        Interruption(),
        Audio(b"\x04\x00", "3"),
        UtteranceDone("3"),
        ToolCall("t1", "x", {"a": 1}),
        UtteranceDone(""),
    ]
    assert events[-2].kind == "malformed"
    assert session.late_audio_ms == 100


def test_tools_keys_and_the_past_reach_the_agent():
    async def talk(server):
        await server.say_metadata()
        for call_id in ("t1", "t2"):
            await server.say("client_tool_call", tool_name="x", tool_call_id=call_id, parameters={})
        await server.hear(lambda message: message.get("type") == "user_message")

    async def story():
        async with session_with(talk) as (session, server):
            told = (Said("caller", "Hello"), Said("agent", "Good morning."))
            await session.connect(CallInfo("c", "s", "1", "2", PCM_16, said_so_far=told))
            async for event in session.events():
                if event == ToolCall("t1", "x", {}):
                    await session.answer_tool("t1", "done", is_error=False)
                elif event == ToolCall("t2", "x", {}):
                    await session.answer_tool("t2", "no such tool", is_error=True)
                    await session.answer_tool("t2", "twice", is_error=True)
                    await session.interrupted("2", 500)
                    await session.send_keys("12#")
            return server

    server = played(story)
    history = server.received[0]["dynamic_variables"]["recent_history"]
    assert history == "caller: Hello\nagent: Good morning."
    assert history in server.of_type("contextual_update")[0]["text"]
    assert server.of_type("client_tool_result") == [
        {"type": "client_tool_result", "tool_call_id": "t1", "result": "done", "is_error": False},
        {"type": "client_tool_result", "tool_call_id": "t2", "result": "no such tool", "is_error": True},
    ]
    assert "12#" in server.of_type("user_message")[0]["text"]


@pytest.mark.parametrize(("allowed", "approved"), [((), False), (("book",), True), (("*",), True), (("other",), False)])
def test_an_mcp_tool_that_waits_for_approval_is_answered(allowed, approved):
    """Nobody on a telephone can click: without an answer the agent was silent for the five minutes it waits."""
    call = {"service_id": "s", "tool_call_id": "m1", "tool_name": "book", "state": "awaiting_approval"}

    async def talk(server):
        await server.say_metadata()
        await server.say("mcp_tool_call", **call)
        await server.hear(lambda message: message.get("type") == "mcp_tool_approval_result")

    async def story():
        async with session_with(talk) as (session, server):
            session._agent = replace(session._agent, approve_mcp_tools=allowed)
            await session.connect(CALL)
            return await everything(session), server

    events, server = played(story)
    answer = {"type": "mcp_tool_approval_result", "tool_call_id": "m1", "is_approved": approved}
    assert server.of_type("mcp_tool_approval_result") == [answer]
    assert events[0].kind == "mcp_approval"


def test_a_tool_call_that_can_not_be_carried_out_is_answered():
    """Once such a call was run with no parameters at all, or not answered, and the agent waited."""

    async def talk(server):
        await server.say_metadata()
        await server.say("client_tool_call", tool_name="x", tool_call_id="t1", parameters=["a"])
        await server.say("client_tool_call", tool_call_id="t2", parameters={})
        await server.hear(lambda message: message.get("tool_call_id") == "t2")

    events, server, _ = conversation(talk)
    assert [(event.kind, event.text) for event in events[:2]] == [
        ("incomplete", "tool call t1: the parameters must be a JSON object"),
        ("incomplete", "tool call t2: the call names no tool"),
    ]
    assert [(one["tool_call_id"], one["is_error"]) for one in server.of_type("client_tool_result")] == [
        ("t1", True),
        ("t2", True),
    ]


def test_an_agent_that_speaks_again_is_not_at_its_tool_any_more():
    """Not every agent is set up to say when a tool of its own is done; the wait for an answer stood still for good."""

    async def talk(server):
        await server.say_metadata()
        await server.say("agent_tool_request", tool_name="look_up", tool_call_id="t1", tool_type="webhook", event_id=1)
        await server.say_audio(b"\x01\x00", 2)
        await server.say_audio(b"\x02\x00", 2)

    events, _, _ = conversation(talk)
    assert events[:4] == [
        Working("look_up"),
        Working("look_up", done=True),
        Audio(b"\x01\x00", "2"),
        Audio(b"\x02\x00", "2"),
    ]


def test_giving_up_ends_the_events_with_the_reason():
    async def talk(server):
        await server.say_metadata()
        await server.hear(lambda message: False)

    async def story():
        async with session_with(talk) as (session, _):
            await session.connect(CALL)
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(session.give_up("deaf for 5 s")))
            return await everything(session)

    assert played(story) == [Ended(by_agent=False, reason="close_1006", detail="1006 deaf for 5 s")]


def test_sending_to_an_agent_that_is_gone_is_nobodys_trouble():
    async def story():
        async with session_with(nothing) as (session, _):
            await session.connect(CALL)
            await everything(session)
            await session.send_audio(b"\x00\x00")
            await session.send_keys("1")
            await session.answer_tool("t", "x", is_error=False)
            assert session.stalled_for(asyncio.get_running_loop().time()) == 0.0

    played(story)


@pytest.mark.parametrize(
    ("agent", "url"),
    [
        (ElevenLabsAgent("a1"), "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a1"),
        (
            ElevenLabsAgent("a1", region="india"),
            "wss://api.in.residency.elevenlabs.io/v1/convai/conversation?agent_id=a1",
        ),
        (ElevenLabsAgent("a1", base_url="http://localhost:9/"), "ws://localhost:9/v1/convai/conversation?agent_id=a1"),
        (ElevenLabsAgent("a1", base_url="wss://proxy"), "wss://proxy/v1/convai/conversation?agent_id=a1"),
        (ElevenLabsAgent("a&b=c", base_url="wss://p"), "wss://p/v1/convai/conversation?agent_id=a%26b%3Dc"),
    ],
)
def test_the_socket_of_a_public_agent(agent, url):
    assert agent.socket_url == url


# --- reached before it is known what to tell ---


def test_an_unused_session_closes_its_socket():
    async def talk(server):
        await asyncio.Event().wait()

    async def story():
        async with session_with(talk) as (session, server):
            session.reach()
            await asyncio.sleep(0.1)
            assert not server.received
            await session.close()
            await session.close()
            return session._socket is not None

    assert played(story)


def test_an_unreachable_session_raises_at_connect():
    async def talk(server):
        await asyncio.Event().wait()

    async def story():
        async with session_with(talk) as (session, _):
            session._agent = replace(session._agent, base_url="http://127.0.0.1:1")
            session.reach()
            await asyncio.sleep(1)
            with pytest.raises(AgentError, match="ClientConnector"):
                await session.connect(CALL)
            await session.close()

    played(story)


async def test_a_vendor_of_somebody_elses_that_opens_its_own_socket_is_not_reached_early():
    session = SocketSession(None)
    session.reach()
    assert session._way is None
    await session.close()


@virtual
async def test_a_pong_is_sent_once_though_the_socket_is_full():
    """It is tried at once. What could not be written then must wait, and must not be written twice."""
    sent = []

    class Full:
        def send(self, message):
            async def later():
                sent.append(json.loads(message))

            return Later(later)

    session = ElevenLabsSession(ElevenLabsAgent("a"), None)
    session._socket = Full()
    assert session._react_now(Ping(3)) is None
    assert sent == []
    assert await session._react(Ping(3)) == ()
    assert sent == [{"type": "pong", "event_id": 3}]


def test_only_sessions_that_do_something_with_it_are_told_what_was_heard():
    assert not listens(ElevenLabsSession(ElevenLabsAgent("a"), None), "heard")
    assert not listens(ElevenLabsSession(ElevenLabsAgent("a"), None), "interrupted")
    assert listens(object.__new__(TelephonySession), "interrupted")
    assert listens(object.__new__(TelephonySession), "heard")
