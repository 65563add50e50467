"""The relay's HTTP server: a request that stays incomplete does not hold its connection."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

REQUEST_PATIENCE: Final = 10.0  # seconds for a whole request to arrive
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})  # routes without a body leave it unread
_LINGER: Final = 2.0  # seconds to read the rest of a refused request, so that its sender gets the answer


def runner(app: web.Application) -> web.AppRunner:
    """Runs `app` with one request per connection and REQUEST_PATIENCE for it.

    aiohttp's only limit on an incomplete request is its keep-alive timeout, an hour by default. A short one would also
    close idle connections, sometimes just as a load balancer sends the next call over one. So no connection is kept: a
    call has its own anyway, and other requests are rare.
    """
    app.on_response_prepare.append(_close_afterwards)
    app.middlewares.append(_bodies_where_wanted)
    # calls are ended by Relay.drain(); connections still open after it are cut at once
    return web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=1.0,
        keepalive_timeout=REQUEST_PATIENCE,
        lingering_time=_LINGER,
    )


@web.middleware
async def _bodies_where_wanted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses unexpected bodies, unread, on every path and method, known or not.

    The event loop carries all calls: decompressing 250 kB for a stranger once cost each of them a fifth of a second.
    """
    if request.can_read_body:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return web.json_response({"error": "expected a body without Content-Encoding"}, status=415)
        if request.method not in _WITH_BODY:
            return web.json_response({"error": "expected no body"}, status=400)
    return await handler(request)


async def _close_afterwards(_: web.Request, response: web.StreamResponse) -> None:
    if not isinstance(response, web.WebSocketResponse):
        response.force_close()
        response.headers["Connection"] = "close"  # aiohttp has now written its own answer
