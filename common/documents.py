"""JSON from outside, read leniently: vendors add, drop and retype fields at will, and cut text wherever it is long."""

import json
import math
import re
from typing import Any

import msgspec

Document = dict[str, Any]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_NUMBER = (
    1e15  # more than any count, length or time we are told; a thousand times as much is still exact enough
)


def decode(body: bytes) -> Document:
    """The JSON object in `body`. Raises ValueError that says what is wrong with it.

    What strict readers refuse and real senders write is read: half a surrogate pair and broken UTF-8 as U+FFFD, `NaN`
    and numbers out of range as null, control characters in text, a byte order mark.
    """
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        value = _decode_leniently(body)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, not {type(value).__name__}")
    return value


def readable(body: bytes) -> Document:
    """As `decode`; empty for what can't be read: where it is only looked at, that is worth no more than nothing."""
    try:
        return decode(body)
    except ValueError:
        return {}


def encode(value: object) -> bytes:
    """JSON for machines: no spaces, keys as they stand."""
    return msgspec.json.encode(value)


def pretty(value: object) -> bytes:
    """JSON for people too."""
    return msgspec.json.format(encode(value), indent=2) + b"\n"


def _decode_leniently(body: bytes) -> object:
    try:
        value = json.loads(
            body.decode("utf-8-sig", errors="replace"),
            strict=False,
            parse_constant=lambda _: None,
            parse_float=_finite,
            parse_int=_finite_integer,
        )
        return msgspec.json.decode(_LONE_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def _finite(digits: str) -> float | None:
    found = float(digits)
    return found if math.isfinite(found) else None


def _finite_integer(digits: str) -> int | None:
    return int(digits) if len(digits) < 300 else None


def text(value: object, *path: str) -> str:
    """The string (or number, as one) at `path`, without surrounding white space; empty when there is none."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return str(found).strip()


def number(value: object, *path: str) -> float | None:
    """The number (or numeric string) at `path`; None also for one that is too large to mean anything."""
    try:
        found = float(text(value, *path))
    except ValueError:
        return None
    return found if abs(found) <= _LARGEST_NUMBER else None


def mapping(value: object, *path: str) -> Document:
    """The object at `path`; empty when there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def objects(value: object, *path: str) -> list[Document]:
    """The objects of the list at `path`; what else it holds is left out."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def at(value: object, *path: str) -> object:
    """Whatever stands at `path`, or None."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
