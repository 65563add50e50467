"""One HTTP request over a new connection, by the standard library."""

import http.client
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from common.documents import decode
from functions.common.http import Request


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return decode(self.body)


def send(
    url: str, method: str = "GET", headers: dict[str, str] | None = None, body: Any = None, timeout_s: float = 60
) -> Got:
    """`body` as bytes, or as an iterable of chunks, which then go out without a length."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        chunked = body is not None and not isinstance(body, bytes)
        connection.request(method, target, body=body, headers=headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def deliver(url: str, request: Request) -> Got:
    """Send a pure request to the function that is served at `url`."""
    from urllib.parse import urlencode

    query = f"?{urlencode(request.query)}" if request.query else ""
    headers = {name: value for name, value in request.headers.items() if name not in {"host", "x-forwarded-proto"}}
    return send(url + request.path + query, request.method, headers, request.body)
