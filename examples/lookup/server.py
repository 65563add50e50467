"""The HTTP side of a look-up: takes the relay's question, checks its signature, answers with what `look_up` returns.

Nothing but Python's standard library. LOOKUP_SECRET is the relay's; HOST and PORT say where to listen. Behind a proxy
that ends TLS this serves a small office; the answer has to come within LOOKUP_SECONDS (1.5).
"""

import hmac
import json
import os
import time
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST = 64 * 1024


def is_signed(body: bytes, header: str, secret: str) -> bool:
    """`t=UNIX,v0=HEX`: an HMAC over time and body, not older than five minutes."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    stamp = parts.get("t", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
        return False
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
    return hmac.compare_digest(expected, parts.get("v0", ""))


class Server(ThreadingHTTPServer):
    """The library's own lets five connections wait; when more callers ring at once, some questions get a reset."""

    request_queue_size = 128


def serve(look_up: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Until the process is ended. `look_up` may run in several threads at once."""
    secret = os.environ["LOOKUP_SECRET"]

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # seconds for a client that says nothing

        def do_GET(self) -> None:
            """For whoever watches whether it is up."""
            self._answer({"status": "ok"})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if 0 < length <= LARGEST else b""
            if not is_signed(body, self.headers.get("Relay-Signature", ""), secret):
                self.send_error(401)
                return
            self._answer(look_up(json.loads(body)))

        def _answer(self, document: dict[str, Any]) -> None:
            answer = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8090"))), Handler).serve_forever()
