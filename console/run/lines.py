"""Formats the log lines of relay and functions for a terminal. Elsewhere they stay JSON, for programs."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

QUIET: Final = {"relay_stats", "sweep_done"}
"""Once a minute, and mostly nothing: for dashboards."""
_COLOURS: Final[Mapping[str, str]] = {"WARNING": "33", "ERROR": "1;31", "CRITICAL": "1;31"}
_SID_LENGTH: Final = 6


def for_people(part: str, line: str, *, colour: bool) -> str | None:
    """A line of `part` as `12:00:03 relay 3f0c1a the sentence`; None if it is only for dashboards.

    A line that is not a JSON object, for instance of a traceback, stays as it is.
    """
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "message" not in told:
        return line
    severity = str(told.get("severity", "INFO"))
    if told.get("event") in QUIET and severity not in _COLOURS:
        return None
    sid = str(told.get("call_sid") or "")[:_SID_LENGTH]
    said = f"{_time(told)}  {part:<9}  {sid:<{_SID_LENGTH}}  {_sentence(told, severity)}"
    shown = f"\x1b[{_COLOURS[severity]}m{said}\x1b[0m" if colour and severity in _COLOURS else said
    return f"{shown}\n{told['exception']}" if told.get("exception") else shown


def _sentence(told: Mapping[str, Any], severity: str) -> str:
    """Includes the severity as a word, for terminals without colours."""
    sentence = " ".join(str(told["message"]).split())
    return f"{severity}: {sentence}" if severity in _COLOURS else sentence


def _time(told: Mapping[str, Any]) -> str:
    try:
        return f"{datetime.fromisoformat(str(told['time'])).astimezone():%H:%M:%S}"
    except (KeyError, ValueError):
        return "--:--:--"
