"""`console run`: runs relay and functions on this machine, with all settings from the environment and `.env`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from common.env import SettingError
from console.checks.finding import Verdict
from console.deployment.settings import settings
from console.deployment.steps import Problems
from console.run.keys import check_keys
from console.run.local import environment, serve
from console.run.paste import missing, what_to_paste


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything else is set as it is in a deployment, by environment variables."""
    parser.add_argument(
        "--env-file", type=Path, default=Path(".env"), help="file with further settings (default: .env)"
    )
    parser.add_argument("--json", action="store_true", help="log lines as JSON on a terminal, too")


def run(options: argparse.Namespace) -> int:
    """Exit status 2 for invalid settings or a refused key, 1 if a part ended by itself."""
    terminal = sys.stdout.isatty()
    try:
        environ = environment(settings(os.environ, options.env_file))
        refused = asyncio.run(_look_at_keys(environ))
    except (SettingError, Problems) as error:
        for line in str(error).splitlines():
            print(f"run: {line}", file=sys.stderr)
        return 2
    if refused:
        return 2
    print(what_to_paste(environ), flush=True)
    for sentence in missing(environ):
        print(f"run: {sentence}", file=sys.stderr)
    colour = terminal and not os.environ.get("NO_COLOR")
    return asyncio.run(serve(environ, for_people=terminal and not options.json, colour=colour))


async def _look_at_keys(environ: Mapping[str, str]) -> bool:
    """Whether a key is refused; prints the findings."""
    findings = await check_keys(environ)
    for finding in findings:
        if finding.verdict is not Verdict.PASS:
            print(f"run: {finding.found}. {finding.advice}", file=sys.stderr)
    return any(finding.verdict is Verdict.FAIL for finding in findings)
