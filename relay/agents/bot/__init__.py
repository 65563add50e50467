"""Your own agents: subclass `Bot`, or `Wrapper` for code around another agent, and name the class in AGENTS_FILE."""

from relay.agents.bot.bot import Bot
from relay.agents.bot.function_tool import tool
from relay.agents.bot.loading import configure
from relay.agents.bot.session import RATE_HZ
from relay.agents.bot.wrapper import Wrapper
from relay.agents.overrides import NAMES
from relay.agents.vendor import Vendor

__all__ = ["RATE_HZ", "VENDOR", "Bot", "Wrapper", "tool"]

VENDOR = Vendor(title="Bot", configure=configure, passes_on=frozenset(NAMES))
