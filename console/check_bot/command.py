"""`console check-bot`: tests any bot by calling it as Exotel or Twilio would."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from yarl import URL

from common.credentials import BasicAuth
from console.check_bot.examination import Subject, examined
from console.checks.finding import Finding, Verdict
from console.checks.report import Lines, as_json
from relay.agents.seam import CallInfo
from relay.agents.telephony.exotel import ExotelDialect
from relay.agents.telephony.twilio import TwilioDialect
from relay.audio.convert import AudioFormat, Encoding
from relay.outgoing import outgoing

_RATES = (8000, 16000, 24000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The address, and which carrier to be."""
    parser.add_argument("url", help="the bot's socket: wss://…, with user:password@ if it needs them")
    parser.add_argument("--protocol", choices=("exotel", "twilio"), default="exotel", help="(default: exotel)")
    parser.add_argument(
        "--rate", type=int, choices=_RATES, default=8000, help="sample rate of the line, for exotel (default: 8000)"
    )
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME: VALUE", help="header for the upgrade; can be repeated"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document for pipelines")


def run(options: argparse.Namespace) -> int:
    """Exit status 1 if something has to be fixed, 2 for an invalid address."""
    try:
        subject = _subject(options)
    except ValueError as error:
        print(f"check-bot: {error}", file=sys.stderr)
        return 2
    findings = asyncio.run(_examine(subject, None if options.json else Lines(sys.stdout, colour=sys.stdout.isatty())))
    if options.json:
        print(as_json(findings, time.time()))
    return 1 if any(finding.verdict is Verdict.FAIL for finding in findings) else 0


async def _examine(subject: Subject, lines: Lines | None) -> Sequence[Finding]:
    findings = []
    async with outgoing() as http:
        async for finding in examined(http, subject):
            findings.append(finding)
            if lines:
                lines.add(finding)
    if lines:
        lines.end(findings)
    return findings


def _subject(options: argparse.Namespace) -> Subject:
    url = URL(options.url)
    if url.scheme not in {"wss", "ws"} or not url.host:
        raise ValueError("expected the bot's address, such as wss://bot.example.in/media")
    headers = {}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"--header {name[:40]!r}: expected NAME: VALUE")
        headers[name.strip()] = value.strip()
    if url.user:
        headers["Authorization"] = BasicAuth(url.user, url.password or "").header
    exotel = options.protocol == "exotel"
    parameters = dict(url.query) if exotel else {}
    call = CallInfo(
        "check-bot-call",
        "check-bot-stream",
        "09876500001",
        "08047100002",
        AudioFormat(Encoding.PCM, options.rate),
        parameters,
    )
    bare = url.with_user(None)

    def as_exotel(info: CallInfo) -> ExotelDialect:
        return ExotelDialect(info, options.rate)

    return Subject(
        str(bare.with_query(None) if exotel else bare), headers, call, as_exotel if exotel else TwilioDialect
    )
