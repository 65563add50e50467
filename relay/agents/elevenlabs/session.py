"""A conversation with an ElevenLabs agent (elevenlabs.md, part A)."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import Any, Final

import aiohttp
import msgspec

from common.aside import aside
from relay.agents.elevenlabs.codec import (
    CONFIG,
    FORMATS,
    ApprovalWanted,
    AudioChunk,
    HangingUp,
    Interrupted,
    Metadata,
    Ping,
    Queued,
    ToolRefused,
    config_override,
    decode,
    initiation,
)
from relay.agents.elevenlabs.options import ElevenLabsAgent, resolve
from relay.agents.elevenlabs.speech import Speech
from relay.agents.overrides import Overrides
from relay.agents.reading import encode
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentCorrection,
    AgentError,
    AgentEvent,
    AgentText,
    CallerHeard,
    CallerText,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    UtteranceDone,
    Working,
    not_taken,
)
from relay.agents.session import SocketSession
from relay.agents.socket import AgentSocket, Closed, Hear
from relay.agents.vendor import NewSession
from relay.at_once import DONE
from relay.outgoing import RedirectError, whole
from relay.settings import Settings

_SIGNED_URL_TIMEOUT: Final = 4.0  # a caller is waiting: half a second is usual
_QUEUE_TIMEOUT: Final = 60.0  # a caller may be in the agent's queue for a while; the ambience plays meanwhile


class ElevenLabsSession(SocketSession):
    """One conversation (see seam.AgentSession)."""

    SOUND = (b'{"user_audio_chunk":', b"}")

    def __init__(self, agent: ElevenLabsAgent, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self._agent = agent
        self._signed_url: asyncio.Task[str] | None = None
        self._speech = Speech()
        self._last_error = ""

    def prepare(self) -> None:
        """Fetch the signed URL while the line is still starting: it takes half a second (elevenlabs.md A1.2)."""
        if self._agent.api_key and self._signed_url is None:
            self._signed_url = asyncio.create_task(self._fetch_signed_url())

    async def connect(self, call: CallInfo) -> Formats:
        """Open the socket, send the call's data, wait for the formats."""
        metadata = await self._introduce(call)
        self.conversation_id = metadata.conversation_id
        if metadata.heard is None or metadata.spoken is None:
            raise AgentError("unsupported_format", f"agent {metadata.named}: expected one of {', '.join(FORMATS)}")
        self._speech.format = metadata.spoken
        if call.said_so_far:  # the prompt may lack {{recent_history}}: this reaches every agent
            text = f"This was said on this call before you took over:\n{call.recap}"
            await self._send({"type": "contextual_update", "text": text})
        return Formats(metadata.heard, metadata.spoken)

    async def _open_way(self) -> AgentSocket:
        self.prepare()
        url = await self._signed_url if self._signed_url else self._agent.socket_url
        return await AgentSocket.open(self._http, url)

    async def _introduce(self, call: CallInfo) -> Metadata:
        """Send the call's data. An agent that allows no overrides closes: then repeat it without them."""
        socket = await self._opened()
        await socket.send(initiation(call))
        try:
            return await self._await(socket, Metadata, "conversation_initiation_metadata")
        except AgentError as error:
            if "verride" not in str(error) or not config_override(call.overrides):
                raise
            self._ahead += not_taken(call.overrides.given() or [CONFIG], str(error))
        await socket.close()
        return await self._introduce(replace(call, overrides=Overrides()))

    async def send_keys(self, keys: str) -> None:
        """As a message from the caller: the socket has no event for keys (elevenlabs.md A7.3)."""
        await self._send({"type": "user_message", "text": f"The caller pressed on the phone's keypad: {keys}"})

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """As a contextual update, which is not answered; as a message from the caller if an answer is wanted."""
        kind = {"type": "user_message", "text": aside(text)} if reply else {"type": "contextual_update", "text": text}
        await self._send(kind)
        return True

    async def close(self) -> None:
        """Close the socket, or give up opening it."""
        if self._signed_url is not None:
            self._signed_url.cancel()
            await asyncio.wait([self._signed_url])
            if not self._signed_url.cancelled():
                self._signed_url.exception()  # retrieved, so that asyncio does not report it as never retrieved
            self._signed_url = None  # its error would hold this session
        await super().close()

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        await self._send(
            {"type": "client_tool_result", "tool_call_id": call_id, "result": result, "is_error": is_error}
        )

    _decode = staticmethod(decode)

    def _receive(self, hear: Hear | None = None) -> Awaitable[bytes | Closed]:
        # each message of a goodbye is received, as it may move its end
        return super()._receive(hear) if (by := self._speech.goodbye_by) is None else self._receive_until(by)

    async def _receive_until(self, time: float) -> bytes | Closed:
        try:
            async with asyncio.timeout_at(time):
                return await super()._receive()
        except TimeoutError:
            return Closed(1000, "end_call without a close")

    async def _meanwhile(self, decoded: Any) -> float | None:
        match decoded:
            case Queued("waiting"):
                return _QUEUE_TIMEOUT
            case Ping() | Notice("error"):
                await self._react(decoded)
        return None

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        match decoded:
            case AudioChunk():
                heard = self._speech.heard(decoded)
                return self._late(len(decoded.data), self._speech.format) if heard is None else heard
            case Interrupted(event_id):
                self._speech.interrupted(event_id)
                return (Interruption(),)
            case Ping(event_id):
                pong = self._open_socket.send(encode({"type": "pong", "event_id": event_id}))
                return () if pong is DONE else None  # what was not sent at once was not sent
            case UtteranceDone() | AgentText() | AgentCorrection() | CallerText() | CallerHeard():
                return (decoded,)
        return None

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case Ping(event_id):
                await self._send({"type": "pong", "event_id": event_id})
            case HangingUp():
                self._speech.hang_up()
            case Queued(status):
                return (Notice("queue", status),)
            case ToolRefused(call_id, problem):
                await self._send_result(call_id, "", problem, is_error=True)
                return (Notice("incomplete", f"tool call {call_id}: {problem}"),)
            case ApprovalWanted(call_id, tool):
                return await self._approve(call_id, tool)
            case Working(tool, done):
                self._speech.works(tool, done=done)
                return (decoded,)
            case Notice("error", text):
                self._last_error = text
                return (decoded,)
            case _:
                return await super()._react(decoded)
        return ()

    async def _approve(self, call_id: str, tool: str) -> tuple[AgentEvent, ...]:
        """Nobody can be asked: without an answer the agent would wait for minutes (elevenlabs.md A2.2)."""
        approved = self._agent.approves(tool)
        await self._send({"type": "mcp_tool_approval_result", "tool_call_id": call_id, "is_approved": approved})
        text = f"{tool}: " + ("approved" if approved else "refused, it is not among approve_mcp_tools")
        return (Notice("mcp_approval", text),)

    def _closed(self, closed: Closed) -> Ended:
        # 1000 is the agent's goodbye or its time limit, everything else a failure (elevenlabs.md A3.6)
        if closed.code == 1000 or self._speech.goodbye_by is not None or "max_duration_exceeded" in self._last_error:
            return Ended(by_agent=True, reason="ended", detail=str(closed))
        detail = f"{closed} ({self._last_error})" if self._last_error else str(closed)
        return Ended(by_agent=False, reason=f"close_{closed.code}", detail=detail)

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
                signed_url = msgspec.json.decode(body)["signed_url"]
        except TimeoutError:
            raise AgentError("connect_timeout", f"no signed URL within {_SIGNED_URL_TIMEOUT:g} s") from None
        except RedirectError as error:
            raise AgentError(
                f"http_{error.status}", "signed URL: answered with a redirect, which is not followed"
            ) from None
        except aiohttp.ClientError as error:
            raise AgentError("unreachable", f"signed URL: {type(error).__name__}: {error}") from None
        except (ValueError, KeyError, TypeError) as error:  # ValueError: not JSON, or not even UTF-8
            raise AgentError("malformed", f"signed URL: expected JSON with signed_url, {error}") from None
        return str(signed_url)


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError. Without a key the agent must be public."""
    agent = resolve(spec, settings)
    return lambda context: ElevenLabsSession(agent, context.http)
