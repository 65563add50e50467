"""`console forget NUMBER`: shows everything stored about one person, and deletes it permanently."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from common.env import SettingError
from common.phone import mask
from common.times import to_unix
from console.deployment.settings import settings
from console.deployment.steps import Problems
from console.forget.forgetting import forget_at_vendor, forget_here, workspaces
from console.forget.receipt import Run, write
from console.person.asked import add_arguments as add_common
from console.person.asked import opened
from console.person.find import Found, Kind, find
from console.person.reading import PersonStore
from console.words import counted
from functions.common.sealed import Sealing, sealing_of
from functions.common.store import StoreError
from sim.processes import ROOT

DONE, LEFT, FAILED = 0, 1, 2
INDEXES: Path = ROOT / ".cache" / "console"
"""Where the explorer keeps its indexes on this machine, with the words of calls in them."""
_JUST_NOW_S: Final = 3600
_OWN: Final = 2
"""A number that this many different numbers have called is a company's, not a person's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    add_common(parser)
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.add_argument(
        "--keep-at-vendor", action="store_true", help="keep ElevenLabs' own copies; the sweep may fetch them again"
    )
    parser.add_argument(
        "--receipt", type=Path, metavar="FILE", help="where the receipt goes (default: forgotten/, by day and digits)"
    )
    parser.add_argument(
        "--env-file", type=Path, default=ROOT / ".env", help="file with further settings (default: .env)"
    )


def run(options: argparse.Namespace, ask: Callable[[str], str] | None = None) -> int:
    """Exit status 1: something is left, or the answer was no; 2: an error."""
    ask = ask or (input if sys.stdin.isatty() else None)
    try:
        environ = settings(os.environ, options.env_file)
        # Reading must not create a misspelt folder.
        found = find(
            opened(options.store, read_only=True),
            options.number,
            lambda what: print(f"looking at {what} …", file=sys.stderr),
            sealing_of(environ),
        )
        _refuse_company(found)
        print("\n".join(described(found, options.store)))
        if options.dry_run or not (found.conversations or any(found.all())):
            return LEFT if found.unsure or found.sealed else DONE
        if not options.yes and not _agreed(options.number, ask):
            print("Nothing was removed.")
            return LEFT
        return _forget(found, opened(options.store, read_only=False), options, environ)
    except (SettingError, Problems, ValueError, StoreError, OSError) as error:
        for line in str(error).splitlines():
            print(f"forget: {line}", file=sys.stderr)
        return FAILED


def described(found: Found, store: str) -> Iterator[str]:
    """What is stored about a person, for the decision."""
    if not found.calls and not found.conversations and not any(found.all()):
        yield f"{store} holds nothing of {mask(found.number)}."
    else:
        yield f"{store} holds of {mask(found.number)}:"
        yield f"  {counted(len(found.calls), 'call')}"
        for kind in Kind:
            if keys := found.keys.get(kind):
                yield f"  {counted(len(keys), 'object')}: {kind}"
        if found.conversations:
            yield f"  {counted(len(found.conversations), 'conversation')} at ElevenLabs"
    if found.other_vendors:
        yield f"Not within reach: what {', '.join(found.other_vendors)} keep by their own rules."
    if found.unsure:
        yield "These contain the number's digits but can't be read. They stay; check them yourself:"
        yield from (f"  {key}" for key in found.unsure)
    if found.sealed:
        yield "Encrypted, and nothing says whose they are: set RAW_BODIES_KEY with their key to search them; they stay:"
        yield from (f"  {key}" for key in found.sealed)


def _refuse_company(found: Found) -> None:
    if found.callers_of_it >= _OWN:
        raise ValueError(
            f"{mask(found.number)} was called by {found.callers_of_it} numbers: expected a person's number, not one of "
            "your own"
        )


def _agreed(number: str, ask: Callable[[str], str] | None) -> bool:
    if ask is None:
        raise ValueError("there is no terminal to ask on: check with --dry-run, then give --yes")
    try:
        return ask(f"Remove all of this for good? Type the last four digits ({number[-4:]}): ").strip() == number[-4:]
    except EOFError:  # Ctrl-D
        return False


def _forget(found: Found, store: PersonStore, options: argparse.Namespace, environ: dict[str, str]) -> int:
    now = datetime.now(UTC)
    file = options.receipt or Path("forgotten") / f"{now:%Y-%m-%d}-{found.number[-4:]}.json"
    run_ = Run(now.isoformat(timespec="milliseconds"), options.store, found)
    write(file, run_)
    if not options.keep_at_vendor and not asyncio.run(_at_vendor(run_, environ)):
        # The sweep would fetch what the vendor still has, and create the calls again.
        run_.left.append("everything here, until the vendor's copies are gone")
    else:
        forget_here(run_, store)
        _drop_indexes()
        _look_again(run_, store, sealing_of(environ))
    run_.finished_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    write(file, run_)
    print(f"{counted(sum(run_.removed.values()), 'object')} removed, {counted(run_.versions, 'version')} in all.")
    if found.conversations and not options.keep_at_vendor:
        print(f"At ElevenLabs: {run_.vendor_deleted} deleted, {run_.vendor_gone} not there (any more).")
        if run_.vendor_gone == len(found.conversations):
            print("If they should be there: is ELEVENLABS_API_KEY of the right workspace and region?")
    print(f"Receipt: {file}")
    for sentence in run_.left:
        print(f"left: {sentence}")
    if run_.left:
        print("Run the same command again to continue from here.")
    return LEFT if run_.left or found.unsure else DONE


async def _at_vendor(run_: Run, environ: dict[str, str]) -> bool:
    async with aiohttp.ClientSession() as session:
        return await forget_at_vendor(run_, workspaces(environ, session))


def _drop_indexes() -> None:
    """A full-text index keeps words that were deleted from it; the explorer rebuilds it."""
    for file in INDEXES.glob("calls-*.sqlite*"):
        file.unlink(missing_ok=True)
        if file.suffix == ".sqlite":
            print(f"{file} was deleted: the explorer rebuilds it at its next start; restart one that is running")


def _look_again(run_: Run, store: PersonStore, sealing: Sealing) -> None:
    """A webhook or a sweep may have been at work meanwhile."""
    again = find(store, run_.found.number, sealing=sealing)
    if count := sum(1 for _ in again.all()):
        run_.left.append(f"{counted(count, 'object')} that came while this was at work")
    ended_at = to_unix(run_.found.newest)
    if ended_at is not None and datetime.now(UTC).timestamp() - ended_at < _JUST_NOW_S:
        run_.left.append("what may still come of a call that ended within the last hour")
