"""Periodic checks of a relay: its calls, its event loop, its statistics."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from relay.aws.utilisation import embedded, utilisation
from relay.logs import log

if TYPE_CHECKING:
    from relay.app import Relay

_PERIOD: Final = 1.0


class Watch:
    """One relay's."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._loop_lag_max = 0.0

    @asynccontextmanager
    async def running(self, *others: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """While the block runs, together with `others`."""
        tasks = [asyncio.create_task(one) for one in (self._look(), self._report(), *others)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _look(self) -> None:
        """Once a second: check every call, and measure how late the loop is."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _PERIOD
            await asyncio.sleep(_PERIOD)
            now = loop.time()
            self._relay.metrics.loop_lag.observe(now - due)
            self._loop_lag_max = max(self._loop_lag_max, now - due)
            self._check_calls(now)

    def _check_calls(self, now: float) -> None:
        # a separate method: the loop's variable would keep the last call alive until the next check
        for call in list(self._relay.calls.values()):
            call.check(now)

    async def _report(self) -> None:
        relay = self._relay
        while True:
            await asyncio.sleep(relay.settings.stats_s)
            percent = utilisation(relay.streams, relay.settings.max_calls)
            namespace = relay.settings.metrics_namespace if relay.taking_calls else ""
            fields = {
                "event": "relay_stats",
                "calls": relay.streams,
                "max_calls": relay.settings.max_calls,
                "utilisation": percent,
                "taking_calls": relay.taking_calls,
                "draining": relay.draining,
                "loop_lag_ms_max": round(self._loop_lag_max * 1000, 1),
                "refused_total": relay.metrics.total(relay.metrics.refused),
            }
            log.info("%d calls", relay.streams, extra=fields | (embedded(namespace, percent) if namespace else {}))
            self._loop_lag_max = 0.0
