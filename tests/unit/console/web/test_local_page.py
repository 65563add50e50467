"""What other programs and web sites on the same machine get from a page of the console: nothing."""

import aiohttp
import pytest
from aiohttp import web

from console.web.local_page import open_page

SECRET = "what the page shows"


@pytest.fixture
async def page(tmp_path):
    (tmp_path / "index.html").write_text(SECRET)

    async def talk(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(SECRET)
        return socket

    async with open_page(tmp_path, [web.get("/talk", talk)]) as url:
        yield url


async def got(url, **headers):
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text(), response.headers


async def test_the_printed_address_opens_the_page(page):
    status, text, headers = await got(page)
    assert (status, text) == (200, SECRET)
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


async def test_every_start_has_another_word_and_a_guess_is_told_what_to_do(page):
    base, _, rest = page.partition("://")[2].partition("/")
    assert len(rest) > 30
    for path in ("", "guess/", f"{rest[:-2]}/", "shared/base.css"):
        status, text, headers = await got(f"http://{base}/{path}")
        assert status == 404
        assert "whole address that the console printed" in text
        assert "Content-Security-Policy" in headers


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
    status, text, _ = await got(page, **headers)
    assert status == 403
    assert SECRET not in text


async def test_websockets_are_for_the_page_itself_only(page):
    async with aiohttp.ClientSession() as session:
        own = page.rpartition("/")[0].rpartition("/")[0]
        async with session.ws_connect(page + "talk", headers={"Origin": own}) as socket:
            assert await socket.receive_str() == SECRET
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(page + "talk", headers={"Origin": "http://127.0.0.1:1"})


async def test_files_beside_the_page_are_out_of_reach(page, tmp_path):
    (tmp_path.parent / "private.txt").write_text("private")
    for path in ("page/../../private.txt", "page/%2e%2e/private.txt", "page/..%2fprivate.txt"):
        status, text, _ = await got(page + path)
        assert "private" not in text or status != 200
