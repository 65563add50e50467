"""Translates between Flask on Cloud Functions and our requests and answers. Secrets are in the environment.

Google passes a body on as it arrives, so this module does what `local.py` does: it refuses requests by their head
before it reads a byte, limits the size of each body and of all bodies together, and cuts off senders that are too slow.
If a body was not read to its end, the connection is closed; otherwise the server would wait for the rest.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import Protocol

import flask

from functions.common.door import Door, Doors, refusal, too_large
from functions.common.http import Request, Response, answer, request

_HELD_BYTES = 64 * 1024 * 1024  # bytes of all bodies in a process; its memory is 512 MiB or 1 GiB
_PIECE = 64 * 1024
_SLOWEST_BYTES_A_SECOND = 64 * 1024
_BODY_PATIENCE_S = (5.0, 30.0)  # seconds for a body of a few bytes, and for the largest


class App(Protocol):
    """A WebhookApp or a TransferApp."""

    doors: Doors

    def handle(self, request: Request) -> Response: ...


class Entry:
    """Serves `app` behind Flask."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held = 0
        self._lock = Lock()

    def answer(self, given: flask.Request) -> flask.Response:
        """The app's answer to one request. Never raises."""
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
        """Read the request's body into `body`. Returns the reason if it could not be read to its end, else None."""
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
            return answer(408, {"status": "error", "error": "expected the whole body within the time limit"})
        return None


def to_flask(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, dict(response.headers))


class _Late:
    happened = False


@contextmanager
def _cut_off(given: flask.Request, length: int) -> Iterator[_Late]:
    """A context in which reading a body of `length` bytes ends, as if the sender had closed, once it takes too long."""
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
    """Read nothing more from this connection; the answer still goes out. Only gunicorn gives us the socket."""
    connection = given.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        try:
            connection.shutdown(socket.SHUT_RD)
        except OSError:
            return  # the peer has already gone
