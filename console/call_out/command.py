"""`console call +91…` and `console call --list people.csv`: calls people and connects them to your agent through your
relay.
"""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
from rich.console import Console
from yarl import URL

from common.phone import mask
from console.call_out.campaign import Campaign
from console.call_out.journal import State, open_journal, read_journal
from console.call_out.limits import Limits
from console.call_out.outcome import Outcome, Result
from console.call_out.people import Callee, read_do_not_call
from console.call_out.request import LIST_HOURS, announced, everybody, limits_of
from console.call_out.screen import Screen, write_results
from console.checks.shown import bare
from console.deployment.settings import settings
from console.deployment.steps import Problems
from console.exotel.account import Account
from console.exotel.client import ExotelClient
from console.exotel.order import Order
from console.exotel.pace import Pace, per_minute
from console.words import counted
from sim.processes import ROOT

DONE, NEEDS_YOU, WRONG_INPUT, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130
HEADROOM = 0.9
EXITS = """exit status: 0 every number has an outcome; 1 some number needs you (unknown, refused, still open);
2 something is wrong with what was given, nobody was called; 3 stopped before the end of the list, the same command goes
on; 130 interrupted, the same command goes on. For a single number: 0 answered, 1 not answered."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.epilog = EXITS
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("number", nargs="?", help="number to call, in any Indian spelling or with + and a country code")
    who.add_argument("--list", type=Path, metavar="CSV", help="CSV of people to call, with a column number")
    call = parser.add_argument_group("the call")
    call.add_argument(
        "--from", dest="caller_id", metavar="EXOPHONE", help="caller ID to show (default: EXOTEL_CALLER_ID)"
    )
    call.add_argument(
        "--stream-url", metavar="wss://…", help="your relay's URL with its token (default: EXOTEL_STREAM_URL)"
    )
    call.add_argument("--record", action="store_true", help="have Exotel record the call")
    call.add_argument(
        "--field", default="", metavar="TEXT", help="Exotel's CustomField; a column custom_field takes precedence"
    )
    call.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="parameter for the agent")
    call.add_argument("--status-callback", default="", metavar="URL", help="URL to which Exotel reports answer and end")
    call.add_argument("--time-limit", type=int, default=0, metavar="SECONDS", help="then Exotel ends the call")
    money = parser.add_argument_group("money")
    money.add_argument(
        "--countries", metavar="IN,AE", help="countries that may be dialled (COUNTRIES; default: the caller ID's)"
    )
    money.add_argument("--max-minutes", type=_minutes, metavar="N", help="limit for all calls together (MAX_MINUTES)")
    money.add_argument("--yes", action="store_true", help="don't ask before the first call of a list")
    several = parser.add_argument_group("a list")
    several.add_argument("--rate", default="30/min", metavar="N/min", help="pace of new calls (default: 30/min)")
    several.add_argument(
        "--account-limit", default="200/min", metavar="N/min", help="request limit of Exotel's API for the account"
    )
    several.add_argument("--concurrent", type=int, default=10, metavar="N", help="calls at once (default: 10)")
    several.add_argument("--hours", metavar="HH:MM-HH:MM", help=f"on the callee's clock (a list: {LIST_HOURS})")
    several.add_argument("--timezone", metavar="ZONE", help="time zone of the callees (default: India's for +91)")
    several.add_argument("--outside-hours", choices=("wait", "stop"), default="wait", help="(default: wait)")
    several.add_argument("--dnc", type=Path, metavar="CSV", help="numbers that are never called")
    several.add_argument("--columns", metavar="A,B", help="columns that are parameters (default: all others)")
    several.add_argument("--skip-bad", action="store_true", help="call the others if rows can't be used")
    several.add_argument(
        "--journal", type=Path, metavar="FILE", help="journal of what was done (a list: CSV.calls.jsonl)"
    )
    several.add_argument(
        "--retry-unknown",
        action="store_true",
        help="also call numbers for which it is unknown whether they were called",
    )
    parser.add_argument(
        "--env-file", type=Path, default=ROOT / ".env", help="file with further settings (default: .env)"
    )
    parser.add_argument("--results", type=Path, metavar="CSV", help="write the outcome of each number")
    parser.add_argument("--show-numbers", action="store_true", help="show full numbers on the screen")
    parser.add_argument("--dry-run", action="store_true", help="check everything, call nobody, ask Exotel nothing")


def run(options: argparse.Namespace) -> int:
    """Exit statuses: see --help."""
    console = Console()
    try:
        environ = settings(os.environ, options.env_file)
        if options.results and not options.results.parent.is_dir():
            raise ValueError(f"--results {options.results}: there is no such folder")
        people, orders = everybody(options, environ, console)
        limits = limits_of(options, environ, orders)
        do_not_call = read_do_not_call(options.dnc) if options.dnc else frozenset()
        options.journal = options.journal or (options.list and Path(f"{options.list}.calls.jsonl"))
        if options.dry_run:
            return _rehearse(options, console, people, orders, limits, do_not_call)
        account = Account.from_env(environ)
        new = _new(people, do_not_call, options)
        if options.list and not _agreed(options, console, announced(new, orders, limits)):
            return WRONG_INPUT
        return asyncio.run(_call(options, console, account, people, orders, limits, do_not_call))
    except (Problems, ValueError, OSError) as error:
        print(f"call: {error}", file=sys.stderr)
        return WRONG_INPUT


def _new(people: Sequence[Callee], do_not_call: frozenset[str], options: argparse.Namespace) -> Sequence[str]:
    """The numbers that this run is to call, according to the journal."""
    journal = read_journal(options.journal)
    return [
        one.number for one in people if journal.story(one.number).state is State.NEW and one.number not in do_not_call
    ]


def _agreed(options: argparse.Namespace, console: Console, announcement: str) -> bool:
    """Shows what the list may cost; at a terminal, also asks for confirmation."""
    console.print(announcement, highlight=False)
    if options.yes or not sys.stdin.isatty():
        return True
    agreed = input("Call them? [y/N] ").strip().lower() in {"y", "yes"}
    if not agreed:
        print("call: nobody was called", file=sys.stderr)
    return agreed


def _minutes(text: str) -> float:
    minutes = float(text)  # argparse reports its ValueError
    if not 1 <= minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return minutes


async def _call(
    options: argparse.Namespace,
    console: Console,
    account: Account,
    people: Sequence[Callee],
    orders: Mapping[str, Order],
    limits: Limits,
    do_not_call: frozenset[str],
) -> int:
    pace = Pace(per_minute(options.account_limit) * HEADROOM)
    with open_journal(options.journal) as journal:
        screen = Screen(console, len(people), now=time.time, show_numbers=options.show_numbers)
        async with aiohttp.ClientSession() as session:
            campaign = Campaign(
                ExotelClient(session, account, pace),
                journal,
                people,
                orders,
                limits=limits,
                watch=screen,
                now=time.time,
                do_not_call=do_not_call,
            )
            with screen:
                results = await _until_interrupted(campaign, screen)
        screen.table(results)
    if options.results:
        write_results(options.results, results)
    return _status(campaign, results, console)


async def _until_interrupted(campaign: Campaign, screen: Screen) -> Sequence[Result]:
    """Ctrl-C once stops in an orderly way, twice at once; the journal is intact in both cases."""
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(campaign.run())
    times = itertools.count(1)

    def interrupted() -> None:
        if next(times) > 1:
            running.cancel()
            return
        screen.note("Interrupted: no more calls are placed. Waiting for answers; interrupt again to exit at once.")
        campaign.leave()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        return await running
    except asyncio.CancelledError:
        return list(campaign.results.values())
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _status(campaign: Campaign, results: Sequence[Result], console: Console) -> int:
    because = campaign.stopped_because
    if because == "interrupted":
        console.print("\nInterrupted. Run the same command to continue; nobody is called twice.")
        return INTERRUPTED
    if because:
        print(f"call: stopped: {because}", file=sys.stderr)
    if len(results) == 1:
        return DONE if results[0].outcome is Outcome.ANSWERED else NEEDS_YOU
    if any(one.outcome in {Outcome.UNKNOWN, Outcome.REFUSED, Outcome.OPEN} for one in results):
        return NEEDS_YOU
    return STOPPED if any(one.outcome is Outcome.NOT_CALLED for one in results) else DONE


def _rehearse(
    options: argparse.Namespace,
    console: Console,
    people: Sequence[Callee],
    orders: Mapping[str, Order],
    limits: Limits,
    do_not_call: frozenset[str],
) -> int:
    """--dry-run: what would be done, as far as that is known without requests to Exotel."""
    journal = read_journal(options.journal)
    states = {one.number: journal.story(one.number).state for one in people}
    new = [one for one in people if states[one.number] is State.NEW and one.number not in do_not_call]
    if new:
        console.print(announced([one.number for one in new], orders, limits), highlight=False)
    for one in new[:10]:
        order = orders[one.number]
        written = order.number if options.show_numbers else mask(order.number)
        names = ", ".join(one.parameters) or "none"
        console.print(f"would call {written}; its own parameters: {names}", highlight=False)
    if len(new) > 10:
        console.print(f"… and {len(new) - 10} more")
    order = orders[people[0].number]
    console.print(
        f"From {mask(order.caller_id)} to {bare(URL(order.stream_url))}, at {limits.a_minute:g} a minute: "
        f"at least {counted(max(1, round(len(new) / limits.a_minute)), 'minute')}, {options.hours or 'any hour'}.",
        highlight=False,
    )
    ended = sum(state is State.ENDED for state in states.values())
    unknown = sum(state in {State.UNKNOWN, State.PLACED} for state in states.values())
    kept = sum(one.number in do_not_call for one in people)
    console.print(f"{len(new)} to call, {ended} called before, {unknown} to look up first, {kept} not to be called.")
    return DONE
