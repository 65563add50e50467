"""`console softphone [wss-url]`: a phone in the browser, connected to a deployed relay or to a local one."""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from console.checks.shown import bare
from console.softphone.address import Address
from console.softphone.app import PAGE, Softphone
from console.softphone.home import at_home, captioned
from console.web.local_page import open_page, until_interrupted
from sim.processes import ROOT, StartError

KEPT = ROOT / ".cache" / "console" / "softphone.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument(
        "url",
        nargs="?",
        default="",
        metavar="wss-url",
        help="a relay's media URL as in Exotel's applet, token included; without one, a relay with a fake "
        "agent is started here",
    )
    parser.add_argument("--port", type=int, default=0, help="port of the page (default: a free one)")
    parser.add_argument("--store", type=Path, default=ROOT / "data", help="folder for recordings (default: data/)")
    parser.add_argument("--from", dest="from_", default="09876500001", help="number the call comes from")
    parser.add_argument("--to", default="08047100002", help="number that was called")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="only print the address")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 for an invalid address or a relay that does not start."""
    try:
        options.store = options.store.absolute()
        options.store.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(options))
    except (ValueError, StartError, OSError) as error:
        print(f"softphone: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(options: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        home = None if options.url else await stack.enter_async_context(at_home(options.store))
        address = Address.parse(home.media_url if home else options.url)
        phone = Softphone(address, options.store, at_home=bool(home), from_=options.from_, to=options.to)
        if home:
            await stack.enter_async_context(captioned(home, phone.caption))
        page = await stack.enter_async_context(open_page(PAGE, phone.routes(), port=options.port, keep=KEPT))
        print(f"\nThe phone is at {page}\nIt calls {bare(address.url)}; Ctrl-C ends it.", flush=True)
        await until_interrupted(page, browser=options.browser)
