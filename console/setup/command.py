"""`console setup elevenlabs`: configures an agent for the relay, after showing the difference and asking."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from yarl import URL

from common.env import SettingError
from console.deployment.places import CLOUDS, PlaceError, of_deployment
from console.deployment.settings import settings
from console.deployment.steps import ROOT, Problems
from console.elevenlabs.client import ApiError
from console.setup.elevenlabs import FAILED, SetupError, Terminal, set_up
from console.setup.newcomer import FIRST_MESSAGE
from console.setup.plan import known_checks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("vendor", choices=["elevenlabs"], help="whose agent")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--agent",
        default="",
        metavar="ALIAS|ID",
        help="alias in AGENTS_FILE, or an id (default: the relay's default agent)",
    )
    which.add_argument(
        "--create", default="", metavar="NAME", help="make a new agent; one of this name is brought up to date"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--webhook-url",
        type=_webhook_url,
        default="",
        metavar="URL",
        help="URL of the webhook function: https://…/webhook/post-call",
    )
    where.add_argument("--deployment", choices=tuple(CLOUDS), help="take it from Terraform's outputs for this cloud")
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="where a new webhook's secret is kept, readable by you only"
    )
    parser.add_argument(
        "--line-rate",
        type=int,
        choices=(8000, 16000, 24000),
        default=8000,
        help="sample rate of Exotel's applet, in Hz",
    )
    parser.add_argument("--private", action="store_true", help="only holders of the API key may open a conversation")
    parser.add_argument(
        "--retries", action="store_true", help="switch the webhook's retries on even where they can't be seen"
    )
    parser.add_argument(
        "--leave",
        type=_check,
        action="append",
        default=[],
        metavar="CHECK",
        help="don't change this, for instance agent.max_duration",
    )
    parser.add_argument("--prompt-file", type=Path, metavar="FILE", help="of a new agent (default: a receptionist's)")
    parser.add_argument(
        "--first-message", default=FIRST_MESSAGE, metavar="TEXT", help="of a new agent (default: %(default)s)"
    )
    parser.add_argument("--language", default="en", metavar="CODE", help="of a new agent (default: %(default)s)")
    parser.add_argument(
        "--voice", default="", metavar="ID", help="of a new agent (default: the one ElevenLabs chooses)"
    )
    parser.add_argument(
        "--env-file", type=Path, default=ROOT / ".env", help="file with further settings (default: .env)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show the difference")
    parser.add_argument("--yes", action="store_true", help="don't ask")


def run(options: argparse.Namespace) -> int:
    """Exit status 1: the answer was no; 2: it failed, or only part of it was done."""
    try:
        environ = settings(os.environ, options.env_file)
        if options.deployment:
            options.webhook_url = of_deployment(options.deployment, environ)[0].webhook_url
        return asyncio.run(set_up(options, environ, Terminal.of_process()))
    except (SetupError, SettingError, ApiError, PlaceError, Problems, OSError) as error:
        for line in str(error).splitlines():
            print(f"setup: {line}", file=sys.stderr)
        return FAILED


def _webhook_url(text: str) -> str:
    url = URL(text)  # argparse reports its ValueError
    secure = url.scheme == "https" or url.host in {"127.0.0.1", "localhost"}
    if text and not (url.host and secure):
        raise argparse.ArgumentTypeError(f"{text!r}: ElevenLabs posts to https://… and nothing else")
    return text


def _check(text: str) -> str:
    if text not in known_checks():
        raise argparse.ArgumentTypeError(f"{text!r}: expected one of {', '.join(known_checks())}")
    return text
