"""`console replay`: delivers events that a relay gave up on, from its log on standard input.

Reads the relay's log lines, one JSON object each, in the output of `docker logs`, `docker compose logs`, `aws logs
tail`, `aws logs filter-log-events`, `aws logs get-query-results` and `gcloud logging read --format=json`, in any order
and with duplicates. EVENTS_URL and EVENTS_SECRET are the destination and the signing secret. An event that was
delivered after all is recognised by its id.
"""

import argparse
import os
import sys
from collections.abc import Mapping

from common.env import Env, SettingError
from console.replay.delivery import deliver
from console.replay.found import Found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None: the log comes from standard input, the address from the environment."""
    parser.epilog = "The log comes from standard input; EVENTS_URL and EVENTS_SECRET say where the events go."


def run(_: argparse.Namespace) -> int:
    """Exit status of `replay`."""
    return replay(sys.stdin.buffer.read().decode(errors="replace"), os.environ)


def replay(text: str, environ: Mapping[str, str]) -> int:
    """0; 1 if an event was refused, is incomplete, or is in an unreadable line: the command can then be repeated; 2 for
    a missing setting.
    """
    env = Env(environ)
    try:
        url = env.required("EVENTS_URL", "the webhook function's /relay/events")
        secret = env.required("EVENTS_SECRET", "the secret that signs events").split(",")[0]
    except SettingError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    found = Found()
    found.read(text)
    failed = 0
    for event in found.events():
        problem = deliver(event, url, secret)
        failed += bool(problem)
        print(f"{event.get('event_id')} {event.get('type')} of {event.get('call_sid')}: {problem or 'delivered'}")
    for problem in found.unreadable:
        print(f"replay: {problem}", file=sys.stderr)
    return 1 if failed or found.unreadable else 0
