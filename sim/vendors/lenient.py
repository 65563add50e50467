"""Reads a client's message as leniently as vendors do: unexpected fields are noted, not refused."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

_UNKNOWN: Final = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$([^`]*)`)?")
_MOST: Final = 60  # fields more than any client sends

Read = TypeVar("Read")


def read_leniently(
    data: str | bytes, kind: type[Read], *, prepare: Callable[[Any], Any] = lambda message: message
) -> tuple[Read, list[str]]:
    """The message as `kind`, without the fields that it does not know, and those. Raises msgspec.DecodeError.

    `prepare` may first bring the parsed message into the usual form.
    """
    message = prepare(msgspec.json.decode(data))
    left_out: list[str] = []
    for _ in range(_MOST):
        try:
            return msgspec.convert(message, kind), left_out
        except msgspec.ValidationError as error:
            found = _UNKNOWN.match(str(error))
            if found is None:
                raise
            name, path = found[1], found[2] or ""
            _drop(message, re.findall(r"[^.\[\]]+|\.\.\.", path), name)
            left_out.append(f"{path}.{name}".lstrip("."))
    raise msgspec.ValidationError(f"more than {_MOST} fields that are not known")


_FREE: Final = frozenset({"response", "properties", "args"})


def camel(message: Any) -> Any:
    """Keys in camel case, however they were spelled: Google reads both. Names that users choose stay as they are."""
    if isinstance(message, dict):
        spelled = {re.sub(r"_([a-z])", lambda found: found[1].upper(), key): item for key, item in message.items()}
        return {key: item if key in _FREE else camel(item) for key, item in spelled.items()}
    return [camel(item) for item in message] if isinstance(message, list) else message


def _drop(value: Any, path: list[str], name: str) -> None:
    """`path`: keys, places in lists, and `...` for any value of an object."""
    if not path:
        value.pop(name, None)
        return
    step, *rest = path
    if step == "...":
        for item in value.values():
            _drop(item, rest, name)
    else:
        _drop(value[int(step)] if isinstance(value, list) else value[step], rest, name)
