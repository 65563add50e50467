"""Cloud Storage's door as IAM keeps it: a proxy before the emulator that grants what Terraform granted, and no more.

The emulator knows no permissions, so without this a missing prefix would show only in production. Imitated as well is
the answer to a request for an object that is not there: 404 for who may list the bucket, 403 for who may not.
"""

import http.client
import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.http_server import BurstServer

PERMISSIONS = {
    "roles/storage.objectUser": {"get", "create", "delete"},
    "roles/storage.objectViewer": {"get"},
    "roles/storage.legacyBucketReader": {"list", "bucket"},
}
OBJECT = re.compile(r"(?:/download)?/storage/v1/b/[^/]+/o/([^/?]+)")


@dataclass(frozen=True)
class Grant:
    """A role on the bucket; `prefixes` None means everywhere in it."""

    role: str
    prefixes: tuple[str, ...] | None

    @classmethod
    def of(cls, values: dict) -> "Grant":
        """From a google_storage_bucket_iam_member."""
        expressions = [condition["expression"] for condition in values["condition"] or []]
        if not expressions:
            return cls(values["role"], None)
        return cls(values["role"], tuple(re.findall(r'/objects/([^"]*)"', " ".join(expressions))))

    def allows(self, permission: str, name: str) -> bool:
        return permission in PERMISSIONS[self.role] and (self.prefixes is None or name.startswith(self.prefixes))


class Guard(BaseHTTPRequestHandler):
    """One request: refused, or handed on to the emulator."""

    protocol_version = "HTTP/1.1"

    def __init__(self, grants: Sequence[Grant], upstream: str, refused: list[str], *rest: object) -> None:
        self.grants = grants
        self.upstream = upstream
        self.refused = refused
        super().__init__(*rest)  # type: ignore[arg-type]

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        permission, name = self.asked(body)
        if not self.may(permission, name):
            self.refuse(permission, name)
            return
        status, headers, answer = self.forward(body)
        if status == 404 and permission == "get" and not self.may("list", ""):
            self.refuse("list", name)
            return
        self.send_response(status)
        for key, value in headers:
            if key.lower() not in {"transfer-encoding", "connection", "content-length", "date", "server"}:
                self.send_header(key, value)
        self.answer(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815  # http.server's names

    def asked(self, body: bytes) -> tuple[str, str]:
        """The permission that the request needs, and the object's name."""
        parts = urlsplit(self.path)
        if parts.path.startswith("/upload/"):
            named = parse_qs(parts.query).get("name")
            found = re.search(rb'"name":\s*("(?:[^"\\]|\\.)*")', body)
            return "create", named[0] if named else json.loads(found[1]) if found else ""
        if found_object := OBJECT.match(parts.path):
            name = unquote(found_object[1])
            return ("delete" if self.command == "DELETE" else "get" if self.command == "GET" else "create"), name
        return ("list" if parts.path.endswith("/o") else "bucket"), ""

    def may(self, permission: str, name: str) -> bool:
        return any(grant.allows(permission, name) for grant in self.grants)

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=10)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def refuse(self, permission: str, name: str) -> None:
        self.refused.append(f"storage.objects.{permission} on {name!r}")
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.answer(json.dumps({"error": {"code": 403, "message": f"no storage.objects.{permission}"}}).encode())

    def answer(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are not worth a line; refusals are kept."""


@contextmanager
def guarded(grants: Sequence[Grant], upstream: str, refused: list[str]) -> Iterator[str]:
    """Base URL of the door for as long as the block runs; what it turned away is added to `refused`."""
    server = BurstServer(("127.0.0.1", 0), partial(Guard, grants, upstream, refused))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
