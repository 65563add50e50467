"""`python -m tests.bench.beside`: what the relay costs above the bare probe, in one run.

Both carry as many calls at the same time, on one core. What else the machine does, and how fast it is in this hour, is
then the same for both. Each has the processor's caches to itself for a part of the time only, so times are a little
longer than alone.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import uvloop

from tests.bench.figures import Case, Samples
from tests.bench.load import CYCLE_S, Load
from tests.bench.measure import CALLS_A_SECOND, subject_of
from tests.bench.process import Subject, take_load_core


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    case: Case
    load: Load
    samples: Samples
    subject: Subject

    async def place(self) -> None:
        """All its calls."""
        within_s = max(CYCLE_S, 2 * self.case.calls / CALLS_A_SECOND)
        await self.load.place(self.case.calls, self.subject.port, "/media", within_s=within_s)

    async def close(self) -> None:
        """End the calls, then the process, also if it does not close them."""
        try:
            await self.load.hang_up()
        finally:
            await self.load.close()
            await self.subject.stop()


async def run(args: argparse.Namespace) -> None:
    """Print each window, and the medians."""
    relay = Case(args.calls, frame_ms=args.frame_ms, echo_guard=args.echo_guard, level=args.level, source=args.source)
    async with AsyncExitStack() as stack:
        sides = [await _begin(case, args, stack) for case in (relay, replace(relay, bare=True))]
        await asyncio.gather(*(side.subject.ready() for side in sides))
        await asyncio.gather(*(side.place() for side in sides))
        await asyncio.sleep(args.settle)
        windows = [await _window(sides, args.window) for _ in range(args.repeat)]
        _print(windows, args)  # before the calls end: whatever happens then, they were measured


def _print(windows: list[tuple[float, float]], args: argparse.Namespace) -> None:
    print("| frames | relay ms | probe ms | relay : probe |\n|---|--:|--:|--:|")
    for ours, probes in windows:
        print(f"| {args.frame_ms} ms | {ours:.2f} | {probes:.2f} | {ours / probes:.3f} |")
    ratio = median(ours / probes for ours, probes in windows)
    print(f"\n{args.calls} calls each, median of {args.repeat} windows of {args.window:g} s: {ratio:.2f}", flush=True)


async def _begin(case: Case, args: argparse.Namespace, stack: AsyncExitStack) -> Side:
    samples = Samples()
    load = Load(case.audio, samples, levelled=case.level)
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    log = args.out / f"subject.{'probe' if case.bare else 'relay'}.log"
    subject = subject_of(case, await load.listen(None), args.python, scratch, None, log)
    side = Side(case, load, samples, subject)
    stack.push_async_callback(side.close)
    return side


async def _window(sides: list[Side], window_s: float) -> tuple[float, float]:
    """Milliseconds of CPU per second of one call, of each."""
    loop = asyncio.get_running_loop()
    began, before = loop.time(), [side.subject.cpu_s() for side in sides]
    await asyncio.sleep(window_s)
    elapsed, after = loop.time() - began, [side.subject.cpu_s() for side in sides]
    used = (after[at] - before[at] for at in range(len(sides)))
    ours, probes = (cpu_s * 1000 / elapsed / side.case.calls for cpu_s, side in zip(used, sides, strict=True))
    return ours, probes


def main() -> None:
    """Read the command line, measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.beside", description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="of each")
    parser.add_argument("--frame-ms", type=int, default=40)
    parser.add_argument("--level", action="store_true", help="the agents' speech is brought to its level")
    parser.add_argument("--echo-guard", default="auto", choices=("auto", "off"), help="off: no search for an echo")
    parser.add_argument("--source", action="store_true", help="the relay's source, not what is compiled for its image")
    parser.add_argument("--settle", type=float, default=10.0, help="seconds from the last call's start to the windows")
    parser.add_argument("--window", type=float, default=10.0, help="seconds")
    parser.add_argument("--repeat", type=int, default=3, help="windows")
    parser.add_argument("--python", default=sys.executable, help="interpreter for both")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    take_load_core()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(args))


if __name__ == "__main__":
    main()
