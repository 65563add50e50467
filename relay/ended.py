"""Frees what is over at once, not only when Python looks for cycles.

A call holds its parts, and they hold what they call, mostly a method of the call. So an ended call had to wait until
Python looked for such cycles, for which all calls stand still (garbage.py). Where each link back is cut when it is no
longer needed, reference counts free a call. tests/integration/relay/test_ended_calls.py finds such links.
"""

import asyncio


def let_go(owner: object, *but: str) -> None:
    """Forget all attributes of `owner` except `but`. Nothing else of it may be used any more."""
    forget(owner, *(name for name in vars(owner) if name not in but))


def forget(owner: object, *names: str) -> None:
    """Forget these attributes of `owner`, where it has them."""
    attributes = vars(owner)
    for name in names:
        attributes.pop(name, None)


def error_of(task: "asyncio.Future[None]") -> BaseException | None:
    """What a task that is done has raised, None if it was only cancelled.

    A cancelled task keeps the cancellation, with all frames that it went through, until somebody asks for it.
    """
    try:
        return task.exception()
    except asyncio.CancelledError:
        return None
