"""What other programs and web sites on the same machine get from a page of the console: nothing."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from console.web.local_page import open_page

SECRET = "what the page shows"


async def talk(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str(SECRET)
    return socket


async def tell(_):
    return web.Response(text=SECRET)


ROUTES = [web.get("/talk", talk), web.get("/api/secret", tell)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(SECRET)
    return tmp_path / "page"


@pytest.fixture
async def page(folder):
    async with open_page(folder, ROUTES) as url:
        yield url


@asynccontextmanager
async def browser(url=""):
    """A client that keeps cookies, as a browser does; it has opened `url`."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        if url:
            async with session.get(url):
                pass
        yield session


async def got(url, **headers):
    async with browser() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text(), response.headers


async def test_the_printed_address_opens_the_page_and_leaves_no_word_in_its_address(page):
    async with browser() as session, session.get(page) as response:
        assert (response.status, await response.text()) == (200, SECRET)
        assert response.url.path == "/"
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        cookie = response.history[0].headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


async def test_every_start_has_a_new_token_and_a_wrong_one_gets_help(page):
    base, _, rest = page.partition("://")[2].partition("/")
    assert len(rest) > 30
    for path in ("", "guess/", f"{rest[:-2]}/", "shared/base.css", "api/secret"):
        status, text, headers = await got(f"http://{base}/{path}")
        assert status == 404
        assert "full address that the console printed" in text
        assert "Content-Security-Policy" in headers
    status, *_ = await got(f"http://{base}/api/secret", Cookie="console-page=guess")
    assert status == 404


async def test_links_survive_a_restart(folder, tmp_path):
    """A bookmark of yesterday: the word is in a file and in the browser, not in the link, and the port is the same."""
    kept = tmp_path / "kept" / "door.json"
    async with open_page(folder, ROUTES, keep=kept) as first:
        link = first.rpartition("/")[0].rpartition("/")[0] + "/"
        async with browser(first) as session:
            jar = session.cookie_jar
            async with session.get(link) as response:
                assert response.status == 200
    assert kept.stat().st_mode & 0o777 == 0o600
    async with open_page(folder, ROUTES, keep=kept) as second:
        assert second == first
        async with aiohttp.ClientSession(cookie_jar=jar) as session, session.get(link + "api/secret") as response:
            assert response.status == 200


async def test_a_port_that_is_taken_or_a_file_that_is_damaged_stops_nothing(folder, tmp_path):
    kept = tmp_path / "door.json"
    async with open_page(folder, ROUTES, keep=kept) as first, open_page(folder, ROUTES, keep=kept) as second:
        assert first != second
        assert first.rpartition("/")[0].rpartition("/")[2] == second.rpartition("/")[0].rpartition("/")[2]
    kept.write_text("{cut")
    async with open_page(folder, ROUTES, keep=kept) as third:
        assert (await got(third + "api/secret"))[0] == 200


async def test_a_link_in_a_mail_may_be_followed_and_nothing_else_from_another_site(page):
    base = page.rpartition("/")[0].rpartition("/")[0]
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    async with browser(page) as session:
        for path, status in (("/", 200), ("/api/secret", 403), ("/page/index.html", 403)):
            async with session.get(base + path, headers=elsewhere) as response:
                assert response.status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # a name that was pointed at 127.0.0.1
        {"Host": "evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine
    ],
)
async def test_a_stranger_gets_nothing_even_with_the_right_address(page, headers):
    status, text, _ = await got(page + "api/secret", **headers)
    assert status == 403
    assert SECRET not in text


async def test_websockets_are_for_the_page_itself_only(page):
    async with aiohttp.ClientSession() as session:
        own = page.rpartition("/")[0].rpartition("/")[0]
        async with session.ws_connect(page + "talk", headers={"Origin": own}) as socket:
            assert await socket.receive_str() == SECRET
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(page + "talk", headers={"Origin": "http://127.0.0.1:1"})


async def test_files_beside_the_page_are_out_of_reach(page, folder):
    (folder.parent / "private.txt").write_text("private")
    for path in ("page/../../private.txt", "page/%2e%2e/private.txt", "page/..%2fprivate.txt"):
        status, text, _ = await got(page + path)
        assert "private" not in text or status != 200
