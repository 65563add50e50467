"""Whether a deployment answers from outside as it should: the last step of a deploy, on either cloud."""

import base64
import http.client
import secrets
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

TIMEOUT_S = 15.0


class CheckError(Exception):
    """One line for the operator: what was asked, what came, what it usually means."""


def status_of(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> int:
    """HTTP status of one request. Raises OSError when there is no answer; its text never holds the URL's token."""
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
    """Until /ready says 200: a relay takes calls, its name resolves, its certificate is valid. Raises CheckError."""
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
    """That the URL pasted into Exotel becomes a WebSocket, and does not without its token. Raises CheckError."""
    host = urlsplit(voicebot_url).netloc
    if (status := _upgrade(voicebot_url)) != 101:
        raise CheckError(
            f"{host}: the media socket's upgrade was answered {status}, expected 101 (Switching Protocols)"
        )
    wrong = voicebot_url.rsplit("/", 1)[0] + "/" + secrets.token_urlsafe(16)
    if (status := _upgrade(wrong)) != 401:
        raise CheckError(
            f"{host}: a wrong media token was answered {status}, expected 401: strangers can use your agent"
        )


def check_refusals(webhook_url: str, connect_url: str) -> None:
    """That the functions are public, and answer nobody without signature or token. Raises CheckError."""
    for name, url, method in (
        ("webhook", webhook_url, "POST"),
        ("transfer", connect_url.split("?")[0] + "?CallSid=deploycheck", "GET"),
    ):
        try:
            status = status_of(url, method)
        except OSError as error:
            raise CheckError(f"the {name} function does not answer: {error}") from error
        if status == 403:
            raise CheckError(
                f"the cloud itself refuses the world at the {name} function (403): is public access forbidden?"
            )
        if status != 401:
            raise CheckError(
                f"the {name} function answered {status} to a request without proof of its sender, expected 401"
            )


def _upgrade(url: str) -> int:
    try:
        return status_of(
            url,
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            },
        )
    except OSError as error:
        raise CheckError(f"{urlsplit(url).netloc}: no answer to the media socket's upgrade: {error}") from error
