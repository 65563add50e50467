"""How the relay listens: nobody holds a connection who does not finish a request."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

REQUEST_PATIENCE: Final = 10.0  # seconds for a whole request to arrive
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})  # a route that reads none leaves it unread
_LINGER: Final = 2.0  # how long the rest of a refused request is still read, so that its sender gets the answer


def runner(app: web.Application) -> web.AppRunner:
    """Runs `app` with one request a connection and REQUEST_PATIENCE for it.

    All that aiohttp has against a request that never gets complete is its keep-alive timeout, an hour by default. Made
    short, it would also close idle connections, now and then just as a balancer sends the next call over one. So no
    connection is kept: a call has one of its own anyway, and what else is asked is asked rarely.
    """
    app.on_response_prepare.append(_close_afterwards)
    app.middlewares.append(_bodies_where_wanted)
    # calls are ended by Relay.drain(); what aiohttp still finds open after it is cut at once
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
    """Refuses the body of whoever has not been asked for one, unread, on every path and method, known or not.

    The event loop carries all calls: to unpack 250 kB for a stranger once cost each of them a fifth of a second.
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
        response.headers["Connection"] = "close"  # aiohttp has by now written what it thought
