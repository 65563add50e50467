"""What the local functions' server refuses before it has read a body, and how much it holds of all bodies together."""

import asyncio
import gzip
import json
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, sign
from functions import local
from tests.integration.abuse.wire import Wire
from tests.support import calls

WEBHOOK, EVENTS, PASSTHRU = "/webhook/post-call", "/relay/events", "/exotel/passthru"
HEADERS = {WEBHOOK: ELEVENLABS_HEADER, EVENTS: RELAY_HEADER}
SECRETS = {WEBHOOK: calls.WEBHOOK_SECRET, EVENTS: calls.EVENTS_SECRET}


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch):
    monkeypatch.setattr(local, "_LINGER", 0.1)


@asynccontextmanager
async def listening(folder):
    app = local.application({**calls.ENVIRONMENT, "STORE": f"file:{folder}", "SWEEP_EVERY_SECONDS": "0"})
    served = local.runner(app)
    await served.setup()
    try:
        await web.TCPSite(served, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{served.addresses[0][1]}"
    finally:
        await served.cleanup()


def head(path, *lines, method="POST"):
    return "\n".join((f"{method} {path} HTTP/1.1", "Host: functions", *lines))


def fresh(path, body=b"another body"):
    """A header whose time is right; only the body can tell that it is forged."""
    return f"{HEADERS[path]}: {sign(body, 'guessed')}"


@pytest.mark.parametrize(
    ("path", "lines", "status"),
    [
        (WEBHOOK, (), 401),
        (WEBHOOK, ("ElevenLabs-Signature: nonsense",), 401),
        (WEBHOOK, (f"ElevenLabs-Signature: {sign(b'', 'guessed', time.time() - 3600)}",), 401),
        (WEBHOOK, (f"ElevenLabs-Signature: {sign(b'', 'guessed', time.time() + 86_400)}",), 401),
        (WEBHOOK, ("Content-Encoding: gzip",), 401),
        (EVENTS, (), 401),
        (EVENTS, (fresh(EVENTS), "Content-Encoding: gzip"), 415),
        (EVENTS, (fresh(EVENTS), "Content-Encoding: br"), 415),
        (PASSTHRU, (), 401),
        (PASSTHRU + "?token=guessed", (), 401),
        (PASSTHRU + f"?token={calls.TOKEN}", ("Content-Encoding: deflate",), 415),
        ("/nowhere", (), 404),
        ("/exotel/connect", (), 405),
    ],
)
async def test_a_peer_without_credentials_is_refused_before_its_body_is_read(tmp_path, path, lines, status):
    """The answer comes though nothing of the announced body was sent: what 60 packed ones unpacked to was 2.9 GB."""
    async with listening(tmp_path) as url, await Wire.open(url) as wire:
        answer = await wire.request(head(path, "Content-Length: 30000000", *lines))
        assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("path", "largest"), [(WEBHOOK, 32 * 1024 * 1024), (EVENTS, 8 * 1024 * 1024), (PASSTHRU, 64 * 1024)]
)
async def test_every_route_has_a_largest_body(tmp_path, path, largest):
    lines = (fresh(path),) if path in HEADERS else ()
    where = path if path in HEADERS else f"{path}?token={calls.TOKEN}"
    async with listening(tmp_path) as url:
        async with await Wire.open(url) as wire:
            assert (await wire.request(head(where, f"Content-Length: {largest + 1}", *lines))).status == 413
        async with await Wire.open(url) as wire:  # without a length: counted as it comes
            wire.send(head(where, "Transfer-Encoding: chunked", *lines).replace("\n", "\r\n").encode() + b"\r\n\r\n")
            piece = bytes(64 * 1024)
            sending = asyncio.create_task(_chunks(wire, piece, largest // len(piece) + 2))
            assert (await wire.answer()).status == 413
            sending.cancel()


async def _chunks(wire, piece, count):
    try:
        for _ in range(count):
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await wire.writer.drain()
    except ConnectionError:
        pass


async def test_all_bodies_together_are_limited_and_refused_ones_are_released(tmp_path, monkeypatch):
    """Ten plain bodies of 60 MB took 605 MB. The bound is of what has arrived, so announcing alone takes nothing."""
    monkeypatch.setattr(local, "_HELD_BYTES", 1_000_000)
    async with listening(tmp_path) as url:
        announced = [await Wire.open(url) for _ in range(20)]
        for wire in announced:
            wire.send(head(WEBHOOK, "Content-Length: 30000000", fresh(WEBHOOK)).replace("\n", "\r\n").encode())
            wire.send(b"\r\n\r\n{")
        async with await Wire.open(url) as wire:
            status = (
                await wire.request(head(WEBHOOK, "Content-Length: 1000001", fresh(WEBHOOK)), bytes(1_000_001))
            ).status
            assert status == 503
        body = json.dumps(calls.started()).encode()
        signed = f"{RELAY_HEADER}: {sign(body, calls.EVENTS_SECRET)}"
        async with await Wire.open(url) as wire:
            assert (await wire.request(head(EVENTS, f"Content-Length: {len(body)}", signed), body)).status == 200
        for wire in announced:
            wire.writer.transport.abort()


async def test_a_vendor_who_packs_and_signs_is_verified_over_the_bytes_as_they_came(tmp_path):
    packed = gzip.compress(json.dumps(calls.post_call(calls.conversation())).encode())
    signed = f"{ELEVENLABS_HEADER}: {sign(packed, calls.WEBHOOK_SECRET)}"
    lines = (f"Content-Length: {len(packed)}", "Content-Encoding: gzip", signed)
    async with listening(tmp_path) as url, await Wire.open(url) as wire:
        answer = await wire.request(head(WEBHOOK, *lines), packed)
        assert (answer.status, json.loads(answer.body)["duplicate"]) == (200, False)
    assert list(tmp_path.rglob("logs/*.json"))
