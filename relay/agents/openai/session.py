"""A conversation with OpenAI Realtime (other-agents.md B1)."""

from collections.abc import Iterable
from typing import Any, Final

import aiohttp

from relay.agents.budget import joined
from relay.agents.openai.codec import (
    CallerSpeaks,
    Created,
    FunctionNamed,
    ReplyAudio,
    ReplyBegan,
    ReplyCall,
    ReplyDone,
    ReplyRefused,
    ReplyWords,
    Updated,
    decode,
    format_named,
)
from relay.agents.openai.dialect import OPENAI, Dialect
from relay.agents.openai.options import RealtimeOptions
from relay.agents.openai.replies import Replies
from relay.agents.openai.requests import A_LAW, format_for, text_item
from relay.agents.reading import FunctionCall
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentError,
    AgentEvent,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallerTurn,
    CallInfo,
    Formats,
    Interruption,
    ToolCancelled,
    TurnDone,
    TurnFailed,
    UtteranceDone,
)
from relay.agents.session import SocketSession
from relay.agents.socket import AgentSocket
from relay.agents.vendor import Configure, NewSession, api_key, read_options
from relay.settings import Settings

_ITEMS_KEPT: Final = 16  # replies whose length we remember; more are never waiting to be heard


class OpenAISession(SocketSession):
    """One conversation (see seam.AgentSession). An utterance is one of the vendor's items."""

    SOUND = (b'{"type":"input_audio_buffer.append","audio":', b"}")

    def __init__(
        self,
        http: aiohttp.ClientSession,
        options: RealtimeOptions,
        model: str,
        key: str,
        dialect: Dialect = OPENAI,
    ) -> None:
        super().__init__(http)
        self._options = options
        self._model = model
        self._key = key
        self._dialect = dialect
        self._spoken = A_LAW
        self._replies = Replies(self._send)
        self._stale: set[str] = set()  # responses that the caller has interrupted
        self._heard_of: set[str] = set()  # responses with sound or a tool call
        self._received: dict[str, int] = {}  # bytes of each item's speech
        self._words: dict[str, str] = {}  # text of incomplete items
        self._names: dict[str, str] = {}  # names of function calls that have begun
        self._announced: dict[str, list[str]] = {}  # function calls of each response

    async def connect(self, call: CallInfo) -> Formats:
        """Open, agree on the formats, send what was said before, and ask for the first words."""
        dialect = self._dialect
        options, self._ahead = self._options.for_call(call)
        asked = format_for(options, call, dialect.pcm_rates)
        socket = await self._opened()
        self.conversation_id = (await self._await(socket, Created, "session.created")).session_id
        await self._send(dialect.session_update(options, call, asked))
        updated = await self._await(socket, Updated, "session.updated")
        # sessions have spoken PCM although μ-law was requested: use the confirmed format
        heard, spoken = format_named(updated.heard, asked), format_named(updated.spoken, asked)
        if heard is None or spoken is None:
            raise AgentError("unsupported_format", f"agent hears {updated.heard}, speaks {updated.spoken}")
        self._spoken = spoken
        if call.said_so_far:
            await self._send(text_item("system", f"This was said on this call before you took over:\n{call.recap}"))
        if opening := options.opening(call):
            await self._replies.want(instructions=opening)
        return Formats(heard, spoken)

    async def close(self) -> None:
        """Close the socket, and ask for no more replies."""
        await super().close()
        self._replies.close()

    async def _open_way(self) -> AgentSocket:
        dialect = self._dialect
        return await AgentSocket.open(
            self._http, dialect.url(self._options, self._model), headers=dialect.headers(self._key)
        )

    async def send_keys(self, keys: str) -> None:
        """As a message from the caller."""
        await self._send(text_item("user", f"[The caller pressed on the phone's keypad: {keys}]"))
        await self._replies.want(unanswered=bool(self._functions))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """As a system message, with a request for a reply if one is wanted."""
        await self._send(text_item("system", text))
        if reply:
            await self._replies.want(unanswered=bool(self._functions))
        return True

    async def ask_again(self) -> bool:
        """Ask for the failed reply again."""
        await self._replies.want(unanswered=bool(self._functions))
        return True

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """Truncate the item that was playing to what was heard, and later items to nothing.

        More milliseconds than the server has sent would be an error (other-agents.md B1).
        """
        items = list(self._received)
        if utterance not in items:
            return
        for item_id in items[items.index(utterance) :]:
            received_ms = int(self._spoken.duration_ms(self._received.pop(item_id)))
            cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": min(heard_ms, received_ms)}
            await self._send({"type": "conversation.item.truncate", **cut})
            heard_ms = 0

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        """The model continues once all its tool calls are answered."""
        output = f"error: {result}" if is_error else result
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._send({"type": "conversation.item.create", "item": item})
        await self._replies.want(unanswered=bool(self._functions))

    _decode = staticmethod(decode)

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        match decoded:
            case ReplyAudio(response_id, item_id, data):
                return self._audio(response_id, item_id, data)
            case ReplyWords():
                return self._text(decoded)
            case CallerSpeaks():
                return self._spoken_over()
            case CallerText() | CallerHeard() | CallerTurn():
                return (decoded,)
        return None

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case ReplyBegan(response_id):
                self._replies.began(response_id)
            case FunctionNamed(call_id, name):
                self._names[call_id] = name
            case ReplyCall(response_id, call):
                return await self._call(response_id, call)
            case ReplyDone():
                return await self._reply_done(decoded)
            case ReplyRefused(busy, reason, detail):
                await self._replies.refused(busy=busy, unanswered=bool(self._functions))
                return () if busy else (TurnFailed(reason, detail),)
            case _:
                return await super()._react(decoded)
        return ()

    def _audio(self, response_id: str, item_id: str, data: bytes) -> tuple[AgentEvent, ...]:
        if response_id in self._stale:
            return self._late(len(data), self._spoken)
        if not data:
            return (UtteranceDone(item_id),)
        self._heard_of.add(response_id)
        self._received[item_id] = self._received.get(item_id, 0) + len(data)
        if len(self._received) > _ITEMS_KEPT:
            del self._received[next(iter(self._received))]
        return (Audio(data, item_id),)

    def _text(self, words: ReplyWords) -> tuple[AgentEvent, ...]:
        if words.response_id in self._stale:
            return ()
        if not words.whole:
            self._words[words.item_id] = joined(self._words.get(words.item_id, ""), words.text)
            return ()
        self._words.pop(words.item_id, None)
        return (AgentText(words.text.strip(), words.item_id),)

    def _spoken_over(self) -> tuple[AgentEvent, ...]:
        self._replies.caller_speaks()
        if self._replies.running:
            self._stale.add(self._replies.running)
        return (*self._unsaid(), Interruption())

    def _unsaid(self) -> tuple[AgentEvent, ...]:
        """The text of a cut reply is final: no more will come."""
        said = tuple(AgentText(text.strip(), item_id) for item_id, text in self._words.items())
        self._words.clear()
        return said

    async def _call(self, response_id: str, call: FunctionCall) -> Iterable[AgentEvent]:
        self._heard_of.add(response_id)
        self._announced.setdefault(response_id, []).append(call.call_id)
        name = self._names.pop(call.call_id, "")
        return await self._use_tool(FunctionCall(call.call_id, call.name or name, call.arguments))

    async def _reply_done(self, done: ReplyDone) -> tuple[AgentEvent, ...]:
        """A cancelled or failed response withdraws its tool calls."""
        self._stale.discard(done.response_id)
        announced = self._announced.pop(done.response_id, [])
        anything = done.response_id in self._heard_of
        self._heard_of.discard(done.response_id)
        events: list[AgentEvent] = []
        if done.status in {"cancelled", "failed"}:
            events += [ToolCancelled(call_id) for call_id in announced if self._functions.pop(call_id, None)]
        if done.status == "failed" or (done.status == "incomplete" and not anything):
            events.append(TurnFailed(done.reason or done.status, done.detail))
        elif done.status != "cancelled":
            events.append(TurnDone())
        await self._replies.done(done.response_id, unanswered=bool(self._functions))
        return tuple(events)


def configured(kind: type[RealtimeOptions], dialect: Dialect, default_model: str) -> Configure:
    """The vendor whose agents have options of this kind and speak this dialect."""

    def configure(spec: AgentSpec, settings: Settings) -> NewSession:
        options = read_options(spec, kind, settings)
        key = api_key(spec, options.api_key_env, settings)
        model = spec.id or default_model
        return lambda context: OpenAISession(context.http, options, model, key, dialect)

    return configure
