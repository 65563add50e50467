"""`console calls [STORE]`: a page over the records of a folder or a bucket, for the user of this machine only."""

import argparse
import asyncio
import contextlib
import os
import secrets
import sqlite3
import sys
import tempfile
from datetime import date
from pathlib import Path

from common.prices import load
from console.calls.app import PAGE, Explorer
from console.calls.costing import Costing
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.search import Filter
from console.calls.share import Share
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.costs.of_call import CLOUDS
from console.web.local_page import open_page, until_interrupted
from console.web.published_page import Guard, address, application
from console.words import counted
from functions.common.sealed import sealing_of
from functions.common.store import StoreError
from sim.processes import ROOT
from sim.serving import serving

PUBLISHED_PORT = 8090


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument(
        "store",
        nargs="?",
        default=os.environ.get("STORE", ""),
        metavar="STORE",
        help="file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, read with your own cloud credentials "
        "(default: the variable STORE, else the store of this machine's last call: data/, or a demo's below out/)",
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
        help="your own prices, and the currency for costs (docs/console.md; default: PRICES_FILE)",
    )
    parser.add_argument(
        "--cloud",
        choices=tuple(CLOUDS),
        default="",
        help="where functions and relay run, for their share of a call's cost (default: not known)",
    )
    parser.add_argument("--port", type=int, default=0, help="port of the page (default: a free one)")
    parser.add_argument("--share", type=Path, metavar="DIR", help="write a report into a new folder, and exit")
    parser.add_argument("--words", action="store_true", help="with --share: also what was said, redacted")
    parser.add_argument("--since", type=_day, metavar="DATE", help="with --share: the first day, 2026-11-01")
    parser.add_argument(
        "--until", type=_day, metavar="DATE", help="with --share: the last day (default: a period of a week)"
    )
    parser.add_argument(
        "--publish",
        metavar="URL",
        help="serve the page to a team, read-only, with PUBLISH_PASSWORD; https://… is its address at your proxy",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="with --publish: address that the proxy connects to (default: %(default)s)"
    )
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="only print the address")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 if the store can't be read."""
    try:
        source = open_source(options.store or latest_store(Path.cwd()), sealing_of(os.environ))
        costing = Costing(load(Path(options.prices) if options.prices else None), options.cloud)
        index = Index(source.name, options.index, costing.prices)
        refresh = Refresh(source, index)
        if options.share:
            return _share(Share(source, index, costing, _of(options), options.words), refresh, options.share)
        with tempfile.TemporaryDirectory(prefix="console-calls-") as cache:
            published = bool(options.publish)
            explorer = Explorer(source, index, refresh, Sounds(source, Path(cache)), costing, published)
            asyncio.run(_publish(explorer, options) if published else _serve(explorer, options))
    except (ValueError, StoreError, OSError, sqlite3.Error) as error:
        print(f"calls: {error}", file=sys.stderr)
        return 2
    return 0


def latest_store(folder: Path) -> str:
    """The store of this machine's last call: data/ of softphone and `make run`, or a demo's below out/.

    data/ if there is none yet; opening it then fails with a message that says so.
    """
    stores = [folder / "data", *(folder / "out").glob("*/data")]
    newest = {
        store: max((one.stat().st_mtime for one in (store / "logs").glob("*.json")), default=0.0) for store in stores
    }
    return f"file:{max(stores, key=lambda store: newest[store])}"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a date such as 2026-11-01") from None


def _of(options: argparse.Namespace) -> Filter:
    return Filter(first_day=options.since, last_day=options.until)


def _share(share: Share, refresh: Refresh, folder: Path) -> int:
    refresh.run()
    if error := refresh.status()["error"]:
        raise ValueError(error)
    files = share.write(folder, date.today())
    print(f"{counted(files, 'file')} in {folder}: send the folder, or open {folder / 'index.html'}")
    return 0


async def _publish(explorer: Explorer, options: argparse.Namespace) -> None:
    """Until Ctrl-C or SIGTERM. The password is printed only if it was generated here."""
    url = address(options.publish)
    given = os.environ.get("PUBLISH_PASSWORD", "")
    guard = Guard(given or secrets.token_urlsafe(24))
    app = application(PAGE, explorer.routes(), url=url, guard=guard)
    following = asyncio.create_task(explorer.keep_fresh())
    try:
        async with serving(app, host=options.host, port=options.port or PUBLISHED_PORT) as base:
            print(f"\n{url} is served at {base}, for your proxy alone.", flush=True)
            if not given:
                print(f"The password, until this ends (PUBLISH_PASSWORD sets one): {guard.password}", flush=True)
            await until_interrupted(url, browser=False)
    finally:
        await _stopped(following, explorer)


async def _stopped(following: "asyncio.Task[None]", explorer: Explorer) -> None:
    explorer.refresh.stop.set()
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def _serve(explorer: Explorer, options: argparse.Namespace) -> None:
    following = asyncio.create_task(explorer.keep_fresh())
    try:
        keep = options.index / "page.json"
        async with open_page(PAGE, explorer.routes(), port=options.port, keep=keep) as url:
            print(f"\nThe calls of {explorer.source.name} are at {url}\nCtrl-C ends it.", flush=True)
            await until_interrupted(url, browser=options.browser)
    finally:
        await _stopped(following, explorer)
