"""Voice agents: a file or a small folder for each vendor behind one seam, and the registry that knows them all."""

from collections.abc import Mapping
from typing import Final

from relay.agents.bot import configure as configure_bot
from relay.agents.deepgram import configure as configure_deepgram
from relay.agents.echo import configure as configure_echo
from relay.agents.elevenlabs import configure as configure_elevenlabs
from relay.agents.gemini import configure as configure_gemini
from relay.agents.openai import configure as configure_openai
from relay.agents.script import configure as configure_script
from relay.agents.telephony.exotel import configure as configure_exotel
from relay.agents.telephony.twilio import configure as configure_twilio
from relay.agents.vendor import Vendor

VENDORS: Final[Mapping[str, Vendor]] = {
    "elevenlabs": configure_elevenlabs,
    "openai": configure_openai,
    "deepgram": configure_deepgram,
    "gemini": configure_gemini,
    "echo": configure_echo,
    "script": configure_script,
    "bot": configure_bot,
    "exotel": configure_exotel,
    "twilio": configure_twilio,
}
