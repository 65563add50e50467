"""`console demo`: a whole call on this machine, to see and hear."""

import argparse
from pathlib import Path

from sim import demo
from sim.scenario import names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument(
        "scenario", nargs="?", default=demo.DEFAULT, help=f"one of {', '.join(names())}, or a .toml file"
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what is left behind (default: out/)")


def run(options: argparse.Namespace) -> int:
    """Exit status 1 if the scenario failed, 2 if it could not be run."""
    return demo.show(options.scenario, options.out)
