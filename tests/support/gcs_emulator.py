"""gcp-storage-emulator with what exactly-once rests on: preconditions, and the generation on download.

    python -m tests.support.gcs_emulator PORT

The bare emulator takes `ifGenerationMatch` and ignores it: of any number of racing writers all win.
"""

# ruff: noqa: N802  # http.server finds its methods by these names
import json
import sys
import threading
import time
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

from tests.support.http_server import BurstServer

_current = threading.local()


class PreconditionFailedError(Exception):
    """The object is not of the generation that the request named."""


class CheckingStorage(Storage):
    """Compares the generation at the moment of writing; the handler's lock keeps everybody else out meanwhile."""

    def __init__(self) -> None:
        super().__init__(use_memory_fs=True)
        self._uploads: dict[str, str | None] = {}
        self._last = 0

    def create_resumable_upload(self, bucket_name: str, file_name: str, file_obj: Any) -> str:
        upload = super().create_resumable_upload(bucket_name, file_name, file_obj)
        self._uploads[upload] = _current.expected
        return upload

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: Any, file_id: str | None = None
    ) -> None:
        self._check(bucket_name, file_name, self._uploads.get(file_id) if file_id else _current.expected)
        self._last = max(self._last + 1, time.time_ns())  # two writes must never have the same generation
        file_obj["generation"] = str(self._last)
        super().create_file(bucket_name, file_name, content, file_obj, file_id)

    def delete_file(self, bucket_name: str, file_name: str) -> None:
        self._check(bucket_name, file_name, _current.expected)
        super().delete_file(bucket_name, file_name)

    def get_file_obj(self, bucket_name: str, file_name: str) -> Any:
        found = super().get_file_obj(bucket_name, file_name)
        _current.generation = found["generation"]
        return found

    def _check(self, bucket_name: str, file_name: str, expected: str | None) -> None:
        try:
            present = super().get_file_obj(bucket_name, file_name)["generation"]
        except NotFound:
            present = "0"
        if expected is not None and expected != present:
            raise PreconditionFailedError

    def _write_config_to_file(self) -> None:
        """Everything is in memory; writing the whole index after each write would be most of the work."""


class CheckingHandler(RequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    lock = threading.Lock()

    def handle_one_request(self) -> None:
        _current.generation = None
        super().handle_one_request()

    def _answered(self, handle: Any) -> None:
        expected = parse_qs(urlsplit(self.path).query).get("ifGenerationMatch", [None])
        with self.lock:
            _current.expected = expected[0]
            try:
                handle()
            except PreconditionFailedError:
                self._refuse()

    def do_GET(self) -> None:
        self._answered(super().do_GET)

    def do_POST(self) -> None:
        self._answered(super().do_POST)

    def do_PUT(self) -> None:
        self._answered(super().do_PUT)

    def do_DELETE(self) -> None:
        self._answered(super().do_DELETE)

    def end_headers(self) -> None:
        if self.command == "GET" and _current.generation:
            self.send_header("X-Goog-Generation", _current.generation)
        super().end_headers()

    def _refuse(self) -> None:
        message = "At least one of the pre-conditions you specified did not hold."
        body = json.dumps(
            {"error": {"code": 412, "message": message, "errors": [{"reason": "conditionNotMet"}]}}
        ).encode()
        self.send_response(HTTPStatus.PRECONDITION_FAILED)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int) -> BurstServer:
    """A server on 127.0.0.1, not started yet."""
    return BurstServer(("127.0.0.1", port), partial(CheckingHandler, CheckingStorage()))


if __name__ == "__main__":
    serve(int(sys.argv[1])).serve_forever()
