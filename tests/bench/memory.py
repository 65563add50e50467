"""`python -m tests.bench.memory`: who holds the memory of a call, by the file of the relay that asked for it.

Whole calls in virtual time, under tracemalloc: the figures are the same on a busy machine, and nearly the same on any
other. They count what Python was asked for, numpy's arrays too, but not what is allocated in C (uvloop, OpenSSL), what
aiohttp holds of its own accord and what allocators waste: RSS per call is larger (docs/performance.md).
"""

import argparse
import asyncio
import gc
import re
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sim import virtual_time
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.processes import ROOT
from tests.support.relay_world import World, relay_world

_FRAMES = 10  # of a stack; from the relay down to aiohttp's parser it is fewer
_WARM_UP_CALLS = 30  # Python 3.11 gives the first 28 objects of a class more room than they need
_APART_S = 0.3  # the calls' seconds must not end together, when the sound of one has just been processed
_LOOKS = 3
_FOLDER = f"{ROOT}/relay/"
_FAKE = re.compile(r"/agents/\w+/fake\w*\.py$").search  # stands in its vendor's folder, but is not the relay


@dataclass(frozen=True, slots=True)
class Held:
    """What each of `calls` calls holds: bytes by the relay's file and line."""

    calls: int
    lines: Counter[str]

    @property
    def per_call(self) -> float:
        """In all."""
        return sum(self.lines.values()) / self.calls

    @property
    def files(self) -> Counter[str]:
        """The same by file."""
        found: Counter[str] = Counter()
        for line, size in self.lines.items():
            found[line.partition(":")[0]] += size
        return found

    def largest(self, count: int = 12) -> str:
        """The largest owners, for people: bytes per call."""
        return "\n".join(
            f"{size / self.calls:8.0f}  {owner}"
            for sizes in (self.files, self.lines)
            for owner, size in sizes.most_common(count)
        )


async def held(calls: int, after_s: float, *, echo_guard: str = "auto", audio: str = "pcm_8000") -> Held:
    """What a call holds `after_s` seconds after the last of `calls` calls began. In virtual time only."""
    agent = AgentScript(
        replies=(Reply(on="start", say=("agent_greeting",)),), input_format=audio, output_format=audio, reply_after_ms=0
    )
    agents = f'[agents.a]\nid = "agent_0"\necho_guard = "{echo_guard}"\n'
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with relay_world(Path(folder), agent, agents_toml=agents, settings={"ambience": "office"}) as world:
            await _placed(world, _WARM_UP_CALLS, 400, at_the_end=lambda: None)
            await _placed(world, 1, 7000, at_the_end=lambda: None)  # what the first report makes once
            tracemalloc.start(_FRAMES)
            try:
                before, looks = _by_line(), list[Counter[str]]()
                end_s = after_s + _APART_S * calls
                await _placed(
                    world, calls, round(end_s * 1000) + 1500, at_the_end=lambda: looks.append(_by_line()), end_s=end_s
                )
            finally:
                tracemalloc.stop()
    least = min(looks, key=Counter.total)  # a report may be on its way to a file just then
    least.subtract(before)
    return Held(calls, least)


async def _placed(
    world: World, count: int, hang_up_ms: int, *, at_the_end: Callable[[], None], end_s: float = 0.0
) -> None:
    script = (Step(when=When.AT, ms=hang_up_ms, hang_up=True),)
    running = []
    for _ in range(count):
        running.append(asyncio.create_task(world.call(script=script)))
        await asyncio.sleep(_APART_S if end_s else 0.0)
    await asyncio.sleep(max(0.0, end_s - _APART_S * count))
    for _ in range(_LOOKS):
        at_the_end()
        await asyncio.sleep(_APART_S)
    await asyncio.gather(*running)


def _by_line() -> Counter[str]:
    """Bytes by the innermost line of the relay on the stack of each allocation."""
    gc.collect()
    found: Counter[str] = Counter()
    for trace in tracemalloc.take_snapshot().traces:
        ours = [frame for frame in trace.traceback if frame.filename.startswith(_FOLDER) and not _FAKE(frame.filename)]
        if ours:
            found[f"{ours[-1].filename.removeprefix(_FOLDER)}:{ours[-1].lineno}"] += trace.size
    return found


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", description=__doc__)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--after", type=float, default=7.0, help="seconds of the last call")
    parser.add_argument("--echo-guard", default="auto", choices=("auto", "off"))
    parser.add_argument("--audio", default="pcm_8000", help="what the agent hears and speaks")
    args = parser.parse_args()
    found = virtual_time.run(held(args.calls, args.after, echo_guard=args.echo_guard, audio=args.audio))
    print(f"{found.per_call:8.0f}  bytes per call\n{found.largest(40)}")


if __name__ == "__main__":
    main()
