"""A page that a team may read: what others get of it is nothing, however often they guess."""

import re
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from console.web import published_page
from console.web.published_page import SESSION_S, SESSIONS, TRIES, TRY_EVERY_S, Guard, address, application
from sim.serving import serving

SECRET = "what the page shows"
PASSWORD = "a password of nobody's"
URL = "https://calls.example.in"


async def tell(_):
    return web.Response(text=SECRET)


ROUTES = [web.get("/api/secret", tell), web.post("/api/refresh", tell), web.delete("/api/secret", tell)]


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def team(tmp_path, clock):
    """`ask(method, path, …)` as the proxy hands it on; without cookies unless given."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(SECRET)
    app = application(tmp_path / "page", ROUTES, url=URL, guard=Guard(PASSWORD, clock))
    async with serving(app) as base, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        @asynccontextmanager
        async def request(method, path, cookie="", **more):
            headers = {"Host": "calls.example.in", **({"Cookie": cookie} if cookie else {}), **more.pop("headers", {})}
            async with session.request(
                method, f"{base}{path}", headers=headers, allow_redirects=False, **more
            ) as response:
                yield response

        class Team:
            asked = staticmethod(request)

            async def ask(self, method, path, cookie="", **more):
                async with request(method, path, cookie, **more) as response:
                    return response.status, await response.text(), response.headers

            async def log_in(self, password=PASSWORD, **more):
                status, _, headers = await self.ask("POST", "/login", data={"password": password}, **more)
                return status, headers.get("Set-Cookie", "")

        yield Team()


def word(cookie):
    return cookie.partition(";")[0]


async def test_nobody_sees_anything_before_the_password(team):
    for path in ("/page/index.html", "/api/secret", "/api/none", "/shared/dom.js", "/shared/../page/index.html"):
        status, body, _ = await team.ask("GET", path)
        assert (status, SECRET in body) == (401, False), path
    status, _, headers = await team.ask("GET", "/")
    assert (status, headers["Location"]) == (303, "/login")
    status, body, _ = await team.ask("GET", "/login")
    assert status == 200
    assert "Password" in body


async def test_the_password_opens_it_and_logging_out_closes_it(team):
    status, cookie = await team.log_in()
    assert status == 303
    assert (await team.ask("GET", "/", word(cookie)))[:2] == (200, SECRET)
    assert (await team.ask("GET", "/api/secret", word(cookie)))[:2] == (200, SECRET)
    status, _, headers = await team.ask("POST", "/logout", word(cookie))
    assert status == 303
    assert "Max-Age=0" in headers["Set-Cookie"]
    assert (await team.ask("GET", "/api/secret", word(cookie)))[0] == 401


async def test_the_cookie_is_for_this_host_for_https_and_for_no_script(team):
    _, cookie = await team.log_in()
    assert re.match(r"__Host-calls=[\w-]{43};", cookie)
    flags = {flag.strip().partition("=")[0].lower(): flag.partition("=")[2] for flag in cookie.split(";")[1:]}
    assert {"secure", "httponly", "path", "samesite", "max-age"} <= set(flags)
    assert (flags["samesite"], flags["path"], flags["max-age"]) == ("Strict", "/", str(int(SESSION_S)))
    assert "domain" not in flags


async def test_wrong_passwords_are_limited_for_all_clients_and_sessions_stay_valid(team, clock):
    _, cookie = await team.log_in()
    statuses = [(await team.log_in(f"guess {number}"))[0] for number in range(TRIES + 5)]
    assert statuses == [401] * TRIES + [429] * 5
    assert (await team.log_in())[0] == 429, "nor is the right one told from the wrong ones"
    assert (await team.ask("GET", "/api/secret", word(cookie)))[0] == 200
    clock.now += TRY_EVERY_S
    assert [(await team.log_in("guess"))[0] for _ in range(2)] == [401, 429]
    clock.now += TRY_EVERY_S
    assert (await team.log_in())[0] == 303


async def test_a_session_ends_by_itself(team, clock):
    _, cookie = await team.log_in()
    clock.now += SESSION_S - 1
    assert (await team.ask("GET", "/api/secret", word(cookie)))[0] == 200
    clock.now += 2
    assert (await team.ask("GET", "/api/secret", word(cookie)))[0] == 401


async def test_sessions_are_so_many_and_the_oldest_goes(team):
    cookies = [word((await team.log_in())[1]) for _ in range(SESSIONS + 1)]
    assert len(set(cookies)) == SESSIONS + 1
    found = [(await team.ask("GET", "/api/secret", cookie))[0] for cookie in (cookies[0], cookies[1], cookies[-1])]
    assert found == [401, 200, 200]


@pytest.mark.parametrize("cookie", ["__Host-calls=", "__Host-calls=x", "calls=x", "__Host-calls=\u00e9", "x" * 3000])
async def test_a_made_up_cookie_opens_nothing(team, cookie):
    assert (await team.ask("GET", "/api/secret", cookie))[0] == 401


async def test_there_is_no_route_that_writes(team, tmp_path):
    _, cookie = await team.log_in()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/secret", "/api/refresh", "/", "/page/index.html"):
            status, body, _ = await team.ask(method, path, word(cookie))
            assert status in {404, 405}, (method, path)
            assert SECRET not in body
    app = application(tmp_path / "page", ROUTES, url=URL, guard=Guard(PASSWORD))
    writing = {
        (route.method, route.resource.canonical) for route in app.router.routes() if route.method not in {"GET", "HEAD"}
    }
    assert writing == {("POST", "/login"), ("POST", "/logout")}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1"},
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_names_and_other_sites_are_refused_before_anything_else(team, headers):
    status, cookie = await team.log_in(headers=headers)
    assert (status, cookie) == (403, "")
    _, good = await team.log_in()
    status, body, _ = await team.ask("GET", "/api/secret", word(good), headers=headers)
    assert (status, SECRET in body) == (403, False)


async def test_a_form_larger_than_a_password_is_refused(team):
    assert (await team.log_in("x" * 10_000))[0] == 413


async def test_it_is_not_kept_and_not_framed(team):
    _, cookie = await team.log_in()
    _, _, headers = await team.ask("GET", "/", word(cookie))
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("url", ["http://calls.example.in", "calls.example.in", "https://", "https://a.example/calls"])
def test_an_address_that_is_not_safe_is_refused(url):
    with pytest.raises(ValueError, match="expected https://HOST, as your team opens it"):
        address(url)


def test_this_machine_needs_no_tls():
    assert address("http://127.0.0.1:8090/") == "http://127.0.0.1:8090"


def test_a_password_that_can_be_guessed_stops_the_start():
    with pytest.raises(ValueError, match="the password: expected 16 characters or more"):
        Guard("short")


def test_the_word_of_a_session_is_not_kept():
    guard = Guard(PASSWORD)
    entered = guard.enter(PASSWORD)
    assert entered not in repr(guard._sessions)
    assert guard.knows(entered)
    assert published_page.TRIES == 10
