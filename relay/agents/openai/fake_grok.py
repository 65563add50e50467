"""A fake Grok Voice of xAI's (other-agents.md B4): OpenAI's messages, with sessions of another shape."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from aiohttp import web
from msgspec import Meta, Struct

from relay.agents.openai.fake import FakeOpenAI, OpenAIConversation
from relay.agents.openai.fake_shapes import (
    Append,
    Function,
    ItemCreate,
    ItemTruncate,
    Pcma,
    Pcmu,
    ResponseCreate,
    SessionUpdate,
)


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Pcm(_Strict, tag_field="type", tag="audio/pcm"):
    rate: Literal[8000, 16000, 24000, 48000]


class Side(_Strict):
    format: Pcm | Pcmu | Pcma


class Audio(_Strict):
    input: Side
    output: Side


class Turns(_Strict):
    type: Literal["server_vad"]
    threshold: Annotated[float, Meta(ge=0.1, le=0.9)] = 0.85
    silence_duration_ms: int = 500


class Session(_Strict):
    audio: Audio
    voice: str = "eve"
    instructions: str = ""
    turn_detection: Turns | None = None
    tools: list[Function] = []


class GrokSessionUpdate(SessionUpdate, tag="session.update"):
    session: Session  # type: ignore[assignment]  # the same place, another shape


class GrokConversation(OpenAIConversation):
    """One session."""

    name = "grok"
    messages = GrokSessionUpdate | Append | ItemCreate | ItemTruncate | ResponseCreate
    first: ClassVar[Mapping[str, Any]] = {"type": "conversation.created", "conversation": {"id": "conv_fake"}}

    async def handshake(self) -> bool:
        """Like OpenAI's, and then a ping that needs no answer."""
        ready = await super().handshake()
        await self.send({"type": "ping", "timestamp": 1_790_000_000_000})
        return ready


class FakeGrok(FakeOpenAI):
    """Serve `app()` and give its URL as the option `base_url`."""

    conversation = GrokConversation

    def authorized(self, request: web.Request) -> bool:
        """A bearer key."""
        return request.headers.get("Authorization") == f"Bearer {self.api_key}"
