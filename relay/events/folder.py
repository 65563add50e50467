"""Without functions: stores what must outlive a call in a local folder, with the layout of the store."""

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any, Final

import msgspec

from common import layout, live
from common.documents import decode
from relay.events.delivery import DeliveryError, Event
from relay.events.records import WISH, record_of

_REWRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

LOST_AFTER: Final = 300.0  # seconds of silence about a call, after which its relay counts as dead


class FolderDestination:
    """The store's layout in a local folder; the record is made from `call.ended` alone."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._thread = ThreadPoolExecutor(1, "folder")
        """One: the calls' loop then waits for no more than one, and the pieces of a call are written in order."""

    async def deliver(self, event: Event) -> Mapping[str, Any]:
        """Raises DeliveryError if the folder can't be written."""
        if not layout.is_id(event["call_sid"]):
            raise DeliveryError(f"call_sid {event['call_sid'][:40]!r}: expected 1 to 128 of A-Z a-z 0-9 . _ -")
        loop = asyncio.get_running_loop()
        try:
            if event["type"] == "call.progress":
                return await loop.run_in_executor(self._thread, self._follow, dict(event))
            await loop.run_in_executor(self._thread, self._write, event)
        except OSError as error:
            raise DeliveryError(f"{error.filename}: {error.strerror}") from None
        transfer = event.get("transfer") if event["type"] == "call.transfer_requested" else None
        return {"transfer": {"accepted": True, "target": transfer["target"], "reason": None}} if transfer else {}

    def _write(self, event: Event) -> None:
        call_sid, stream_sid = event["call_sid"], event["stream_sid"]
        self._put(self._root / layout.piece(call_sid, "events", event["event_id"]), event)
        if not layout.is_id(stream_sid):
            return
        if event["type"] == "call.ended":
            for key in (layout.live(call_sid, stream_sid), layout.hand(call_sid, stream_sid)):
                (self._root / key).unlink(missing_ok=True)
        elif event["type"] == "call.started":
            self._put(self._root / layout.live(call_sid, stream_sid), live.begun(dict(event)))
        # a replaced stream does not end its call
        if event["type"] == "call.ended" and event["end_reason"] != "replaced":
            self._put(self._root / layout.record(call_sid), record_of(event))

    def _follow(self, event: dict[str, Any]) -> dict[str, Any]:
        """The state of the call, and commands from the console.

        Only a call that began and has not ended is followed: this event may be late.
        """
        if not layout.is_id(event["stream_sid"]):
            return {}
        path = self._root / layout.live(event["call_sid"], event["stream_sid"])
        known = _document(path)
        now_known = live.merged(known, event) if known else None
        if now_known is None:
            return {"progress": 0}
        self._put(path, now_known)
        hand = _document(self._root / layout.hand(event["call_sid"], event["stream_sid"]))
        return {"progress": now_known["number"], **live.orders(hand, now_known, time())}

    def close_lost(self, before: float) -> int:
        """Write records of the calls whose relay died after its last report before `before` (Unix seconds). Returns how
        many.

        With functions, their sweep does this. Raises OSError.
        """
        closed = 0
        for path in self._root.glob(f"{layout.LIVE}*/*.json"):
            told = _document(path)
            if path.stat().st_mtime > before or not told.get("number"):
                continue  # alive, or without progress reports and maybe alive
            try:
                record = _lost_record(told)
            except (KeyError, TypeError, ValueError, AttributeError):  # not one of ours
                continue
            if not (self._root / layout.record(path.parent.name)).exists():
                self._put(self._root / layout.record(path.parent.name), record)
                closed += 1
            path.unlink(missing_ok=True)
            (self._root / layout.hand(path.parent.name, path.stem)).unlink(missing_ok=True)
        return closed

    @staticmethod
    def _put(path: Path, content: Mapping[str, Any]) -> None:
        part = path.with_name(f".{path.name}.part")
        try:
            file = os.open(part, _REWRITE, 0o600)
        except FileNotFoundError:  # the first of its folder; looking for it every time takes longer than writing
            _make_private(path.parent)
            file = os.open(part, _REWRITE, 0o600)
        with open(file, "wb") as rewritten:
            os.fchmod(file, 0o600)  # a folder from an older relay may be readable by all
            rewritten.write(msgspec.json.format(msgspec.json.encode(content), indent=2))
        os.replace(part, path)


def _document(path: Path) -> dict[str, Any]:
    """Empty for a file that does not exist, or is not one of ours."""
    try:
        return decode(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


def _make_private(folder: Path) -> None:
    """Create `folder` and missing parents, private to the user: they contain people's words and numbers."""
    missing = [folder, *folder.parents]
    for one in reversed([one for one in missing if not one.exists()]):
        one.mkdir(mode=0o700, exist_ok=True)


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
