"""Without functions: stores what must outlive a call in a local folder, with the layout of the store."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any, Final

import msgspec

from common import layout, live
from relay.events.delivery import DeliveryError, Event
from relay.events.private_files import put
from relay.events.records import WISH, record_of
from relay.events.running import Running, forget

LOST_AFTER: Final = 300.0  # seconds of silence about a call, after which its relay counts as dead
TOGETHER: Final = (
    0.5  # seconds: reports of these are handed to the thread together, because that takes longer than a report
)


class FolderDestination:
    """The store's layout in a local folder; the record is made from `call.ended` alone."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running = Running(root)
        self._thread = ThreadPoolExecutor(1, "folder")
        """One: the calls' loop then waits for no more than one, and the pieces of a call are written in order."""
        self._offered: list[tuple[Event, asyncio.Future[Mapping[str, Any]]]] = []
        self._next_at = 0.0  # the loop's time at which offered events may be handed to the thread again

    async def deliver(self, event: Event) -> Mapping[str, Any]:
        """Raises DeliveryError if the folder can't be written."""
        _check(event)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, event)
        except OSError as error:
            raise _problem(error) from None
        transfer = event.get("transfer") if event["type"] == "call.transfer_requested" else None
        return {"transfer": {"accepted": True, "target": transfer["target"], "reason": None}} if transfer else {}

    async def offer(self, event: Event) -> Mapping[str, Any]:
        """See Destination: a `call.progress`. Those of all calls are written together, twice a second."""
        _check(event)
        if not layout.is_id(event["stream_sid"]):
            return {}
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Mapping[str, Any]] = loop.create_future()
        if not self._offered:
            loop.call_at(max(self._next_at, loop.time()), self._hand_over)
        self._offered.append((event, answer))
        return await answer

    def _hand_over(self) -> None:
        loop = asyncio.get_running_loop()
        offered, self._offered = self._offered, []
        self._next_at = loop.time() + TOGETHER
        following = loop.run_in_executor(self._thread, self._follow, [event for event, _ in offered])
        following.add_done_callback(lambda done: _tell([answer for _, answer in offered], done))

    def _write(self, event: Event) -> None:
        call_sid, stream_sid = event["call_sid"], event["stream_sid"]
        _put(self._root / layout.piece(call_sid, "events", event["event_id"]), event)
        if not layout.is_id(stream_sid):
            return
        if event["type"] == "call.ended":
            self._running.end(call_sid, stream_sid)
        elif event["type"] == "call.started":
            self._running.begin(event)
        # a replaced stream does not end its call
        if event["type"] == "call.ended" and event["end_reason"] != "replaced":
            _put(self._root / layout.record(call_sid), record_of(event))

    def _follow(self, events: Sequence[Event]) -> list[Mapping[str, Any] | OSError]:
        """The answer to each, or why there is none."""
        now = time()
        return [self._answer(event, now) for event in events]

    def _answer(self, event: Event, now: float) -> Mapping[str, Any] | OSError:
        try:
            return self._running.follow(event, now)
        except OSError as error:
            return error

    def close_lost(self, before: float) -> int:
        """Write records of the calls whose relay died after its last report before `before` (Unix seconds). Returns how
        many.

        With functions, their sweep does this. Raises OSError.
        """
        closed = 0
        for path in self._root.glob(f"{layout.LIVE}*/*.json"):
            try:
                told = live.so_far(path.read_bytes())
            except FileNotFoundError:  # the call has just ended
                continue
            if path.stat().st_mtime > before or not told.get("number"):
                continue  # alive, or without progress reports and maybe alive
            try:
                record = _lost_record(told)
            except (KeyError, TypeError, ValueError, AttributeError):  # not one of ours
                continue
            if not (self._root / layout.record(path.parent.name)).exists():
                _put(self._root / layout.record(path.parent.name), record)
                closed += 1
            forget(self._root, path.parent.name, path.stem)
        return closed


def _check(event: Event) -> None:
    if not layout.is_id(event["call_sid"]):
        raise DeliveryError(f"call_sid {event['call_sid'][:40]!r}: expected 1 to 128 of A-Z a-z 0-9 . _ -")


def _problem(error: OSError) -> DeliveryError:
    return DeliveryError(f"{error.filename}: {error.strerror}")


def _tell(
    waiting: Sequence["asyncio.Future[Mapping[str, Any]]"],
    following: "asyncio.Future[list[Mapping[str, Any] | OSError]]",
) -> None:
    """Give each waiting report its answer. One whose call has ended meanwhile no longer waits."""
    if following.cancelled():
        return
    for answer, found in zip(waiting, following.result(), strict=True):
        if answer.done():
            continue
        if isinstance(found, OSError):
            answer.set_exception(_problem(found))
        else:
            answer.set_result(found)


def _put(path: Path, content: Mapping[str, Any]) -> None:
    put(path, msgspec.json.format(msgspec.json.encode(content), indent=2))


def _lost_record(told: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a call whose relay died, from its last report (common.live). Raises if the document is invalid."""
    began, ended = (datetime.fromisoformat(told[name]) for name in ("started_at", "at"))
    lists = {name: list(live.without_places(told[name])) for name in ("turns", "tools", "commands")}
    transfer = told["state"].get("transfer")
    return record_of(
        {
            **{name: told.get(name) for name in ("call_sid", "stream_sid", "from", "to", "agent", "conversation_id")},
            "agents": told.get("agents", []),
            "started_at": told["started_at"],
            "ended_at": told["at"],
            "duration_s": round((ended - began).total_seconds(), 3),
            "ended_by": "relay",
            "end_reason": "relay_lost",
            "end_detail": "the relay never reported how the call ended",
            **lists,
            "transfer": {name: transfer.get(name, "") for name in WISH} if transfer else None,
            "quality": None,
        }
    )
