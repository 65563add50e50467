"""Checks of a request's head, so that a body is read, unpacked or kept only when it may be accepted.

`local.py` and `gcp.py` call this before they read a body. On AWS the platform has read the body already; the app's own
checks then return the same status.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from functions.common.http import Request, Response, answer

Judge = Callable[[Request], Response | None]
"""A request without its body; the refusal, None for one that may go on."""


@dataclass(frozen=True, slots=True)
class Door:
    """One route. `largest`: bytes of its body; `packed`: whether that may come with a Content-Encoding, to be verified
    over the bytes as they came and unpacked within a bound after that."""

    judge: Judge
    largest: int
    packed: bool = False


Doors = Mapping[tuple[str, str], Door]
"""(method, path) → door, for every route of an app."""


def refusal(doors: Doors, head: Request) -> Response | None:
    """The refusal of a request by its head; None if its body may be read, up to `Door.largest`."""
    door = doors.get((head.method, head.path))
    if door is None:
        return None  # the routes answer 404 and 405, which need no body either
    if head.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"} and not door.packed:
        return answer(415, {"status": "error", "error": "expected a body without Content-Encoding"})
    if refused := door.judge(head):
        return refused
    length = head.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > door.largest:
        return too_large(door)
    return None


def too_large(door: Door) -> Response:
    """The answer 413."""
    return answer(413, {"status": "error", "error": f"expected a body of {door.largest} bytes at most"})
