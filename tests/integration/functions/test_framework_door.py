"""Cloud Functions' server, functions-framework under gunicorn, in front of peers who have not been admitted.

Google hands bodies on as they arrive, so a thread that reads one is held by whoever sends slowly: four senders of a
byte a second kept a decided Connect waiting for 25 s.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, sign
from functions.common.store.folder import FolderStore
from tests.integration.abuse.wire import Answer, Wire
from tests.support import calls
from tests.support.processes import BARE, free_port, server

THREADS = 4
SLOW_S = 5.0
"""What a body of a few bytes may take: functions/common/gcp.py."""


def framework(name: str, folder: Path):
    (folder / "main.py").write_text(f"from functions.{name}.main import {name}\n__all__ = [{name!r}]\n")
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", name, "--port", str(port)]
    command += ["--source", "main.py", "--host", "127.0.0.1"]
    more = {"STORE": f"file:{folder / 'data'}", "THREADS": str(THREADS)}
    return server(command, port, {**BARE, **calls.ENVIRONMENT, **more}, folder)


def head(path: str, length: int, *lines: str) -> str:
    return "\n".join((f"POST {path} HTTP/1.1", "Host: functions", f"Content-Length: {length}", *lines))


def fresh(header: str) -> str:
    """A header whose time is right; only the body can tell that it is forged."""
    return f"{header}: {sign(b'another body', 'guessed')}"


def event(document: dict) -> tuple[str, bytes]:
    body = json.dumps(document).encode()
    return head("/relay/events", len(body), f"{RELAY_HEADER}: {sign(body, calls.EVENTS_SECRET)}"), body


async def trickle(wire: Wire, first: str) -> None:
    """The head, and then a byte now and then, until the other side has had enough."""
    wire.send(first.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    try:
        while True:
            wire.send(b" ")
            await wire.writer.drain()
            await asyncio.sleep(0.2)
    except ConnectionError:
        pass


def peak_kb(pid: int) -> int:
    """The most memory that the server, and the worker it starts, ever had."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    statuses = [Path(f"/proc/{one}/status").read_text() for one in (pid, *children)]
    return max(int(line.split()[1]) for status in statuses for line in status.splitlines() if "VmHWM" in line)


async def _first_answer(wires: list[Wire]) -> Answer:
    """The answer that one of them gets before the others."""
    asked = [asyncio.create_task(wire.answer()) for wire in wires]
    done, others = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    for one in others:
        one.cancel()
    return done.pop().result()


async def test_the_webhook_function(tmp_path):
    """One process for all that it is put through, because it takes seconds to start."""
    with framework("webhook", tmp_path) as served:
        for lines, status in (
            ((), 401),
            ((f"{RELAY_HEADER}: nonsense",), 401),
            ((fresh(RELAY_HEADER), "Content-Encoding: gzip"), 415),
        ):
            async with await Wire.open(served.url) as wire:  # answered though no byte of the body was sent
                assert (await wire.request(head("/relay/events", 1000, *lines))).status == status
                assert await wire.reader.read() == b"", "the connection is closed, or the server waits for the body"
        async with await Wire.open(served.url) as wire:
            too_long = head("/relay/events", 9_000_000, fresh(RELAY_HEADER))
            assert (await wire.request(too_long)).status == 413

        slow = [await Wire.open(served.url) for _ in range(THREADS)]
        sending = [asyncio.create_task(trickle(wire, head("/relay/events", 99, fresh(RELAY_HEADER)))) for wire in slow]
        await asyncio.sleep(0.5)  # they have every thread now
        began = time.monotonic()
        async with await Wire.open(served.url) as wire:
            assert (await wire.request(*event(calls.started()))).status == 200
        assert time.monotonic() - began < SLOW_S + 10  # their patience, on a busy machine
        assert {(await wire.answer()).status for wire in slow} == {408}
        for task in sending:
            task.cancel()

        # Four bodies of 20 MB, none of them finished before all have come: together more than a process may hold.
        wires = [await Wire.open(served.url) for _ in range(THREADS)]
        first = head("/webhook/post-call", 20_000_000, fresh(ELEVENLABS_HEADER)).replace("\n", "\r\n").encode()
        for wire in wires:
            wire.send(first + b"\r\n\r\n" + bytes(19_999_999))
        refused = await asyncio.wait_for(_first_answer(wires), 30)
        assert refused.status == 503
        for wire in wires:
            wire.writer.transport.abort()
        assert peak_kb(served.process.pid) < 512 * 1024
        async with await Wire.open(served.url) as wire:
            assert (await wire.request(*event(calls.ended()))).status == 200
    assert list(tmp_path.rglob("logs/*.json"))


async def test_a_decided_connect_while_strangers_hold_what_they_can(tmp_path):
    webhook = calls.webhook_app(FolderStore(tmp_path / "data"))
    assert webhook.handle(calls.signed_event(calls.transfer_requested())).status == 200
    with framework("transfer", tmp_path) as served:
        async with await Wire.open(served.url) as wire:  # imports, and the store
            assert (await wire.request(head("/exotel/passthru", 9))).status == 401
        slow = [await Wire.open(served.url) for _ in range(10 * THREADS)]
        sending = [asyncio.create_task(trickle(wire, head("/exotel/passthru?token=guessed", 60_000))) for wire in slow]
        assert {(await wire.answer()).status for wire in slow} == {401}
        asked = calls.connect()
        query = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in asked.query.items())
        async with await Wire.open(served.url) as wire:
            answer = await wire.request(f"GET /exotel/connect?{query} HTTP/1.1\nHost: functions")
        assert json.loads(answer.body)["destination"]["numbers"] == [calls.SALES]
        for task in sending:
            task.cancel()
        for wire in slow:
            wire.writer.transport.abort()
