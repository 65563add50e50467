"""AGENTS_FILE: reads the agents, the announcements and the routes of a TOML file, and says what is wrong with it.

default = "reception"

[agents.reception]
vendor = "elevenlabs"              # the default
id = "agent_1"
ambience = "office"                # a file, a built-in one, or "" for none; default: BACKGROUND_SOUND_FILE
ambience_volume = 0.3              # default: BACKGROUND_SOUND_VOLUME
duck_db = 6                        # how much quieter while the agent speaks; default: BACKGROUND_SOUND_DUCK_DB
gain_db = 0                        # of the agent's speech, limited below full scale
typing_volume = 0.3                # typing is heard while a tool of the agent's works; default: 0, none
level = "auto"                     # … or what brings it to -20 dBov by itself. Default: as the agent speaks
echo_guard = "auto"                # keep the agent from hearing itself: where the line echoes; "on", "off"
fallback = "night"                 # alias to try when this agent can't be reached or dies
first_audio_seconds = 8            # … or has not been heard by then; for agents that speak first. Default: no limit
answer_seconds = 12                # … or leaves a caller who has spoken without an answer for so long; 0: no limit
lookup_url = "https://crm.example/who" # asked who calls before the greeting; default: LOOKUP_URL; "": nobody
idle_seconds = 20                  # a caller who says nothing for so long is asked whether they are there; 0: never
idle_attempts = 2                  # … so often; then goodbye
idle_speech = "sounds/there.wav"   # … by this file; default: by the agent itself
idle_transfer = "reception"        # … or a human instead of the goodbye
max_seconds = 600                  # the longest time on a call; the agent is told a minute before. 0: MAX_CALL_SECONDS
fallback_speech = "sounds/sorry.wav"   # spoken when no agent is left, before the call is handed over
record = "both"                    # by the relay itself: "off" (the default), "both", "agent" (docs/recordings.md)
record_pause_on_keys = true        # nothing is recorded while the caller presses keys; default: false
notice = "sounds/recorded.wav"     # said to the caller before this agent gets the call; default: nothing
mask_keys = true                   # no key's tone is kept in a recording; default: false
options = { region = "india" }     # what the vendor's module knows
# tools.NAME = { … }               # HTTP tools of your own, see relay/agents/own_tools.py

[announcements]                    # what an operator may have said to a caller (docs/live.md)
hold_on = "sounds/hold-on.wav"
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.env import SettingError
from relay.agents.own_tools import read_own_tools
from relay.agents.roster import ANSWER_SECONDS, IDLE_ATTEMPTS, RECORD_MODES, AgentSpec, Roster
from relay.agents.routes_file import ReadFile, read_from_disk, read_routes

_Kind = tuple[type, ...]
_STRING: _Kind = (str,)
_NUMBER: _Kind = (int, float)
_TABLE: _Kind = (dict,)
_SWITCH: _Kind = (bool,)
_KINDS: Mapping[str, _Kind] = {
    "vendor": _STRING,
    "id": _STRING,
    "ambience": _STRING,
    "ambience_volume": _NUMBER,
    "duck_db": _NUMBER,
    "gain_db": _NUMBER,
    "level": _STRING,
    "typing_volume": _NUMBER,
    "echo_guard": _STRING,
    "fallback": _STRING,
    "fallback_speech": _STRING,
    "first_audio_seconds": _NUMBER,
    "answer_seconds": _NUMBER,
    "record": _STRING,
    "record_pause_on_keys": _SWITCH,
    "mask_keys": _SWITCH,
    "notice": _STRING,
    "lookup_url": _STRING,
    "idle_seconds": _NUMBER,
    "idle_attempts": _NUMBER,
    "idle_speech": _STRING,
    "idle_transfer": _STRING,
    "max_seconds": _NUMBER,
    "options": _TABLE,
    "tools": _TABLE,
}
_WORDS: Mapping[_Kind, str] = {_STRING: "string", _NUMBER: "number", _TABLE: "table", _SWITCH: "boolean"}


def read_agents_file(path: str, vendors: Mapping[str, object], read_file: ReadFile = read_from_disk) -> Roster:
    """Read AGENTS_FILE. Raises SettingError that names the entry and the expected value."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SettingError("AGENTS_FILE", path, f"a readable TOML file ({error.strerror})") from None
    return parse_agents_file(content, path, vendors, read_file)


def parse_agents_file(
    text: bytes,
    path: str,
    vendors: Mapping[str, object],
    read_file: ReadFile = read_from_disk,
) -> Roster:
    """The content of an agents' file; `path`: its name in errors. Raises SettingError, as `read_agents_file`.

    `read_file`: reads files of holidays.
    """
    try:
        content = tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError("AGENTS_FILE", path, f"a TOML file ({error})") from None
    tables = content.get("agents")
    if not isinstance(tables, dict) or not tables:
        raise SettingError("AGENTS_FILE", path, "at least one [agents.ALIAS] table")
    agents = {alias: _spec(path, alias, table, vendors) for alias, table in tables.items()}
    for agent in agents.values():
        if agent.fallback and agent.fallback not in agents:
            raise SettingError("AGENTS_FILE", path, f"agents.{agent.alias}.fallback to be one of {', '.join(agents)}")
    default = content.get("default", next(iter(agents)))
    if not isinstance(default, str) or default not in agents:
        raise SettingError("AGENTS_FILE", path, f"default to be one of {', '.join(agents)}")
    announcements = _announcements(path, content.get("announcements", {}))
    return Roster(agents, default, announcements, read_routes(path, content, agents, read_file))


def _announcements(path: str, table: Any) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(file, str) and file for file in table.values()):
        raise SettingError("AGENTS_FILE", path, "[announcements] to be a table of names and sound files")
    return table


def _spec(path: str, alias: str, table: Any, vendors: Mapping[str, object]) -> AgentSpec:
    if not isinstance(table, dict):
        raise SettingError("AGENTS_FILE", path, f"agents.{alias} to be a table")
    for key, value in table.items():
        kind = _KINDS.get(key)
        if kind is None:
            raise SettingError("AGENTS_FILE", path, f"agents.{alias}.{key} to be one of {', '.join(_KINDS)}")
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is _SWITCH):
            raise SettingError("AGENTS_FILE", path, f"agents.{alias}.{key} to be a {_WORDS[kind]}")
    vendor = table.get("vendor", "elevenlabs")
    try:
        vendors[vendor]
    except KeyError:
        known = f"one of {', '.join(vendors)}, or package.module:configure"
        raise SettingError("AGENTS_FILE", path, f"agents.{alias}.vendor to be {known}") from None
    except ImportError as error:
        raise SettingError("AGENTS_FILE", path, f"agents.{alias}.vendor to be importable: {error}") from error
    _check_sound(f"agents.{alias}", path, table)
    _check_times(f"agents.{alias}", path, table)
    patience = table.get("first_audio_seconds")
    if patience is not None and not 0 < patience <= 60:
        raise SettingError("AGENTS_FILE", path, f"agents.{alias}.first_audio_seconds to be more than 0, at most 60")
    answer = table.get("answer_seconds", ANSWER_SECONDS)
    if not 0 <= answer <= 300:
        raise SettingError("AGENTS_FILE", path, f"agents.{alias}.answer_seconds to be from 0 (no limit) to 300")
    if (url := table.get("lookup_url")) and not url.startswith(("https://", "http://")):
        raise SettingError("AGENTS_FILE", path, f"agents.{alias}.lookup_url to be an https:// address, or empty")
    return AgentSpec(
        alias=alias,
        vendor=vendor,
        id=table.get("id", ""),
        ambience=table.get("ambience"),
        ambience_volume=_optional(table.get("ambience_volume")),
        duck_db=_optional(table.get("duck_db")),
        gain_db=float(table.get("gain_db", 0)),
        level=table.get("level", ""),
        echo_guard=table.get("echo_guard", "auto"),
        typing_volume=float(table.get("typing_volume", 0)),
        fallback=table.get("fallback", ""),
        fallback_speech=table.get("fallback_speech", ""),
        first_audio_s=_optional(patience),
        answer_s=float(answer),
        record=table.get("record", "off"),
        record_pause_on_keys=table.get("record_pause_on_keys", False),
        mask_keys=table.get("mask_keys", False),
        notice=table.get("notice", ""),
        lookup_url=table.get("lookup_url"),
        idle_s=float(table.get("idle_seconds", 0)),
        idle_attempts=int(table.get("idle_attempts", IDLE_ATTEMPTS)),
        idle_speech=table.get("idle_speech", ""),
        idle_transfer=table.get("idle_transfer"),
        max_s=float(table.get("max_seconds", 0)),
        options=table.get("options", {}),
        tools=read_own_tools(path, alias, table.get("tools", {})),
    )


def _check_times(entry: str, path: str, table: Mapping[str, Any]) -> None:
    if (idle := table.get("idle_seconds", 0)) and not 3 <= idle <= 600:
        raise SettingError("AGENTS_FILE", path, f"{entry}.idle_seconds to be from 3 to 600, or 0 for no limit")
    attempts = table.get("idle_attempts", IDLE_ATTEMPTS)
    if attempts != int(attempts) or not 0 <= attempts <= 10:
        raise SettingError("AGENTS_FILE", path, f"{entry}.idle_attempts to be a whole number from 0 to 10")
    if (longest := table.get("max_seconds", 0)) and not 10 <= longest <= 14_400:
        raise SettingError("AGENTS_FILE", path, f"{entry}.max_seconds to be from 10 to 14400, or 0 for no limit")


def _check_sound(entry: str, path: str, table: Mapping[str, Any]) -> None:
    numbers = (("ambience_volume", 0, 1), ("typing_volume", 0, 1), ("duck_db", 0, 30), ("gain_db", -20, 20))
    for key, low, high in numbers:
        if not low <= table.get(key, 0) <= high:
            raise SettingError("AGENTS_FILE", path, f"{entry}.{key} to be from {low} to {high}")
    if table.get("echo_guard", "auto") not in {"auto", "on", "off"}:
        raise SettingError("AGENTS_FILE", path, f"{entry}.echo_guard to be auto, on or off")
    if table.get("record", "off") not in RECORD_MODES:
        raise SettingError("AGENTS_FILE", path, f"{entry}.record to be off, both or agent")
    if table.get("level", "") not in {"", "auto"}:
        raise SettingError("AGENTS_FILE", path, f'{entry}.level to be "auto" or left out')
    if table.get("level") and table.get("gain_db"):
        raise SettingError("AGENTS_FILE", path, f"{entry} to have gain_db or level, not both")


def _optional(value: float | None) -> float | None:
    return None if value is None else float(value)
