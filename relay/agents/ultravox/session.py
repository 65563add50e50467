"""A conversation with Ultravox: a call is created over HTTP, and joined at the address in the answer (B8)."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import aiohttp
import msgspec

from common.aside import aside
from relay.agents.budget import joined
from relay.agents.late_sound import TurnGate
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    UNREADABLE,
    AgentCorrection,
    AgentError,
    AgentEvent,
    AgentText,
    Audio,
    CallerHeard,
    CallInfo,
    Formats,
    Interruption,
    TurnDone,
    UtteranceDone,
)
from relay.agents.session import READY_TIMEOUT, SocketSession
from relay.agents.socket import AgentSocket, Binary
from relay.agents.ultravox.codec import AgentWords, Cleared, StateIs, Up, decode
from relay.agents.ultravox.options import DEFAULT_MODEL, UltravoxOptions
from relay.agents.ultravox.requests import caller_text, start_call, tool_result
from relay.agents.vendor import NewSession, api_key, read_options
from relay.audio.convert import AudioFormat, Encoding
from relay.outgoing import whole
from relay.settings import Settings

_ANSWER_LIMIT: Final = 1 << 16  # bytes of the answer to the request for a call
_KEPT: Final = 16  # replies whose text may still change


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to the request for a call."""

    call_id: str
    join_url: Annotated[str, msgspec.Meta(pattern="^wss?://")]


@dataclass(slots=True)
class _Text:
    """The text of an utterance as far as known; `said`: the text that the call already got."""

    utterance: str
    so_far: str = ""
    said: str | None = None

    def told(self) -> tuple[AgentEvent, ...]:
        """The text the first time, later only if it has changed."""
        text, before = self.so_far.strip(), self.said
        if text == (before or ""):
            return ()
        self.said = text
        return (AgentText(text, self.utterance) if before is None else AgentCorrection(text, self.utterance),)


class UltravoxSession(SocketSession):
    """One conversation (see seam.AgentSession). Sound has no ids here: an utterance is a reply, counted by us."""

    def __init__(self, http: aiohttp.ClientSession, options: UltravoxOptions, model: str, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._model = model
        self._key = key
        self._line = AudioFormat(Encoding.PCM, 8000)
        self._gate = TurnGate()
        self._reply = 0
        self._in_reply = False
        self._texts: dict[int, _Text] = {}  # texts of the last replies, by ordinal

    async def connect(self, call: CallInfo) -> Formats:
        """Create the call, join it, and wait until it has begun."""
        self._line = call.line
        options, untaken = self._options.for_call(call)
        self._ahead += untaken
        url = await self._create(start_call(options, self._model, call))
        socket = self._socket = await AgentSocket.open(self._http, url)
        began = await self._await(socket, Up, "call_started")
        if isinstance(began, StateIs):
            self._ahead.insert(0, began)
        return Formats(call.line, call.line)

    async def _create(self, request: Mapping[str, Any]) -> str:
        """The address to join. Raises AgentError, never with the address: it gives access to the call."""
        try:
            async with (
                asyncio.timeout(READY_TIMEOUT),
                self._http.post(
                    f"{self._options.base_url.rstrip('/')}/api/calls",
                    json=request,
                    headers={"X-API-Key": self._key},
                ) as response,
            ):
                body = await whole(response, _ANSWER_LIMIT)
                if response.status != 201:
                    text = body.decode(errors="replace")[:200]
                    raise AgentError(f"http_{response.status}", f"no call was created: {response.status} {text}")
        except aiohttp.ClientResponseError as error:  # a redirect, which is not followed
            raise AgentError(f"http_{error.status}", f"no call was created: HTTP {error.status}") from None
        except TimeoutError:
            raise AgentError("connect_timeout", f"no call was created within {READY_TIMEOUT:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentError("unreachable", f"no call was created: {type(error).__name__}") from None
        try:
            created = msgspec.json.decode(body, type=_Created)
        except UNREADABLE as error:
            raise AgentError("malformed", f"the answer to a created call: {error}") from None
        self.conversation_id = created.call_id
        return created.join_url

    async def send_keys(self, keys: str) -> None:
        """As a message from the caller."""
        await self._send(caller_text(f"[The caller pressed on the phone's keypad: {keys}]"))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """As a message from the caller, which need not be answered; Ultravox accepts no others."""
        await self._send(caller_text(aside(text), answered=reply))
        return True

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        await self._send(tool_result(call_id, result, is_error=is_error))

    def _decode(self, message: bytes) -> list[Any]:
        return [message] if isinstance(message, Binary) else decode(message)

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        match decoded:
            case Binary():
                return self._audio(decoded)
            case AgentWords():
                return self._text(decoded)
            case StateIs(state):
                return self._state(state)
            case Cleared():
                return self._spoken_over()
        return None

    def _begin_reply(self) -> str:
        self._gate.open()
        if not self._in_reply:
            self._in_reply = True
            self._reply += 1
        return str(self._reply)

    def _audio(self, data: bytes) -> tuple[AgentEvent, ...]:
        if self._gate.is_shut:
            return self._late(len(data), self._line)
        return (Audio(data, self._begin_reply()),)

    def _state(self, state: str) -> tuple[AgentEvent, ...]:
        if state == "speaking":
            self._begin_reply()
            return ()
        done: tuple[AgentEvent, ...] = ()
        if self._in_reply:
            self._in_reply = False
            done = (UtteranceDone(str(self._reply)), TurnDone())
        if state == "thinking":
            self._gate.open()
            return (*done, CallerHeard())
        return done

    def _text(self, words: AgentWords) -> tuple[AgentEvent, ...]:
        """The text of a reply once it is complete, or later if the caller cut it off."""
        text = self._texts.get(words.ordinal)
        if text is None:
            text = self._texts[words.ordinal] = _Text(self._begin_reply())
            if len(self._texts) > _KEPT:
                del self._texts[next(iter(self._texts))]
        text.so_far = words.text if words.whole else joined(text.so_far, words.text)
        return text.told() if words.final else ()

    def _unsaid(self) -> tuple[AgentEvent, ...]:
        return tuple(event for text in self._texts.values() if text.said is None for event in text.told())

    def _spoken_over(self) -> tuple[AgentEvent, ...]:
        """Sound of the old reply may still be on its way; it looks like sound of the next one."""
        self._in_reply = False
        self._gate.shut()
        return (*self._unsaid(), Interruption())


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, UltravoxOptions, settings)
    key = api_key(spec, options.api_key_env, settings)
    model = spec.id or DEFAULT_MODEL
    return lambda context: UltravoxSession(context.http, options, model, key)
