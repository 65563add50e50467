"""What is refused by its head alone: nobody's body is read, unpacked or kept before there is a reason to.

A server whose platform leaves it to us asks here before it reads; where the platform has read the body already, the
app's own check comes to the same end.
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
    """Why the body of `head` is not read at all; None when it may be, up to `Door.largest`."""
    door = doors.get((head.method, head.path))
    if door is None:
        return None  # 404 and 405 are the routes' own to say, and want no body either
    if head.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"} and not door.packed:
        return answer(415, {"status": "error", "error": "expected a body without Content-Encoding"})
    if refused := door.judge(head):
        return refused
    length = head.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > door.largest:
        return too_large(door)
    return None


def too_large(door: Door) -> Response:
    """413."""
    return answer(413, {"status": "error", "error": f"expected a body of {door.largest} bytes at most"})
