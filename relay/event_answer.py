"""What the answer to an event says, read with care: it comes from outside (docs/contracts.md, "Answer").

Pure. A key that is not known is ignored, one of the wrong kind counts as absent: the answer can be of another release.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from common.layout import is_id

MOST_COMMANDS: Final = 20  # in one answer; what is beyond comes again with the next


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants done to this call. `do`: the name of an action; `what`: what that needs to know.

    `by`: who wants it; `left_s`: seconds in which it may still be done, 0 or less when it is too late.
    """

    id: str
    do: str
    by: str
    left_s: float
    what: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """`accepted`: of a transfer that was asked for, None where the answer does not say; `refusal`: why not.

    `progress`: number of the last `call.progress` that was taken in, 0 for none, None from a receiver that knows none.
    `watched`: somebody looks at this call now.
    """

    accepted: bool | None = None
    refusal: str = ""
    progress: int | None = None
    watched: bool = False
    commands: tuple[Command, ...] = ()


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
    )


def _commands(found: list[Any]) -> list[Command]:
    """Those that can be told apart: without an id one would be done again with each answer."""
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
