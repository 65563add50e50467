"""Without functions: the running calls, in a file each, to which every report of the call is appended.

Such a report is one `write`. A new file for each, and its `rename` over the old one, took the kernel ten times as long.
A reader may find half a line at the end, which is just being written; common.live leaves it out.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from common import layout, live
from common.documents import Document, encode, readable
from relay.events.private_files import put

ROOM: Final = 64 * 1024  # bytes of reports in a file before it is written anew; after that as much as it then had, too


@dataclass(slots=True)
class _Call:
    """`number`: of the last report in its file, `size` of the file, in bytes. `known`: ids of commands that the reports
    tell of.
    """

    number: int = 0
    size: int = 0
    limit: int = 0
    known: tuple[str, ...] = ()


class Running:
    """The calls of one relay, in the store's folder `root`. For one thread. All methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._calls: dict[tuple[str, str], _Call] = {}

    def begin(self, event: Mapping[str, Any]) -> None:
        """`event`: the `call.started` of a stream."""
        whose = event["call_sid"], event["stream_sid"]
        call = _Call()
        self._rewrite(self._root / layout.live(*whose), call, live.begun(dict(event)))
        self._calls[whose] = call

    def follow(self, event: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Keep a `call.progress`. Returns its answer, with what the console wants of the call (docs/contracts.md).

        Only a call that began and has not ended is followed: this event may be late.
        """
        whose = event["call_sid"], event["stream_sid"]
        call = self._calls.get(whose)
        if call is None or event["after"] > call.number:
            return {"progress": 0}
        if event["number"] > call.number and not self._append(whose, call, event):
            return {"progress": 0}
        hand = _document(self._root / layout.hand(*whose))
        known = {"commands": [{"id": one} for one in call.known]}
        return {"progress": call.number, **(live.orders(hand, known, now) if hand else {})}

    def end(self, call_sid: str, stream_sid: str) -> None:
        """The stream is over."""
        self._calls.pop((call_sid, stream_sid), None)
        forget(self._root, call_sid, stream_sid)

    def _append(self, whose: tuple[str, str], call: _Call, event: Mapping[str, Any]) -> bool:
        """False: somebody has removed the file."""
        path, line = self._root / layout.live(*whose), b"\n" + encode(live.told(dict(event)))
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:
            del self._calls[whose]
            return False
        try:
            written = os.write(file, line)
        finally:
            os.close(file)
        call.size += written
        if written < len(line):  # it is sent again, in a line of its own
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        call.number = event["number"]
        if event["commands"]:
            call.known = tuple({*call.known, *(one["id"] for one in event["commands"])})
        if call.size > call.limit:
            self._rewrite(path, call, live.so_far(path.read_bytes()))
        return True

    def _rewrite(self, path: Path, call: _Call, content: Document) -> None:
        call.size = put(path, encode(content))
        call.limit = 2 * call.size + ROOM


def forget(root: Path, call_sid: str, stream_sid: str) -> None:
    """Remove what was kept of a stream while it went on."""
    for key in (layout.live(call_sid, stream_sid), layout.hand(call_sid, stream_sid)):
        (root / key).unlink(missing_ok=True)


def _document(path: Path) -> Document:
    """Empty for a file that does not exist, or is not one of ours."""
    try:
        return readable(path.read_bytes())
    except FileNotFoundError:
        return {}
