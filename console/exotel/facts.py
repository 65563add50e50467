"""Exotel's data: calls, streams, balance, numbers. Read leniently: scalars are numbers or strings."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from common.phone import to_e164
from console.exotel import answer


class CallStatus(StrEnum):
    """Exotel's words (exotel.md 4.2); `unknown` is any other, and is not an end by itself."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, text: object) -> "CallStatus":
        """Both spellings of canceled occur."""
        word = str(text).strip().lower().replace("cancelled", "canceled")
        return cls(word) if word in set(cls) else cls.UNKNOWN

    @property
    def is_end(self) -> bool:
        """Nothing more happens to such a call."""
        return self in {
            CallStatus.COMPLETED,
            CallStatus.FAILED,
            CallStatus.BUSY,
            CallStatus.NO_ANSWER,
            CallStatus.CANCELED,
        }


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call. `number`: who was dialled first; `custom_field`: None if the answer does not have the field."""

    sid: str
    status: CallStatus
    number: str | None
    direction: str
    duration_s: int
    custom_field: str | None

    @classmethod
    def read(cls, call: Mapping[str, Any]) -> "CallFacts":
        """Raises ValueError for a call without an id."""
        if not isinstance(call.get("Sid"), str) or not call["Sid"]:
            raise ValueError("a call without a Sid")
        details = call.get("Details")
        talked = answer.number(details.get("ConversationDuration")) if isinstance(details, Mapping) else None
        duration = talked if talked is not None else answer.number(call.get("Duration"))
        field = call.get("CustomField", None)
        return cls(
            call["Sid"],
            CallStatus.of(call.get("Status")),
            to_e164(str(call.get("From") or "")),
            str(call.get("Direction") or ""),
            int(duration or 0),
            str(field) if field is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Streams:
    """Media sockets open on the account, and how many it may have (exotel.md 1.14)."""

    active: int
    limit: int

    @classmethod
    def read(cls, found: answer.Answer) -> "Streams":
        """XML's names or, as one page has them, JSON's. Raises ValueError."""
        stream = found["Stream"] if isinstance(found.get("Stream"), Mapping) else found
        active = answer.number(stream.get("ActiveStreamCount", stream.get("active_streams")))
        limit = answer.number(stream.get("ThrottleLimit", stream.get("max_allowed_streams")))
        if active is None or limit is None:
            raise ValueError("the answer has no ActiveStreamCount and ThrottleLimit")
        return cls(int(active), int(limit))


@dataclass(frozen=True, slots=True)
class Balance:
    """The account's credit."""

    amount: float
    currency: str
    plan: str


@dataclass(frozen=True, slots=True)
class ExoPhone:
    """A number of the account. `voice_url` names the flow of incoming calls; None if the answer does not have it."""

    number: str | None
    can_speak: bool | None
    voice_url: str | None

    @classmethod
    def read(cls, phone: Mapping[str, Any]) -> "ExoPhone":
        can = phone.get("capabilities")
        voice = can.get("voice") if isinstance(can, Mapping) else None
        return cls(
            to_e164(str(phone.get("phone_number") or "")),
            voice if isinstance(voice, bool) else None,
            str(phone["voice_url"] or "") if "voice_url" in phone else None,
        )
