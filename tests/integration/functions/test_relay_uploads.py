"""The relay's uploads against the stores themselves: what the functions give leave for is what the relay asks for."""

import asyncio
import os
import tempfile

import pytest
from aiohttp import web

from common.documents import decode, encode
from common.recording import HEAD_BYTES
from functions.webhook import uploads as leaves
from functions.webhook.settings import Settings
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.outgoing import outgoing
from relay.recording.uploads import Store, StreamUploads
from sim.serving import serving
from tests.support import calls

SIZE = 70_000


def piece(level: int):
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - whoever uploads it closes it
    os.pwrite(file.fileno(), bytes([level]) * (HEAD_BYTES + SIZE), 0)
    coming = asyncio.get_running_loop().create_future()
    coming.set_result(file)
    return coming


async def upload(ask, *levels, base="http://127.0.0.1:1/relay/events"):
    """Pieces of these levels, one after another: how many were kept, and what was not."""
    async with outgoing() as http:
        store = Store(http, ask, base, Metrics(), asyncio.Semaphore(2))

        def question(**more):
            return calls.event("recording.upload", 7, calls.STARTED, **more)

        stream = StreamUploads(store, SIZE, question, CallLog("", "", ""))
        for number, level in enumerate(levels):
            stream.add(number, piece(level))
        return await stream.close()


@pytest.mark.parametrize("place", ["s3", "gcs"], indirect=True)
def test_both_clouds_accept_an_upload_to_the_url_they_signed(store):
    settings = Settings.from_env(calls.ENVIRONMENT)

    async def ask(event):
        return leaves.grant(decode(encode(event)), store, settings, calls.NOW)

    kept, missing = asyncio.run(upload(ask, 1, 2, 3))
    assert (kept, missing.as_json()) == (3, [])
    prefix = f"recordings/{calls.CALL}/{calls.STREAM}/"
    assert list(store.keys("recordings/")) == [f"{prefix}{number:05}.wav" for number in range(3)]
    assert store.read(f"{prefix}00001.wav").body == b"\x02" * (HEAD_BYTES + SIZE)


def asked_for(url_given, events_path="/relay/events"):
    """What a server is asked for, whose address comes before `url_given` where that begins with a slash."""
    asked = []

    async def run():
        async def take(request):
            asked.append((request.raw_path, dict(request.headers), len(await request.read())))
            return web.Response()

        app = web.Application()
        app.router.add_put("/{path:.*}", take)
        async with serving(app) as url:
            given = url + url_given if url_given.startswith("/") else url_given
            leave = {"piece": 0, "method": "PUT", "url": given, "headers": {"if-none-match": "*"}}

            async def ask(_):
                return {"status": "ok", "uploads": [leave]}

            return await upload(ask, 1, base=url + events_path)

    kept, _ = asyncio.run(run())
    assert kept == 1
    return asked[0]


def test_a_signed_address_is_asked_for_letter_by_letter():
    """A client that unquotes a slash, or quotes a plus, breaks a signature."""
    path = "/b/k%20a%2Fb.wav?X-Amz-Credential=AKI%2F2026%2Fs3&x=%2B+~&y=%25&empty="
    raw, headers, length = asked_for(path)
    assert raw == path
    assert headers["If-None-Match"] == "*"
    assert (length, headers["Content-Length"]) == (HEAD_BYTES + SIZE, str(HEAD_BYTES + SIZE))
    assert "Transfer-Encoding" not in headers


def test_an_address_may_be_relative_to_that_of_the_events():
    raw, _, _ = asked_for("recording?a=b", events_path="/prefix/relay/events")
    assert raw == "/prefix/relay/recording?a=b"
