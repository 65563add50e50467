"""JSON from outside, read leniently: vendors add, remove and retype fields at will, and cut long texts anywhere."""

import json
import math
import re
from typing import Any

import msgspec

Document = dict[str, Any]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_NUMBER = 1e15  # more than any count, length or time that we receive; a thousand times as much is still exact


def decode(body: bytes) -> Document:
    """The JSON object in `body`. Raises ValueError, which says what is wrong.

    Reads what strict parsers refuse and real senders write: half a surrogate pair and broken UTF-8 as U+FFFD, `NaN` and
    numbers out of range as null, control characters in text, a byte order mark.
    """
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        value = _decode_leniently(body)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, not {type(value).__name__}")
    return value


def readable(body: bytes) -> Document:
    """As `decode`, but empty for what can't be read; for readers to whom both mean the same."""
    try:
        return decode(body)
    except ValueError:
        return {}


def encode(value: object) -> bytes:
    """JSON for machines: no spaces, keys in their order."""
    return msgspec.json.encode(value)


def pretty(value: object) -> bytes:
    """JSON for people as well."""
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
    """The string (or number, as a string) at `path`, without surrounding white space; empty if there is none."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return str(found).strip()


def number(value: object, *path: str) -> float | None:
    """The number (or numeric string) at `path`; None if there is none or it is too large to be meant."""
    try:
        found = float(text(value, *path))
    except ValueError:
        return None
    return found if abs(found) <= _LARGEST_NUMBER else None


def mapping(value: object, *path: str) -> Document:
    """The object at `path`; empty if there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def objects(value: object, *path: str) -> list[Document]:
    """The objects in the list at `path`; other elements are left out."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def at(value: object, *path: str) -> object:
    """The value at `path`, or None."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
