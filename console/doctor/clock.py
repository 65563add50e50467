"""Compares this machine's clock with others: signatures contain a time, and are refused if it is too far off."""

from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime

from yarl import URL

from common.elevenlabs import rest_base
from console.checks.finding import Finding, Verdict
from console.checks.network import NoAnswerError, ask
from console.checks.relay_address import RelayAddress
from console.checks.subject import Subject

WARN_S, FAIL_S = 5.0, 60.0
_ADVICE = (
    "Have both clocks set by NTP: a signature is refused when it is more than 300 s in the future or 1800 s old, and "
    "the order of events in a record follows the clocks."
)


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """`clock.relay`, `clock.functions`, `clock.vendor`."""
    for check, name, url in (
        ("clock.relay", "the relay's clock", _relay(subject)),
        ("clock.functions", "the functions' clock", _functions(subject)),
        ("clock.vendor", "the vendor's clock", _vendor(subject.environ)),
    ):
        if url is None:
            yield Finding(check, Verdict.SKIPPED, f"{name} is not known: no address of it was given")
        else:
            yield await _compare(subject, check, name, url)


async def _compare(subject: Subject, check: str, name: str, url: URL) -> Finding:
    before = subject.now()
    try:
        answer = await ask(subject.session, url)
    except NoAnswerError:
        return Finding(check, Verdict.SKIPPED, f"{name} can't be read: nothing answers there")
    try:
        # whole seconds, rounded down: on average it was half a second later
        theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp() + 0.5
    except (KeyError, ValueError):
        return Finding(check, Verdict.SKIPPED, f"{name} can't be read: the answer has no Date")
    ahead_s = (before + subject.now()) / 2 - theirs
    if abs(ahead_s) <= WARN_S:
        return Finding(check, Verdict.PASS, f"{name} and this machine's agree")
    found = f"this machine's clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} {name}"
    return Finding(check, Verdict.FAIL if abs(ahead_s) > FAIL_S else Verdict.WARN, found, _ADVICE)


def _relay(subject: Subject) -> URL | None:
    try:
        return RelayAddress.parse(subject.relay_url).at("/health") if subject.relay_url else None
    except ValueError:
        return None  # relay.address reports the error


def _functions(subject: Subject) -> URL | None:
    """Their base URL, without a token: a 404 is fine, every answer has a Date."""
    known = subject.connect_url or subject.passthru_url or subject.webhook_url
    return URL(known).origin() if known else None


def _vendor(environ: Mapping[str, str]) -> URL | None:
    if not environ.get("ELEVENLABS_API_KEY") and not environ.get("ELEVENLABS_AGENT_ID"):
        return None
    try:
        return URL(rest_base(environ.get("ELEVENLABS_REGION") or "default", environ.get("ELEVENLABS_BASE_URL", "")))
    except KeyError:
        return None  # settings.relay reports the unknown region
