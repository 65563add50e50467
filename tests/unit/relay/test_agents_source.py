"""Asking the functions for the agents' file: whose answer is believed, and what is none."""

import asyncio
from contextlib import asynccontextmanager
from email.utils import formatdate
from time import time

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.agent_version import AgentVersion, File
from common.relay_request import AGENTS, AGENTS_FILE, to_sign
from common.signature import RELAY_HEADER, Verdict, sign, verify
from relay.agents_source import AgentsSource, Newest, SourceError, Standing
from relay.outgoing import outgoing
from sim import virtual_time

SECRET = "relay-secret-of-nobody"
VERSION = AgentVersion(7, '[agents.a]\nid = "a"\n', {})


class Functions:
    """Answers as told; keeps what was asked, and what its signature was worth."""

    def __init__(self, status=200, body=b"", headers=None):
        self.status, self.body, self.headers = status, body, headers or {}
        self.asked, self.stamps = [], []
        self.dated = True

    async def answer(self, request):
        signed = to_sign(request.path, request.query)
        self.asked.append((dict(request.query), verify(signed, request.headers.get(RELAY_HEADER), [SECRET])))
        self.known = request.headers.get("If-None-Match")
        self.stamps.append(int(request.headers[RELAY_HEADER].partition(",")[0].removeprefix("t=")))
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def source(functions):
    app = web.Application()
    for path in (AGENTS, AGENTS_FILE):
        app.router.add_get(path, functions.answer)

    async def undated(_, response):
        if not functions.dated:
            del response.headers["Date"]

    app.on_response_prepare.append(undated)
    async with TestServer(app) as server, outgoing() as http:
        yield AgentsSource(http, str(server.make_url(AGENTS)), SECRET, relay="r-1", every_s=30.0)


FIRST = Standing("file-1")


def newest(functions, standing=FIRST):
    async def ask():
        async with source(functions) as asked:
            return await asked.newest(standing)

    return virtual_time.run(ask())


def content(functions, file):
    async def ask():
        async with source(functions) as asked:
            return await asked.content(file)

    return virtual_time.run(ask())


def test_a_version_that_is_signed_is_believed():
    body = VERSION.encoded()
    functions = Functions(body=body, headers={RELAY_HEADER: sign(body, SECRET)})
    assert newest(functions) == Newest(VERSION.name, VERSION)
    assert functions.asked == [({"relay": "r-1", "serving": "file-1", "every": "30"}, Verdict.VALID)]
    assert functions.known == '"file-1"'


@pytest.mark.parametrize("status", [200, 401])
def test_an_answer_without_a_date_says_nothing_about_the_clock(status):
    body = VERSION.encoded()
    functions = Functions(status, body, headers={RELAY_HEADER: sign(body, SECRET)})
    functions.dated = False
    if status == 200:
        assert newest(functions) == Newest(VERSION.name, VERSION)
    else:
        with pytest.raises(SourceError, match="401"):
            newest(functions)


def test_a_refusal_is_logged_with_the_reason_and_not_resent():
    functions = Functions(304, headers={"ETag": '"8-3fa9c1d02b6e"'})
    standing = Standing("7-3fa9c1d02b6e", "8-3fa9c1d02b6e", f"KEY is not set {'ह' * 999}")
    assert newest(functions, standing) == Newest("8-3fa9c1d02b6e")
    [(query, verdict)] = functions.asked
    assert (query["refused"], len(query["problem"]), verdict) == ("8-3fa9c1d02b6e", 300, Verdict.VALID)
    assert functions.known == '"7-3fa9c1d02b6e", "8-3fa9c1d02b6e"'


def test_functions_of_an_earlier_release_have_nothing():
    assert newest(Functions(404, b'{"status":"error","error":"no such route"}')) == Newest()


@pytest.mark.parametrize(
    ("functions", "problem"),
    [
        (Functions(body=VERSION.encoded()), "the answer's signature is missing"),
        (
            Functions(body=VERSION.encoded(), headers={RELAY_HEADER: sign(VERSION.encoded(), "a-secret-of-somebody")}),
            "the answer's signature is mismatch",
        ),
        (Functions(body=VERSION.encoded(), headers={RELAY_HEADER: sign(b"", SECRET)}), "signature is mismatch"),
        (Functions(body=VERSION.encoded(), headers={RELAY_HEADER: sign(VERSION.encoded(), SECRET, 9)}), "is too_old"),
        (Functions(body=b"<html>log in</html>"), "signature is missing"),
        (Functions(503), "HTTP 503"),
        (Functions(401), "HTTP 401"),
        (Functions(302, headers={"Location": "http://127.0.0.1:9/"}), "answered with a redirect"),
        (Functions(body=bytes(700_000)), "an answer of more than"),
    ],
)
def test_only_the_right_answer_is_accepted(functions, problem):
    """An agents' file says where keys are sent."""
    with pytest.raises(SourceError, match=problem):
        newest(functions)


def test_a_sound_is_the_one_that_was_asked_for():
    file = File.of(b"a room")
    functions = Functions(body=b"a room")
    assert content(functions, file) == b"a room"
    assert functions.asked == [({"relay": "r-1", "sha256": file.sha256}, Verdict.VALID)]
    with pytest.raises(SourceError, match="doesn't have the expected hash"):
        content(Functions(body=b"another"), file)
    with pytest.raises(SourceError, match="HTTP 404"):
        content(Functions(404), file)
    with pytest.raises(SourceError, match="an answer of more than 4194304 bytes"):
        content(Functions(body=bytes(4194305)), file)


def test_a_relay_whose_clock_is_wrong_signs_by_that_of_the_functions():
    """As for events: the `Date` of a refusal says what time it is there."""
    there = time() + 3600

    async def story():
        functions = Functions(401, headers={"Date": formatdate(there, usegmt=True)})
        async with source(functions) as asked:
            for _ in range(2):
                with pytest.raises(SourceError):
                    await asked.newest(Standing("file-1"))
        return functions.stamps

    first, second = virtual_time.run(story())
    assert (round((second - first) / 600), round((there - second) / 600)) == (6, 0)


@pytest.mark.parametrize(("connects", "seconds"), [(False, 5), (True, 30)])
def test_functions_that_do_not_connect_or_do_not_answer_are_given_up(connects, seconds, monkeypatch):
    """What keeps a relay waiting must not keep it from asking again."""

    class Silent(Functions):
        async def answer(self, request):
            await asyncio.sleep(100)

    async def stuck(*_):
        await asyncio.sleep(100)

    async def ask():
        if not connects:
            monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", stuck)
        async with source(Silent()) as asked:
            began = asyncio.get_running_loop().time()
            with pytest.raises(SourceError, match="Timeout"):
                await asked.newest(FIRST)
            return asyncio.get_running_loop().time() - began

    assert virtual_time.run(ask()) == pytest.approx(seconds, abs=1)
