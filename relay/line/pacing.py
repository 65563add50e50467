"""Whether a line can be sent its next frame: not before what has to wait for the line, and not after the end."""

import asyncio
from collections.abc import Callable, Iterator

from relay.line.socket import Line


class Pacing:
    """Of one line. There is no task, which would take 600 bytes of each call, but for what has to wait."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._over: asyncio.Future[None] | None = None
        self._held_up = True
        self._writing: asyncio.Task[None] | None = None

    def begin(self) -> "asyncio.Future[None]":
        """The pacing ends when this future is cancelled. It raises what went wrong."""
        self._over = over = asyncio.get_running_loop().create_future()
        return over

    @property
    def ended(self) -> bool:
        """Nothing may be sent: not yet, or not any more."""
        over = self._over
        return over is None or over.done()

    @property
    def held_up(self) -> bool:
        """The same, or something has to be written first."""
        return self._held_up or self.ended

    def go_on(self, unwritten: Iterator[bytes] | None, then: Callable[[], None]) -> None:
        """Call `then` once the line has got `unwritten`: now, if that is None."""
        self._held_up = unwritten is not None
        if unwritten is None:
            then()
        elif self._over is not None:
            self._writing = asyncio.create_task(self._write(unwritten, then))
            self._over.add_done_callback(self._stop_writing)

    def fail(self, error: Exception) -> None:
        """It ends this call, not the timer of all."""
        over, self._over = self._over, None  # it keeps the frames of the error, which hold this
        if over is not None and not over.done():
            over.set_exception(error)

    async def _write(self, unwritten: Iterator[bytes], then: Callable[[], None]) -> None:
        try:
            for message in unwritten:
                await self._line.send(message)
        except Exception as error:  # noqa: BLE001 - who waits for `begin`'s future gets it
            self.fail(error)
            return
        if self._over is not None:
            self._over.remove_done_callback(self._stop_writing)
        self._writing, self._held_up = None, False
        then()

    def _stop_writing(self, _: "asyncio.Future[None]") -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
