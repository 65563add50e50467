"""`python -m tests.bench.refusal`: how fast a full relay says no, and what that costs the calls it carries."""

import argparse
import asyncio
import gc
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import uvloop

from tests.bench.figures import Samples, percentile
from tests.bench.load import CYCLE_S, Load
from tests.bench.process import Subject, free_port, limit, relay_environ, take_load_core

CALLS = 200
REFUSALS_PER_S = 50
WINDOW_S = 15.0
ANSWER_S = 20.0
_SETTLE_S = 2.0
_REFUSED = b" 503 "
_UPGRADE = (
    b"GET /media HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def ask(port: int) -> tuple[float, bytes]:
    """Seconds from connecting to the whole refusal, and its status line; a call that is taken is given up at once."""
    began = perf_counter()
    reader, writer, status = await _called(port)
    try:
        if _REFUSED in status:
            async with limit(ANSWER_S, f"the end of an answer that began with {status!r}"):
                await reader.read()
    finally:
        writer.close()
    return perf_counter() - began, status


async def _called(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A socket that has asked for a call, and the status line of the answer."""
    async with limit(ANSWER_S, "the relay to take a connection"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_UPGRADE)
    async with limit(ANSWER_S, "the status line for a caller"):
        return reader, writer, await reader.readline()


async def knock(port: int, seconds: float) -> list[tuple[float, bytes]]:
    """Ask for a call REFUSALS_PER_S times a second, without waiting for the answers."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    asked = []
    for number in range(round(seconds * REFUSALS_PER_S)):
        await asyncio.sleep(max(0.0, began + number / REFUSALS_PER_S - loop.time()))
        asked.append(asyncio.create_task(ask(port)))
    return await asyncio.gather(*asked)


async def measure(
    calls: int, window_s: float, folder: Path, *, source: bool = False
) -> tuple[Samples, Samples, list[float]]:
    """The calls' figures while nobody knocks, and while somebody does; how long refusals took."""
    load, port = Load("pcm_8000", Samples()), free_port()
    environ = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ELEVENLABS_AGENT_ID": "bench",
        "ELEVENLABS_BASE_URL": f"http://localhost:{await load.listen(None)}",
        "BACKGROUND_SOUND_FILE": "office",
        "ECHO_CALLS": "0",  # frames that are levels are like each other: no voice is
        "STORE": f"file:{folder}/data",
        "MAX_CALLS": str(calls),
        "START_TIMEOUT_SECONDS": "60",
        "DRAIN_SECONDS": "0",
        "LOG_LEVEL": "WARNING",
    }
    relay = Subject([sys.executable, "-m", "relay"], relay_environ(source=source) | environ, port, folder / "relay.log")
    try:
        await relay.ready()
        await load.place(calls, port, "/media", within_s=max(CYCLE_S, calls / 50))
        await asyncio.sleep(_SETTLE_S)
        gc.freeze()  # the load's own collector must not look like the relay's latency
        quiet = load.samples = Samples(recording=True)
        await asyncio.sleep(window_s)
        full = load.samples = Samples(recording=True)
        _, retry, _ = await _called(port)  # the place for a call that is tried again
        answers = await knock(port, window_s)
        full.recording = False
        retry.close()
        if ended := [*quiet.failures, *full.failures]:
            raise SystemExit(f"calls ended, so the relay was not full: {', '.join(ended)}")
        if taken := sum(_REFUSED not in status for _, status in answers):
            raise SystemExit(f"expected {len(answers)} refusals: the relay answered {taken} otherwise")
        await load.hang_up()
    finally:
        gc.unfreeze()
        await load.close()
        await relay.stop()
    return quiet, full, [seconds for seconds, _ in answers]


def table(quiet: Samples, full: Samples, took: Sequence[float]) -> str:
    """Markdown."""
    refusals = f"{percentile(took, 50)} / {percentile(took, 99)} / {max(took) * 1000:.1f}"
    rows = [
        _row("none refused", quiet, ""),
        _row(f"{REFUSALS_PER_S} a second refused", full, refusals),
    ]
    head = "| | 503 after p50 / p99 / max ms | caller → agent p99 ms | agent → heard p99 ms | `clear` p99 ms | holes |"
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|", *rows])


def _row(name: str, samples: Samples, refusals: str) -> str:
    uplink, heard, clear = (percentile(kind, 99) for kind in (samples.uplink, samples.heard, samples.clear))
    return f"| {name} | {refusals} | {uplink} | {heard} | {clear} | {len(samples.holes)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.refusal", description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=CALLS, help="the calls that fill the relay")
    parser.add_argument("--window", type=float, default=WINDOW_S, help="seconds of each measurement")
    parser.add_argument("--source", action="store_true", help="the relay's source, not what is compiled for its image")
    args = parser.parse_args()
    take_load_core()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        print(table(*loop.run(measure(args.calls, args.window, Path(folder), source=args.source))))


if __name__ == "__main__":
    main()
