"""Sends everything that must outlive a call: signed events, with retries; or files, without EVENTS_URL."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from common.event_parts import HEAD_EVENT, PART_EVENT, split
from common.phone import mask
from common.signature import RELAY_HEADER, sign
from relay.events.receiver_clock import ReceiverClock
from relay.logs import log
from relay.outgoing import whole

_ATTEMPT_TIMEOUT: Final = 35.0  # the functions may take 30: with a shorter timeout a slow yes would count as a no
_CONNECT_TIMEOUT: Final = 5.0  # to connect: no reason to wait that long
_RETRY_FOR: Final = 60.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
OFFERS_AT_ONCE: Final = 4  # per relay: a new AWS account runs ten Lambdas at once, and Connect needs some of them

DELIVERIES_AT_ONCE: Final = 64
"""Of one relay: each is a connection, and a receiver that is slow must not use up the descriptors that calls need."""

Event = Mapping[str, Any]


class Destination(Protocol):
    """Where events go."""

    async def deliver(self, event: Event) -> Mapping[str, Any]:
        """Store one event and return the answer. Raises DeliveryError: it can be retried."""
        ...

    async def offer(self, event: Event) -> Mapping[str, Any]:
        """As `deliver`, for an event that the next one replaces: it must not delay the others, whose callers wait."""
        ...


class DeliveryError(Exception):
    """One attempt failed; the text says why."""


class HttpDestination:
    """`POST EVENTS_URL`, with a new signature for each attempt (docs/contracts.md)."""

    def __init__(self, http: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._http = http
        self._url = url
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=_ATTEMPT_TIMEOUT, connect=_CONNECT_TIMEOUT)
        self._clock = ReceiverClock()
        self._offers = asyncio.Semaphore(OFFERS_AT_ONCE)

    async def deliver(self, event: Event) -> Mapping[str, Any]:
        """Raises DeliveryError for anything but the contract's own answer; also for 401, as a secret may be in
        rotation.

        A 200 without `"status": "ok"` is somebody else's: a login page, a proxy, a redirect's target.
        """
        body = msgspec.json.encode(event)
        signature = sign(body, self._secret, self._clock.now())
        headers = {"Content-Type": "application/json", RELAY_HEADER: signature}
        try:
            async with self._http.post(self._url, data=body, headers=headers, timeout=self._timeout) as response:
                text = await whole(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from None
        if response.status == 401:
            self._clock.set_by(response.headers.get("Date", ""))
        if response.status != 200:
            raise DeliveryError(f"HTTP {response.status}")
        try:
            answer = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = {}
        if answer.get("status") != "ok" or not _says_of_transfer(event, answer):
            raise DeliveryError("HTTP 200, but not the answer of our webhook function (docs/contracts.md)")
        return answer

    async def offer(self, event: Event) -> Mapping[str, Any]:
        """A few at once, however many calls there are."""
        async with self._offers:
            return await self.deliver(event)


def _says_of_transfer(event: Event, answer: Mapping[str, Any]) -> bool:
    """A request for a human is answered with yes or no; an answer without either means that it was not stored."""
    if event["type"] != "call.transfer_requested":
        return True
    verdict = answer.get("transfer")
    return isinstance(verdict, dict) and isinstance(verdict.get("accepted"), bool)


class Events:
    """Delivers events in the background, independently, until done or for a minute.

    A request for a human never waits for other events, because a caller is waiting.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._deliveries: set[asyncio.Task[Mapping[str, Any]]] = set()
        self._slots = asyncio.Semaphore(DELIVERIES_AT_ONCE)

    @property
    def pending(self) -> int:
        """Events not yet delivered."""
        return len(self._deliveries)

    def submit(self, event: Event) -> asyncio.Task[Mapping[str, Any]]:
        """Deliver `event` in the background; the task's result is the answer, empty if it could not be delivered."""
        task = asyncio.create_task(self._deliver(event))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return task

    async def post(self, event: Event, *, patience_s: float) -> Mapping[str, Any] | None:
        """Deliver `event` and wait at most `patience_s` for the answer; None: none yet, delivery goes on."""
        task = self.submit(event)
        await asyncio.wait([task], timeout=patience_s)
        return task.result() if task.done() and not task.cancelled() else None

    async def offer(self, event: Event) -> Mapping[str, Any]:
        """A single attempt, for an event that the next one replaces. Raises DeliveryError."""
        return await self._destination.offer(event)

    async def drain(self, timeout_s: float) -> None:
        """Wait for deliveries in progress; events that are left are logged in full."""
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=timeout_s)
        leftover = list(self._deliveries)
        for task in leftover:
            task.cancel()
        if leftover:
            await asyncio.wait(leftover)

    async def _deliver(self, event: Event) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _RETRY_FOR
        pause = _FIRST_PAUSE
        problem = "stopped before it could be delivered"
        try:
            while True:
                try:
                    if event["type"] == "call.transfer_requested":
                        return await self._destination.deliver(event)
                    async with self._slots:
                        return await self._destination.deliver(event)
                except DeliveryError as error:
                    problem = str(error)
                left = give_up_at - loop.time()
                if left <= 0:
                    break
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 2, _LONGEST_PAUSE)
        except asyncio.CancelledError:
            _undelivered(event, problem)
            raise
        _undelivered(event, problem)
        return {}


def _undelivered(event: Event, problem: str) -> None:
    """Log the event in full, so that it can be replayed; only phone numbers are masked, as in every line.

    It is split into parts, because drivers cut long lines, and followed by a short line of its own that alarms count.
    """
    kept = {**event, "from": mask(event.get("from")), "to": mask(event.get("to"))}
    parts = list(split(kept))
    for part in parts:
        fields = {"event": PART_EVENT, "call_sid": event["call_sid"], **part}
        log.error("part %d of %d of an event", part["part"], part["parts"], extra=fields)
    fields = {"event": HEAD_EVENT, "call_sid": event["call_sid"], "type": event["type"], "event_id": event["event_id"]}
    fields |= {"parts": len(parts), "sha256": parts[0]["sha256"], "problem": problem}
    log.error("event could not be delivered: %s", problem, extra=fields)
