"""ElevenLabs Agents over their WebSocket (elevenlabs.md, part A)."""

import asyncio
import binascii
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import msgspec

from relay.agents.elevenlabs.codec import (
    FORMATS,
    AudioChunk,
    Decoded,
    HangingUp,
    Interrupted,
    LateAudio,
    Metadata,
    Ping,
    Queued,
    decode,
    initiation,
)
from relay.agents.elevenlabs.options import ElevenLabsAgent, resolve
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentError,
    AgentEvent,
    Audio,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    UtteranceDone,
)
from relay.agents.socket import AgentSocket, Closed
from relay.agents.vendor import Agent
from relay.outgoing import RedirectError, whole
from relay.settings import Settings

_SIGNED_URL_TIMEOUT: Final = 4.0  # these are waited for with a caller on the line: half a second is usual
_METADATA_TIMEOUT: Final = 5.0
_QUEUE_TIMEOUT: Final = 60.0  # the agent's queue may hold a caller for a while; the ambience plays meanwhile
_GOODBYE_TIMEOUT: Final = 5.0  # after end_call and its last sound the server closes; should it forget, we do

_decode_json: Final = msgspec.json.Decoder().decode
_encode_json: Final = msgspec.json.Encoder().encode


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
        self._spoken = FORMATS["pcm_16000"]
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
            raise AgentError("unsupported_format", f"agent {metadata.named}: expected one of {', '.join(FORMATS)}")
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

    async def ask_again(self) -> bool:
        """This vendor has no way to be asked."""
        return False

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
                body = await whole(response)
                if response.status != 200:
                    raise AgentError(
                        f"http_{response.status}", f"signed URL refused: HTTP {response.status} {body[:200]!r}"
                    )
                signed_url = _decode_json(body)["signed_url"]
        except TimeoutError:
            raise AgentError("connect_timeout", f"no signed URL within {_SIGNED_URL_TIMEOUT:g} s") from None
        except RedirectError as error:
            raise AgentError(f"http_{error.status}", "signed URL: answered by a redirect, not followed") from None
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
    agent = resolve(spec, settings)
    return lambda context: ElevenLabsSession(agent, context.http)
