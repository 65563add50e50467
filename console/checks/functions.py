"""Checks the functions at their public addresses, with requests like Exotel's, the vendor's and the relay's (exotel.md
2, 3).

No request leaves a trace in the store: none names a call that could be stored.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from yarl import URL

from common.signature import RELAY_HEADER, sign
from console.checks.finding import Finding, Verdict, unanswered
from console.checks.network import Answer, NoAnswerError, ask
from console.checks.stages import Stage, in_turn, skipped
from console.checks.subject import Subject
from console.words import counted
from sim.applets import CONNECT_PATIENCE_S, CallFacts

EVENTS_PATH, WEBHOOK_PATH = "/relay/events", "/webhook/post-call"
_MARGIN_S = 0.5
_PASSTHRU_S = 1.0
_NO_CALL = (
    "doctor check"  # not a valid id, so nothing is stored under it, and the answer is the one for an unknown call
)
EXOTEL_TOKEN = "EXOTEL_TOKEN"  # a cause: the same wrong token is refused at each address
_FOREIGN = "Does the address lead to our function? Compare it with what the deploy printed."


async def check_connect(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.connect`: an answer that Exotel can dial from, before its timeout."""
    check = "functions.connect"
    try:
        answer = await _as_exotel(subject, URL(subject.connect_url), {"Exotel-Version": "1.0"})
    except NoAnswerError as error:
        advice = f"Exotel waits {CONNECT_PATIENCE_S:g} s: lower TRANSFER_REQUEST_SECONDS, or see the function's log."
        yield unanswered(check, "the Connect URL", error, advice)
        return
    if problem := _unusable("Connect", answer):
        yield Finding(check, Verdict.FAIL, *problem)
    elif answer.status != 200 or (numbers := _numbers(answer)) is None:
        found = f"the Connect URL answered {answer.status} without a list of numbers, for an unknown call"
        yield Finding(check, Verdict.FAIL, found, "Exotel would dial nobody. See the function's log.")
    elif numbers:
        found = f"the Connect URL names {counted(len(numbers), 'number')} to dial for an unknown call"
        yield Finding(check, Verdict.WARN, found, "Our function names none. " + _FOREIGN)
    elif answer.took_s > CONNECT_PATIENCE_S - _MARGIN_S:
        found = f"the Connect URL took {answer.took_s:.1f} s; Exotel waits {CONNECT_PATIENCE_S:g} s"
        yield Finding(check, Verdict.WARN, found, "Lower TRANSFER_REQUEST_SECONDS.")
    else:
        found = f"the Connect URL answered for an unknown call after {answer.took_s:.1f} s: it dials nobody"
        yield Finding(check, Verdict.PASS, found)


async def check_connect_token(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.connect_token`."""
    yield await _stays_shut(subject, "functions.connect_token", "Connect", URL(subject.connect_url))


async def check_passthru(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.passthru`: only 200 keeps a call off the branch to a human."""
    check = "functions.passthru"
    try:
        answer = await _as_exotel(subject, URL(subject.passthru_url), {})
    except NoAnswerError as error:
        yield unanswered(check, "the Passthru URL", error, "See the function's log.")
        return
    if answer.status == 302 or answer.redirects:
        found = f"the Passthru URL answered {answer.status} for an unknown call"
        advice = "Exotel takes 302 for the other branch, here the one to a human; is something redirecting?"
        yield Finding(check, Verdict.FAIL, found, advice)
    elif problem := _unusable("Passthru", answer):
        yield Finding(check, Verdict.FAIL, *problem)
    elif answer.status != 200:
        found = f"the Passthru URL answered {answer.status}, expected 200"
        yield Finding(check, Verdict.FAIL, found, "Anything but 200 and 302 can halt the flow. " + _FOREIGN)
    elif answer.took_s > _PASSTHRU_S:
        found = f"the Passthru URL took {answer.took_s:.1f} s"
        yield Finding(
            check, Verdict.WARN, found, "The caller waits for it in silence: is the function, or the store, far away?"
        )
    else:
        yield Finding(check, Verdict.PASS, f"the Passthru URL answered 200 after {answer.took_s * 1000:.0f} ms")


async def check_passthru_token(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.passthru_token`."""
    yield await _stays_shut(subject, "functions.passthru_token", "Passthru", URL(subject.passthru_url))


async def check_webhook(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.webhook`: reachable, and refuses unsigned requests."""
    yield await _refuses(subject, "functions.webhook", "the webhook", URL(subject.webhook_url), {}, "an unsigned body")


async def check_events(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.events`: the same, at the address for the relay's events."""
    headers = {RELAY_HEADER: sign(b"{}", secrets.token_hex(16), subject.now())}
    url = URL(events_url(subject))
    yield await _refuses(subject, "functions.events", "the events URL", url, headers, "a wrong signature")


async def check_events_secret(subject: Subject) -> AsyncIterator[Finding]:
    """`functions.events_secret`: a signed event without a call passes the signature check, is then refused, and is not
    stored.
    """
    check = "functions.events_secret"
    secret = subject.environ.get("EVENTS_SECRET", "").partition(",")[0].strip()
    if not secret:
        yield Finding(check, Verdict.SKIPPED, "EVENTS_SECRET is not set here, so nothing can be signed")
        return
    headers = {RELAY_HEADER: sign(b"{}", secret, subject.now())}
    try:
        answer = await ask(subject.session, URL(events_url(subject)), method="POST", headers=headers, body=b"{}")
    except NoAnswerError as error:
        yield unanswered(check, "the events URL", error, "See the webhook function's log.")
        return
    if answer.refused:
        advice = "Give relay and webhook function the same EVENTS_SECRET (with commas while it is rotated)."
        found = f"the events URL refuses what is signed with our EVENTS_SECRET ({answer.status})"
        yield Finding(check, Verdict.FAIL, found, advice)
    elif answer.status != 400:
        found = f"the events URL answered {answer.status} to a signed event without a call, expected 400"
        yield Finding(check, Verdict.FAIL, found, _FOREIGN)
    else:
        yield Finding(check, Verdict.PASS, "relay and webhook function share EVENTS_SECRET")


def events_url(subject: Subject) -> str:
    """EVENTS_URL, else the address beside the webhook's; "" if neither is known."""
    beside = subject.webhook_url.removesuffix(WEBHOOK_PATH)
    return subject.environ.get("EVENTS_URL", "") or (f"{beside}{EVENTS_PATH}" if beside != subject.webhook_url else "")


CONNECT = (
    Stage(("functions.connect",), check_connect),
    Stage(("functions.connect_token",), check_connect_token, ("functions.connect",)),
)
PASSTHRU = (
    Stage(("functions.passthru",), check_passthru),
    Stage(("functions.passthru_token",), check_passthru_token, ("functions.passthru",)),
)
WEBHOOK = (Stage(("functions.webhook",), check_webhook),)
EVENTS = (
    Stage(("functions.events",), check_events),
    Stage(("functions.events_secret",), check_events_secret, ("functions.events",)),
)


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """Checks each address on its own."""
    for stages, url, missing in (
        (CONNECT, subject.connect_url, "the Connect URL is not known: make doctor ARGS='--connect https://…?token=…'"),
        (
            PASSTHRU,
            subject.passthru_url,
            "the Passthru URL is not known: make doctor ARGS='--passthru https://…?token=…'",
        ),
        (WEBHOOK, subject.webhook_url, "the webhook's URL is not known: make doctor ARGS='--webhook https://…'"),
        (EVENTS, events_url(subject), "where the relay posts its events is not known: set EVENTS_URL"),
    ):
        checks = [check for stage in stages for check in stage.checks]
        async for finding in in_turn(stages, subject) if url else skipped(checks, missing):
            yield finding


async def _as_exotel(subject: Subject, url: URL, headers: Mapping[str, str]) -> Answer:
    """GET with the applet's own query plus Exotel's (exotel.md 3.1). Raises NoAnswerError."""
    facts = CallFacts(_NO_CALL, "doctor", "doctor", flow_id="0", started=datetime.now(UTC), stream={})
    target = url.extend_query(facts.query())
    return await ask(subject.session, target, headers=headers, patience_s=CONNECT_PATIENCE_S)


async def _stays_shut(subject: Subject, check: str, name: str, url: URL) -> Finding:
    """Refuses requests without a token and with a wrong one."""
    bare = url.with_user(None).without_query_params("token")
    guess = f"doctor-{secrets.token_urlsafe(12)}"
    for what, stranger in (("no token", bare), ("a wrong token", bare.extend_query(token=guess))):
        try:
            answer = await _as_exotel(subject, stranger, {})
        except NoAnswerError as error:
            return unanswered(check, f"asked with {what}, the {name} URL", error, "See the function's log.")
        if answer.status != 401:
            found = f"asked with {what}, the {name} URL answered {answer.status}, expected 401"
            return Finding(check, Verdict.FAIL, found, _stranger_advice(answer, "learns whom you call"))
    return Finding(check, Verdict.PASS, f"the {name} URL refuses requests without a token and with a wrong one")


async def _refuses(subject: Subject, check: str, name: str, url: URL, headers: Mapping[str, str], what: str) -> Finding:
    try:
        answer = await ask(subject.session, url, method="POST", headers=headers, body=b"{}")
    except NoAnswerError as error:
        return unanswered(check, name, error, "Is the webhook function deployed, and public?")
    if answer.status == 401:
        return Finding(check, Verdict.PASS, f"{name} refuses {what} (401 after {answer.took_s * 1000:.0f} ms)")
    found = f"{name} answered {answer.status} to {what}, expected 401"
    return Finding(check, Verdict.FAIL, found, _stranger_advice(answer, "could write records"))


def _stranger_advice(answer: Answer, danger: str) -> str:
    """What to do about an answer other than 401 to a request without credentials."""
    match answer.status:
        case 200 | 302:
            return f"Anybody who finds the address {danger}: set the function's token or secret."
        case 403:
            return "The cloud refuses public requests: allow public access; the function authenticates them itself."
        case _:
            return _FOREIGN


def _unusable(name: str, answer: Answer) -> tuple[str, ...] | None:
    """What is wrong with an answer that is not the application's, or that refused us: found, advice, cause."""
    if target := answer.redirects:
        return f"the {name} URL answered {answer.status} and points to {target}", "Paste the address it points to."
    match answer.status:
        case 401:
            return (
                f"the {name} URL refuses its token (401)",
                "Compare ?token= with EXOTEL_TOKEN of the function.",
                EXOTEL_TOKEN,
            )
        case 403:
            return f"the {name} URL answered 403", "The cloud itself refuses public requests: allow public access."
        case 404 | 405:
            return f"the {name} URL answered {answer.status}", _FOREIGN
        case status if status >= 500:
            return f"the {name} URL answered {status}", "See the function's log: usually the store can't be used."
        case _:
            return None


def _numbers(answer: Answer) -> list[object] | None:
    """`destination.numbers`; None if the body has none (exotel.md 3.2)."""
    try:
        numbers = json.loads(answer.body)["destination"]["numbers"]
    except (ValueError, KeyError, TypeError):
        return None
    return numbers if isinstance(numbers, list) else None
