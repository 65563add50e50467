"""Parses the answer to an event leniently, because it comes from outside (docs/contracts.md, "Answer"). Pure.

Unknown keys are ignored, and keys of the wrong type count as missing: the answer may be of another release.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from common.layout import is_id

MOST_UPLOADS: Final = 16
MOST_HEADERS: Final = 16
LONGEST_URL: Final = 4096  # characters
MOST_COMMANDS: Final = 20  # per answer; further ones come again with the next


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants done to this call. `do`: the name of an action; `what`: its arguments. `by`: who requested
    it; `left_s`: seconds in which it may still be done, 0 or less if it is too late.
    """

    id: str
    do: str
    by: str
    left_s: float
    what: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadLeave:
    """Permission to upload one piece of a recording. `url` may be relative to the address of the event."""

    piece: int
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """`accepted`: of a requested transfer, None if the answer does not say; `refusal`: why not. `progress`: number of
    the last `call.progress` that was stored, 0 for none, None from a receiver without progress. `watched`: somebody is
    watching this call now.
    """

    accepted: bool | None = None
    refusal: str = ""
    progress: int | None = None
    watched: bool = False
    commands: tuple[Command, ...] = ()
    uploads: tuple[UploadLeave, ...] = ()


def read_answer(answer: Mapping[str, Any]) -> EventAnswer:
    """Never raises."""
    transfer = answer.get("transfer")
    transfer = transfer if isinstance(transfer, Mapping) else {}
    accepted, progress, commands = transfer.get("accepted"), answer.get("progress"), answer.get("commands")
    return EventAnswer(
        accepted=accepted if isinstance(accepted, bool) else None,
        refusal=str(transfer.get("reason") or "")[:300],
        progress=progress if isinstance(progress, int) and not isinstance(progress, bool) and progress >= 0 else None,
        watched=answer.get("watched") is True,
        commands=tuple(_commands(commands if isinstance(commands, list) else [])),
        uploads=tuple(_uploads(answer.get("uploads"))),
    )


def _uploads(found: Any) -> Iterator[UploadLeave]:
    for one in found[:MOST_UPLOADS] if isinstance(found, list) else ():
        if not isinstance(one, Mapping) or one.get("method") != "PUT":
            continue
        piece, url, headers = one.get("piece"), one.get("url"), one.get("headers", {})
        if type(piece) is not int or not isinstance(url, str) or not 0 < len(url) <= LONGEST_URL:
            continue
        if isinstance(headers, Mapping) and len(headers) <= MOST_HEADERS and _are_texts(headers):
            yield UploadLeave(piece, url, {name.lower(): value for name, value in headers.items()})


def _are_texts(headers: Mapping[Any, Any]) -> bool:
    """Names and values of headers, none of which controls how the request itself is sent."""
    texts = [*headers.keys(), *headers.values()]
    if not all(isinstance(text, str) and len(text) <= LONGEST_URL and text.isprintable() for text in texts):
        return False
    return not {name.lower() for name in headers} & {"host", "content-length", "transfer-encoding", "connection"}


def _commands(found: list[Any]) -> list[Command]:
    """Those with an id: without one a command would be repeated with each answer."""
    commands: dict[str, Command] = {}
    for one in found[:MOST_COMMANDS]:
        if not isinstance(one, Mapping) or not is_id(one.get("id")) or not isinstance(one.get("do"), str):
            continue
        left, what = one.get("left_s"), one.get("what")
        if isinstance(left, bool) or not isinstance(left, int | float) or not isfinite(left):
            left = 0.0
        commands[one["id"]] = Command(
            id=one["id"],
            do=one["do"][:40],
            by=str(one.get("by") or "")[:100],
            left_s=float(left),
            what=what if isinstance(what, Mapping) else {},
        )
    return list(commands.values())
