"""JSON from outside: decoded strictly, then read leniently, because vendors add, drop and retype fields at will."""

import math
from typing import Any

import msgspec

Document = dict[str, Any]


def decode(body: bytes) -> Document:
    """The JSON object in `body`. Raises ValueError that says what is wrong with it."""
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is wanted, not {type(value).__name__}")
    return value


def encode(value: object) -> bytes:
    """JSON for machines: no spaces, keys as they stand."""
    return msgspec.json.encode(value)


def pretty(value: object) -> bytes:
    """JSON for people too."""
    return msgspec.json.format(encode(value), indent=2) + b"\n"


def text(value: object, *path: str) -> str:
    """The string (or number, as one) at `path`, without surrounding white space; empty when there is none."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return str(found).strip()


def number(value: object, *path: str) -> float | None:
    """The finite number (or numeric string) at `path`."""
    try:
        found = float(text(value, *path))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


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
