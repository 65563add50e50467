"""`console plan --calls 200 --minutes 50000`: relays, sessions, traffic, and what a month costs on each cloud."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.plan.cost import Plan, aws_unit, gcp_unit, plan_aws, plan_gcp
from console.plan.load import MEASURED, RATES, Load, Measured
from console.plan.plot import Planner, draw
from console.plan.prices import Prices, load
from console.plan.words import NAMES, advice, agent_sessions, assumptions, egress_mbit, unverified

FARGATE_MIB = {256: (512, 1024, 2048), 512: (1024, 2048, 3072, 4096), 1024: tuple(range(2048, 8193, 1024))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    yes_or_no = argparse.BooleanOptionalAction
    parser.add_argument("--calls", type=int, required=True, metavar="N", help="calls at the busiest moment")
    parser.add_argument("--minutes", type=float, required=True, metavar="N", help="minutes of calls a month")
    parser.add_argument("--cloud", choices=("aws", "gcp", "both"), default="both", help="(default: both)")
    parser.add_argument("--tls", action=yes_or_no, default=True, help="TLS to the agent, as every vendor has it")
    parser.add_argument("--agent-rate", type=int, choices=RATES, default=16000, help="Hz (default: 16000)")
    parser.add_argument("--call-minutes", type=float, default=3.0, metavar="N", help="length of a call (default: 3)")
    parser.add_argument("--headroom", type=float, default=20, metavar="PERCENT", help="left free (default: 20)")
    parser.add_argument("--peaks", type=int, default=22, metavar="N", help="busy times a month (default: 22)")
    parser.add_argument("--domain", action=yes_or_no, default=False, help="a domain of your own")
    parser.add_argument("--free-tier", action=yes_or_no, default=False, help="take off what is free once an account")
    parser.add_argument("--aws-cpu", type=int, choices=tuple(FARGATE_MIB), default=512, help="relay_cpu (default: 512)")
    parser.add_argument(
        "--aws-memory", type=int, metavar="MIB", help="relay_memory (default: the least with --aws-cpu)"
    )
    parser.add_argument(
        "--prices", type=Path, metavar="FILE", help="your prices, over those of console/plan/prices.toml"
    )
    parser.add_argument("--measured", type=Path, default=MEASURED, metavar="FILE", help="figures of your own machine")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw cost against load")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 for a load, a price file or a size that can't be planned with."""
    try:
        wanted = Load(
            options.calls,
            options.minutes,
            options.tls,
            options.agent_rate,
            options.call_minutes,
            options.headroom / 100,
            options.peaks,
            options.domain,
            options.free_tier,
        )
        measured, prices = Measured.read(options.measured), load(options.prices)
        planners = _planners(options, measured, prices)
        plans = [planner(wanted) for planner in planners.values()]
        if options.plot:
            draw(wanted, planners, options.plot, unverified(prices))
    except (ValueError, OSError) as error:
        print(f"plan: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(_object(wanted, measured, prices, plans), indent=2, ensure_ascii=False))
    else:
        _show(Console(highlight=False), wanted, measured, prices, plans)
    return 0


def _planners(options: argparse.Namespace, measured: Measured, prices: Prices) -> Mapping[str, Planner]:
    """Cloud → what plans it. Raises ValueError for a size that Fargate does not have."""
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
    return {cloud: planner for cloud, planner in all_of_them.items() if options.cloud in {cloud, "both"}}


def _object(wanted: Load, measured: Measured, prices: Prices, plans: Sequence[Plan]) -> Mapping[str, object]:
    return {
        "calls": wanted.calls,
        "minutes": wanted.minutes,
        "agent_sessions": agent_sessions(wanted),
        "exotel_streams": wanted.calls,
        "egress_mbit_s": round(egress_mbit(wanted, measured), 1),
        "clouds": {
            plan.cloud: {
                "relays": plan.sizing.relays,
                "always": plan.sizing.unit.least,
                "decided_by": plan.sizing.decided_by,
                "calls_a_relay": plan.sizing.carries,
                "one_more_at": plan.sizing.one_more_at,
                "cpu_share": round(plan.sizing.cpu_share, 3),
                "memory_mib": round(plan.sizing.memory_mib),
                "usd_a_month": plan.usd,
                "usd_a_minute": _a_minute(plan, wanted),
                "parts": plan.by_part(),
                "items": [
                    {"part": item.part, "what": item.what, "arithmetic": item.arithmetic, "usd": item.usd}
                    for item in plan.items
                ],
                "advice": list(advice(plan, wanted)),
            }
            for plan in plans
        },
        "assumptions": list(assumptions(wanted, measured, prices)),
        "prices": {
            name: {
                "usd": price.value,
                "unit": price.unit,
                "region": price.region,
                "date": str(price.date),
                "source": price.source,
                "verified": price.verified,
            }
            for name, price in prices.all()
        },
    }


def _a_minute(plan: Plan, wanted: Load) -> float | None:
    return round(plan.usd / wanted.minutes, 5) if wanted.minutes else None


def _show(console: Console, wanted: Load, measured: Measured, prices: Prices, plans: Sequence[Plan]) -> None:
    console.print(f"{wanted.calls:,} calls at the busiest moment, {wanted.minutes:,.0f} minutes a month\n")
    sizes = Table("", *(NAMES[plan.cloud] for plan in plans), box=None, pad_edge=False)
    rows: Mapping[str, Callable[[Plan], str]] = {
        "relays at the peak": lambda plan: f"{plan.sizing.relays}, by {plan.sizing.decided_by}",
        "… of which always run": lambda plan: f"{plan.sizing.unit.least}",
        "each": lambda plan: f"{plan.sizing.unit.vcpu:g} vCPU, {plan.sizing.unit.memory_mib} MiB",
        "calls one carries": lambda plan: (
            f"{plan.sizing.carries} (CPU {plan.sizing.by_cpu}, memory {plan.sizing.by_memory}, "
            f"MAX_CALLS {plan.sizing.unit.max_calls})"
        ),
        "another is added at": lambda plan: f"{plan.sizing.one_more_at} calls each",
        "load of each at the peak": lambda plan: f"{plan.sizing.cpu_share:.0%} CPU, {plan.sizing.memory_mib:.0f} MiB",
    }
    for name, cell in rows.items():
        sizes.add_row(name, *(cell(plan) for plan in plans))
    console.print(sizes)
    console.print(
        f"\nAt the vendor: {agent_sessions(wanted):,} conversations at once. At Exotel: {wanted.calls:,} streams. "
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
    bill.add_row("[bold]sum[/]", "", f"[bold]{plan.usd:,.2f}[/]")
    a_minute = _a_minute(plan, wanted)
    if a_minute is not None:
        bill.add_row("a call minute", "", f"{a_minute:.5f}")
    console.print(bill)
    console.print()
