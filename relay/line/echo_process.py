"""The gates in a process of their own.

A thread's Python needs the lock that the event loop needs. If it has a lower priority, and another process wants the
core while it holds the lock, all calls wait until that process is done: 20 to 40 ms in the 99th percentile, none with a
process. It also survives a fault in the canceller's machine code: the calls guarded then go on unguarded.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from typing import Final

import msgspec

from relay.allocator import limit_heap
from relay.line.echo_gates import Gates, Job, Verdict

_PATIENCE: Final = 5.0  # seconds for a round, and for the start: nobody waits for it, but one that hangs must end
_LENGTH: Final = struct.Struct("!I")
_MOST: Final = 64 * 1024 * 1024
_ENCODER: Final = msgspec.msgpack.Encoder()
_JOBS: Final = msgspec.msgpack.Decoder(list[Job])
_VERDICTS: Final = msgspec.msgpack.Decoder(list[Verdict])
_CODE: Final = "import sys; from relay.line.echo_process import main; main(int(sys.argv[1]), int(sys.argv[2]))"
_NEEDED: Final = ("LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT")  # and none of the relay's secrets


class GateProcess:
    """One at a time; a new one follows one that has ended, when it is needed. `nicer`: how much lower its priority is
    than ours. Not thread-safe, except `close`.
    """

    def __init__(self, nicer: int = 0) -> None:
        self._nicer = nicer
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process; None if there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """So that the first call finds it ready. Raises OSError."""
        self._connected()

    def do(self, jobs: list[Job]) -> list[Verdict]:
        """See Judges."""
        try:
            connection = self._connected()
            _send(connection, _ENCODER.encode(jobs))
            answer = _receive(connection)
            if answer is None:
                raise ConnectionError("the process of the echo guard has ended")
            return _VERDICTS.decode(answer)
        except (OSError, msgspec.MsgspecError) as error:
            self._end()
            raise OSError(str(error)) from error

    def close(self) -> None:
        """See Judges."""
        self._closed = True
        self._end()

    def _connected(self) -> socket.socket:
        if self._closed:
            raise ConnectionError("the relay is ending")
        if self._socket is not None:
            return self._socket
        ours, theirs = socket.socketpair()
        with theirs:
            ours.settimeout(_PATIENCE)
            environ = {name: value for name in _NEEDED if (value := os.environ.get(name))}
            environ["OPENBLAS_NUM_THREADS"] = "1"  # otherwise numpy makes a thread for each core
            environ["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
            command = [sys.executable, "-c", _CODE, str(theirs.fileno()), str(self._nicer)]
            try:
                self._process = subprocess.Popen(
                    command, env=environ, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL
                )
            except OSError:
                ours.close()
                raise
        self._socket = ours
        return ours

    def _end(self) -> None:
        connection, self._socket = self._socket, None
        process, self._process = self._process, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # a thread that waits for it is told
            connection.close()
        if process is not None:
            process.kill()  # it has nothing to write
            process.wait()


def main(descriptor: int, nicer: int) -> None:
    """The process: does jobs until the relay is gone. It outlives the signals that let a relay drain."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(nicer)
    limit_heap()
    gates = Gates()
    with socket.socket(fileno=descriptor) as connection, contextlib.suppress(ConnectionError):
        while (jobs := _receive(connection)) is not None:
            _send(connection, _ENCODER.encode(gates.do(_JOBS.decode(jobs))))


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)) + message)


def _receive(connection: socket.socket) -> bytes | None:
    """The next message; None if the other side is gone."""
    head = _exactly(connection, _LENGTH.size)
    return head and _exactly(connection, min(_MOST, _LENGTH.unpack(head)[0]))


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    received = bytearray()
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            return None
        received += part
    return bytes(received)
