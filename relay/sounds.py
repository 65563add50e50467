"""The agents' sound files: ambiences and apologies, read once and shared by all calls."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar
from zlib import crc32

from relay.agents.roster import AgentSpec, Roster
from relay.audio.ambience import BUILT_IN, Ambience, AmbienceTrack
from relay.audio.convert import at_rate
from relay.audio.files import read_mono
from relay.audio.pcm import LINE_RATES
from relay.settings import Settings

APOLOGY: Final = "apology"  # name of the built-in one
NONE: Final = "none"
TYPING: Final = "typing"  # the ambience that is heard while a tool runs
WAITING_DUCK_DB: Final = 12.0  # how much quieter a tool's sound is while the agent speaks
APOLOGY_TEXT: Final = "We are sorry. Our assistant is not available at the moment."


@dataclass(frozen=True, slots=True)
class Apology:
    """Recorded speech, for instance for a caller without an available agent: words for the record, and pcm at the
    line's rate.
    """

    text: str
    pcm: bytes


class Sounds:
    """Raises SoundFileError for an invalid file. Files unchanged since `before` are not read again."""

    def __init__(self, settings: Settings, roster: Roster, before: "Sounds | None" = None) -> None:
        self._settings = settings
        self._roster = roster
        pushed, pushed_before = settings.pushed, before._settings.pushed if before else {}
        ambiences: Mapping[str, Ambience] = before._ambiences if before else {}
        apologies: Mapping[str, dict[int, Apology]] = before._apologies if before else {}
        names = {settings.ambience, *(agent.ambience or "" for agent in roster)} - {""}
        names |= {TYPING for agent in roster if agent.typing_volume}
        names |= {tool.sound for agent in roster for tool in agent.tools.values() if tool.sound}
        self._ambiences: dict[str, Ambience] = _read(names, Ambience.load, pushed, ambiences, pushed_before)
        names = {settings.fallback_speech, *(agent.fallback_speech for agent in roster)} - {"", NONE}
        names |= {*roster.announcements.values(), *(agent.notice for agent in roster if agent.notice)}
        names |= {agent.idle_speech for agent in roster if agent.idle_speech}
        self._apologies: dict[str, dict[int, Apology]] = _read(names, _load, pushed, apologies, pushed_before)

    def ambience(self, agent: AgentSpec, rate_hz: int, call_sid: str = "") -> AmbienceTrack | None:
        """A new track of the agent's ambience for one call, None if it has none.

        Each call begins at a different place in it, which depends on the call alone: with the same start, concurrent
        callers and repeated callers would recognise a ringing telephone by its time.
        """
        name = self._settings.ambience if agent.ambience is None else agent.ambience
        typing = self._typing(agent, rate_hz) if agent.typing_volume else None
        if not name:
            silent = next((tool.sound for tool in agent.tools.values() if tool.sound), TYPING if typing else "")
            return AmbienceTrack(self._ambiences[silent].at(rate_hz), 0.0, over=typing) if silent else None
        volume = self._settings.ambience_volume if agent.ambience_volume is None else agent.ambience_volume
        duck_db = self._settings.ambience_duck_db if agent.duck_db is None else agent.duck_db
        loop = self._ambiences[name].at(rate_hz)
        return AmbienceTrack(loop, volume, duck_db=duck_db, start=crc32(call_sid.encode()) % len(loop), over=typing)

    def waiting(self, file: str, rate_hz: int) -> AmbienceTrack | None:
        """A tool's sound, looped from its beginning; None if it has none."""
        return AmbienceTrack(self._ambiences[file].at(rate_hz), 1.0, duck_db=WAITING_DUCK_DB) if file else None

    def has(self, name: str) -> bool:
        """Whether this ambience is available; empty: none."""
        return not name or name in self._ambiences or name in BUILT_IN

    def is_read(self, name: str) -> bool:
        """Whether it is in memory."""
        return not name or name in self._ambiences

    async def load(self, name: str) -> None:
        """Load an available ambience: it may be its first use, and reading it takes a second of CPU time."""
        if not self.is_read(name):
            self._ambiences[name] = await asyncio.to_thread(Ambience.load, name)

    def _typing(self, agent: AgentSpec, rate_hz: int) -> AmbienceTrack:
        duck_db = self._settings.ambience_duck_db if agent.duck_db is None else agent.duck_db
        loop = self._ambiences[TYPING].at(rate_hz)
        return AmbienceTrack(loop, agent.typing_volume, enabled=False, duck_db=duck_db)

    def announcement(self, name: str, rate_hz: int) -> Apology | None:
        """None: there is none with this name."""
        file = self._roster.announcements.get(name)
        return self._apologies[file][rate_hz] if file else None

    def notice(self, agent: AgentSpec, rate_hz: int) -> Apology | None:
        """Played to the caller before the agent gets the call; None: nothing."""
        return self._apologies[agent.notice][rate_hz] if agent.notice else None

    def idle(self, agent: AgentSpec, rate_hz: int) -> Apology | None:
        """The question for a silent caller; None: the agent asks itself."""
        return self._apologies[agent.idle_speech][rate_hz] if agent.idle_speech else None

    def apology(self, agent: AgentSpec, rate_hz: int) -> Apology | None:
        """Played to the caller if no agent is left; None: nothing."""
        name = agent.fallback_speech or self._settings.fallback_speech
        return self._apologies[name][rate_hz] if name in self._apologies else None


_Sound = TypeVar("_Sound")


def _read(
    names: Iterable[str],
    load: Callable[[str, bytes | None], _Sound],
    pushed: Mapping[str, bytes],
    known: Mapping[str, _Sound],
    pushed_before: Mapping[str, bytes],
) -> dict[str, _Sound]:
    return {
        name: known[name]
        if name in known and pushed.get(name) == pushed_before.get(name)
        else load(name, pushed.get(name))
        for name in names
    }


def _load(name: str, content: bytes | None) -> dict[int, Apology]:
    if name == APOLOGY:
        return _built_in()
    path = Path(name)
    return _at_line_rates(f"[{path.name}]", path, content)


@cache
def _built_in() -> dict[int, Apology]:
    with resources.as_file(resources.files("relay.audio") / "assets" / "apology.wav") as path:
        return _at_line_rates(APOLOGY_TEXT, path)


def _at_line_rates(text: str, path: Path, content: bytes | None = None) -> dict[int, Apology]:
    sound, rate_hz = read_mono(path, content)
    return {rate: Apology(text, at_rate(sound, rate_hz, rate).tobytes()) for rate in LINE_RATES}
