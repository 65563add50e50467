"""Uploads pieces of recordings to the store: permission is requested from the functions, a minute's worth at a time.

Nothing of this affects a call. A piece that can't be uploaded within half a minute is dropped, counted and reported.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import aiohttp
from yarl import URL

from common.recording import HEAD_BYTES, PIECE_SECONDS
from relay.events.answer import UploadLeave, read_answer
from relay.events.delivery import DeliveryError, Event
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.outgoing import whole
from relay.recording.spans import Spans

ASKED_FOR: Final = 8  # pieces: about a minute
GOOD_FOR_S: Final = 600.0  # a permission is valid for 15 minutes
AT_ONCE: Final = 16  # concurrent uploads of one relay: each holds a few chunks of a piece
WAITING: Final = 4  # pieces of one call: half a minute, on the disk
_PATIENCE_S: Final = 30.0  # for a piece, once it is ready
_ATTEMPT_S: Final = 15.0
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0)
_CHUNK: Final = 16 * 1024
_KEPT: Final = frozenset({200, 201, 204, 412})  # 412: an earlier attempt, whose answer was lost, has written it
_NO_LEAVE: Final = "upload not granted: the functions gave no permission"
_REFUSED: Final = frozenset({400, 401, 403, 404, 410})  # the permission is invalid; another may work


@dataclass(frozen=True, slots=True)
class Store:
    """What the uploads of one relay share. `ask` posts an event once; `base`: the address of the functions."""

    http: aiohttp.ClientSession
    ask: Callable[[Event], Awaitable[Mapping[str, Any]]]
    base: str
    metrics: Metrics
    places: asyncio.Semaphore


class StreamUploads:
    """One stream's pieces, one after another. `event` creates a `recording.upload`; `missing`: pieces that were not
    stored.
    """

    def __init__(self, store: Store, size: int, event: Callable[..., Event], log: CallLog) -> None:
        self._store = store
        self._size = HEAD_BYTES + size
        self._event = event
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._leaves: dict[int, tuple[float, UploadLeave]] = {}
        self._queue: asyncio.Queue[tuple[int, asyncio.Future[BinaryIO | None]] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._kept = 0
        self._given_up = ""
        self._no_use = False
        self.missing = Spans()

    def add(self, number: int, piece: "asyncio.Future[BinaryIO | None]") -> None:
        """Piece `number` is being finished. None: it is empty, and not uploaded."""
        if self._queue.qsize() >= WAITING:
            piece.add_done_callback(_close)
            self._drop(number, "too many pieces waiting")
            return
        self._queue.put_nowait((number, piece))
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def give_up(self, why: str) -> None:
        """Drop everything that is not stored yet."""
        self._given_up = why
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> tuple[int, Spans]:
        """No more pieces come. Returns how many were stored, and what was not, once that is known. Bounded in time."""
        if self._task is not None:
            self._queue.put_nowait(None)
            await asyncio.wait([self._task])
            while not self._queue.empty():
                if (item := self._queue.get_nowait()) is not None:
                    item[1].add_done_callback(_close)
                    self._drop(item[0], self._given_up or "defect")
        return self._kept, self.missing

    async def _run(self) -> None:
        while (item := await self._queue.get()) is not None:
            number, coming = item
            try:
                problem = await self._keep(number, coming)
            except asyncio.CancelledError:
                coming.add_done_callback(_close)
                self._drop(number, self._given_up)
                raise
            except Exception as error:  # noqa: BLE001 - this piece is lost; the next one is tried
                self._log.error("defect", exc_info=error, extra={"event": "defect"})
                problem = f"defect: {type(error).__name__}"
            if problem:
                self._drop(number, problem)

    async def _keep(self, number: int, coming: "asyncio.Future[BinaryIO | None]") -> str:
        piece = await asyncio.shield(coming)
        if piece is None:
            return ""
        try:
            if problem := await self._upload(number, piece):
                return problem
        finally:
            piece.close()
        self._kept += 1
        self._store.metrics.recording_pieces.labels("kept").inc()
        return ""

    async def _upload(self, number: int, piece: BinaryIO) -> str:
        """Empty once it is stored, else why it is not."""
        problem = ""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for pause_s in (*_PAUSES_S, 0.0):
                    problem = await self._attempt(number, piece)
                    if not problem or self._no_use:
                        return problem
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            return problem or "no answer in time"
        return problem

    async def _attempt(self, number: int, piece: BinaryIO) -> str:
        try:
            leave = await self._leave(number)
        except DeliveryError as error:
            return f"upload not granted: {error}"
        if leave is None:
            self._no_use = True
            return _NO_LEAVE
        headers = {**leave.headers, "Content-Length": str(self._size)}
        timeout = aiohttp.ClientTimeout(total=_ATTEMPT_S)
        try:
            url = URL(self._store.base).join(URL(leave.url, encoded=True))
            async with (
                self._store.places,
                self._store.http.put(url, data=_chunks(piece), headers=headers, timeout=timeout) as response,
            ):
                await whole(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._leaves.pop(number, None)  # half of it may be stored, in a session that can't be restarted
            return f"{type(error).__name__}: {error}"[:200]
        if response.status in _KEPT:
            return ""
        self._leaves.pop(number, None)
        if response.status in _REFUSED:
            self._leaves.clear()
        return f"HTTP {response.status}"

    async def _leave(self, number: int) -> UploadLeave | None:
        if self._no_use:  # functions of an earlier release, which store each request as an event of the call
            return None
        now = self._loop.time()
        self._leaves = {piece: item for piece, item in self._leaves.items() if piece >= number and item[0] > now}
        if number not in self._leaves:
            event = self._event(first=number, count=ASKED_FOR, bytes=self._size)
            found = read_answer(await self._store.ask(event)).uploads
            self._leaves |= {leave.piece: (now + GOOD_FOR_S, leave) for leave in found}
        return self._leaves[number][1] if number in self._leaves else None

    def _drop(self, number: int, problem: str) -> None:
        self._store.metrics.recording_pieces.labels("dropped").inc()
        first = not self.missing.found
        self.missing.add(number * PIECE_SECONDS * 1000, (number + 1) * PIECE_SECONDS * 1000, problem)
        if first:  # the others are in the record
            text = f"piece {number} of the recording could not be kept: {problem}"
            self._log.happened("recording_dropped", text, level=logging.WARNING, problem=problem)


async def _chunks(piece: BinaryIO) -> AsyncIterator[bytes]:
    at = 0
    while chunk := os.pread(piece.fileno(), _CHUNK, at):
        yield chunk
        at += len(chunk)


def _close(piece: "asyncio.Future[BinaryIO | None]") -> None:
    if not piece.cancelled() and piece.exception() is None and (file := piece.result()) is not None:
        file.close()
