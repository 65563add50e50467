"""Voice agents: one file a vendor behind one seam, and the registry that knows them all."""

from collections.abc import Mapping
from typing import Final

from relay.agents.bot import configure as bot
from relay.agents.deepgram import configure as deepgram
from relay.agents.echo import configure as echo
from relay.agents.elevenlabs import configure as elevenlabs
from relay.agents.gemini import configure as gemini
from relay.agents.openai import configure as openai
from relay.agents.script import configure as script
from relay.agents.vendor import Vendor

VENDORS: Final[Mapping[str, Vendor]] = {
    "elevenlabs": elevenlabs,
    "openai": openai,
    "deepgram": deepgram,
    "gemini": gemini,
    "echo": echo,
    "script": script,
    "bot": bot,
}
