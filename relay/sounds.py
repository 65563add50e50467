"""Sound files of this relay: ambiences and spoken fallbacks, read once at start and shared by all calls."""

from pathlib import Path

from relay.agents.roster import AgentSpec, Roster
from relay.audio.ambience import Ambience, AmbienceTrack
from relay.audio.convert import at_rate
from relay.audio.files import read_mono
from relay.audio.pcm import Samples
from relay.exotel import LINE_RATES
from relay.settings import Settings


class Sounds:
    """Raises SoundFileError at start for a file that can't be used."""

    def __init__(self, settings: Settings, roster: Roster) -> None:
        self._settings = settings
        names = {settings.ambience, *(agent.ambience or "" for agent in roster)} - {""}
        self._ambiences = {name: Ambience.load(name) for name in names}
        speeches = {settings.fallback_speech, *(agent.fallback_speech for agent in roster)} - {""}
        self._speeches = {name: _at_line_rates(Path(name)) for name in speeches}

    def ambience(self, agent: AgentSpec, rate_hz: int) -> AmbienceTrack | None:
        """A fresh track of the agent's ambience for one call, None when it has none."""
        name = self._settings.ambience if agent.ambience is None else agent.ambience
        if not name:
            return None
        volume = self._settings.ambience_volume if agent.ambience_volume is None else agent.ambience_volume
        return AmbienceTrack(self._ambiences[name].at(rate_hz), volume)

    def fallback_speech(self, agent: AgentSpec, rate_hz: int) -> bytes:
        """What is said to the caller when no agent is left; pcm at the line's rate, empty when nothing is."""
        name = agent.fallback_speech or self._settings.fallback_speech
        return self._speeches[name][rate_hz] if name else b""


def _at_line_rates(path: Path) -> dict[int, bytes]:
    sound, rate_hz = read_mono(path)
    return {rate: _pcm(sound, rate_hz, rate) for rate in LINE_RATES}


def _pcm(sound: Samples, source_hz: int, target_hz: int) -> bytes:
    return at_rate(sound, source_hz, target_hz).tobytes()
