"""A vendor's speech-to-speech agent with rules of your own around it: certain words always reach a human, and the model
may call a function of yours.

[agents.careful]
vendor = "bot"
id = "examples.bots.wrapped_agent:WrappedAgentBot"
options = { agent = "assistant", words = ["lawyer", "complain"], target = "complaints" }

[agents.assistant]
vendor = "openai"
"""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from relay.agents.bot import Wrapper, tool
from relay.agents.seam import AgentEvent, AgentText, Audio, CallerText

CityZone = Annotated[str, msgspec.Meta(description="An IANA time zone, such as Asia/Kolkata.")]


class WrappedAgentOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`agent`: alias of the one that does the talking. `words`: those at which a human takes over, at `target`."""

    agent: str
    words: tuple[str, ...] = ("operator", "human", "complain")
    target: str = ""


class WrappedAgentBot(Wrapper):
    """Stands between the line and the agent: sees what both say, and has the last word."""

    Options = WrappedAgentOptions

    def on_start(self) -> None:
        self.handed_over = False

    async def on_event(self, event: AgentEvent) -> AgentEvent | None:
        match event:
            case Audio() | AgentText() if self.handed_over:
                return None
            case CallerText(text):
                await self.judge(text)
        return event

    async def judge(self, text: str) -> None:
        """The rule: at one of the words the agent falls silent and the caller gets a human."""
        found = next((word for word in self.options.words if word in text.lower()), None)
        if found and not self.handed_over:
            self.handed_over = True
            self.clear()
            self.handed_over = await self.transfer(self.options.target, f"said {found!r}", text)

    @tool("Tells the time of day somewhere.")
    async def time_of_day(self, zone: CityZone = "Asia/Kolkata") -> str:
        try:
            return f"{datetime.now(ZoneInfo(zone)):%H:%M}"
        except (KeyError, ValueError):
            raise ValueError(f"zone: expected an IANA time zone, not {zone!r}") from None
