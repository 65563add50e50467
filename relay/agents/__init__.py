"""Voice agents: one file a vendor behind one seam, and the registry that knows them all."""

from collections.abc import Mapping
from typing import Final

from relay.agents import bot, deepgram, echo, elevenlabs, gemini, openai, script
from relay.agents.vendor import Vendor

VENDORS: Final[Mapping[str, Vendor]] = {
    "elevenlabs": elevenlabs.configure,
    "openai": openai.configure,
    "deepgram": deepgram.configure,
    "gemini": gemini.configure,
    "echo": echo.configure,
    "script": script.configure,
    "bot": bot.configure,
}
