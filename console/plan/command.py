"""`console plan --calls 5000`: relays, sessions, traffic and costs on each cloud, for this many calls per month."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.prices import VENDORS, Prices, load
from console.costs.cost import Plan, aws_unit, gcp_unit, plan_aws, plan_gcp
from console.costs.load import MEASURED, RATES, RECORDS, Load, Measured, busiest_moment
from console.costs.of_call import shares_of_plan
from console.plan.app import PAGE, PlanPage
from console.plan.planning import Planning, a_call_minute, as_object
from console.plan.plot import Planner, draw
from console.plan.words import NAMES, advice, agent_sessions, assumptions, egress_mbit, unverified
from console.web.local_page import open_page, until_interrupted
from console.words import counted
from sim.processes import ROOT

KEPT = ROOT / ".cache" / "console" / "plan.json"
FARGATE_MIB = {256: (512, 1024, 2048), 512: (1024, 2048, 3072, 4096), 1024: tuple(range(2048, 8193, 1024))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    yes_or_no = argparse.BooleanOptionalAction
    parser.add_argument("--calls", type=float, metavar="N", help="calls a month; asked for on a terminal")
    parser.add_argument("--call-minutes", type=float, default=3.0, metavar="N", help="length of a call (default: 3)")
    parser.add_argument("--at-once", type=int, metavar="N", help="calls at the busiest moment (default: derived)")
    parser.add_argument(
        "--busy-share",
        type=float,
        default=17,
        metavar="PERCENT",
        help="of a day's calls in its busiest hour (17)",
    )
    parser.add_argument("--peaks", type=int, default=22, metavar="N", help="days with calls a month (default: 22)")
    parser.add_argument(
        "--vendor",
        choices=(*VENDORS, "none"),
        default=VENDORS[0],
        help="whose minutes are in the sum, at list price, with Exotel's (default: %(default)s; none: infrastructure)",
    )
    parser.add_argument("--page", action="store_true", help="the same with sliders, in the browser")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="with --page: print the address")
    parser.add_argument("--cloud", choices=("aws", "gcp", "both"), default="both", help="(default: both)")
    parser.add_argument("--tls", action=yes_or_no, default=True, help="TLS to the agent, as every vendor has it")
    parser.add_argument("--agent-rate", type=int, choices=RATES, default=16000, help="Hz (default: 16000)")
    parser.add_argument("--headroom", type=float, default=20, metavar="PERCENT", help="left free (default: 20)")
    parser.add_argument("--domain", action=yes_or_no, default=False, help="a domain of your own")
    parser.add_argument(
        "--record", choices=tuple(RECORDS), default="off", help="what the relay records of each call (default: off)"
    )
    parser.add_argument("--free-tier", action=yes_or_no, default=False, help="take off what is free once an account")
    parser.add_argument("--aws-cpu", type=int, choices=tuple(FARGATE_MIB), default=512, help="relay_cpu (default: 512)")
    parser.add_argument(
        "--aws-memory", type=int, metavar="MIB", help="relay_memory (default: the least with --aws-cpu)"
    )
    parser.add_argument("--prices", type=Path, metavar="FILE", help="your prices, over those of common/prices.toml")
    parser.add_argument("--measured", type=Path, default=MEASURED, metavar="FILE", help="figures of your own machine")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw cost against load")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 for an invalid load, price file or size."""
    try:
        if options.page:
            asyncio.run(_serve(options))
            return 0
        options.calls = _asked(options.calls)
        wanted, planner = _wanted(options), planners(options)
        plans = [plan(wanted) for plan in planner.of_clouds.values()]
        if options.plot:
            draw(wanted, planner.of_clouds, options.plot, unverified(planner.prices))
    except (ValueError, OSError, EOFError) as error:
        print(f"plan: {error or 'nobody answered'}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(as_object(wanted, planner, plans), indent=2, ensure_ascii=False))
    else:
        _show(Console(highlight=False), wanted, planner.measured, planner.prices, plans)
    return 0


def _asked(calls: float | None) -> float:
    """Calls per month: from the option, else asked at the terminal. Raises ValueError."""
    if calls is None and not sys.stdin.isatty():
        raise ValueError("--calls N: how many calls a month?")
    return float(input("Calls a month? ")) if calls is None else calls


def _wanted(options: argparse.Namespace) -> Load:
    """Raises ValueError."""
    minutes = options.calls * options.call_minutes
    share, days = options.busy_share / 100, options.peaks
    if not 0 < share <= 1:
        raise ValueError(f"--busy-share {options.busy_share:g}: expected more than 0, at most 100 per cent")
    return Load(
        options.at_once or busiest_moment(options.calls, options.call_minutes, days, share),
        minutes,
        options.tls,
        options.agent_rate,
        options.call_minutes,
        options.headroom / 100,
        days,
        options.domain,
        options.free_tier,
        "" if options.vendor == "none" else options.vendor,
        options.record,
    )


async def _serve(options: argparse.Namespace) -> None:
    """The page with sliders requests the same object that --json prints."""
    planner = planners(options)
    page = PlanPage(lambda query: of_query(options, planner, query))
    async with open_page(PAGE, page.routes(), keep=KEPT) as url:
        print(f"\nThe planner is at {url}\nCtrl-C ends it.", flush=True)
        await until_interrupted(url, browser=options.browser)


def of_query(options: argparse.Namespace, planner: Planning, query: Mapping[str, str]) -> Mapping[str, object]:
    """Raises ValueError for a load that can't be planned."""
    chosen = argparse.Namespace(**vars(options))
    for name in ("calls", "call_minutes", "busy_share"):
        if name in query:
            setattr(chosen, name, float(query[name]))
    chosen.peaks = int(query.get("peaks", options.peaks))
    chosen.vendor = query.get("vendor", options.vendor)
    chosen.at_once = None
    if chosen.vendor not in {*VENDORS, "none"}:
        raise ValueError(f"vendor={chosen.vendor}: expected one of {', '.join(VENDORS)}, none")
    wanted = _wanted(chosen)
    return as_object(wanted, planner, [plan(wanted) for plan in planner.of_clouds.values()])


def planners(options: argparse.Namespace) -> Planning:
    """Raises ValueError for a size that Fargate does not have, and for invalid files."""
    measured, prices = Measured.read(options.measured), load(options.prices)
    pairs = FARGATE_MIB[options.aws_cpu]
    memory = options.aws_memory or pairs[0]
    if memory not in pairs:
        raise ValueError(
            f"--aws-memory {memory}: with --aws-cpu {options.aws_cpu} Fargate has {', '.join(map(str, pairs))}"
        )
    aws, gcp = aws_unit(options.aws_cpu, memory), gcp_unit()
    all_of_them: Mapping[str, Planner] = {
        "aws": lambda wanted: plan_aws(wanted, measured, prices, aws),
        "gcp": lambda wanted: plan_gcp(wanted, measured, prices, gcp),
    }
    chosen = {cloud: planner for cloud, planner in all_of_them.items() if options.cloud in {cloud, "both"}}
    return Planning(measured, prices, chosen)


def _show(console: Console, wanted: Load, measured: Measured, prices: Prices, plans: Sequence[Plan]) -> None:
    calls, each = counted(round(wanted.calls_a_month), "call"), counted(wanted.call_minutes, "minute")
    console.print(f"{calls} a month of {each}, {counted(wanted.calls, 'call')} at the busiest moment\n")
    sizes = Table("", *(NAMES[plan.cloud] for plan in plans), box=None, pad_edge=False)
    rows: Mapping[str, Callable[[Plan], str]] = {
        "relays at the peak": lambda plan: f"{plan.sizing.relays}, by {plan.sizing.decided_by}",
        "… of which always run": lambda plan: f"{plan.sizing.unit.least}",
        "each": lambda plan: f"{plan.sizing.unit.vcpu:g} vCPU, {plan.sizing.unit.memory_mib} MiB",
        "calls one carries": lambda plan: (
            f"{plan.sizing.carries} (CPU {plan.sizing.by_cpu}, memory {plan.sizing.by_memory}, "
            f"MAX_CALLS {plan.sizing.unit.max_calls})"
        ),
        "another is added at": lambda plan: f"{counted(plan.sizing.one_more_at, 'call')} each",
        "load of each at the peak": lambda plan: f"{plan.sizing.cpu_share:.0%} CPU, {plan.sizing.memory_mib:.0f} MiB",
    }
    for name, cell in rows.items():
        sizes.add_row(name, *(cell(plan) for plan in plans))
    console.print(sizes)
    console.print(
        f"\nAt the vendor: {counted(agent_sessions(wanted), 'conversation')} at once. "
        f"At Exotel: {counted(wanted.calls, 'stream')}. "
        f"Out of all relays: {egress_mbit(wanted, measured):,.0f} Mbit/s.\n"
    )
    for plan in plans:
        _bill(console, plan, wanted)
    for plan in plans:
        for line in advice(plan, wanted):
            console.print(f"{NAMES[plan.cloud]}: {escape(line)}", soft_wrap=True)
    console.print("\nAssumed:")
    for line in assumptions(wanted, measured, prices):
        console.print(f"  · {escape(line)}", soft_wrap=True)


def _bill(console: Console, plan: Plan, wanted: Load) -> None:
    bill = Table(f"{NAMES[plan.cloud]}, a month", "arithmetic", "USD", box=None, pad_edge=False)
    bill.columns[2].justify = "right"
    for part, usd in plan.by_part().items():
        bill.add_row(f"[bold]{part}[/]", "", f"[bold]{usd:,.2f}[/]")
        for item in plan.items:
            if item.part == part:
                bill.add_row(f"  {escape(item.what)}", f"[dim]{escape(item.arithmetic)}[/]", f"[dim]{item.usd:,.2f}[/]")
    if plan.is_whole:
        bill.add_row("infrastructure", "", f"{plan.infrastructure_usd:,.2f}")
        bill.add_row("[bold]sum, with the minutes[/]", "at list prices", f"[bold]{plan.usd:,.2f}[/]")
    else:
        bill.add_row("[bold]sum, infrastructure only[/]", "", f"[bold]{plan.usd:,.2f}[/]")
    a_minute = a_call_minute(plan, wanted)
    if a_minute is not None:
        bill.add_row("a call minute", "", f"{a_minute:.5f}")
    if wanted.minutes:
        call_usd, minute_usd = shares_of_plan(plan, wanted.calls_a_month, wanted.minutes)
        bill.add_row(r"\[cloud] of a price file, call", "functions to secrets", f"{call_usd:.5f}")
        bill.add_row(r"\[cloud] of a price file, minute", "relay, balancer, traffic", f"{minute_usd:.5f}")
    console.print(bill)
    console.print()
