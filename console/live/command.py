"""`console live [STORE]`: the running calls, and commands to them; for the user of this machine only."""

import argparse
import asyncio
import getpass
import os
import sys

from console.live.app import PAGE, Live
from console.live.running import Running
from console.stores import opened
from console.web.local_page import open_page, until_interrupted
from functions.common.store import Store, StoreError, folder_of
from sim.processes import ROOT

LONGEST_NAME = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument(
        "store",
        nargs="?",
        default=os.environ.get("STORE", "") or "file:data",
        metavar="STORE",
        help="file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, used with your own cloud credentials "
        "(default: the variable STORE, else data/)",
    )
    parser.add_argument(
        "--by", default="", metavar="NAME", help="who gives the commands, for the record (default: you)"
    )
    parser.add_argument("--look", action="store_true", help="only watch: no commands, nothing is written")
    parser.add_argument("--port", type=int, default=0, help="port of the page (default: a free one)")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="only print the address")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 if the store can't be read."""
    by = " ".join((options.by or _user()).split())[:LONGEST_NAME]
    try:
        name, store = _opened(options.store, read_only=options.look)
        live = Live(name, Running(store), by, acts=not options.look)
        asyncio.run(_serve(live, options))
    except (ValueError, StoreError, OSError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 2
    return 0


def _opened(url: str, *, read_only: bool) -> tuple[str, Store]:
    folder = folder_of(url)
    if folder and not folder.is_dir():
        raise StoreError(f"STORE=file:{folder}: there is no such folder. A first call makes one: make softphone")
    return f"file:{folder}" if folder else url, opened(url, read_only=read_only)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user may have no name
        return f"user {os.getuid()}"


async def _serve(live: Live, options: argparse.Namespace) -> None:
    keep = ROOT / ".cache" / "console" / "live.json"
    async with open_page(PAGE, live.routes(), port=options.port, keep=keep) as url:
        print(f"\nThe running calls of {live.name} are at {url}\nCtrl-C ends it.", flush=True)
        await until_interrupted(url, browser=options.browser)
