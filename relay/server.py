"""How the relay listens: nobody holds a connection who does not finish a request."""

from typing import Final

from aiohttp import web

REQUEST_PATIENCE: Final = 10.0  # seconds for a whole request to arrive
_LINGER: Final = 2.0  # how long the rest of a refused request is still read, so that its sender gets the answer


def runner(app: web.Application) -> web.AppRunner:
    """Runs `app` with one request a connection and REQUEST_PATIENCE for it.

    All that aiohttp has against a request that never gets complete is its keep-alive timeout, an hour by default. Made
    short, it would also close idle connections, now and then just as a balancer sends the next call over one. So no
    connection is kept: a call has one of its own anyway, and what else is asked is asked rarely.
    """
    app.on_response_prepare.append(_close_afterwards)
    # calls are ended by Relay.drain(); what aiohttp still finds open after it is cut at once
    return web.AppRunner(
        app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=REQUEST_PATIENCE, lingering_time=_LINGER
    )


async def _close_afterwards(_: web.Request, response: web.StreamResponse) -> None:
    if not isinstance(response, web.WebSocketResponse):
        response.force_close()
        response.headers["Connection"] = "close"  # aiohttp has by now written what it thought
