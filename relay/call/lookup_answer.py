"""Parses the answer to a look-up leniently, because it comes from outside (docs/lookup.md). Pure.

Unknown keys are ignored; invalid ones are left out and named, and the rest is used.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final, Literal

from relay.agents.overrides import NAMES, Overrides
from relay.agents.roster import RECORD_MODES, RecordMode
from relay.events.records import WISH, Transfer

Shape = Literal["ours", "elevenlabs"]

OURS: Final = frozenset({"caller_number", "called_number", "call_sid", "stream_sid", "recent_history", "call_proof"})
"""Variables that say what the relay knows itself: no look-up may say them."""
_VARIABLES: Final = 64
_VARIABLE: Final = 4000  # characters
_NAME: Final = re.compile(r"[^\W\d]\w{0,63}")
_TEXTS: Final = {"first_message": 4000, "prompt": 30_000, "language": 35, "voice": 200}
_SPEEDS: Final = (0.25, 4.0)
_TAGS: Final = 16
_TAG: Final = 64
_PASSED_ON: Final = {
    "conversation_config_override": dict,
    "custom_llm_extra_body": dict,
    "user_id": str,
    "branch_id": str,
    "environment": str,
}
"""Keys of ElevenLabs' first message that the relay hands on as they are."""
_PROBLEMS: Final = 8


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """`agent`: alias or vendor's id, empty: the one that the call asked for. `ambience`: a name, empty for none, None:
    the agent's. `record`: what is recorded, None: as the agent's entry says. `rejected`: why the call is refused, None:
    it is not. `problems`: what could not be used.
    """

    agent: str = ""
    variables: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    overrides: Overrides = Overrides()
    ambience: str | None = None
    ambience_volume: float | None = None
    transfer: Transfer | None = None
    rejected: str | None = None
    record: RecordMode | None = None
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class _Reader:
    """Reads keys of one object and collects problems."""

    def __init__(self, source: Mapping[str, Any], problems: list[str], place: str = "") -> None:
        self._source = source
        self._problems = problems
        self._place = place

    def wrong(self, key: str, expected: str) -> None:
        self._problems.append(f"{self._place}{key}: expected {expected}")

    def read(self, key: str, fits: Callable[[Any], bool], expected: str, default: Any) -> Any:
        """The value under `key` if it is there and `fits`."""
        value = self._source.get(key)
        if value is None:
            return default
        if fits(value):
            return value
        self.wrong(key, expected)
        return default

    def get(self, key: str) -> Any:
        return self._source.get(key)

    def text(self, key: str, longest: int, default: Any = "") -> Any:
        fits = f"a text of {longest} characters at most"
        return self.read(key, lambda value: isinstance(value, str) and len(value) <= longest, fits, default)

    def number(self, key: str, low: float, high: float) -> float | None:
        value = self.read(
            key, lambda value: _is_number(value) and low <= value <= high, f"a number from {low:g} to {high:g}", None
        )
        return None if value is None else float(value)

    def table(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.read(key, lambda value: isinstance(value, dict), "an object", {})
        return found


def read_answer(document: Any, shape: Shape = "ours") -> LookupAnswer:
    """Raises ValueError if the document is not an object."""
    if not isinstance(document, dict):
        raise ValueError(f"expected an object, got {type(document).__name__}")
    problems: list[str] = []
    answer = (_ours if shape == "ours" else _elevenlabs)(_Reader(document, problems), problems)
    return replace(answer, problems=tuple(problems[:_PROBLEMS]))


def _ours(reader: _Reader, problems: list[str]) -> LookupAnswer:
    return LookupAnswer(
        agent=reader.text("agent", 200),
        variables=_variables(reader.table("variables"), problems, "variables."),
        overrides=_overrides(reader.table("overrides"), problems),
        ambience=reader.text("ambience", 200, None),
        ambience_volume=reader.number("ambience_volume", 0, 1),
        transfer=_transfer(reader, problems),
        rejected=_rejected(reader),
        record=reader.read("record", lambda value: value in RECORD_MODES, "off, both or agent", None),
        tags=_tags(reader),
    )


def _elevenlabs(reader: _Reader, problems: list[str]) -> LookupAnswer:
    """The answer of a webhook written for ElevenLabs' own telephony (elevenlabs.md A5.6)."""
    config = _Reader(reader.table("conversation_config_override"), problems, "conversation_config_override.")
    agent, voice = config.table("agent"), config.table("tts")
    prompt = agent.get("prompt")
    said = {
        "first_message": agent.get("first_message"),
        "prompt": prompt.get("prompt") if isinstance(prompt, dict) else prompt,
        "language": agent.get("language"),
        "voice": voice.get("voice_id"),
        "speed": voice.get("speed"),
    }
    passed_on = {key: value for key, kind in _PASSED_ON.items() if isinstance(value := reader.get(key), kind)}
    return LookupAnswer(
        variables=_variables(reader.table("dynamic_variables"), problems, "dynamic_variables."),
        overrides=replace(_overrides(said, problems), initiation=passed_on),
    )


def _variables(table: Mapping[str, Any], problems: list[str], place: str) -> dict[str, str | int | float | bool]:
    reader = _Reader(table, problems, place)
    found: dict[str, str | int | float | bool] = {}
    for name, value in table.items():
        if name in OURS or name.startswith("system__"):
            reader.wrong(name[:64], "another name: the relay sets this one itself")
        elif not _NAME.fullmatch(name):
            reader.wrong(name[:64], "a name of letters, digits and _")
        elif value is None:
            continue
        elif isinstance(value, bool | str) or _is_number(value):
            if len(str(value)) <= _VARIABLE:
                found[name] = value
            else:
                reader.wrong(name, f"{_VARIABLE} characters at most")
        else:
            reader.wrong(name, "a text, a number, true or false")
        if len(found) == _VARIABLES:
            break
    return found


def _overrides(table: Mapping[str, Any], problems: list[str]) -> Overrides:
    reader = _Reader(table, problems, "overrides.")
    for name in table:
        if name not in NAMES:
            reader.wrong(name[:64], f"one of {', '.join(NAMES)}")
    texts = {name: reader.text(name, longest) for name, longest in _TEXTS.items()}
    return Overrides(**texts, speed=reader.number("speed", *_SPEEDS))


def _transfer(reader: _Reader, problems: list[str]) -> Transfer | None:
    """`"billing"`, or an object with `target`, `reason` and `summary`; `true` and `""` mean the first target."""
    kinds = "the name of a target, or an object with target, reason and summary"
    wish = reader.read("transfer", lambda value: isinstance(value, str | bool | dict), kinds, False)
    if wish is False:
        return None
    said = wish if isinstance(wish, dict) else {"target": wish if isinstance(wish, str) else ""}
    parts = _Reader(said, problems, "transfer.")
    target, reason, summary = (parts.text(key, longest) for key, longest in WISH.items())
    return Transfer(target, reason or "requested by the look-up", summary)


def _rejected(reader: _Reader) -> str | None:
    why = reader.read("reject", lambda value: isinstance(value, str | bool), "true, or the reason as a text", False)
    if why is False:
        return None
    return "" if why is True else str(why)[:300]


def _tags(reader: _Reader) -> tuple[str, ...]:
    def fits(value: Any) -> bool:
        texts = isinstance(value, list) and all(isinstance(tag, str) and 0 < len(tag) <= _TAG for tag in value)
        return texts and len(value) <= _TAGS

    found = reader.read("tags", fits, f"at most {_TAGS} texts of {_TAG} characters at most", [])
    return tuple(dict.fromkeys(found))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
