"""ElevenLabs' account of a conversation, from its webhook or its API (elevenlabs.md A5.2), as one small piece."""

from dataclasses import dataclass

from common.aside import is_aside
from common.documents import Document, at, mapping, number, objects, text
from common.layout import is_id
from common.proof import VARIABLE, proves
from common.text import spelling
from common.times import moment, rfc3339
from functions.common.settings import Targets, find_target, refusal
from functions.webhook.settings import Settings

_START = ("metadata", "start_time_unix_secs")
_DURATION = ("metadata", "call_duration_secs")
_VARIABLES = ("conversation_initiation_client_data", "dynamic_variables")
_LONGEST_S = 7 * 86_400
_LONGEST_ID = 128
_NO = frozenset({"", "none", "no", "false", "null", "n/a"})
_YES = frozenset({"yes", "true"})


def is_conversation(data: Document) -> bool:
    """Whether `data` has the JSON format; with `transcript_format: opentelemetry` it holds traces instead."""
    return isinstance(data.get("transcript"), list) or isinstance(data.get("metadata"), dict)


def result_of(data: Document, source: str, said_at: float | None, settings: Settings) -> Document:
    """The piece `conversations/{id}/{source}-….json`. `said_at`: Unix seconds of the webhook, None by API."""
    started_at = moment(number(data, *_START))
    duration_s = _seconds(data, *_DURATION)
    ended_at = None if started_at is None else started_at + (duration_s or 0)
    stamp = moment(said_at) or ended_at
    variables = mapping(data, *_VARIABLES)
    return {
        "source": source,
        "conversation_id": text(data, "conversation_id"),
        "agent_id": text(data, "agent_id"),
        "status": text(data, "status"),
        "at": rfc3339(stamp or 0),
        "started_at": None if started_at is None else rfc3339(started_at),
        "duration_s": duration_s,
        "end_detail": text(data, "metadata", "error", "reason") or text(data, "metadata", "termination_reason"),
        "from": text(variables, "caller_number") or text(variables, "system__caller_id"),
        "to": text(variables, "called_number") or text(variables, "system__called_number"),
        "version": text(data, "version_id")[:_LONGEST_ID],
        "credits": _charge(data, "metadata", "cost"),
        "usd": _charge(data, "metadata", "cost_fiat"),
        "has_audio": data.get("has_audio") is True,
        "turns": [_turn(turn) for turn in objects(data, "transcript") if _words(turn) and not is_aside(_words(turn))],
        "analysis": mapping(data, "analysis") or None,
        "transfer": transfer_of(data, settings),
    }


def impossible_times(data: Document) -> list[str]:
    """Values in `data` that should be times and can't be; they are ignored."""
    found = [] if at(data, *_START) is None or moment(number(data, *_START)) is not None else [_START]
    found += [] if at(data, *_DURATION) is None or _seconds(data, *_DURATION) is not None else [_DURATION]
    return [f"{'.'.join(path)}={at(data, *path)!r:.100} can't be a time" for path in found]


@dataclass(frozen=True, slots=True)
class Claim:
    """The call that a conversation says it belongs to. `call_sid`: empty if it names none, or can't prove it.

    `unverified`: it names a call or a caller, as only the relay would, but without the relay's proof. `by_number`:
    there is no CallSid, but the caller's number may find the call.
    """

    call_sid: str
    unverified: bool = False
    by_number: bool = False


def claim_of(data: Document, settings: Settings) -> Claim:
    """Read from the dynamic variables, which come from the relay, or from somebody who pretends to be one."""
    variables = mapping(data, *_VARIABLES)
    named = text(variables, "call_sid")
    sid = named if is_id(named) else ""
    if settings.accept_unverified or (sid and proves(text(variables, VARIABLE), sid, settings.events_secrets)):
        return Claim(sid, by_number=settings.accept_unverified)
    return Claim("", unverified=bool(named or text(variables, "caller_number")))


def transfer_of(data: Document, settings: Settings) -> Document | None:
    """What the analysis decided: None if it asks for nobody; `target` None if it names one that is not configured."""
    collected = _collected(data, settings.transfer_field)
    said = at(collected, "value")
    asked = ("yes" if said else "no") if isinstance(said, bool) else text(collected, "value")
    if asked.casefold() in _NO:
        return None
    target = target_of(asked, settings.targets, settings)
    return {
        "asked": asked,
        "target": target,
        "refusal": None if target else refusal(asked, settings.targets),
        "reason": text(collected, "rationale") or f"{settings.transfer_field}: {asked}",
        "summary": text(data, "analysis", "transcript_summary"),
    }


def target_of(asked: str, targets: Targets, settings: Settings) -> str | None:
    """The configured target that a collected value means."""
    if asked.casefold() in _YES:
        return find_target(targets, "")
    if found := settings.transfer_values.get(spelling(asked)):
        return find_target(targets, found)
    return find_target(targets, asked)


def _collected(data: Document, field: str) -> Document:
    """The field's entry in `data_collection_results`, which is an object by name or a list."""
    if found := mapping(data, "analysis", "data_collection_results", field):
        return found
    listed = [
        *objects(data, "analysis", "data_collection_results"),
        *objects(data, "analysis", "data_collection_results_list"),
    ]
    return next((entry for entry in listed if field in {text(entry, "data_collection_id"), text(entry, "name")}), {})


def _turn(turn: Document) -> Document:
    seconds = _seconds(turn, "time_in_call_secs") or 0.0
    return {
        "speaker": "caller" if text(turn, "role") == "user" else "agent",
        "text": _words(turn),
        "offset_ms": round(seconds * 1000),
        "interrupted": turn.get("interrupted") is True,
    }


def _words(turn: Document) -> str:
    """The words of a turn; an agent with several voices has them in parts instead (elevenlabs.md A5.2)."""
    pieces = (text(part, "text") for part in objects(turn, "multivoice_message", "parts"))
    return text(turn, "message") or " ".join(piece for piece in pieces if piece)


def _charge(value: object, *path: str) -> float | None:
    """What the vendor charged for a conversation; None if it is missing or impossible."""
    charge = number(value, *path)
    return charge if charge is not None and charge >= 0 else None


def _seconds(value: object, *path: str) -> float | None:
    """A length of time within a call; None if it is not a possible one."""
    seconds = number(value, *path)
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_S else None
