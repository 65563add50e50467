"""`console run`: relay and functions on this machine, with all settings from the environment."""

import argparse
import asyncio
import sys

from common.env import SettingError
from console.run.local import environment, serve, what_to_paste


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None: everything is set as it is in a deployment, by environment variables."""


def run(_: argparse.Namespace) -> int:
    """Exit status 2 for settings that can't be used, 1 when a part ended by itself."""
    try:
        environ = environment()
    except SettingError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    print(what_to_paste(environ), flush=True)
    return asyncio.run(serve(environ))
