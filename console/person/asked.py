"""Arguments of both commands about a person: the number, and the store."""

import argparse
import os
from typing import cast

from common.phone import to_e164
from console import stores
from console.person.reading import PersonStore
from functions.common.store import History


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NUMBER and --store."""
    parser.add_argument(
        "number", type=e164, metavar="NUMBER", help="number of the person, +919876543210 or in any Indian spelling"
    )
    parser.add_argument(
        "--store",
        default=os.environ.get("STORE") or "file:data",
        help="s3://…, gs://… or file:DIR (default: STORE, else data/)",
    )


def e164(text: str) -> str:
    """For argparse."""
    number = to_e164(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole phone number, such as +919876543210")
    return number


def opened(url: str, *, read_only: bool) -> PersonStore:
    """Raises ValueError or StoreError."""
    store = stores.opened(url, said="--store ", read_only=read_only)
    if not isinstance(store, History):
        raise ValueError(f"{url}: this store can't show or remove old versions of its keys")
    return cast(PersonStore, store)
