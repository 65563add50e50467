"""Runs an async test in virtual time."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from sim import virtual_time


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Decorate `async def test_…`: it runs to its end on a clock that jumps."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        virtual_time.run(test(*args, **kwargs))

    return run
