"""The relay's event loop: uvloop, with timers that never fire early."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import uvloop

if TYPE_CHECKING:
    from asyncio import BaseEventLoop as AnyLoop
else:
    AnyLoop = object

_TICKS: Final = 1000  # a second; uvloop's clock and its timers count whole milliseconds


def whole_tick(when: float) -> float:
    """The first whole millisecond that is not before `when` (seconds of the loop's clock)."""
    tick = ceil(when * _TICKS)
    return tick / _TICKS if tick / _TICKS >= when else (tick + 1) / _TICKS  # the product was rounded down


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
