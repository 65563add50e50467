"""Base class for your own bots: override what it hears, call what it does.

[agents.mine]
vendor = "bot"
id = "examples.bots.echo:EchoBot"      # module:Class, found like any import
options = { }                          # whatever the class wants to know
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import aiohttp
import msgspec

from relay.agents.seam import AgentSession, CallerText, CallInfo, Notice
from relay.agents.tool_descriptions import AMBIENCE, TRANSFER


class Carrier(Protocol):
    """The session that carries a bot; see BotSession."""

    quiet: asyncio.Event

    def say(self, pcm: bytes, text: str) -> None: ...
    def clear(self) -> None: ...
    def use(self, tool: str, parameters: dict[str, object]) -> "asyncio.Future[bool]": ...
    def hang_up(self) -> None: ...
    def say_of_call(self, event: CallerText | Notice) -> None: ...
    def run(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]": ...
    def open_agent(self, alias: str) -> AgentSession: ...


class Bot:
    """One call. Sound is always 16 kHz s16le mono, in and out, whatever the line's rate.

    Override the `on_…` methods you need, as plain or `async` ones; they are called one after another, never at the same
    time. They must not block: what takes long belongs into `async` code. An exception fails this call over to the
    agent's fallback and leaves other calls alone.
    """

    Options: ClassVar[type[msgspec.Struct] | None] = None
    """Describes and checks the entry's `options`; without it they arrive as a plain dict."""

    call: CallInfo
    options: Any
    environ: Mapping[str, str]
    http: aiohttp.ClientSession
    """Shared by all calls; don't close it."""

    _session: Carrier

    @classmethod
    def needs(cls, options: Any) -> Sequence[str]:
        """Names of the environment variables without which the relay should not start, such as keys of vendors."""
        return ()

    # --- override ---

    def on_start(self) -> Any:
        """The call has begun: `call`, `options`, `environ` and `http` are set."""

    def on_audio(self, pcm: bytes) -> Any:
        """20 ms of the caller (640 bytes), fifty times a second, silence included."""

    def on_dtmf(self, key: str) -> Any:
        """The caller pressed `0-9`, `*` or `#`."""

    def on_interrupted(self, heard_ms: int) -> Any:
        """`clear` cut the bot off after the caller had heard `heard_ms` of what was being said."""

    def on_note(self, text: str, reply: bool) -> Any:
        """A note that nobody has said, for instance that a minute is left. With `reply`, say it to the caller."""

    def on_stop(self) -> Any:
        """The call is over. Two seconds for cleaning up."""

    # --- call ---

    def say(self, pcm: bytes, text: str = "") -> None:
        """Play `pcm` to the caller, after what is still being said. `text`: the words, for the record.

        Sound may come in pieces, with the words in the first piece, or words alone, without `pcm`.
        """
        self._session.say(pcm, text)

    def clear(self) -> None:
        """Fall silent at once: what was not heard yet is dropped."""
        self._session.clear()

    def transfer(self, target: str = "", reason: str = "", summary: str = "") -> "asyncio.Future[bool]":
        """Connect the caller to a human; can be awaited: False means it was refused.

        Once it is arranged, the line is closed as soon as the bot has been quiet for two seconds.
        """
        return self._session.use(TRANSFER, {"target": target, "reason": reason, "summary": summary})

    def ambience(self, *, enabled: bool | None = None, volume: float | None = None) -> "asyncio.Future[bool]":
        """Change this call's background sound."""
        return self._session.use(AMBIENCE, {"enabled": enabled, "volume": volume})

    def hang_up(self) -> None:
        """End the call once the caller has heard everything."""
        self._session.hang_up()

    def caller_said(self, text: str) -> None:
        """Add the caller's words to the record; another agent that takes over gets them."""
        self._session.say_of_call(CallerText(text))

    def log(self, text: str) -> None:
        """A line in the relay's log, with this call's ids."""
        self._session.say_of_call(Notice("bot", text))

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something beside the `on_…` methods; it is cancelled when the call ends."""
        return self._session.run(work)

    def open_agent(self, alias: str) -> AgentSession:
        """A session with another agent of AGENTS_FILE, for a bot that wraps one."""
        return self._session.open_agent(alias)

    @property
    def speaking(self) -> bool:
        """Whether the caller is still hearing the bot."""
        return not self._session.quiet.is_set()

    async def played_out(self) -> None:
        """Wait until the caller has heard everything, as far as the clock can tell, or `clear` dropped it."""
        await self._session.quiet.wait()
