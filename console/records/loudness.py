"""How loud the sides of a call were, from its record, and what to do about an agent that is too quiet or too loud."""

from collections.abc import Iterator
from typing import Any, Final

from common.documents import Document, mapping, number, objects, text

EXPECTED_DB: Final = -20.0
"""dBov, usual for speech on a telephone."""
_OFF_DB: Final = 6.0


def heard_db(agent: Document) -> float | None:
    """How loud the caller heard an entry of `agents`: its level and the gain that the relay added."""
    level = number(agent, "level_db")
    return None if level is None else level + (number(agent, "gain_db") or 0.0)


def off(level_db: float) -> str:
    """`9 dB too quietly`, for speech that is not about as loud as usual; empty if it is."""
    if abs(level_db - EXPECTED_DB) <= _OFF_DB:
        return ""
    return f"{abs(level_db - EXPECTED_DB):.0f} dB too {'quietly' if level_db < EXPECTED_DB else 'loudly'}"


def advice(level_db: float) -> str:
    """What to set for an agent that is `off`."""
    return f'Set level = "auto" for it, or gain_db = {EXPECTED_DB - level_db:.0f}.'


def loudness(record: Document) -> Iterator[dict[str, Any]]:
    """Each side of a call that was measured: `who`, `level_db`, `gain_db`, `clipped` samples, and a `hint` if it is
    off.
    """
    for agent in objects(record, "agents"):
        if (level := heard_db(agent)) is not None:
            name, wrong = text(agent, "alias") or text(agent, "id"), off(level)
            hint = f"It speaks {wrong}. {advice(level)}" if wrong else ""
            yield _side(f"Agent {name}".strip(), level, agent.get("gain_db"), agent.get("clipped"), hint)
    quality = mapping(record, "quality")
    for who, key, clipped in (("Caller", "caller_level_db", "caller_clipped"), ("Ambience", "ambience_level_db", "")):
        if (level := number(quality, key)) is not None:
            yield _side(who, level, 0.0, quality.get(clipped), "")


def _side(who: str, level_db: float, gain_db: Any, clipped: Any, hint: str) -> dict[str, Any]:
    added = {"gain_db": gain_db, "clipped": clipped}
    return {"who": who, "level_db": level_db, **{key: number(added, key) or 0.0 for key in added}, "hint": hint}
