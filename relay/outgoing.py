"""The one HTTP client for all outgoing requests: agents' sockets, their REST calls, events.

No redirect is followed, because it could take keys and transcripts to a host that nobody configured. No answer is
decompressed, and none is read beyond its limit.
"""

import os
from functools import partial
from typing import Final

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from common.proxy import proxy_for
from relay.line.ticker import Ticker
from relay.resolver import LastGoodResolver, PublicOnly
from relay.websocket import OutgoingSocket

LARGEST_ANSWER: Final = 1024 * 1024  # bytes; a signed URL or the answer to an event has a few hundred
_KEEP_ALIVE: Final = 60.0


class AnswerError(aiohttp.ClientPayloadError):
    """The answer is refused: compressed, or too large."""


class RedirectError(aiohttp.ClientResponseError):
    """The answer is a redirect."""


def outgoing(ticker: Ticker | None = None, *, public_only: bool = False) -> aiohttp.ClientSession:
    """To be closed by the caller. One pool, so that connections and TLS sessions are reused; no limit but those of each
    request. `ticker`: for the sockets' pings. `public_only`: no name may resolve to this machine or its network.
    """
    resolver: AbstractResolver = LastGoodResolver(ThreadedResolver())
    if public_only:
        resolver = PublicOnly(resolver)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE, resolver=resolver)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),
        headers={hdrs.ACCEPT_ENCODING: "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(_by_the_proxy, _as_it_is),
        ws_response_class=partial(OutgoingSocket, ticker or Ticker()),  # type: ignore[arg-type]  # declared as a class, only called
    )


async def whole(response: aiohttp.ClientResponse, limit: int = LARGEST_ANSWER) -> bytes:
    """The body. Raises AnswerError if it exceeds `limit` bytes, without reading the rest."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            raise AnswerError(f"an answer of more than {limit} bytes")
    return bytes(body)


async def _by_the_proxy(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    if request.proxy is None and (found := proxy_for(str(request.url), os.environ)):
        proxy = URL(found)
        headers = None
        if proxy.user is not None:
            headers = {hdrs.PROXY_AUTHORIZATION: aiohttp.encode_basic_auth(proxy.user, proxy.password or "")}
        request.update_proxy(proxy.with_user(None), None, headers)
    return await handler(request)


async def _as_it_is(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuses redirects and compressed answers before they are read."""
    try:
        response = await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        error.__traceback__ = None  # a frame of aiohttp's there refers to the error, so all frames would be kept
        raise
    if 300 <= response.status < 400 and hdrs.LOCATION in response.headers:
        response.close()
        raise RedirectError(
            response.request_info,
            (),
            status=response.status,
            message="it answered with a redirect, which is not followed",
            headers=response.headers,
        )
    packed = response.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if packed.lower() not in {"", "identity"}:
        response.close()
        raise AnswerError(f"an answer compressed with {packed[:20]!r}, which was not requested")
    return response
