"""`console rehearse SUITE`: tests an agent with simulated callers, and judges what they heard."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from yarl import URL

from common.env import SettingError
from console.rehearse import report, results, under_load
from console.rehearse.language_model import LanguageModel
from console.rehearse.relays import DeployedRelay, RelayUnderTest, local
from console.rehearse.results import Comparison, Results
from console.rehearse.runs import Limits, Played, Rehearsal
from console.rehearse.suite import Suite, SuiteError, load
from console.rehearse.voices import Voices
from console.words import counted
from functions.common.store import open_store
from relay.audio.files import SoundFileError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("suite", help="a folder with suite.toml and a file for each caller, or front_desk")
    parser.add_argument(
        "--relay", default="", metavar="URL",
        help="a deployed relay's media URL with its token (default: a relay in this process, with your settings)",
    )  # fmt: skip
    parser.add_argument("--store", default="", help="where a deployed relay's records are: s3://…, gs://… or file:…")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="runs of each caller (default: 1)")
    parser.add_argument("--parallel", type=int, default=4, metavar="M", help="calls at once (default: 4)")
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="a load test: number of calls, all at once")
    parser.add_argument("--ramp", type=float, default=60, metavar="S", help="… started within S seconds (default: 60)")
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="results.json of an earlier rehearsal to compare with"
    )
    parser.add_argument(
        "--max-minutes", type=float, default=60, help="stop after this many minutes of calls (default: 60)"
    )
    parser.add_argument("--max-cost", type=float, default=0, help="stop at this cost, by the suite's price_per_minute")
    parser.add_argument("--min-rate", type=float, default=1.0, help="share of calls that must pass (default: 1.0)")
    parser.add_argument(
        "--out", type=Path, default=Path("out/rehearse"), help="folder for the report (default: out/rehearse)"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit XML file, too")
    parser.add_argument("--yes", action="store_true", help="don't ask before calls are placed")


def run(options: argparse.Namespace) -> int:
    """Exit status 1 if calls failed or were worse than the baseline, 2 if no call could be made."""
    try:
        suite = load(options.suite)
        limits, times = _limits(options, suite)
        if not options.yes and not _agreed(suite, limits, options):
            return 2
        options.before = results.read(options.baseline) if options.baseline else None
        options.out = options.out.absolute()
        options.out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_rehearse(options, suite, limits, times))
    except ExceptionGroup as group:
        if (error := _known(group)) is None:
            raise
        print(f"rehearse: {error}", file=sys.stderr)
        return 2
    except (SuiteError, SettingError, SoundFileError) as error:
        print(f"rehearse: {error}", file=sys.stderr)
        return 2


def _known(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    for error in group.exceptions:
        found = _known(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, SuiteError | SettingError):
            return found
    return None


def _limits(options: argparse.Namespace, suite: Suite) -> tuple[Limits, int]:
    for name in ("times", "parallel"):
        if getattr(options, name) < 1:
            raise SuiteError(f"--{name}: expected 1 or more")
    calls = options.calls or options.times * len(suite.callers)
    times = -(-calls // len(suite.callers))
    minutes = options.max_minutes
    if options.max_cost:
        if not suite.file.price_per_minute:
            raise SuiteError("--max-cost: expected price_per_minute in suite.toml")
        minutes = min(minutes, options.max_cost / suite.file.price_per_minute)
    return Limits(calls, minutes), times


def _agreed(suite: Suite, limits: Limits, options: argparse.Namespace) -> bool:
    """Calls to a real agent cost money: show the maximum, and ask."""
    longest = sum(caller.max_seconds for caller in suite.callers) / len(suite.callers) * limits.calls / 60
    minutes = min(longest, limits.minutes)
    cost = f", at most {minutes * suite.file.price_per_minute:.2f} {suite.file.currency}" * bool(
        suite.file.price_per_minute
    )
    where = URL(options.relay).host if options.relay else "a relay in this process"
    print(f"{suite.file.title}: {counted(limits.calls, 'call')} at {where}, at most {minutes:.0f} minutes{cost}.")
    if not sys.stdin.isatty():
        print("rehearse: no terminal to ask on: give --yes", file=sys.stderr)
        return False
    return input("Place them? [y/N] ").strip().lower() in {"y", "yes"}


async def _rehearse(options: argparse.Namespace, suite: Suite, limits: Limits, times: int) -> int:
    out: Path = options.out
    async with AsyncExitStack() as stack:
        relay = await _relay(options, stack, out)
        rehearsal = Rehearsal(suite, relay, Voices(suite, out / "voices"), LanguageModel.from_env(os.environ))
        rehearsal.check()
        played: list[Played] = []

        def on_played(call: Played) -> None:
            played.append(call)
            print(_line(call), flush=True)

        ramp_s = options.ramp if options.calls else 0.0
        await rehearsal.play(times=times, parallel=options.parallel, limits=limits, on_played=on_played, ramp_s=ramp_s)
    figures = under_load.measure(played) if options.calls else None
    found = Results(suite, played, limits.calls - len(played), figures)
    comparison = results.compare(found, options.before) if options.before else None
    results.write_json(found, out / "results.json")
    report.write(found, comparison, out / "report.html")
    if options.junit:
        results.write_junit(found, options.junit)
    _summary(found, comparison, out)
    worse = comparison is not None and comparison.overall.verdict == "worse"
    return 1 if worse or not played or found.rate.value < options.min_rate else 0


async def _relay(options: argparse.Namespace, stack: AsyncExitStack, out: Path) -> RelayUnderTest:
    if not options.relay:
        return await stack.enter_async_context(local(os.environ, out / "data"))
    url = URL(options.relay)
    if url.scheme not in {"ws", "wss"} or not url.host:
        raise SuiteError("--relay: expected the media URL of a relay, wss://HOST/media/TOKEN")
    try:
        store = open_store(options.store) if options.store else None
    except ValueError as expected:
        raise SuiteError(f"--store: expected {expected}") from None
    return DeployedRelay(str(url).rstrip("/"), url.host, store)


def _line(call: Played) -> str:
    what = "as expected" if call.passed else "; ".join(one.sentence for one in call.findings)
    verdict = "ok  " if call.passed else "FAIL"
    return f"  {verdict} {call.caller.name} #{call.number}, {call.observed.duration_s:.1f} s: {what}"


def _summary(found: Results, comparison: Comparison | None, out: Path) -> None:
    figures = found.figures()
    print(f"\n{found.rate} calls as expected, with the interval of the true rate.")
    if figures["answer_p50_ms"] is not None:
        print(f"Answer time {figures['answer_p50_ms']} ms (p50), {figures['answer_p95_ms']} ms (p95).")
    for line in under_load.lines(found.load) if found.load else ():
        print(line)
    for name, count in found.failed_expectations().most_common():
        print(f"  {name}: failed in {counted(count, 'call')}")
    if found.unplayed:
        print(f"{counted(found.unplayed, 'call')} not played: the budget was used up.")
    if comparison is not None:
        difference = comparison.overall
        print(
            f"Against the baseline: {difference.value:+.0%} ({difference.low:+.0%} to {difference.high:+.0%}), "
            f"{difference.verdict}."
        )
        if not comparison.same_callers:
            print("The callers have changed since the baseline: what differs may be theirs.")
    print(f"Report: {out / 'report.html'}")
