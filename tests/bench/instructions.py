"""`python -m tests.bench.instructions`: what the relay costs above the bare probe, on a machine that has other work.

Instructions are counted (valgrind's callgrind), which other processes can't change, and CPU time beside them, which
they can, though not by much in a ratio of runs that take turns. Both need a subject that is never late. So its time
and the load's pass more slowly (slow_clock.c): a second of a call takes as long as it must. What the kernel does for
a system call is not among the instructions; it is in the CPU time, and most of it is the same for both.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

import uvloop

from tests.bench.figures import Case, Samples
from tests.bench.load import Load
from tests.bench.measure import subject_of

_PLACING_S = 1.0
_SETTLE_S = 6.0  # the eager search for an echo is over then
_STARTS_WITHIN_S = 60.0  # under valgrind, on a busy machine
SHIM = Path(__file__).with_name("slow_clock.c")


def build(folder: Path) -> Path:
    """The library to preload."""
    library = folder / "slow_clock.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    return library


def slowed(library: str, slower: int) -> dict[str, str]:
    """Environment of a process for which time passes so slowly."""
    return {"LD_PRELOAD": library, "SLOWER": str(slower)}


async def count(
    case: Case, window_s: float, *, library: str, slower: int, out: Path, callgrind: bool
) -> tuple[float, float]:
    """Of one run: millions of instructions, or milliseconds of CPU, per second of one call; and its messages."""
    found = out / f"callgrind.{'probe' if case.bare else 'relay'}.{case.frame_ms}"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={found}"]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        samples = Samples()
        load = Load(case.audio, samples, levelled=case.level, echoing=case.echo)
        subject = subject_of(
            case,
            await load.listen(None),
            sys.executable,
            Path(scratch),
            None,
            out / "subject.log",
            under=valgrind if callgrind else (),
            environ=slowed(library, slower),
        )
        try:
            await subject.ready(_STARTS_WITHIN_S)
            await load.place(case.calls, subject.port, "/media", within_s=_PLACING_S)
            await asyncio.sleep(_SETTLE_S)
            if callgrind:
                os.kill(subject.pid, signal.SIGUSR2)
            samples.recording = True
            before, began = subject.cpu_s(), asyncio.get_running_loop().time()
            await asyncio.sleep(window_s)
            samples.recording = False
            cpu_s, elapsed = subject.cpu_s() - before, asyncio.get_running_loop().time() - began
            if callgrind:
                os.kill(subject.pid, signal.SIGUSR2)
                await asyncio.sleep(0.1)
            await load.hang_up()
        finally:
            await load.close()
            await subject.stop()
    call_seconds = elapsed * case.calls
    if not callgrind:
        return cpu_s * 1000 / call_seconds, samples.messages / call_seconds
    total = re.search(r"^totals: (\d+)", found.read_text(), re.MULTILINE)
    return int(total[1]) / 1e6 / call_seconds, samples.messages / call_seconds


async def run(args: argparse.Namespace) -> None:
    """Relay and probe in turn, as often as asked, and what came of it."""
    relay = "relay, from source" if args.source else "relay, compiled"
    print(f"| frames | | {relay} | probe | relay : probe | messages of each |\n|---|---|--:|--:|--:|--:|")
    for frame_ms in args.frame_ms:
        probe = Case(args.calls, audio=args.audio, frame_ms=frame_ms, bare=True)
        relay = replace(probe, bare=False, level=args.level, duck_db=args.duck_db, echo=args.echo)
        relay = replace(relay, echo_guard=args.echo_guard, source=args.source)
        for what, times in (("million instructions", args.counted), ("CPU ms", args.timed)):
            pairs = [
                [
                    await count(
                        case,
                        args.window,
                        library=os.environ["LD_PRELOAD"],
                        slower=int(os.environ["SLOWER"]),
                        out=args.out,
                        callgrind=what == "million instructions",
                    )
                    for case in (relay, probe)
                ]
                for _ in range(times)
            ]
            if pairs:
                costs = [median(pair[side][0] for pair in pairs) for side in (0, 1)]
                ratio = median(one / other for (one, _), (other, _) in pairs)
                messages = " / ".join(f"{median(pair[side][1] for pair in pairs):.0f}" for side in (0, 1))
                print(
                    f"| {frame_ms} ms | {what} | {costs[0]:.2f} | {costs[1]:.2f} | {ratio:.2f} | {messages} |",
                    flush=True,
                )


def main() -> None:
    """Read the command line; begin again with slow time."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.instructions", description=__doc__)
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--frame-ms", type=int, nargs="+", default=[40, 100])
    parser.add_argument("--audio", default="pcm_8000")
    parser.add_argument("--level", action="store_true", help="the agents' speech is brought to its level")
    parser.add_argument("--duck-db", type=float, default=6.0, help="how much quieter ambience is under speech")
    parser.add_argument("--echo", type=int, default=0, metavar="N", help="so many calls are guarded from their echo")
    parser.add_argument("--echo-guard", default="auto", choices=("auto", "off"), help="off: no search for an echo")
    parser.add_argument("--source", action="store_true", help="the relay's source, not what is compiled for its image")
    parser.add_argument("--window", type=float, default=4, help="seconds of a call that are measured")
    parser.add_argument("--counted", type=int, default=1, help="pairs of runs whose instructions are counted")
    parser.add_argument("--timed", type=int, default=0, help="pairs of runs whose CPU time is taken")
    parser.add_argument(
        "--slower", type=int, default=12, help="how much more slowly time passes; 3 is enough for CPU time"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if "SLOWER" not in os.environ:
        again = [sys.executable, "-m", "tests.bench.instructions", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, **slowed(str(build(args.out).resolve()), args.slower)})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(args))


if __name__ == "__main__":
    main()
