"""One HTTP request with a deadline and a size limit, by the standard library alone: quick to import, and enough."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any, BinaryIO, Protocol

from common.proxy import proxy_for


class FetchError(Exception):
    """There was no usable answer: unreachable, too slow, too large or garbled. A status such as 500 is an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the whole body; the body is empty if it was written to a file."""

    status: int
    body: bytes


class Fetch(Protocol):
    """`fetch` below, or a replacement in tests."""

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float = 10,
        into: BinaryIO | None = None,
    ) -> Answer: ...


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A key or a transcript must not follow a redirect to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


LARGEST_DOCUMENT = 8 * 1024 * 1024
"""Bytes of an answer that is held in memory: an hour's conversation with its analysis takes less than one MiB."""
LARGEST_FILE = 256 * 1024 * 1024
"""Bytes of an answer that goes into a file: an hour of MP3 at 320 kbit/s, and more."""
_PATIENCE = 6  # a whole answer may take this many times timeout_s
_AT_ONCE = 64 * 1024


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    timeout_s: float = 10,
    into: BinaryIO | None = None,
) -> Answer:
    """`timeout_s` limits each silence; a whole answer may take six times that. Raises FetchError.

    With `into`, the body of an answer with status 200 is written to that file as it arrives, so it may be large.
    """
    try:
        give_up_at = time.monotonic() + _PATIENCE * timeout_s
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
        try:
            with _opener(proxy_for(url, os.environ)).open(request, timeout=timeout_s) as answer:
                if into is None or answer.status != 200:
                    return Answer(answer.status, b"".join(_parts(answer, LARGEST_DOCUMENT, give_up_at)))
                for part in _parts(answer, LARGEST_FILE, give_up_at):
                    into.write(part)
                return Answer(answer.status, b"")
        except urllib.error.HTTPError as answer:
            with answer:
                return Answer(answer.code, b"".join(_parts(answer, LARGEST_DOCUMENT, give_up_at)))
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(str(error) or type(error).__name__) from error


@cache
def _opener(proxy: str | None) -> urllib.request.OpenerDirector:
    way = urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else {})
    return urllib.request.build_opener(_NoRedirects, way)


def _parts(answer: Any, largest: int, give_up_at: float) -> Iterator[bytes]:
    """The body as it arrives. Raises ValueError if it is too large, TimeoutError if it comes too slowly."""
    announced = answer.headers.get("Content-Length") or "0"
    if announced.isdecimal() and int(announced) > largest:
        raise ValueError(f"an answer of {announced} bytes, which is more than {largest}")
    size = 0
    while part := answer.read1(_AT_ONCE):
        size += len(part)
        if size > largest:
            raise ValueError(f"an answer of more than {largest} bytes")
        if time.monotonic() > give_up_at:
            raise TimeoutError("the answer came too slowly")
        yield part
    if answer.length:  # read1 doesn't report a body that broke off
        raise ValueError("the answer broke off")
