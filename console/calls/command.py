"""`console calls [STORE]`: a page over the records of a folder or a bucket, for this machine's user only."""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

from console.calls.app import PAGE, Explorer
from console.calls.costing import Costing
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.costs.of_call import CLOUDS
from console.costs.prices import load
from console.web.local_page import open_page, until_interrupted
from functions.common.store import StoreError
from sim.processes import ROOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument(
        "store",
        nargs="?",
        default=os.environ.get("STORE", ""),
        metavar="STORE",
        help="file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, read with your own cloud credentials "
        "(default: the variable STORE, else what was called last here: data/, or a demo's below out/)",
    )
    parser.add_argument(
        "--index",
        type=Path,
        default=ROOT / ".cache" / "console",
        help="folder for the index (default: .cache/console/)",
    )
    parser.add_argument(
        "--prices",
        type=Path,
        default=os.environ.get("PRICES_FILE") or None,
        metavar="FILE",
        help="your own prices, and the currency to tell costs in (docs/console.md; default: PRICES_FILE)",
    )
    parser.add_argument(
        "--cloud",
        choices=tuple(CLOUDS),
        default="",
        help="where functions and relay run, for their share of a call's cost (default: not known)",
    )
    parser.add_argument("--port", type=int, default=0, help="of the page (default: a free one)")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="only print the address")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 for a store that can't be looked at."""
    try:
        source = open_source(options.store or latest_store(Path.cwd()))
        costing = Costing(load(Path(options.prices) if options.prices else None), options.cloud)
        index = Index(source.name, options.index, costing.prices)
        with tempfile.TemporaryDirectory(prefix="console-calls-") as cache:
            explorer = Explorer(source, index, Refresh(source, index), Sounds(source, Path(cache)), costing)
            asyncio.run(_serve(explorer, options))
    except (ValueError, StoreError, OSError, sqlite3.Error) as error:
        print(f"calls: {error}", file=sys.stderr)
        return 2
    return 0


def latest_store(folder: Path) -> str:
    """Where the last call of this machine was kept: data/ of softphone and `make run`, or a demo's of out/.

    data/ where there is none yet, which the source then says.
    """
    stores = [folder / "data", *(folder / "out").glob("*/data")]
    newest = {
        store: max((one.stat().st_mtime for one in (store / "logs").glob("*.json")), default=0.0) for store in stores
    }
    return f"file:{max(stores, key=lambda store: newest[store])}"


async def _serve(explorer: Explorer, options: argparse.Namespace) -> None:
    following = asyncio.create_task(explorer.keep_fresh())
    try:
        keep = options.index / "page.json"
        async with open_page(PAGE, explorer.routes(), port=options.port, keep=keep) as url:
            print(f"\nThe calls of {explorer.source.name} are at {url}\nCtrl-C ends it.", flush=True)
            await until_interrupted(url, browser=options.browser)
    finally:
        explorer.refresh.stop.set()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
