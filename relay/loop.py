"""The relay's event loop: uvloop, with timers that never fire early."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

import uvloop

from relay.whole_tick import whole_tick

if TYPE_CHECKING:
    from asyncio import BaseEventLoop as AnyLoop
else:
    AnyLoop = object


class WholeTicks(AnyLoop):
    """For a loop whose timers are rounded to the *nearest* tick: rounds every deadline up first.

    Otherwise a timer could fire up to half a millisecond early. Code that then looks at the clock, finds that it is not
    yet time and waits again would repeat this at once, hundreds of times, because the loop's clock stands still until
    the millisecond is over: that was nine of ten wake-ups of a relay. `asyncio.sleep`, `timeout` and `timeout_at` all
    use this.
    """

    def call_later(  # type: ignore[override]  # the stub's variadic generic can't be restated here
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the loop's own, but never early."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # the stub's variadic generic can't be restated here
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the loop's own, but never early."""
        # uvloop's own call_at calls call_later
        return super().call_later(whole_tick(when) - self.time(), callback, *args, context=context)


class RelayLoop(WholeTicks, uvloop.Loop):  # type: ignore[misc]  # uvloop's stubs and the standard library's differ
    """`asyncio.Runner(loop_factory=RelayLoop)`."""

    call_in_ticks = uvloop.Loop.call_later
    """uvloop's own `call_later`, for who has rounded up already: without a step of Python's, a sixth of the time."""
