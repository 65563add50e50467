"""One HTTP request with a deadline and a size limit, by the standard library: imports fast, and is all we need."""

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any, Protocol

from common.proxy import proxy_for


class FetchError(Exception):
    """No answer was had: unreachable, too slow, too large or garbled. A status such as 500 is an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the whole body."""

    status: int
    body: bytes


class Fetch(Protocol):
    """`fetch` below, or what a test puts in its place."""

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, timeout_s: float = 10
    ) -> Answer: ...


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A key or a transcript must not follow a redirect to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


_LARGEST = 256 * 1024 * 1024


def fetch(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, timeout_s: float = 10
) -> Answer:
    """`timeout_s` is the longest silence. Raises FetchError."""
    try:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
        try:
            with _opener(proxy_for(url, os.environ)).open(request, timeout=timeout_s) as answer:
                return Answer(answer.status, _whole(answer))
        except urllib.error.HTTPError as answer:
            with answer:
                return Answer(answer.code, _whole(answer))
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(str(error) or type(error).__name__) from error


@cache
def _opener(proxy: str | None) -> urllib.request.OpenerDirector:
    way = urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else {})
    return urllib.request.build_opener(_NoRedirects, way)


def _whole(answer: Any) -> bytes:
    body: bytes = answer.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise ValueError(f"an answer of more than {_LARGEST} bytes")
    return body
