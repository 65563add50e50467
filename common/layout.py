"""Names of all keys in the bucket (docs/contracts.md). Ids come from outside: check them with `is_id` first."""

import hashlib
import re
from datetime import UTC, datetime

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def is_id(text: object) -> bool:
    """Whether `text` may become part of a key."""
    return isinstance(text, str) and bool(_ID.fullmatch(text)) and bool(text.strip("."))


def digest(body: bytes) -> str:
    """Name of a piece that has no id: the same content gets the same name."""
    return hashlib.sha256(body).hexdigest()[:32]


def record(call_sid: str) -> str:
    return f"logs/{call_sid}.json"


def pieces(call_sid: str) -> str:
    """Prefix of everything known about a call."""
    return f"calls/{call_sid}/"


def piece(call_sid: str, kind: str, name: str) -> str:
    """`kind`: one of the folders that `functions.common.pieces` reads."""
    return f"calls/{call_sid}/{kind}/{name}.json"


def conversation(conversation_id: str) -> str:
    """Prefix of the vendor's accounts of a conversation."""
    return f"conversations/{conversation_id}/"


def conversation_call(conversation_id: str) -> str:
    """Holds the CallSid the conversation belongs to."""
    return f"conversations/{conversation_id}/call"


def caller(number: str, at: float) -> str:
    """Prefix of one caller's calls of the day of `at`; `number` in E.164, hashed: keys show up in access logs."""
    return f"callers/{digest(number.encode())}/{datetime.fromtimestamp(at, UTC):%Y%m%d}/"


def raw_of(conversation_id: str) -> str:
    """Prefix of notes that say where the raw webhooks about a conversation are, one key each."""
    return f"inbox/of/{conversation_id}/"


def pending_call(call_sid: str, name: str) -> str:
    return f"pending/calls/{call_sid}/{name}.json"


def pending_streams(call_sid: str) -> str:
    """Prefix of the markers of a call's streams."""
    return f"pending/calls/{call_sid}/stream-"


LIVE, HANDS = "pending/live/", "pending/hands/"
"""Prefixes of what is known of calls that go on, and of what somebody wants done to them (common.live)."""


def live(call_sid: str, stream_sid: str) -> str:
    return f"{LIVE}{call_sid}/{stream_sid}.json"


def hand(call_sid: str, stream_sid: str) -> str:
    """What people want done to a running call; written by the console."""
    return f"{HANDS}{call_sid}/{stream_sid}.json"


def pending_webhook(name: str) -> str:
    return f"pending/webhooks/{name}.json"


def pending_conversation(conversation_id: str) -> str:
    return f"pending/conversations/{conversation_id}.json"


def audio(call_sid: str, suffix: str = "") -> str:
    return f"audio/{call_sid}{suffix}.mp3"


def recordings(call_sid: str) -> str:
    """Prefix of the pieces of the relay's recording of a call."""
    return f"recordings/{call_sid}/"


def recording_piece(call_sid: str, stream_sid: str, number: int) -> str:
    return f"recordings/{call_sid}/{stream_sid}/{number:05}.wav"


def recording(call_sid: str, suffix: str = "", kind: str = "wav") -> str:
    """The joined pieces of all streams, when the call is over; `suffix` for streams recorded after that. `kind`: wav
    or flac."""
    return f"audio/{call_sid}{suffix}.{kind}"


def pending_recording(call_sid: str, name: str) -> str:
    return f"pending/recordings/{call_sid}/{name}.json"


def agents_current() -> str:
    """The current version of the agents' file, and its history."""
    return "config/agents/current.json"


def agents_seed() -> str:
    """The agents' file before the first push; written by Terraform only."""
    return "config/agents/seed.toml"


def agents_versions() -> str:
    """Prefix of all versions."""
    return "config/agents/versions/"


def agents_version(number: int) -> str:
    return f"config/agents/versions/{number:09}.json"


def agents_file(sha256: str) -> str:
    """A sound of a version, named by its hash."""
    return f"config/agents/files/{sha256}"


def relays_seen() -> str:
    """Prefix of the relays' last reports."""
    return "pending/relays/"


def relay_seen(name: str) -> str:
    return f"pending/relays/{name}.json"
