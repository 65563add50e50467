"""A page for a team: behind a password, read-only, at one address, with TLS at the proxy in front of it.

URL        the address that people open; requests with another host, or from another site, are refused
password   16 characters or more. Ten wrong ones, then one every six seconds, from all clients together: behind the
           proxy they look like one. Existing sessions go on
session    a random word in a cookie (__Host-, Secure, HttpOnly, SameSite=Strict), known to this process only and valid
           for twelve hours; at most sixty-four at once, the oldest is dropped
routes     GET only, except for login and logout
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from common.credentials import SECRET_LENGTH
from console.web.local_page import HEADERS, SHARED

SESSION_S: Final = 12 * 3600.0
SESSIONS: Final = 64
TRIES: Final = 10
TRY_EVERY_S: Final = 6.0
_LARGEST_FORM: Final = 4096
_OPEN: Final = "/shared/base.css"
"""What the login page needs."""
_LOGIN: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>Calls: log in</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/shared/base.css">'
    '<main><form method="post" action="/login" class="card"><h1>Calls</h1>{problem}'
    '<p><label>Password <input type="password" name="password" required autofocus autocomplete="current-password">'
    "</label> <button>Log in</button></p></form></main></html>"
)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Guard:
    """Sessions, and the count of wrong passwords. `clock`: seconds that never go back."""

    password: str
    clock: Callable[[], float] = time.monotonic
    _tries: float = float(TRIES)
    _tried_at: float = 0.0
    _sessions: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.password) < SECRET_LENGTH:
            raise ValueError(f"the password: expected {SECRET_LENGTH} characters or more")
        self._tried_at = self.clock()

    def enter(self, password: str) -> str | None:
        """A new session's word; empty for a wrong password; None if there were too many attempts."""
        now = self.clock()
        self._tries = min(TRIES, self._tries + (now - self._tried_at) / TRY_EVERY_S)
        self._tried_at = now
        if self._tries < 1:
            return None
        if not hmac.compare_digest(_digest(password), _digest(self.password)):
            self._tries -= 1
            return ""
        word = secrets.token_urlsafe(32)
        self._sessions[_name(word)] = now + SESSION_S
        while len(self._sessions) > SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return word

    def knows(self, word: str) -> bool:
        """Whether `word` is that of a valid session."""
        until = self._sessions.get(_name(word))
        if until is None or until <= self.clock():
            self._sessions.pop(_name(word), None)
            return False
        return True

    def leave(self, word: str) -> None:
        """Log out."""
        self._sessions.pop(_name(word), None)


def address(url: str) -> str:
    """`url` without a path. Raises ValueError for an address that would not be safe."""
    parts = urlsplit(url)
    local = parts.hostname in {"127.0.0.1", "localhost"}
    if not parts.hostname or parts.path.strip("/") or parts.query or not (parts.scheme == "https" or local):
        raise ValueError(f"{url}: expected https://HOST, as your team opens it (TLS ends at your proxy)")
    return f"{parts.scheme}://{parts.netloc}"


def application(page: Path, routes: Iterable[web.RouteDef], *, url: str, guard: Guard) -> web.Application:
    """`page`: a folder with index.html; of `routes` only those that read. `url`: from `address`."""
    host, secure = urlsplit(url).netloc, url.startswith("https://")
    cookie = f"{'__Host-' if secure else ''}calls"

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.headers.get("Host", "") != host or request.headers.get("Origin", url) != url:
            raise web.HTTPForbidden(text=f"This page is available only at {url}")
        followed = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method == "GET"
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"} and not followed:
            raise web.HTTPForbidden(text=f"This page is available only at {url}")
        if request.path in {"/login", _OPEN} or guard.knows(request.cookies.get(cookie, "")):
            return await handler(request)
        if request.method == "GET" and request.path == "/":
            raise web.HTTPSeeOther("/login")
        raise web.HTTPUnauthorized(text="Log in first.")

    async def form(_: web.Request) -> web.Response:
        return _login("")

    async def enter(request: web.Request) -> web.Response:
        given = (await request.post()).get("password", "")
        word = guard.enter(given if isinstance(given, str) else "")
        if word is None:
            return _login("Too many wrong passwords. Wait a minute.", 429)
        if not word:
            return _login("Wrong password.", 401)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            cookie, word, max_age=int(SESSION_S), path="/", secure=secure, httponly=True, samesite="Strict"
        )
        return response

    async def leave(request: web.Request) -> web.Response:
        guard.leave(request.cookies.get(cookie, ""))
        response = web.Response(status=303, headers={"Location": "/login"})
        response.del_cookie(cookie, path="/", secure=secure, httponly=True, samesite="Strict")
        return response

    async def index(_: web.Request) -> web.FileResponse:
        return web.FileResponse(page / "index.html")

    app = web.Application(middlewares=[guarded], client_max_size=_LARGEST_FORM)
    app.on_response_prepare.append(_headers)
    app.add_routes([route for route in routes if route.method == "GET"])
    app.add_routes([web.static("/page", page), web.static("/shared", SHARED)])
    app.add_routes(
        [web.get("/", index), web.get("/login", form), web.post("/login", enter), web.post("/logout", leave)]
    )
    return app


def _login(problem: str, status: int = 200) -> web.Response:
    shown = f'<p class="problem" role="alert">{problem}</p>' if problem else ""
    return web.Response(text=_LOGIN.format(problem=shown), content_type="text/html", status=status)


async def _headers(_: web.Request, response: web.StreamResponse) -> None:
    # With no-referrer a browser sends "Origin: null" with the page's own form.
    response.headers.update({**HEADERS, "Referrer-Policy": "same-origin"})


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode(errors="replace")).digest()


def _name(word: str) -> str:
    """Sessions are stored by a hash of their word, so the time of a look-up reveals nothing about it."""
    return hashlib.sha256(word.encode(errors="replace")).hexdigest()
