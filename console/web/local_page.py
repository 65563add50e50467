"""A web page for this machine's user only: on the loopback interface, for a browser that was let in by a secret word.

Every web site open in the same browser can send requests to 127.0.0.1, so listening there is no protection by itself:

    word     the printed address holds a secret word. Opened once, it leaves a cookie, and the page is at `/` from then
             on: no link of the page's holds the word. Kept in a file, links survive a restart. Programs use `/WORD/…`
    Host     must name the loopback interface, or a site whose name was pointed at 127.0.0.1 could read answers
    Origin   must be the page itself: WebSockets know no same-origin policy of their own
    CSP      nothing is loaded from, or sent to, anywhere else
"""

import asyncio
import hmac
import json
import os
import secrets
import signal
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sim.serving import serving

SHARED = Path(__file__).parent / "shared"

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOST = (
    "This page is open to nobody but the person who started it. Open the whole address that the console printed once, "
    "with the long word in it; after that the address without it will do in this browser."
)
_YEAR_S = 365 * 86_400

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Door:
    """What a page is opened with. `word`: the secret; `port`: where it was served before, 0 for none."""

    word: str
    port: int = 0

    @classmethod
    def kept(cls, file: Path | None) -> "Door":
        """That of `file`, or a new one where there is none, or it can't be read."""
        if file is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                found = json.loads(file.read_text(encoding="utf-8"))
                return cls(str(found["word"]), int(found["port"]))
        return cls(secrets.token_urlsafe(24))

    def keep(self, file: Path) -> None:
        """Readable for its user only, from its first moment on."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as kept:
            json.dump({"word": self.word, "port": self.port}, kept)


def application(page: Path, routes: Iterable[web.AbstractRouteDef], *, word: str) -> web.Application:
    """`page`: a folder with index.html and what belongs to it; `routes` beside it. All of it at `/` for a browser with
    the cookie, and below `/WORD/` for programs."""
    cookie = f"console-{page.parent.name}"
    served = [*routes, web.static("/page", page), web.static("/shared", SHARED)]

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin", f"http://{host}")
        if host.rpartition(":")[0] not in {"127.0.0.1", "localhost"} or origin != f"http://{host}":
            raise web.HTTPForbidden(text=_LOST)
        # A link to the page in a mail or a chat comes from another site: it may be followed, and nothing else.
        followed = request.path == "/" and request.headers.get("Sec-Fetch-Mode") == "navigate"
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"} and not followed:
            raise web.HTTPForbidden(text=_LOST)
        known = hmac.compare_digest(request.cookies.get(cookie, "").encode(), word.encode())
        if not known and not request.path.startswith(f"/{word}/"):
            raise web.HTTPNotFound(text=_LOST)
        return await handler(request)

    async def index(_: web.Request) -> web.FileResponse:
        return web.FileResponse(page / "index.html")

    async def enter(_: web.Request) -> web.StreamResponse:
        """What stands behind # in the address, the view, is kept by the browser."""
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(cookie, word, max_age=_YEAR_S, path="/", httponly=True, samesite="Lax")
        return response

    async def lost(_: web.Request) -> web.Response:
        return web.Response(status=404, text=_LOST)

    inside = web.Application()
    inside.add_routes([web.get("/", enter), *served])
    app = web.Application(middlewares=[guard])
    app.on_response_prepare.append(_headers)
    app.add_subapp(f"/{word}/", inside)
    app.add_routes([web.get("/", index), *served])
    app.router.add_get("/{path:.*}", lost)
    return app


async def _headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@asynccontextmanager
async def open_page(
    page: Path, routes: Iterable[web.AbstractRouteDef], *, port: int = 0, keep: Path | None = None
) -> AsyncIterator[str]:
    """Serve for as long as the block runs; yields the address to open. Port 0 takes the kept one, else a free one.

    `keep`: a file for word and port, so that links and bookmarks are good after a restart.
    """
    door = Door.kept(keep)
    app = application(page, list(routes), word=door.word)
    for wanted in dict.fromkeys((port or door.port, port)):
        async with _served(app, wanted, last=wanted == port) as base:
            if not base:
                continue  # the port of last time is somebody else's now
            if keep is not None:
                Door(door.word, int(base.rpartition(":")[2])).keep(keep)
            yield f"{base}/{door.word}/"
            return


@asynccontextmanager
async def _served(app: web.Application, port: int, *, last: bool) -> AsyncIterator[str]:
    """The base URL; "" where the port is taken and another is to be tried."""
    serve = serving(app, port=port)
    try:
        base = await serve.__aenter__()
    except OSError:
        if last:
            raise
        yield ""
        return
    try:
        yield base
    finally:
        await serve.__aexit__(None, None, None)


async def until_interrupted(url: str, *, browser: bool) -> None:
    """Open `url` in the user's browser if wanted, then wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if browser:
        await asyncio.to_thread(webbrowser.open, url)
    await stop.wait()
