"""A conversation with a Sarvam agent (other-agents.md B6)."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from common.aside import aside
from common.env import SettingError
from relay.agents.late_sound import TurnGate
from relay.agents.reading import encode
from relay.agents.roster import AgentSpec
from relay.agents.sarvam.codec import (
    RATE_HZ,
    AgentAudio,
    AgentSays,
    CallerCutIn,
    Connected,
    Goodbye,
    Ping,
    client_message,
    decode,
    interaction_start,
)
from relay.agents.sarvam.options import SarvamOptions
from relay.agents.seam import (
    UNREADABLE,
    AgentError,
    AgentEvent,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    TurnDone,
    TurnFailed,
    UtteranceDone,
)
from relay.agents.session import READY_TIMEOUT, SocketSession
from relay.agents.socket import AgentSocket
from relay.agents.vendor import NewSession, api_key, read_options
from relay.audio.convert import AudioFormat, Encoding
from relay.outgoing import whole
from relay.settings import Settings

_SOUND: Final = AudioFormat(Encoding.PCM, RATE_HZ)
_ANSWER_LIMIT: Final = 1 << 16  # bytes of the answer with the address


class _Address(msgspec.Struct, frozen=True):
    """The conversation's address; it is signed, and so a secret."""

    url: str
    reference_id: str = ""


class SarvamSession(SocketSession):
    """One conversation (see seam.AgentSession). Sound has no ids here: an utterance is a reply, counted by us."""

    def __init__(self, http: aiohttp.ClientSession, options: SarvamOptions, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._key = key
        self._gate = TurnGate()
        self._reply = 0
        self._in_reply = False
        self._has_text = True

    async def connect(self, call: CallInfo) -> Formats:
        """Request an address, open it, send the start message, wait until the conversation has begun."""
        options, self._ahead = self._options.for_call(call)
        url = await self._signed_url(call)
        socket = self._socket = await AgentSocket.open(self._http, url)
        await self._send(interaction_start(options, call))
        connected = await self._await(socket, Connected, "interaction_connected")
        self.conversation_id = connected.interaction_id
        return Formats(_SOUND, _SOUND)

    async def _signed_url(self, call: CallInfo) -> str:
        options = self._options
        names = ("orgs", options.org_id, "workspaces", options.workspace_id, "apps", options.app_id, "url")
        path = "/".join(quote(name, safe="") for name in names)
        query = {"interaction_type": "call"} | ({"version": str(options.version)} if options.version else {})
        url = URL(f"{options.base_url.rstrip('/')}/api/app-runtime/{path}", encoded=True).with_query(query)
        try:
            async with (
                asyncio.timeout(READY_TIMEOUT),
                self._http.get(url, headers={"X-API-Key": self._key}) as response,
            ):
                body = await whole(response, _ANSWER_LIMIT)
                if response.status != 200:
                    text = body.decode(errors="replace")[:200]
                    raise AgentError(f"http_{response.status}", f"no socket address: HTTP {response.status} {text}")
        except aiohttp.ClientResponseError as error:  # a redirect, which is not followed
            raise AgentError(f"http_{error.status}", f"no socket address: HTTP {error.status}") from None
        except TimeoutError:
            raise AgentError("connect_timeout", f"no socket address within {READY_TIMEOUT:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentError("unreachable", f"no socket address: {type(error).__name__}") from None
        try:
            signed = URL(msgspec.json.decode(body, type=_Address).url)
        except UNREADABLE as error:
            raise AgentError("malformed", f"no socket address in the answer: {error}") from None
        if signed.scheme not in {"ws", "wss"}:
            raise AgentError("malformed", "no socket address in the answer: expected a wss:// URL")
        who = {"user_identifier": call.from_number, "user_identifier_type": "phone_number"}
        if not call.from_number:
            who = {"user_identifier": "unknown", "user_identifier_type": "unknown"}
        return str(signed.update_query({**who, "sample_rate": str(RATE_HZ), "interaction_type": "call"}))

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """As 16 bits, which Sarvam calls audio/wav."""
        sound = {"audio_base64": data, "format": "audio/wav", "sample_rate": RATE_HZ}
        return self._open_socket.send(encode(client_message("media.audio_chunk", **sound)))

    async def send_keys(self, keys: str) -> None:
        """As text from the caller."""
        await self._send(client_message("media.text", text=f"[The caller pressed on the phone's keypad: {keys}]"))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """As text from the caller, which is answered; there is no other kind."""
        if reply:
            await self._send(client_message("media.text", text=aside(text)))
        return reply

    _decode = staticmethod(decode)

    async def _meanwhile(self, decoded: Any) -> float | None:
        if isinstance(decoded, Ping):
            await self._react(decoded)
        return await super()._meanwhile(decoded)

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        match decoded:
            case AgentAudio():
                return self._audio(decoded)
            case AgentSays(text):
                return self._text(text)
            case CallerCutIn():
                # late sound of the old reply looks like new sound: drop everything until the reply has ended, the
                # caller has, or for longer than any late sound takes
                self._in_reply = False
                self._gate.shut()
                return (Interruption(),)
            case CallerText() | CallerHeard():
                self._gate.open()
                return (decoded,)
        return None

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case Ping(event_id):
                await self._send(client_message("system.pong", event_id=event_id))
                return ()
            case Goodbye():
                return (Ended(by_agent=True, reason="ended", detail="interaction_end"),)
            case _:
                return await super()._react(decoded)

    def _begin_reply(self) -> str:
        if not self._in_reply:
            self._in_reply, self._has_text = True, False
            self._reply += 1
        return str(self._reply)

    def _audio(self, audio: AgentAudio) -> tuple[AgentEvent, ...]:
        over = audio.done or audio.failed
        if self._gate.is_shut:
            if over:
                self._gate.open()
            return self._late(len(audio.data), _SOUND)
        if audio.data and audio.rate_hz != RATE_HZ:
            return (Ended(by_agent=False, reason="unsupported_format", detail=f"sound at {audio.rate_hz} Hz"),)
        events: list[AgentEvent] = [Audio(audio.data, self._begin_reply())] if audio.data else []
        if over and self._in_reply:
            self._in_reply = False
            events.append(UtteranceDone(str(self._reply)))
            events.append(
                TurnDone() if audio.done else TurnFailed("audio_failed", "the agent's audio stopped in the middle")
            )
        return tuple(events)

    def _text(self, text: str) -> tuple[AgentEvent, ...]:
        """The words of the current reply, or of the last one if they come after its sound."""
        utterance = self._begin_reply() if self._has_text and not self._in_reply else str(self._reply)
        self._has_text = True
        return (AgentText(text, utterance),)


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, SarvamOptions, settings)
    if spec.tools:
        expected = f"no agents.{spec.alias}.tools: a Sarvam agent calls only the tools that it has at Sarvam's"
        raise SettingError("AGENTS_FILE", settings.agents_file, expected)
    key = api_key(spec, options.api_key_env, settings)
    return lambda context: SarvamSession(context.http, options, key)
