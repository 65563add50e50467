"""When a relay of an older release retires.

A task with calls protects itself, and ECS neither stops nor deregisters a protected task: it would keep getting its
share of the new calls and never run out of them. So a relay that sees that all tasks of a newer release have been
running for a while retires: it gives up its protection, so that ECS deregisters it, and fails the load balancer's
health check. Its calls go on. Once ECS is stopping it and its last call is over, it exits by itself instead of waiting
for the load balancer's hour. If ECS rolls back to the release before, the relay takes calls again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from relay.aws.ecs import EcsError, Standing
from relay.logs import log

ASK_EVERY_S: Final = 15.0
# The load balancer takes new tasks for healthy after two checks, ten seconds apart, and sends them calls from then on.
SETTLED_S: Final = 30.0
# The load balancer may learn of a deregistration a moment later than ECS.
LAST_CALLS_S: Final = 20.0


class Asked(Protocol):
    """Source of the state of this task: relay.aws.ecs.Ecs."""

    async def standing(self) -> Standing:
        """Raises EcsError."""
        ...


class Retirement:
    """Follows ECS. `idle` waits until there is no call."""

    def __init__(
        self,
        asked: Asked,
        *,
        changed: Callable[[bool], None],
        leave: Callable[[], None],
        idle: Callable[[], Awaitable[object]],
    ) -> None:
        """`changed` is called with whether the relay is retired; `leave` ends the process, and is called once."""
        self._asked = asked
        self._changed = changed
        self._leave = leave
        self._idle = idle
        self._superseded_since: float | None = None
        self.retired = False

    async def follow(self) -> None:
        """Ask regularly while the task runs. A failed request changes nothing and is retried."""
        failed = False
        while True:
            try:
                standing = await self._asked.standing()
            except EcsError as error:
                if not failed:
                    log.warning("ECS can't be reached", extra={"event": "ecs_unknown", "reason": str(error)})
                failed = True
            else:
                failed = False
                self._judge(standing)
                if standing.leaving:
                    await asyncio.sleep(LAST_CALLS_S)
                    await self._idle()
                    log.info("nothing left to do", extra={"event": "leaving"})
                    self._leave()
                    return
            await asyncio.sleep(ASK_EVERY_S)

    def _judge(self, standing: Standing) -> None:
        now = asyncio.get_running_loop().time()
        if not standing.superseded:
            self._superseded_since = None
        elif self._superseded_since is None:
            self._superseded_since = now
        settled = self._superseded_since is not None and now - self._superseded_since >= SETTLED_S
        retired = standing.leaving or settled
        if retired != self.retired:
            self.retired = retired
            log.info("retired" if retired else "taking calls again", extra={"event": "retired", "retired": retired})
            self._changed(retired)
