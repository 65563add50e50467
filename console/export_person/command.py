"""`console export-person NUMBER`: everything stored about one person, as a zip to give to them."""

import argparse
import json
import os
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from common.phone import mask
from console.deployment.settings import settings
from console.deployment.steps import Problems
from console.person.asked import add_arguments as add_common
from console.person.asked import opened
from console.person.find import Found, Kind, find
from console.person.reading import PersonStore, bodies, opened_body
from console.words import counted
from functions.common.sealed import Sealing, is_sealed, sealing_of
from functions.common.store import StoreError
from sim.processes import ROOT

_README: Final = """Everything that {store} held of {number} on {day}, as it was kept.

logs/            one file for each call: who called whom and when, what was said, how it ended
calls/           what the records were made of: events of the line, dialled numbers, requests for a human
conversations/   what the agent's vendor said of the conversations
inbox/           the vendor's reports as they came
audio/, recordings/   sound
callers/, pending/    an index, and notes of work that was still to be done

contents.json lists the files. The company's own numbers and those of its staff stand in them, too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    add_common(parser)
    parser.add_argument(
        "--file", type=Path, metavar="ZIP", help="file to write (default: person-, the last four digits, .zip)"
    )


def run(options: argparse.Namespace) -> int:
    """Exit status 1: there is nothing; 2: an error."""
    file = options.file or Path(f"person-{options.number[-4:]}.zip")
    try:
        if file.exists():
            raise ValueError(f"{file} already exists: expected a new file, or --file")
        store = opened(options.store, read_only=True)
        sealing = sealing_of(settings(os.environ, ROOT / ".env"))
        found = find(store, options.number, lambda what: print(f"looking at {what} …", file=sys.stderr), sealing)
        if not any(found.all()):
            print(f"{options.store} holds nothing of {mask(options.number)}.")
            return 1
        count = write(file, found, store, options.store, sealing)
    except (Problems, ValueError, StoreError, OSError) as error:
        print(f"export-person: {error}", file=sys.stderr)
        return 2
    print(f"{counted(len(found.calls), 'call')}, {counted(count, 'file')} in {file}, readable by you only")
    return 0


def write(file: Path, found: Found, store: PersonStore, name: str, sealing: Sealing) -> int:
    """How many files went into it. It appears whole or not at all."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    contents = {}
    sealed = 0
    kinds: dict[str, Kind] = {key: kind for kind, key in found.all()}
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
            for key, kept in bodies(store, kinds):
                body = opened_body(key, kept, sealing)
                sealed += is_sealed(body)
                archive.writestr(key, body)
                contents[key] = {"kind": kinds[key], "bytes": len(body)}
            readme = _README.format(store=name, number=found.number, day=f"{datetime.now(UTC):%Y-%m-%d}")
            archive.writestr("README.txt", readme)
            archive.writestr("contents.json", json.dumps(contents, indent=2))
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    if sealed:
        print(
            f"{counted(sealed, 'raw webhook')} stayed encrypted: RAW_BODIES_KEY does not hold the key", file=sys.stderr
        )
    return len(contents)
