"""Work that is nearly always done when its function returns: nobody has to wait, and no coroutine is made for it.

Such a function is not `async`. It returns DONE, or a Later; both can be awaited.
"""

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final


class _Done:
    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


DONE: Final[Awaitable[None]] = _Done()
"""Nothing is left to be done."""


class Later:
    """The rest of the work: `work()`, which is called when this is awaited. Nothing happens if it never is."""

    __slots__ = ("_work",)

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, None]:
        return self._work().__await__()


def failing(error: Exception) -> Later:
    """Raises `error` when it is awaited, for work that failed where nothing may be raised."""
    return Later(partial(_raise, error))


async def _raise(error: Exception) -> None:
    raise error
