"""Log lines of a good day and of bad ones, as the parts write them, for the alarms of both clouds to judge; and how a
field of a line is found.

`ago_s` says how long ago a line was written, 60 where it doesn't. What a cloud itself writes is in its own test.
"""

from collections.abc import Mapping
from typing import Any

Line = dict[str, Any]

# Calls, a scanner, an undecided answer, a human who was dialled.
GOOD_DAY: list[Line] = [
    {"event": "relay_stats", "calls": 4, "max_calls": 100, "utilisation": 4, "draining": False},
    {"event": "call_started", "call_sid": "a"},
    {"event": "call_ended", "call_sid": "a", "gaps": 0, "end_reason": "caller_hung_up", "answer_ms": {"p50": 900}},
    {
        "event": "call_ended",
        "call_sid": "b",
        "gaps": None,
        "end_reason": "agent_failed",
        "answer_ms": None,
        "ago_s": 2000,
    },
    {"event": "call_refused", "reason": "unauthorized", "unlogged": 500},
    {"event": "webhook_received", "call_sid": "a", "lag_s": 2.5, "duplicate": False},
    {"event": "sweep_done", "repaired": 1, "closed": 0, "failed": 0},
    {"event": "connect_answered", "outcome": "undecided", "waited_s": 4},
    {"event": "connect_answered", "outcome": "numbers", "waited_s": 1},
    {"event": "transfer_outcome", "call_sid": "a", "target": "sales", "state": "answered"},
]

# Alarm → what must ring it, each line needed.
BAD: dict[str, list[Line]] = {
    "calls-refused": [{"event": "call_refused", "reason": "full", "unlogged": 0}],
    "agents-failed": [{"event": "agent_failed", "vendor": "elevenlabs", "reason": "refused"}] * 3,
    "answers-slow": [{"event": "call_ended", "call_sid": "c", "answer_ms": {"p50": 5200}}],
    "events-undelivered": [{"event": "event_undelivered", "event_id": "x", "parts": 2}],
    "agents-refused": [{"event": "agents_refused", "agents_version": "7-3fa9c1d02b6e", "problem": "x"}],
    "webhooks-refused": [{"event": "webhook_refused", "reason": "bad_signature"}] * 5,
    "conversations-unverified": [{"event": "conversation_unverified", "conversation_id": "c", "agent_id": "a"}],
    "exotel-refused": [{"event": "exotel_refused", "path": "/exotel/connect"}] * 5,
    "transfers-missed": [{"event": "transfer_missed", "call_sid": "a", "target": "sales"}],
    "log-lines-dropped": [{"event": "log_lines_dropped", "dropped": 40}],
    "sweep-failures": [{"event": "sweep_done", "failed": 1}, {"event": "sweep_done", "failed": 1, "ago_s": 4000}],
}

OF_WEBHOOK = {"webhook_received", "webhook_refused", "conversation_unverified", "transfer_missed"}
OF_TRANSFER = {"exotel_refused", "connect_answered", "transfer_outcome"}


def part(line: Line) -> str:
    """Who writes it, as docs/contracts.md has it."""
    event = line["event"]
    if event == "sweep_done":
        return "sweep"
    return "webhook" if event in OF_WEBHOOK else "transfer" if event in OF_TRANSFER else "relay"


def value_at(line: Mapping[str, Any], path: str) -> Any:
    """What `a.b` is in a line; None if it is not there."""
    value: Any = line
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
