"""What Exotel's Connect Voice AI accepts as an order (exotel.md 4.2), and its errors for anything else."""

import re
from collections.abc import Collection, Mapping, Sequence

from yarl import URL

from common.phone import to_e164

MAX_STREAM_URL, MAX_CUSTOM_FIELD, MAX_STREAM_NAME, MAX_TIME_LIMIT_S = 600, 128, 32, 14_400
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_E164 = re.compile(r"\+[1-9][0-9]{8,14}")
_MANDATORY = ("From", "CallerId", "StreamUrl", "StreamType")
_OPTIONAL = (
    "Record",
    "RecordingChannels",
    "TimeLimit",
    "CustomField",
    "StatusCallback",
    "StatusCallbackEvents[]",
    "StreamName",
)
_EVENTS = {"answered", "terminal", "ringing"}

Form = Mapping[str, Sequence[str]]


def complaint(form: Form, exophones: Collection[str]) -> str:
    """Why an order is refused, empty if it is not; also if Exotel would dial somebody else, or nobody."""
    if unknown := sorted(set(form) - {*_MANDATORY, *_OPTIONAL}):
        return f"Unknown parameter {unknown[0]}"
    if twice := [key for key, values in form.items() if len(values) > 1 and not key.endswith("[]")]:
        return f"{twice[0]} is given twice"
    if missing := [key for key in _MANDATORY if not form.get(key)]:
        return f"Mandatory parameter {missing[0]} is missing"
    one = {key: values[0] for key, values in form.items()}
    limit = one.get("TimeLimit", "1")
    checks = {
        f"From is not a number to dial: {one['From']}": bool(_E164.fullmatch(one["From"])),
        "CallerId is not an ExoPhone of this account": to_e164(one["CallerId"]) in exophones,
        "StreamUrl must be ws or wss": URL(one["StreamUrl"]).scheme in {"ws", "wss"},
        "StreamUrl must be shorter than 600 characters": len(one["StreamUrl"]) < MAX_STREAM_URL,
        "StreamType must be bidirectional": one["StreamType"] == "bidirectional",
        "CustomField is too long": len(one.get("CustomField", "")) <= MAX_CUSTOM_FIELD,
        "StreamName is too long": len(one.get("StreamName", "")) <= MAX_STREAM_NAME,
        "TimeLimit must be up to 14400": limit.isascii() and limit.isdigit() and 0 < int(limit) <= MAX_TIME_LIMIT_S,
        "Record must be true or false": one.get("Record", "true") in {"true", "false"},
        "RecordingChannels must be single or dual": one.get("RecordingChannels", "single") in {"single", "dual"},
        "StatusCallbackEvents must be single events": set(form.get("StatusCallbackEvents[]", ())) <= _EVENTS,
    }
    return next((words for words, holds in checks.items() if not holds), "")


def time_limit_s(form: Form) -> float:
    """When Exotel ends the call."""
    return float(form.get("TimeLimit", [str(MAX_TIME_LIMIT_S)])[0])
