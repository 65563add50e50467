"""An agents' file on this machine, ready to be pushed with its sounds, and checked by the relay's own code.

The values of the relays' variables are unknown here: each variable that the file names gets a placeholder, and the
names are reported.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from common.agent_version import AgentVersion, File, VersionError
from common.env import SettingError
from console.agents.secrecy import plain_secrets
from relay.agent_updates import lineup_of
from relay.agents.routes_file import FILE_SUFFIX
from relay.audio.ambience import BUILT_IN
from relay.audio.files import RAW_SUFFIXES, SoundFileError
from relay.settings import Settings
from relay.sounds import APOLOGY, NONE

_SOUNDS: Final = RAW_SUFFIXES | {".wav", ".flac"}
_MOST_VARIABLES: Final = 100


class CandidateError(ValueError):
    """The file can't be pushed; each line names the place and the expected value."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`sounds`: content by the name in the text. `variables`: names of the variables that relays need."""

    text: str
    sounds: Mapping[str, bytes]
    variables: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The digest that a version with this content has."""
        return _version(self.text, self.sounds).digest


class _Environment(dict[str, str]):
    """Has only the values that it was given, and remembers what was looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, None] = {}

    def get(self, name: str, default: Any = None) -> Any:
        self.asked[name] = None
        return super().get(name, default)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A text in the file, and the keys that lead to it."""

    path: tuple[str, ...]
    text: str = field(repr=False)


def read(file: Path, folder: Path) -> Candidate:
    """`folder`: the folder that names of sounds are relative to. Raises CandidateError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise CandidateError(f"{file}: expected a readable TOML file ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise CandidateError(f"{file}: expected a TOML file ({error})") from None
    entries = list(_entries(document))
    if problems := [f"{file}: {problem}" for problem in plain_secrets((one.path, one.text) for one in entries)]:
        raise CandidateError("\n".join(problems))
    sounds = {name: _content(folder / name) for name in sorted(set(_named(entries, folder)))}
    return Candidate(text, sounds, check(text, sounds))


def check(text: str, sounds: Mapping[str, bytes]) -> tuple[str, ...]:
    """The variables that relays need. Raises CandidateError for a file that every relay would refuse."""
    environment = _Environment()
    settings = replace(Settings(), environ=environment, events_url="https://functions.example/relay/events")
    version = _version(text, sounds)
    try:
        version.check()
        for _ in range(_MOST_VARIABLES):
            try:
                lineup_of(version, dict(sounds), settings)
            except SettingError as error:
                if error.name == "AGENTS_FILE" or error.name in environment:
                    raise
                environment[error.name] = _stand_in(error.name, text)
            else:
                break
    except (SettingError, SoundFileError, VersionError) as error:
        raise CandidateError(str(error).replace(version.name, "the agents' file")) from None
    except Exception as error:
        raise CandidateError(f"the agents' file: {type(error).__name__}: {error}") from error
    return tuple(sorted(name for name in environment.asked if name in text or name in environment))


def is_inside(name: str) -> bool:
    """Whether a file of this name stays inside the folder it is put into."""
    path = PurePosixPath(name)
    return bool(name) and "\\" not in name and not path.is_absolute() and ".." not in path.parts


def _version(text: str, sounds: Mapping[str, bytes]) -> AgentVersion:
    return AgentVersion(0, text, {name: File.of(content) for name, content in sounds.items()})


def _named(entries: list[_Entry], folder: Path) -> Iterator[str]:
    """Names of sound files and holiday files. Missing files are left to the check: the image may contain them."""
    for entry in entries:
        key, name = entry.path[-1], entry.text
        of_relay = name in {*BUILT_IN, APOLOGY, NONE, ""}
        names_sound = key in {"ambience", "fallback_speech", "notice"} and not of_relay
        names_days = entry.path[0] == "holidays" and name.endswith(FILE_SUFFIX)
        if not (names_sound or names_days or PurePosixPath(name).suffix.lower() in _SOUNDS):
            continue
        if not is_inside(name):
            place = ".".join(entry.path)
            raise CandidateError(f"{place}: expected a path inside {folder}, not {name!r}: it goes with the file")
        if (folder / name).is_file():
            yield name


def _entries(value: object, path: tuple[str, ...] = ()) -> Iterator[_Entry]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entries(inner, (*path, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner, path)
    elif isinstance(value, str) and path:
        yield _Entry(path, value)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CandidateError(f"{file}: {error.strerror}") from None


def _stand_in(name: str, text: str) -> str:
    """A placeholder of the type that the file needs there."""
    keys = {one.path[-1] for one in _entries(tomllib.loads(text)) if one.text == name}
    if "url_env" in keys:
        return "wss://a-variable-of-the-relay.example/"
    return "user:a-variable-of-the-relay" if "basic_auth_env" in keys else "a-variable-of-the-relay"
