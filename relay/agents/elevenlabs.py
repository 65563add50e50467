"""ElevenLabs Agents over their WebSocket (elevenlabs.md, part A)."""

import asyncio
import binascii
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec

from functions.common.elevenlabs import REST_HOSTS, rest_base
from functions.common.env import Env, SettingError
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentCorrection,
    AgentError,
    AgentEvent,
    AgentText,
    Audio,
    CallerText,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    ToolCall,
    UtteranceDone,
)
from relay.agents.socket import AgentSocket, Closed
from relay.agents.vendor import Agent, read_options
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

_SIGNED_URL_TIMEOUT: Final = 4.0  # these are waited for with a caller on the line: half a second is usual
_METADATA_TIMEOUT: Final = 5.0
_QUEUE_TIMEOUT: Final = 60.0  # the agent's queue may hold a caller for a while; the ambience plays meanwhile
_GOODBYE_TIMEOUT: Final = 5.0  # after end_call and its last sound the server closes; should it forget, we do

_decode_json: Final = msgspec.json.Decoder().decode
_encode_json: Final = msgspec.json.Encoder().encode

_FORMATS: Final = {f"pcm_{hz}": AudioFormat(Encoding.PCM, hz) for hz in (8000, 16000, 22050, 24000, 44100, 48000)} | {
    "ulaw_8000": AudioFormat(Encoding.ULAW, 8000)
}


# --- codec: messages to events, no I/O ---


@dataclass(frozen=True, slots=True)
class Metadata:
    """The first event: the conversation's id and the formats, None where we don't know them."""

    conversation_id: str
    heard: AudioFormat | None
    spoken: AudioFormat | None
    named: str


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Agent speech before it is known whether an interruption has overtaken it."""

    data: bytes
    event_id: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke over what had `event_id` or less."""

    event_id: int | None


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered at once, whatever `ping_ms` says."""

    event_id: int


@dataclass(frozen=True, slots=True)
class HangingUp:
    """The agent ran `end_call`: it will close."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A place in the queue of an agent at its limit: `waiting`, `admitted` or `timed_out`."""

    status: str


Decoded = (
    Metadata
    | AudioChunk
    | Interrupted
    | Ping
    | HangingUp
    | Queued
    | UtteranceDone
    | AgentText
    | AgentCorrection
    | CallerText
    | ToolCall
    | Notice
)


def decode(text: bytes) -> Decoded | None:
    """One server message; None for what we have no use for. Never raises: what can't be read is a Notice."""
    try:
        message = _decode_json(text)
        reader = _READERS.get(message["type"])
        return reader(message) if reader else None
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:
        return Notice("malformed", f"{type(error).__name__}: {error}"[:200])


def _metadata(message: Mapping[str, Any]) -> Metadata:
    event = message["conversation_initiation_metadata_event"]
    # the JavaScript client takes pcm_16000 when the input format is missing (elevenlabs.md A2.3)
    heard = event.get("user_input_audio_format") or "pcm_16000"
    spoken = event.get("agent_output_audio_format") or "pcm_16000"
    return Metadata(
        str(event["conversation_id"]), _FORMATS.get(heard), _FORMATS.get(spoken), f"hears {heard}, speaks {spoken}"
    )


def _audio(message: Mapping[str, Any]) -> AudioChunk:
    event = message["audio_event"]
    data = binascii.a2b_base64(event.get("audio_base_64") or b"")
    return AudioChunk(data, int(event["event_id"]), event.get("is_final") is True)


def _interruption(message: Mapping[str, Any]) -> Interrupted:
    event_id = (message.get("interruption_event") or {}).get("event_id")
    return Interrupted(None if event_id is None else int(event_id))


def _agent_text(message: Mapping[str, Any]) -> AgentText:
    event = message["agent_response_event"]
    return AgentText(str(event["agent_response"]).strip(), str(event.get("event_id", "")))


def _correction(message: Mapping[str, Any]) -> AgentCorrection:
    event = message["agent_response_correction_event"]
    return AgentCorrection(str(event["corrected_agent_response"]).strip(), str(event.get("event_id", "")))


def _tool_call(message: Mapping[str, Any]) -> ToolCall:
    call = message["client_tool_call"]
    parameters = call.get("parameters")
    return ToolCall(
        str(call["tool_call_id"]), str(call["tool_name"]), parameters if isinstance(parameters, dict) else {}
    )


def _tool_response(message: Mapping[str, Any]) -> HangingUp | None:
    response = message["agent_tool_response"]
    return HangingUp() if response.get("tool_name") == "end_call" and not response.get("is_error") else None


def _error(message: Mapping[str, Any]) -> Notice:
    # `error` and `client_error` are two names of one thing (elevenlabs.md A2.3)
    event = message.get("error_event") or {}
    parts = (event.get(key) for key in ("code", "error_type", "error_name", "message", "reason"))
    return Notice("error", " ".join(str(part) for part in parts if part)[:300])


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Decoded | None]]] = {
    "conversation_initiation_metadata": _metadata,
    "audio": _audio,
    "interruption": _interruption,
    "ping": lambda message: Ping(int(message["ping_event"]["event_id"])),
    "agent_response": _agent_text,
    "agent_response_correction": _correction,
    "agent_response_complete": lambda message: UtteranceDone(
        str((message.get("agent_response_complete_event") or {}).get("event_id", ""))
    ),
    "user_transcript": lambda message: CallerText(str(message["user_transcription_event"]["user_transcript"]).strip()),
    "client_tool_call": _tool_call,
    "agent_tool_response": _tool_response,
    "queue_status": lambda message: Queued(str((message.get("queue_status_event") or {}).get("status", ""))),
    "error": _error,
    "client_error": _error,
}


def initiation(call: CallInfo) -> bytes:
    """The first message we send: the call as dynamic variables, the line's own parameters on top."""
    # `system__` names are the vendor's own; sending one ends the conversation before it begins (elevenlabs.md A4)
    variables = {name: value for name, value in call.variables.items() if not name.startswith("system__")}
    return _encode_json({"type": "conversation_initiation_client_data", "dynamic_variables": variables})


class LateAudio:
    """Which audio an interruption has overtaken.

    Ids below the highest interruption are stale. The interrupted id itself is stale only if some of its audio came
    before: a reply may reuse the id of the interruption that made room for it (elevenlabs.md A2.5).
    """

    def __init__(self) -> None:
        self._watermark = -1
        self._latest = -1
        self._stale_at_watermark = False

    def interrupted(self, event_id: int | None) -> None:
        """Note an interruption; without an id it is taken to mean what was heard last.

        One with a lower id than before (the vendor stops its typing sounds that way) makes nothing more stale.
        """
        overtaken = self._latest if event_id is None else event_id
        if overtaken >= self._watermark:
            self._watermark = overtaken
            self._stale_at_watermark = self._latest >= overtaken

    def admits(self, event_id: int) -> bool:
        """Whether audio that arrives now with `event_id` may be played."""
        if event_id < self._watermark or (event_id == self._watermark and self._stale_at_watermark):
            return False
        self._latest = max(self._latest, event_id)
        return True


# --- session: the codec on a socket ---


class ElevenLabsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an ElevenLabs agent; empty ones are those of the environment. All else is set at ElevenLabs."""

    region: str = ""
    base_url: str = ""
    api_key_env: str = ""


@dataclass(frozen=True, slots=True)
class ElevenLabsAgent:
    """Where and how to reach one agent."""

    agent_id: str
    api_key: str = ""
    region: str = "default"
    base_url: str = ""

    @property
    def rest_url(self) -> str:
        """Base of the REST API."""
        return rest_base(self.region, self.base_url)

    @property
    def socket_url(self) -> str:
        """The socket of a public agent."""
        return f"ws{self.rest_url.removeprefix('http')}/v1/convai/conversation?agent_id={quote(self.agent_id)}"


class ElevenLabsSession:
    """One conversation (see seam.AgentSession)."""

    def __init__(self, agent: ElevenLabsAgent, http: aiohttp.ClientSession) -> None:
        self.conversation_id: str | None = None
        self.late_audio_ms = 0.0
        self.wants_each_key = False
        self._agent = agent
        self._http = http
        self._late = LateAudio()
        self._socket: AgentSocket | None = None
        self._signed_url: asyncio.Task[str] | None = None
        self._spoken = _FORMATS["pcm_16000"]
        self._goodbye_by: float | None = None
        self._last_error = ""

    def prepare(self) -> None:
        """Fetch the signed URL while the line is still starting: it takes half a second (elevenlabs.md A1.2)."""
        if self._agent.api_key and self._signed_url is None:
            self._signed_url = asyncio.create_task(self._fetch_signed_url())

    async def connect(self, call: CallInfo) -> Formats:
        """Open the socket, introduce the call, wait for the formats."""
        self.prepare()
        url = await self._signed_url if self._signed_url else self._agent.socket_url
        self._socket = await AgentSocket.open(self._http, url)
        await self._socket.send(initiation(call))
        metadata = await self._await_metadata(self._socket)
        self.conversation_id = metadata.conversation_id
        if metadata.heard is None or metadata.spoken is None:
            raise AgentError("unsupported_format", f"agent {metadata.named}: expected one of {', '.join(_FORMATS)}")
        self._spoken = metadata.spoken
        if call.said_so_far:  # the prompt need not have a place for {{recent_history}}: this reaches every agent
            text = f"This was said on this call before you took over:\n{call.recap}"
            await self._send({"type": "contextual_update", "text": text})
        return Formats(metadata.heard, metadata.spoken)

    async def send_audio(self, data: bytes) -> None:
        """Caller audio; silence counts as audio, sixty seconds without end the conversation."""
        assert self._socket is not None
        await self._socket.send(b'{"user_audio_chunk":"%b"}' % binascii.b2a_base64(data, newline=False))

    async def send_keys(self, keys: str) -> None:
        """As a message of the caller's: the socket has no event for keys (elevenlabs.md A7.3)."""
        await self._send({"type": "user_message", "text": f"The caller pressed on the phone's keypad: {keys}"})

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """Answer a client tool."""
        await self._send(
            {"type": "client_tool_result", "tool_call_id": call_id, "result": result, "is_error": is_error}
        )

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """Nothing to tell: the server decides alone what was heard (elevenlabs.md A2.2)."""

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Everything until the end of the conversation."""
        assert self._socket is not None
        while True:
            try:
                async with asyncio.timeout_at(self._goodbye_by):
                    message = await self._socket.receive()
            except TimeoutError:
                yield Ended(by_agent=True, reason="ended", detail="end_call without a close")
                return
            if isinstance(message, Closed):
                yield self._ended(message)
                return
            for event in await self._react(decode(message)):
                yield event

    def stalled_for(self, now: float) -> float:
        """See AgentSocket."""
        return self._socket.stalled_for(now) if self._socket else 0.0

    async def give_up(self, reason: str) -> None:
        """See AgentSocket."""
        if self._socket:
            await self._socket.give_up(reason)

    async def close(self) -> None:
        """Close the socket, or give up opening it."""
        if self._signed_url is not None:
            self._signed_url.cancel()
            await asyncio.wait([self._signed_url])
            if not self._signed_url.cancelled():
                self._signed_url.exception()  # looked at, so that it isn't reported as never retrieved
        if self._socket is not None:
            await self._socket.close()

    async def _react(self, decoded: Decoded | None) -> tuple[AgentEvent, ...]:
        match decoded:
            case AudioChunk(data, event_id, is_final):
                if self._goodbye_by is not None:
                    self._hang_up()
                return self._audio(data, event_id, is_final)
            case Ping(event_id):
                await self._send({"type": "pong", "event_id": event_id})
                return ()
            case Interrupted(event_id):
                self._late.interrupted(event_id)
                return (Interruption(),)
            case HangingUp():
                self._hang_up()
                return ()
            case Queued(status):
                return (Notice("queue", status),)
            case Notice("error", text):
                self._last_error = text
                return (decoded,)
            case None | Metadata():
                return ()
            case _:
                return (decoded,)

    def _hang_up(self) -> None:
        self._goodbye_by = asyncio.get_running_loop().time() + _GOODBYE_TIMEOUT

    def _audio(self, data: bytes, event_id: int, is_final: bool) -> tuple[AgentEvent, ...]:
        if not self._late.admits(event_id):
            self.late_audio_ms += self._spoken.duration_ms(len(data))
            return ()
        utterance = str(event_id)
        events: list[AgentEvent] = [Audio(data, utterance)] if data else []
        if is_final:
            events.append(UtteranceDone(utterance))
        return tuple(events)

    def _ended(self, closed: Closed) -> Ended:
        # 1000 is the agent's goodbye or its time limit, everything else a failure (elevenlabs.md A3.6)
        if closed.code == 1000 or self._goodbye_by is not None or "max_duration_exceeded" in self._last_error:
            return Ended(by_agent=True, reason="ended", detail=str(closed))
        detail = f"{closed} ({self._last_error})" if self._last_error else str(closed)
        return Ended(by_agent=False, reason=f"close_{closed.code}", detail=detail)

    async def _await_metadata(self, socket: AgentSocket) -> Metadata:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_METADATA_TIMEOUT) as patience:
                while True:
                    message = await socket.receive()
                    if isinstance(message, Closed):
                        ended = self._ended(message)
                        raise AgentError(f"close_{message.code}", f"refused: {ended.detail}")
                    match decode(message):
                        case Metadata() as metadata:
                            return metadata
                        case Queued("waiting"):
                            patience.reschedule(loop.time() + _QUEUE_TIMEOUT)
                        case Ping() as ping:
                            await self._react(ping)
                        case Notice("error", text):
                            self._last_error = text
                        case _:
                            pass
        except TimeoutError:
            raise AgentError("silent", "connected, but no conversation_initiation_metadata came") from None

    async def _fetch_signed_url(self) -> str:
        url = f"{self._agent.rest_url}/v1/convai/conversation/get-signed-url"
        try:
            async with (
                asyncio.timeout(_SIGNED_URL_TIMEOUT),
                self._http.get(
                    url, params={"agent_id": self._agent.agent_id}, headers={"xi-api-key": self._agent.api_key}
                ) as response,
            ):
                body = await response.read()
                if response.status != 200:
                    raise AgentError(
                        f"http_{response.status}", f"signed URL refused: HTTP {response.status} {body[:200]!r}"
                    )
                signed_url = _decode_json(body)["signed_url"]
        except TimeoutError:
            raise AgentError("connect_timeout", f"no signed URL within {_SIGNED_URL_TIMEOUT:g} s") from None
        except aiohttp.ClientError as error:
            raise AgentError("unreachable", f"signed URL: {type(error).__name__}: {error}") from None
        except (ValueError, KeyError, TypeError) as error:  # ValueError: not JSON, or not even UTF-8
            raise AgentError("malformed", f"signed URL: expected JSON with signed_url, {error}") from None
        return str(signed_url)

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send(_encode_json(message))


def configure(spec: AgentSpec, settings: Settings) -> Agent:
    """Raises SettingError. Without a key the agent must be public."""
    options = read_options(spec, ElevenLabsOptions, settings)
    if options.region and options.region not in REST_HOSTS:
        place = f"agents.{spec.alias}.options.region"
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be one of {', '.join(REST_HOSTS)}")
    key = settings.elevenlabs_api_key
    if options.api_key_env:
        key = Env(settings.environ).required(options.api_key_env, f"the ElevenLabs API key for agent {spec.alias!r}")
    agent = ElevenLabsAgent(
        agent_id=spec.id,
        api_key=key,
        region=options.region or settings.elevenlabs_region,
        base_url=options.base_url or settings.elevenlabs_base_url,
    )
    return lambda context: ElevenLabsSession(agent, context.http)
