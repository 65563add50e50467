"""A vendor's speech-to-speech agent with rules of your own around it: here, certain words always reach a human.

[agents.careful]
vendor = "bot"
id = "examples.bots.wrapped_agent:WrappedAgentBot"
options = { agent = "assistant", words = ["lawyer", "complain"], target = "complaints" }

[agents.assistant]
vendor = "openai"
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from relay.agents.bot import RATE_HZ, Bot
from relay.agents.seam import AgentText, Audio, CallerText, Ended, Interruption, ToolCall
from relay.agents.tool_descriptions import AMBIENCE, TRANSFER
from relay.audio.convert import AudioFormat, Converter, Encoding

OURS = AudioFormat(Encoding.PCM, RATE_HZ)


class WrappedAgentOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`agent`: alias of the one that does the talking. `words`: those at which a human takes over, at `target`."""

    agent: str
    words: tuple[str, ...] = ("operator", "human", "complain")
    target: str = ""


class WrappedAgentBot(Bot):
    """Stands between the line and the agent: hears what both say, and has the last word."""

    Options = WrappedAgentOptions

    async def on_start(self) -> None:
        self.utterance = ""
        self.handed_over = False
        self.agent = self.open_agent(self.options.agent)
        formats = await self.agent.connect(replace(self.call, line=OURS))
        self.up = Converter(OURS, formats.heard)
        self.down = Converter(formats.spoken, OURS)
        self.spawn(self.listen())

    async def on_audio(self, pcm: bytes) -> None:
        await self.agent.send_audio(self.up.convert(pcm))

    async def on_dtmf(self, key: str) -> None:
        await self.agent.send_keys(key)

    async def on_interrupted(self, heard_ms: int) -> None:
        await self.agent.interrupted(self.utterance, heard_ms)

    async def on_note(self, text: str, reply: bool) -> None:
        await self.agent.note(text, reply=reply)

    async def on_stop(self) -> None:
        await self.agent.close()

    async def listen(self) -> None:
        """What the agent says and wants."""
        async for event in self.agent.events():
            match event:
                case Audio(data, utterance) if not self.handed_over:
                    self.utterance = utterance
                    self.say(self.down.convert(data))
                case AgentText(text) if not self.handed_over:
                    self.say(b"", text)
                case Interruption():
                    self.down.reset()
                    self.clear()
                case CallerText(text) if text:
                    self.caller_said(text)
                    await self.judge(text)
                case ToolCall(call_id, name, parameters):
                    await self.use_tool(call_id, name, **parameters)
                case Ended(by_agent=True):
                    self.hang_up()
                case Ended(reason=reason, detail=detail):
                    raise ConnectionError(f"agent {self.options.agent}: {reason} {detail}")

    async def judge(self, text: str) -> None:
        """The rule: at one of the words the agent falls silent and the caller gets a human."""
        found = next((word for word in self.options.words if word in text.lower()), None)
        if found and not self.handed_over:
            self.handed_over = True
            self.clear()
            self.handed_over = await self.transfer(self.options.target, f"said {found!r}", text)

    async def use_tool(self, call_id: str, name: str, **parameters: object) -> None:
        """Tools of the agent's are the relay's."""
        tools: dict[str, Callable[..., Awaitable[bool]]] = {TRANSFER: self.transfer, AMBIENCE: self.ambience}
        if name not in tools:
            await self.agent.answer_tool(call_id, f"no tool {name!r}", is_error=True)
            return
        done = await tools[name](**parameters)
        await self.agent.answer_tool(call_id, "done" if done else "refused", is_error=not done)
