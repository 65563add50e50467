"""An agent of AGENTS_FILE with your own code around it: events that the code does not touch pass unchanged.

[agents.careful]
vendor = "bot"
id = "examples.bots.wrapped_agent:WrappedAgentBot"
options = { agent = "assistant" }      # the one that does the talking

[agents.assistant]
vendor = "openai"
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import aiohttp
import msgspec

from relay.agents.bot.function_tool import tools_of
from relay.agents.bot.own_code import OwnCodeSession
from relay.agents.seam import AgentError, AgentEvent, AgentSession, CallInfo, Ended, Formats, Interruption, Notice
from relay.agents.sound_out import SoundOut, sound_out_of
from relay.agents.tool_descriptions import AMBIENCE, TRANSFER
from relay.ended import forget

_AHEAD: Final = 16  # events: an agent that says more than the call takes is not read meanwhile


class Wrapper:
    """One call. The sound of both sides stays in the agent's own formats and is not converted once more.

    Override the `on_…` methods you need, plain or `async`; mark methods with `relay.agents.bot.tool` to let the model
    call them. An exception fails this call over to the fallback of the wrapper's entry, and leaves other calls alone.
    """

    Options: ClassVar[type[msgspec.Struct] | None] = None
    """Describes and checks the entry's `options`; without it they arrive as a plain dict."""

    call: CallInfo
    options: Any
    environ: Mapping[str, str]
    http: aiohttp.ClientSession
    """Shared by all calls; don't close it."""

    _session: "WrapperSession"

    @classmethod
    def needs(cls, options: Any) -> Sequence[str]:
        """Names of the environment variables without which the relay should not start, such as keys of vendors."""
        return ()

    @classmethod
    def wraps(cls, options: Any) -> str:
        """The alias of the agent that does the talking: the option `agent`."""
        return str(options.get("agent", "") if isinstance(options, dict) else options.agent)

    # --- override ---

    def on_start(self) -> Any:
        """The call has begun: `call`, `options`, `environ` and `http` are set, the agent is not connected yet."""

    def on_event(self, event: AgentEvent) -> Any:
        """What the agent says, hears and requests, in order (relay.agents.seam). Return it, another event, or None.

        None drops it; an `Ended` can't be dropped. Nothing else is passed on while this is awaited.
        """
        return event

    def on_stop(self) -> Any:
        """The call is over. Two seconds for cleaning up."""

    # --- call ---

    def clear(self) -> None:
        """Silence the agent at once: what was not heard yet is dropped."""
        self._session.clear()

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """Give the agent a note that nobody has said; with `reply` it speaks at once. False: it accepts no notes."""
        return await self._session.note(text, reply=reply)

    def transfer(self, target: str = "", reason: str = "", summary: str = "") -> "asyncio.Future[bool]":
        """Connect the caller to a human; can be awaited: False means it was refused."""
        return self._session.use(TRANSFER, {"target": target, "reason": reason, "summary": summary})

    def ambience(self, *, enabled: bool | None = None, volume: float | None = None) -> "asyncio.Future[bool]":
        """Change this call's background sound."""
        return self._session.use(AMBIENCE, {"enabled": enabled, "volume": volume})

    def hang_up(self) -> None:
        """End the call once the caller has heard everything."""
        self._session.hang_up()

    def log(self, text: str) -> None:
        """A line in the relay's log, with this call's ids."""
        self._session.say_of_call(Notice("bot", text))

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something beside the `on_…` methods; it is cancelled when the call ends."""
        return self._session.run(work)


class WrapperSession(OwnCodeSession):
    """See seam.AgentSession: the session with the wrapped agent, whose events go through the wrapper."""

    def __init__(self, wrapper: Wrapper, name: str, agent: AgentSession) -> None:
        super().__init__(wrapper, name)
        self.can_wait = agent.can_wait
        self.wants_each_key = agent.wants_each_key
        self.tools = (*agent.tools, *tools_of(wrapper))
        self._wrapper = wrapper
        self._agent = agent
        self._room = asyncio.Event()

    # --- seam.AgentSession ---

    def prepare(self) -> None:
        """See seam.AgentSession."""
        self._agent.prepare()

    def reach(self) -> None:
        """See seam.AgentSession."""
        self._agent.reach()

    async def connect(self, call: CallInfo) -> Formats:
        """Offer the wrapper's tools to the model, too."""
        self._begin(call)
        self._wrapper.call = call
        self._wrapper._session = self
        self._started = True
        await self._call("on_start")
        try:
            own = (*call.own_tools, *(tool.describe() for tool in self.tools))
            formats = await self._agent.connect(replace(call, own_tools=own))
        finally:
            self.conversation_id = self._agent.conversation_id
        self._spawn(self._listen(), f"{self._name}.on_event")
        return formats

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """See seam.AgentSession."""
        return self._agent.send_audio(data)

    def sound_out(self) -> SoundOut | None:
        """See SocketSession: nothing is between the caller's sound and the agent."""
        return sound_out_of(self._agent)

    async def send_keys(self, keys: str) -> None:
        """See seam.AgentSession."""
        await self._agent.send_keys(keys)

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """A call of the wrapper's own, or one of the agent's."""
        if call_id in self._answers:
            await super().answer_tool(call_id, result, is_error=is_error)
        else:
            await self._agent.answer_tool(call_id, result, is_error=is_error)

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """See seam.AgentSession."""
        await self._agent.interrupted(utterance, heard_ms)

    async def heard(self, utterance: str) -> None:
        """See seam.AgentSession."""
        await self._agent.heard(utterance)

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """See seam.AgentSession."""
        return await self._agent.note(text, reply=reply)

    async def ask_again(self) -> bool:
        """See seam.AgentSession."""
        return await self._agent.ask_again()

    def stalled_for(self, now: float) -> float:
        """See seam.AgentSession."""
        return self._agent.stalled_for(now)

    async def events(self) -> AsyncIterator[AgentEvent]:
        """The agent's, as the wrapper passes them on, and the wrapper's own between them."""
        async for event in super().events():
            self._room.set()
            self.late_audio_ms = self._agent.late_audio_ms
            yield event

    async def give_up(self, reason: str) -> None:
        """See seam.AgentSession."""
        await self._agent.give_up(reason)

    async def close(self) -> None:
        """Let the wrapper clean up, close the agent, then stop the remaining tasks."""
        await self._clean_up()
        await self._agent.close()
        await super().close()
        forget(self, "_wrapper", "_code")  # it holds this session

    # --- for Wrapper ---

    def clear(self) -> None:
        """See Wrapper."""
        self._put(Interruption())

    # --- running it ---

    async def _listen(self) -> None:
        try:
            async for event in self._agent.events():
                passed = await self._call("on_event", event)
                if isinstance(event, Ended):
                    self._end(passed if isinstance(passed, Ended) else event)
                elif passed is not None:
                    self._put(passed)
                while self._events.qsize() > _AHEAD:
                    self._room.clear()
                    await self._room.wait()
        except AgentError as error:
            self._end(Ended(by_agent=False, reason=error.reason, detail=str(error)))
