"""Deliver events that a relay gave up on: `… | python -m scripts.replay_events`, log lines on standard input.

Reads what the relay wrote, one JSON object a line, or what `gcloud logging read --format=json` makes of it. EVENTS_URL
and EVENTS_SECRET say where to and signed with what. An event that was delivered after all is recognised by its id.
"""

import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from common.env import Env, SettingError
from common.signature import RELAY_HEADER, sign

TIMEOUT_S = 30.0


def undelivered(text: str) -> Iterator[Mapping[str, Any]]:
    """The events in a log. Lines that are something else are passed over."""
    try:
        entries = json.loads(text)
    except ValueError:
        entries = [_parsed(line) for line in text.splitlines()]
    for entry in entries if isinstance(entries, list) else [entries]:
        line = entry.get("jsonPayload", entry) if isinstance(entry, dict) else {}
        if line.get("event") == "event_undelivered" and isinstance(line.get("payload"), dict):
            yield line["payload"]


def deliver(event: Mapping[str, Any], url: str, secret: str) -> int:
    """POST one event, signed anew; the answer's status. Raises OSError."""
    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.netloc, timeout=TIMEOUT_S)
    body = json.dumps(event).encode()
    try:
        headers = {"Content-Type": "application/json", RELAY_HEADER: sign(body, secret)}
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(f"not HTTP: {error!r}") from error
    finally:
        connection.close()


def main(text: str, environ: Mapping[str, str]) -> int:
    """Exit status 1 when an event was not taken: then the whole can be run again."""
    env = Env(environ)
    try:
        url = env.required("EVENTS_URL", "the webhook function's /relay/events")
        secret = env.required("EVENTS_SECRET", "the secret that signs events").split(",")[0]
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    failed = 0
    for event in undelivered(text):
        try:
            status = deliver(event, url, secret)
        except OSError as error:
            print(f"{event.get('event_id')}: {error}", file=sys.stderr)
            status = 0
        failed += status != 200
        print(f"{event.get('event_id')} {event.get('type')} of {event.get('call_sid')}: {status or 'no answer'}")
    return 1 if failed else 0


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.stdin.read(), os.environ))
