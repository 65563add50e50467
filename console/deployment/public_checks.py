"""Checks a deployment from outside: the last step of a deploy, on both clouds."""

import asyncio
import http.client
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

from console.checks import functions, relay_door
from console.checks.finding import Part, Verdict
from console.checks.subject import Subject

TIMEOUT_S = 15.0


class CheckError(Exception):
    """One line for the operator: the request, the answer, and what it usually means."""


def status_of(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> int:
    """HTTP status of one request. Raises OSError if there is no answer; its text never contains the URL's token."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme in ("https", "wss"):
        connection = http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, headers=headers or {})
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP answer: {type(error).__name__}") from error
    finally:
        connection.close()


def wait_until_ready(
    relay_url: str, *, patience_s: float = 600, pause_s: float = 5, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Until /ready answers 200: a relay takes calls, its name resolves, its certificate is valid. Raises CheckError."""
    last = "nothing was tried"
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            status = status_of(f"{relay_url}/ready")
        except OSError as error:
            last = f"{type(error).__name__}: {error}"
        else:
            if status == 200:
                return
            last = f"HTTP {status}"
        sleep(pause_s)
    raise CheckError(f"{relay_url}/ready did not answer 200 within {patience_s:.0f} s; last: {last}")


def check_upgrade(voicebot_url: str) -> None:
    """The URL pasted into Exotel opens a WebSocket, and does not without its token. Raises CheckError."""
    _pass((relay_door.check_upgrade, relay_door.check_token), relay_url=voicebot_url)


def check_refusals(webhook_url: str, connect_url: str) -> None:
    """The functions are public, and refuse requests without signature or token. Raises CheckError."""
    _pass((functions.check_webhook, functions.check_connect_token), webhook_url=webhook_url, connect_url=connect_url)


def _pass(checks: tuple[Part, ...], *, relay_url: str = "", connect_url: str = "", webhook_url: str = "") -> None:
    """Some of the checks of `console doctor`; the first failure is the error."""

    async def examine() -> None:
        async with aiohttp.ClientSession() as session:
            subject = Subject({}, session, relay_url, connect_url, webhook_url=webhook_url)
            for check in checks:
                async for finding in check(subject):
                    if finding.verdict is Verdict.FAIL:
                        raise CheckError(f"{finding.found}. {finding.advice}")

    asyncio.run(examine())
