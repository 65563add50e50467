"""Between Cloud Functions' Flask and our requests and answers. Secrets are in the environment under their own names.

Google hands a body on as it arrives, so what local.py does there is done here: refused by the head before a byte is
read, each body bounded, all of a process together bounded, and whoever sends too slowly cut off. A body that was not
read to its end ends its connection, or the server would go on waiting for the rest.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import Protocol

import flask

from functions.common.door import Door, Doors, refusal, too_large
from functions.common.http import Request, Response, answer, request

_HELD_BYTES = 64 * 1024 * 1024  # of all bodies of a process together: its memory is 512 MiB or 1 GiB
_PIECE = 64 * 1024
_SLOWEST_BYTES_A_SECOND = 64 * 1024
_BODY_PATIENCE_S = (5.0, 30.0)  # for a body of a few bytes, for the largest


class App(Protocol):
    """WebhookApp or TransferApp."""

    doors: Doors

    def handle(self, request: Request) -> Response: ...


class Entry:
    """Serves `app` behind Flask."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held = 0
        self._lock = Lock()

    def answer(self, given: flask.Request) -> flask.Response:
        """Never raises."""
        query = given.query_string.decode(errors="replace")
        head = request(given.method, given.path, query, dict(given.headers))
        door = self._app.doors.get((head.method, head.path))
        if door is None:
            return _unread(given, self._app.handle(head))  # 404 or 405
        if refused := refusal(self._app.doors, head):
            return _unread(given, refused)
        return self._answer(given, head, door)

    def _answer(self, given: flask.Request, head: Request, door: Door) -> flask.Response:
        body = bytearray()
        try:
            if refused := self._read(given, door, body):
                return _unread(given, refused)
            return to_flask(self._app.handle(Request(head.method, head.path, head.query, head.headers, bytes(body))))
        finally:
            with self._lock:
                self._held -= len(body)

    def _read(self, given: flask.Request, door: Door, body: bytearray) -> Response | None:
        """Fill `body`; why it is not read to its end, or None."""
        announced = given.content_length
        with _cut_off(given, door.largest if announced is None else announced) as late:
            while piece := given.stream.read(_PIECE):
                body += piece
                with self._lock:
                    self._held += len(piece)
                    full = self._held > _HELD_BYTES
                if len(body) > door.largest:
                    return too_large(door)
                if full:
                    return answer(503, {"status": "error", "error": "too much at once, try again"})
        if late.happened or (announced is not None and len(body) < announced):
            return answer(408, {"status": "error", "error": "expected the whole body, and sooner"})
        return None


def to_flask(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, dict(response.headers))


class _Late:
    happened = False


@contextmanager
def _cut_off(given: flask.Request, length: int) -> Iterator[_Late]:
    """Within: reading the body of `length` bytes ends, as if the sender had, once it takes too long."""
    shortest_s, longest_s = _BODY_PATIENCE_S
    late = _Late()

    def now() -> None:
        late.happened = True
        _stop_reading(given)

    timer = Timer(min(longest_s, shortest_s + length / _SLOWEST_BYTES_A_SECOND), now)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _unread(given: flask.Request, response: Response) -> flask.Response:
    _stop_reading(given)
    return to_flask(response)


def _stop_reading(given: flask.Request) -> None:
    """Nothing more is read from this connection; the answer still goes out. Only gunicorn gives us the socket."""
    connection = given.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        try:
            connection.shutdown(socket.SHUT_RD)
        except OSError:
            return  # the peer has gone already
