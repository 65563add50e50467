"""`python -m tests.bench`: the whole matrix, or one case with `--calls`."""

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.bench.figures import Case, Row
from tests.bench.matrix import Plan, full, quick
from tests.bench.measure import measure
from tests.bench.process import take_load_core
from tests.bench.report import describe, write


async def run(plan: Plan, *, python: str, out: Path) -> list[Row]:
    """Measure case by case, telling as it goes."""
    rows = []
    for case in plan.cases:
        rows.append(
            await measure(
                case,
                window_s=plan.window_s,
                python=python,
                log=out / "subject.log",
                on_window=lambda pid, case=case: print(f"{case}: measuring process {pid}", flush=True),
            )
        )
        print(f"  {rows[-1].cpu_ms:.2f} ms of CPU per call-second", flush=True)
    return rows


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: enough to see a change")
    parser.add_argument("--calls", type=int, help="one case only, with this many calls")
    parser.add_argument("--tls", action="store_true", help="TLS to the agent")
    parser.add_argument("--audio", default="pcm_8000", help="what the agent hears and speaks (default: pcm_8000)")
    parser.add_argument("--no-ambience", action="store_true")
    parser.add_argument("--bare", action="store_true", help="the bare probe instead of the relay")
    parser.add_argument("--frame-ms", type=int, default=40, help="length of a frame, of the probe's as well")
    parser.add_argument("--level", action="store_true", help="the agents' speech is brought to its level")
    parser.add_argument("--duck-db", type=float, default=6.0, help="how much quieter ambience is under speech")
    parser.add_argument("--echo", type=int, default=0, metavar="N", help="so many calls are guarded from their echo")
    parser.add_argument("--echo-guard", default="auto", choices=("auto", "off"), help="off: no search for an echo")
    parser.add_argument("--source", action="store_true", help="the relay's source, not what is compiled for its image")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds from the last call's start to the window")
    parser.add_argument("--repeat", type=int, default=1, help="runs of that case")
    parser.add_argument("--window", type=float, help="seconds of steady load to measure")
    parser.add_argument("--python", default=sys.executable, help="interpreter for the process under test")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    args = parser.parse_args()
    plan = quick() if args.quick else full()
    if args.calls:
        case = Case(
            args.calls,
            tls=args.tls,
            audio=args.audio,
            ambience=not args.no_ambience,
            bare=args.bare,
            frame_ms=args.frame_ms,
            level=args.level,
            duck_db=args.duck_db,
            echo=args.echo,
            echo_guard=args.echo_guard,
            settle_s=args.settle,
        )
        plan = Plan([case] * args.repeat, 12)
    if args.source:
        plan = Plan([replace(case, source=not case.bare) for case in plan.cases], plan.window_s)
    if args.window:
        plan = Plan(plan.cases, args.window)
    args.out.mkdir(parents=True, exist_ok=True)
    take_load_core()
    machine = describe(args.python)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(run(plan, python=args.python, out=args.out))
    write(rows, machine, args.out)
    print((args.out / "bench.md").read_text(), f"Also in {args.out}/: bench.md, bench.json, bench.png", sep="\n")


if __name__ == "__main__":
    main()
