"""Keeps ECS from stopping a task that has calls.

While a task is protected, neither a deployment nor autoscaling stops it; the task gives up its protection when it
retires (relay.aws.retirement). The container requests it at an endpoint that only it can reach (`ECS_AGENT_URI`); the
task's role needs `ecs:UpdateTaskProtection`. Protection expires, so that a relay that hangs does not stay for ever, and
is renewed while there are calls.
"""

import asyncio
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import msgspec

from relay.logs import log
from relay.outgoing import whole

EXPIRES_MINUTES: Final = 60  # as long as a call can last at Exotel; ECS allows 1 to 2,880
RENEW_S: Final = EXPIRES_MINUTES * 60 / 2
CLEAR_AFTER_S: Final = 10.0  # a call that follows this soon needs no request
RETRY_FIRST_S: Final = 1.0
RETRY_MOST_S: Final = 30.0
REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


class TaskProtection:
    """Follows the number of calls. Does nothing if `agent_uri` is empty, that is, outside ECS."""

    def __init__(self, http: aiohttp.ClientSession, agent_uri: str) -> None:
        self._http = http
        self._url = f"{agent_uri.rstrip('/')}/task-protection/v1/state" if agent_uri else ""
        self._calls = 0
        self._retired = False
        self._idle_since = 0.0
        self._renew_at = 0.0
        self._may_be_protected = False
        self._changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def count_changed(self, calls: int) -> None:
        """Report the number of calls. Returns at once, whatever ECS does; needs a running loop."""
        if not self._url:
            return
        if not calls and not self._retired:
            self._idle_since = asyncio.get_running_loop().time()
        self._calls = calls
        self._changed.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._follow(), name="task protection")

    def retire(self, retired: bool) -> None:
        """Give up protection at once, with or without calls: ECS then deregisters the task; its calls go on."""
        self._retired = retired
        if retired:
            self._idle_since = -math.inf
        if self._worker is not None:
            self._changed.set()

    async def close(self) -> None:
        """Stop following. Protection stays as it is: the process is about to end anyway."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
            self._worker = None

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        retry_s, not_before = RETRY_FIRST_S, 0.0
        while True:
            self._changed.clear()
            due = self._due()
            if due is None or loop.time() < (due := max(due, not_before)):
                await self._wait(due)
                continue
            wanted, asked_at = self._wanted, loop.time()
            # a lost answer may have been a yes: give up protection that was only requested, too
            self._may_be_protected |= wanted
            if await self._put(wanted):
                self._may_be_protected = wanted
                self._renew_at = asked_at + RENEW_S if wanted else 0.0
                retry_s, not_before = RETRY_FIRST_S, 0.0
            else:
                not_before = loop.time() + retry_s
                retry_s = min(retry_s * 2, RETRY_MOST_S)

    @property
    def _wanted(self) -> bool:
        return self._calls > 0 and not self._retired

    def _due(self) -> float | None:
        """When the next request is due, loop time; None if there is nothing to request."""
        if self._wanted:
            return self._renew_at
        return self._idle_since + CLEAR_AFTER_S if self._may_be_protected else None

    async def _wait(self, until: float | None) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _put(self, enabled: bool) -> bool:
        body: dict[str, Any] = {"ProtectionEnabled": enabled}
        if enabled:
            body["ExpiresInMinutes"] = EXPIRES_MINUTES
        try:
            async with self._http.put(self._url, json=body, timeout=REQUEST_TIMEOUT) as answer:
                # ECS reports a refusal in the body, for instance while a deployment is already stopping the task
                said = msgspec.json.decode(await whole(answer))
                if answer.status == HTTPStatus.OK and isinstance(said, Mapping) and "protection" in said:
                    return True
                reason = f"{answer.status} {said}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
        log.warning(
            "ECS did not change the task's protection; retrying",
            extra={"event": "task_protection_failed", "enabled": enabled, "reason": reason},
        )
        return False
