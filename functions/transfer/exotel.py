"""What Exotel's Connect and Passthru applets send, and the answers that they expect (exotel.md 2, 3).

Names come in any case, values are strings, and most may be missing. Pieces made here leave out everything that differs
between two deliveries of the same event, so that a duplicate is recognised.
"""

from collections.abc import Mapping

from common.documents import Document, decode, number, text
from common.layout import is_id
from common.phone import to_e164
from common.times import from_exotel
from functions.common.http import Request
from functions.common.transfers import TransferState

_EVENTS = {
    "dial": TransferState.FETCHED,
    "ringing": TransferState.RINGING,
    "answered": TransferState.ANSWERED,
}
_STATUSES = {
    "answered": TransferState.ANSWERED,
    "completed": TransferState.ANSWERED,
    "in-progress": TransferState.ANSWERED,
    "busy": TransferState.BUSY,
    "no-answer": TransferState.NO_ANSWER,
    "canceled": TransferState.NO_ANSWER,  # the caller hung up while it rang
    "cancelled": TransferState.NO_ANSWER,
    "failed": TransferState.FAILED,
    "ringing": TransferState.RINGING,
}
_UNANSWERED = frozenset({"incomplete"})  # CallTypes of calls on which nobody talked (exotel.md 2.1)
_DISCONNECTED_BY = {"caller": "user", "system": "NA"}  # the developer guide's words for the support centre's


def parameters(request: Request) -> dict[str, str]:
    """Query and body with lower-case names, without empty values and unfilled `{{Template}}`s."""
    cleaned = {name.lower(): value.strip().strip('"') for name, value in request.parameters().items()}
    return {name: value for name, value in cleaned.items() if value and not value.startswith("{{")}


def call_sid(said: Mapping[str, str]) -> str:
    """Empty if there is no valid one."""
    sid = said.get("callsid", "")
    return sid if is_id(sid) else ""


def caller(said: Mapping[str, str]) -> str | None:
    """The caller's number in E.164."""
    return to_e164(said.get("callfrom") or said.get("from"))


def began_at(said: Mapping[str, str]) -> float | None:
    """Unix seconds at which the call began; None if the time is missing or unreadable."""
    return from_exotel(said.get("created")) or from_exotel(said.get("starttime"))


def stream_result(said: Mapping[str, str]) -> Document | None:
    """How the stream before this applet ended, from `Stream[Name]` keys or one JSON `Stream`; None if not reported."""
    names = {name[len("stream[") : -1]: value for name, value in said.items() if name.startswith("stream[")}
    if not names and "stream" in said:
        names = _object(said["stream"])
    if not names:
        return None
    by = text(names, "disconnectedby")
    return {
        "stream_sid": text(names, "streamsid"),
        "status": text(names, "status").lower().replace("canceled", "cancelled"),
        "duration_s": number(names, "duration"),
        "disconnected_by": _DISCONNECTED_BY.get(by.lower(), by),
        "error": text(names, "error"),
        "detailed_status": text(names, "detailedstatus"),
        "recording_url": text(names, "recordingurl"),
    }


def dial_result(said: Mapping[str, str]) -> Document | None:
    """What became of a dialled number, from a dial event or an applet after Connect; None if nothing was dialled."""
    talked_s = _talked_s(said)
    state = _dial_state(said, talked_s)
    if state is None:
        return None
    return {
        "state": state,
        "number": to_e164(said.get("dialwhomnumber")),
        "duration_s": talked_s if state is TransferState.ANSWERED else None,
        "recording_url": said.get("recordingurl", ""),
    }


def _dial_state(said: Mapping[str, str], talked_s: float | None) -> TransferState | None:
    event = (said.get("eventtype") or said.get("event") or "").lower()
    status = (said.get("dialcallstatus") or said.get("status") or "").lower()
    state = _EVENTS.get(event) or _STATUSES.get(status) or _STATUSES.get(event)
    call_type = said.get("calltype", "").lower()
    if state is TransferState.ANSWERED and call_type in _UNANSWERED:
        return TransferState.NO_ANSWER  # nobody talked, regardless of the other fields
    if state:
        return state
    # No status: only the end of a call that dialled somebody tells something. A duration alone does not: the
    # stream has one too.
    dialled = "dialwhomnumber" in said or any(name.startswith("legs") for name in said)
    if dialled and call_type == "completed":
        return TransferState.NO_ANSWER if talked_s == 0 else TransferState.ANSWERED
    if dialled and call_type in {"incomplete", "client-hangup"}:
        return TransferState.ANSWERED if talked_s and call_type not in _UNANSWERED else TransferState.NO_ANSWER
    if event == "terminal":
        return TransferState.ANSWERED if talked_s and call_type not in _UNANSWERED else TransferState.FAILED
    return None


def _talked_s(said: Mapping[str, str]) -> float | None:
    """Seconds of conversation, from the first leg if legs are listed. Not `DialCallDuration`: it includes ringing."""
    legs = said.get("legs", "")
    if legs.startswith("["):
        listed = _object(f'{{"legs": {legs}}}').get("legs")
        first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
        return number({name.lower(): value for name, value in first.items()}, "oncallduration")
    for name in ("legs[0][oncallduration]", "conversationduration"):
        if (seconds := number(dict(said), name)) is not None:
            return seconds
    return None


def _object(value: str) -> Document:
    try:
        return {name.lower(): item for name, item in decode(value.encode()).items()}
    except ValueError:
        return {}
