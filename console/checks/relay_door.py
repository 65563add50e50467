"""Checks the way from Exotel to the relay: health, the upgrade through the load balancer, the token."""

import base64
import json
import secrets
from collections.abc import AsyncIterator
from hashlib import sha1

from yarl import URL

from console.checks.finding import Finding, Verdict, unanswered
from console.checks.network import Answer, NoAnswerError, ask
from console.checks.relay_address import RelayAddress
from console.checks.subject import Subject
from sim.exotel import HANDSHAKE_S

MEDIA_TOKEN = "MEDIA_TOKEN"  # a cause: the address has a different token than the relay
_SLOW_S = 3.0
_ACCEPT_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


async def check_health(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.health`."""
    yield await _answers_200(subject, "health", "Is it the relay that the balancer sends requests to?")


async def check_ready(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.ready`."""
    yield await _answers_200(subject, "ready", "It takes no calls: draining, or as many as MAX_CALLS allows.")


async def _answers_200(subject: Subject, name: str, advice: str) -> Finding:
    check, address = f"relay.{name}", RelayAddress.parse(subject.relay_url)
    try:
        answer = await ask(subject.session, address.at(f"/{name}"))
    except NoAnswerError as error:
        return unanswered(check, f"/{name}", error, advice)
    if answer.status == 200:
        return Finding(check, Verdict.PASS, f"/{name} answered 200 after {_ms(answer)}")
    return Finding(check, Verdict.FAIL, f"/{name} answered {_status(answer)}", advice)


async def check_upgrade(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.upgrade`: the handshake as Exotel makes it, over HTTP/1.1 and within its timeout (exotel.md 1.10)."""
    check, address = "relay.upgrade", RelayAddress.parse(subject.relay_url)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    try:
        answer = await _upgrade(subject, address.http, address.headers, key)
    except NoAnswerError as error:
        advice = f"Exotel gives up after {HANDSHAKE_S:g} s. See the balancer's log: does it reach the relay?"
        yield unanswered(check, "the media socket", error, advice)
        return
    if answer.status != 101:
        found, advice = not_upgraded(answer, address.socket.host or "")
        yield Finding(check, Verdict.FAIL, found, advice, cause=MEDIA_TOKEN if answer.status == 401 else "")
    elif answer.headers.get("Sec-WebSocket-Accept") != _accepted(key):
        advice = "Something on the way answers the upgrade by itself: let it pass to the relay."
        yield Finding(check, Verdict.FAIL, "the upgrade was answered 101 with a wrong Sec-WebSocket-Accept", advice)
    elif answer.took_s > _SLOW_S:
        advice = f"Exotel gives up after {HANDSHAKE_S:g} s: is the relay starved of CPU, or starting from nothing?"
        yield Finding(check, Verdict.WARN, f"the media socket opened only after {answer.took_s:.1f} s", advice)
    else:
        yield Finding(check, Verdict.PASS, f"the media socket opened with its token after {_ms(answer)}")


def not_upgraded(answer: Answer, host: str) -> tuple[str, str]:
    """Finding and advice for an upgrade that was not answered with 101."""
    server = answer.headers.get("Server", "").lower()
    said = f"the media socket's upgrade was answered {_status(answer)}, expected 101"
    if target := answer.redirects:
        return f"{said}; it points to {target}", "Exotel follows no redirects: paste the address it points to."
    match answer.status:
        case 403 if host.endswith(".awsapprunner.com") or "envoy" in server:
            advice = (
                "App Runner answers every upgrade with 403: run the relay on ECS behind a load balancer (docs/aws.md)."
            )
            return f"{said}, as App Runner does", advice
        case 401:
            return said, "The relay refuses the token: compare the address with MEDIA_TOKEN or MEDIA_BASIC_AUTH."
        case 403:
            return said, "Something in front of the relay forbids it: a firewall rule, or access that is not public."
        case 404 if _reason(answer) == "unknown_agent":
            return said, "The token is right, but AGENTS_FILE has no agent with the alias after it."
        case 404:
            return said, "Nothing is at this path: the relay's is /media/TOKEN, and the balancer must send it there."
        case 503 if _reason(answer) in {"draining", "full"}:
            return (
                f"{said} ({_reason(answer)})",
                "It takes no calls now: wait for the deploy, or raise MAX_CALLS or the tasks.",
            )
        case 502 | 503 | 504:
            return said, "The load balancer finds no healthy relay: see its health checks and the relay's log."
        case 200 | 400 | 426:
            advice = "A proxy on the way drops Upgrade and Connection: have it pass them on, over HTTP/1.1."
            return said, advice
        case _:
            return said, "Only 101 opens the socket: see the log of what is in front of the relay."


async def check_token(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.token`: without the secret nobody reaches the agent."""
    check, address = "relay.token", RelayAddress.parse(subject.relay_url)
    bare = address.with_token("")  # the token or the password alone would be accepted
    strangers: list[tuple[str, URL, dict[str, str]]] = [("no token", bare, {})]
    if address.authorization:
        strangers = [("no password", bare, {}), ("a wrong password", bare, _wrong_password())]
    if address.token:
        strangers.append(("a wrong token", address.with_token(f"doctor-{secrets.token_urlsafe(12)}"), {}))
    for what, url, headers in strangers:
        try:
            answer = await _upgrade(subject, url, headers)
        except NoAnswerError as error:
            yield unanswered(check, f"asked with {what}, the relay", error, "See the relay's log.")
            return
        if answer.status == 101:
            advice = "Anybody can talk to your agent: set MEDIA_TOKEN or MEDIA_BASIC_AUTH, and paste the new address."
            yield Finding(check, Verdict.FAIL, f"the media socket opens with {what}", advice)
            return
        if not answer.refused:
            advice = "Expected 401 or 403: does the request reach the relay?"
            yield Finding(check, Verdict.FAIL, f"asked with {what}, it answered {_status(answer)}", advice)
            return
    tried = " and with ".join(what for what, *_ in strangers)
    yield Finding(check, Verdict.PASS, f"the media socket refuses {tried}")


async def check_dynamic_url(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.dynamic_url`: the answer to an `https://` address in the applet (exotel.md 1.12)."""
    check, address = "relay.dynamic_url", RelayAddress.parse(subject.relay_url)
    severity = Verdict.FAIL if address.dynamic else Verdict.WARN  # a wss:// address is never requested this way
    advice = "Set PUBLIC_URL=wss://HOST at the relay, or have the proxy pass on Host and X-Forwarded-Proto."
    try:
        answer = await ask(subject.session, address.http, headers=address.headers)
    except NoAnswerError as error:
        yield unanswered(check, "a plain GET", error, advice, severity)
        return
    url = _object(answer).get("url")
    if answer.status != 200 or not isinstance(url, str):
        found = f'a plain GET was answered {_status(answer)}, expected 200 and {{"url": "wss://…"}}'
        yield Finding(check, severity, found, advice)
        return
    expected = address.socket.scheme
    if not url.startswith(f"{expected}://"):
        found = f"a plain GET names a {url.partition(':')[0][:10]}:// address, expected {expected}://"
        yield Finding(check, severity, found, advice)
        return
    yield Finding(
        check, Verdict.PASS, f"a plain GET is answered with a {expected}:// address, as an https applet needs"
    )


async def _upgrade(subject: Subject, url: URL, headers: dict[str, str], key: str = "") -> Answer:
    """Request the upgrade, and close the socket at once. Raises NoAnswerError."""
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key or base64.b64encode(secrets.token_bytes(16)).decode(),
    }
    return await ask(subject.session, url, headers={**handshake, **headers}, patience_s=HANDSHAKE_S)


def _accepted(key: str) -> str:
    return base64.b64encode(sha1(key.encode() + _ACCEPT_KEY, usedforsecurity=False).digest()).decode()


def _wrong_password() -> dict[str, str]:
    guess = base64.b64encode(f"doctor:{secrets.token_urlsafe(12)}".encode()).decode()
    return {"Authorization": f"Basic {guess}"}


def _object(answer: Answer) -> dict[str, object]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _reason(answer: Answer) -> object:
    """Why the relay itself refused; None if the answer is not the relay's."""
    return _object(answer).get("error")


def _status(answer: Answer) -> str:
    server = answer.headers.get("Server", "").split("/")[0].strip()[:40]
    return f"{answer.status} by {server}" if server else str(answer.status)


def _ms(answer: Answer) -> str:
    return f"{answer.took_s * 1000:.0f} ms"
