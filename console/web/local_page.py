"""A web page for the user of this machine only: on the loopback interface, protected by a secret word in its address.

Every web site open in the same browser can send requests to 127.0.0.1, so listening there is no protection by itself:

    word     the printed address contains a secret word. Opening it sets a cookie, and from then on the page is at `/`,
             so no link of the page contains the word. Kept in a file, links survive a restart. Programs use `/WORD/…`
    Host     must name the loopback interface; otherwise a site whose name points at 127.0.0.1 could read answers
    Origin   must be the page itself: WebSockets have no same-origin policy
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
    "Only the person who started this page can open it. Open the full address that the console printed once, with the "
    "long word in it; after that the short address works in this browser."
)
_YEAR_S = 365 * 86_400

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Door:
    """Access to a page. `word`: the secret; `port`: where it was served before, 0 if it was not."""

    word: str
    port: int = 0

    @classmethod
    def kept(cls, file: Path | None) -> "Door":
        """From `file`, or a new one if it is missing or unreadable."""
        if file is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                found = json.loads(file.read_text(encoding="utf-8"))
                return cls(str(found["word"]), int(found["port"]))
        return cls(secrets.token_urlsafe(24))

    def keep(self, file: Path) -> None:
        """Readable by its user only, from its first moment."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as kept:
            json.dump({"word": self.word, "port": self.port}, kept)


def application(page: Path, routes: Iterable[web.AbstractRouteDef], *, word: str) -> web.Application:
    """`page`: a folder with index.html and its files; `routes` beside it. All at `/` for a browser with the cookie, and
    below `/WORD/` for programs.
    """
    cookie = f"console-{page.parent.name}"
    served = [*routes, web.static("/page", page), web.static("/shared", SHARED)]

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin", f"http://{host}")
        if host.rpartition(":")[0] not in {"127.0.0.1", "localhost"} or origin != f"http://{host}":
            raise web.HTTPForbidden(text=_LOST)
        # A link to the page in a mail or a chat comes from another site: only following it is allowed.
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
        """Browsers keep the part of the address after #, the view."""
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
    """Serve inside the block; yields the address to open. Port 0 takes the stored one, else a free one.

    `keep`: a file for word and port, so that links and bookmarks survive a restart.
    """
    door = Door.kept(keep)
    app = application(page, list(routes), word=door.word)
    for wanted in dict.fromkeys((port or door.port, port)):
        async with _served(app, wanted, last=wanted == port) as base:
            if not base:
                continue  # the last port is in use by another process
            if keep is not None:
                Door(door.word, int(base.rpartition(":")[2])).keep(keep)
            yield f"{base}/{door.word}/"
            return


@asynccontextmanager
async def _served(app: web.Application, port: int, *, last: bool) -> AsyncIterator[str]:
    """The base URL; "" if the port is in use and another should be tried."""
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
    """Open `url` in the user's browser if requested, then wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if browser:
        await asyncio.to_thread(webbrowser.open, url)
    await stop.wait()
