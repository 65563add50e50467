"""Resolves names; while look-ups fail or take too long, the last good answer is used."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from socket import AF_INET, AddressFamily
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from relay.logs import LineLimit, log

PATIENCE: Final = 1.5  # seconds; a call waits for its agent meanwhile
_KEPT: Final = 256  # names; more than a relay has vendors, but bots may ask for any

Key = tuple[str, int, AddressFamily]


class LastGoodResolver(AbstractResolver):
    """Uses `inner`, and remembers its answers. A name server that fails for a minute must not cost new calls their
    agent.

    An answer that comes after PATIENCE is kept for the next request; until then nobody asks for the same name again.
    """

    def __init__(self, inner: AbstractResolver, clock: Callable[[], float] | None = None) -> None:
        self._inner = inner
        self._good: dict[Key, list[ResolveResult]] = {}
        self._asking: dict[Key, asyncio.Task[list[ResolveResult]]] = {}
        self._lines = LineLimit(1, clock) if clock else LineLimit(1)

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        """Raises OSError if there is no answer and never was."""
        key = (host, port, family)
        asking = self._asking.get(key) or self._ask(key)
        known = self._good.get(key)
        await asyncio.wait([asking], timeout=PATIENCE if known else None)
        if known is None or (asking.done() and asking.cancelled()):
            return await asking
        if not asking.done():
            problem = "no answer in time"
        elif error := asking.exception():
            problem = str(error)
        elif found := asking.result():
            return found
        else:
            problem = "an empty answer"
        if (unlogged := self._lines.take(host)) is not None:
            log.warning(
                "the name server fails: using the last known address",
                extra={"event": "name_unresolved", "host": host, "problem": problem, "unlogged": unlogged},
            )
        return known

    async def close(self) -> None:
        """No more questions."""
        for task in list(self._asking.values()):
            task.cancel()
        await self._inner.close()

    def _ask(self, key: Key) -> asyncio.Task[list[ResolveResult]]:
        task = asyncio.create_task(self._inner.resolve(*key))
        self._asking[key] = task
        task.add_done_callback(lambda done: self._answered(key, done))
        return task

    def _answered(self, key: Key, task: asyncio.Task[list[ResolveResult]]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled() and task.exception() is None and task.result():
            if key not in self._good and len(self._good) >= _KEPT:
                self._good.pop(next(iter(self._good)))
            self._good[key] = task.result()


class PrivateAddressError(OSError):
    """The name stands for an address that is not public."""


class PublicOnly(AbstractResolver):
    """A resolver that never returns an address of this machine or its network, whatever a name server says."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        """Raises PrivateAddressError if there is no other address."""
        found = await self._inner.resolve(host, port, family)
        public = [result for result in found if ip_address(result["host"].partition("%")[0]).is_global]
        if found and not public:
            raise PrivateAddressError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        """No more questions."""
        await self._inner.close()
