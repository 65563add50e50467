"""`console doctor`: checks before the first call, each with advice."""

import argparse
import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import aiohttp

from console.checks.finding import Finding, Verdict
from console.checks.report import Lines, as_json
from console.checks.subject import Subject
from console.deployment.places import DEPLOYMENTS, PlaceError, Places, from_environment, of_deployment
from console.deployment.settings import settings
from console.deployment.steps import ROOT, Problems
from console.doctor.examination import PARTS, examined, hide, known_secrets, log
from console.doctor.relay_call import LONG_CALL_S

NOTHING = (
    "nothing could be checked: put your settings into .env, give addresses, or "
    "name a deployment (make doctor DEPLOYMENT=aws, gcp or local)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("--relay", default="", metavar="URL", help="wss://… of the Voicebot applet (VOICEBOT_URL)")
    parser.add_argument("--connect", default="", metavar="URL", help="of the Connect applet (CONNECT_URL)")
    parser.add_argument("--passthru", default="", metavar="URL", help="of the Passthru applet (PASSTHRU_URL)")
    parser.add_argument("--webhook", default="", metavar="URL", help="the vendor's post-call webhook (WEBHOOK_URL)")
    parser.add_argument(
        "--deployment",
        choices=DEPLOYMENTS,
        help="take the addresses from Terraform's outputs for this cloud, or from `make run` on this machine (local)",
    )
    parser.add_argument(
        "--only", type=_parts, default=tuple(PARTS), metavar="PART,…", help=f"of {', '.join(PARTS)}; default: all"
    )
    parser.add_argument(
        "--no-call",
        dest="call",
        action="store_false",
        help="place no test call; it reaches the default agent for about 4 s, which its vendor charges",
    )
    parser.add_argument(
        "--slow", action="store_true", help=f"also hold a call for {LONG_CALL_S:g} s, to see if it is cut"
    )
    parser.add_argument(
        "--env-file", type=Path, default=ROOT / ".env", help="file with further settings (default: .env)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for pipelines (docs/console.md)")
    parser.add_argument("--verbose", action="store_true", help="log what goes wrong inside the doctor")


def run(options: argparse.Namespace) -> int:
    """Exit status 1 if a check failed, 2 if an address can't be found out or there is nothing to check."""
    logging.basicConfig(level=logging.CRITICAL)  # other modules' messages are in the findings
    try:
        given = Places(options.relay, options.connect, options.passthru, options.webhook)
        environ = settings(os.environ, options.env_file)
        deployed, known = of_deployment(options.deployment, environ) if options.deployment else (Places(), {})
        places = given.over(deployed).over(from_environment(environ))
    except Problems as problems:
        for line in problems.lines:
            print(f"doctor: {line}", file=sys.stderr)
        return 2
    except PlaceError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 2
    findings = asyncio.run(_examine({**environ, **known}, places, options))
    verdicts = {finding.verdict for finding in findings}
    if verdicts <= {Verdict.SKIPPED}:
        print(f"doctor: {NOTHING}", file=sys.stderr)
        return 2
    return 1 if Verdict.FAIL in verdicts else 0


async def _examine(environ: Mapping[str, str], places: Places, options: argparse.Namespace) -> list[Finding]:
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    lines = Lines(sys.stdout, colour=terminal and not os.environ.get("NO_COLOR"), width=width)
    findings = []
    # a new connection per request, like Exotel's: a reused one would not be measured
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        subject = Subject(
            environ,
            session,
            relay_url=places.relay_url,
            connect_url=places.connect_url,
            passthru_url=places.passthru_url,
            webhook_url=places.webhook_url,
            place_call=options.call,
            long_call_s=LONG_CALL_S if options.slow else 0,
        )
        parts = {name: part for name, part in PARTS.items() if name in options.only}
        with _logging(known_secrets(subject)) if options.verbose else nullcontext():
            async for finding in examined(subject, parts):
                findings.append(finding)
                if not options.json:
                    lines.add(finding)
    if options.json:
        print(as_json(findings, subject.now()))
    else:
        lines.end(findings)
    return findings


class _Discreet(logging.Formatter):
    """Hides tracebacks: they contain addresses, and addresses contain tokens."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("doctor: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record), self._secrets)


@contextmanager
def _logging(secrets: Sequence[str]) -> Iterator[None]:
    """Logs of the doctor, and of no library: botocore would log its credentials."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Discreet(secrets))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected some of {', '.join(PARTS)}")
    return names or tuple(PARTS)
