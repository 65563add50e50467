"""Posts one event to the webhook function, like the relay."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from common.signature import RELAY_HEADER, sign

TIMEOUT_S: Final = 30.0
_LARGEST_ANSWER: Final = 1024 * 1024


def deliver(event: Mapping[str, Any], url: str, secret: str) -> str:
    """POST one event, signed now. Returns "", or why it was not accepted."""
    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.netloc, timeout=TIMEOUT_S)
    body = json.dumps(event).encode()
    try:
        headers = {"Content-Type": "application/json", RELAY_HEADER: sign(body, secret)}
        connection.request("POST", f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
        response = connection.getresponse()
        said = response.read(_LARGEST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error or type(error).__name__}"
    finally:
        connection.close()
    if response.status != 200:
        return f"HTTP {response.status}"
    try:
        answer = json.loads(said)
    except ValueError:
        answer = None
    ours = isinstance(answer, dict) and answer.get("status") == "ok"
    return "" if ours else "HTTP 200, but not the answer of our webhook function"
