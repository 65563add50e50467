"""A web page for this machine's user only: on the loopback interface, behind an address that nobody can guess.

Every web site open in the same browser can send requests to 127.0.0.1, so listening there is no protection by itself:

    path     begins with a token made at each start; without it nothing is served
    Host     must name the loopback interface, or a site whose name was pointed at 127.0.0.1 could read answers
    Origin   must be the page itself: WebSockets know no same-origin policy of their own
    CSP      nothing is loaded from, or sent to, anywhere else
"""

import asyncio
import secrets
import signal
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from sim.serving import serving

SHARED = Path(__file__).parent / "kit"

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOST = (
    "This page is open to nobody but the person who started it. Use the whole address that the console printed, "
    "with the long word in it; it changes at every start."
)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin", f"http://{host}")
    if host.rpartition(":")[0] not in {"127.0.0.1", "localhost"} or origin != f"http://{host}":
        raise web.HTTPForbidden(text=_LOST)
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise web.HTTPForbidden(text=_LOST)
    return await handler(request)


async def _headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def application(page: Path, routes: Iterable[web.AbstractRouteDef], *, token: str) -> web.Application:
    """`page`: a folder with index.html and what belongs to it, served below `/TOKEN/`; `routes` beside it."""

    async def index(_: web.Request) -> web.FileResponse:
        return web.FileResponse(page / "index.html")

    async def lost(_: web.Request) -> web.Response:
        return web.Response(status=404, text=_LOST)

    inside = web.Application()
    inside.add_routes([web.get("/", index), *routes, web.static("/page", page), web.static("/shared", SHARED)])
    app = web.Application(middlewares=[_guard])
    app.on_response_prepare.append(_headers)
    app.add_subapp(f"/{token}/", inside)
    app.router.add_get("/{path:.*}", lost)
    return app


@asynccontextmanager
async def open_page(page: Path, routes: Iterable[web.AbstractRouteDef], *, port: int = 0) -> AsyncIterator[str]:
    """Serve for as long as the block runs; yields the address to open. Port 0 takes a free one."""
    token = secrets.token_urlsafe(24)
    async with serving(application(page, routes, token=token), port=port) as base:
        yield f"{base}/{token}/"


async def until_interrupted(url: str, *, browser: bool) -> None:
    """Open `url` in the user's browser if wanted, then wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if browser:
        await asyncio.to_thread(webbrowser.open, url)
    await stop.wait()
