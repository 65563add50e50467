"""The history of a call and of another one beside it, and how it is delivered: often, in any order, with deaths.

`python -m tests.support.history STORE SEED` delivers it, but for FIRST, as one of several processes do; a line for each
that is done.
"""

import random
import sys
from dataclasses import dataclass

from functions.common.http import Request
from functions.common.store import Store, open_store
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore

_CALLED = {"CallSid": calls.CALL, "DialWhomNumber": calls.SALES}
_OTHER = {"call_sid": "other-call", "conversation_id": "conv_02", "stream_sid": "other-stream"}


def _other_ended():
    event = calls.ended("caller_hung_up", 13, **_OTHER)
    return {**event, "agents": [{**event["agents"][0], "conversation_id": "conv_02"}]}


# The second call is of the same caller, and its webhook doesn't say which call it belongs to.
HISTORY = {
    "started": calls.signed_event(calls.started()),
    "requested": calls.signed_event(calls.transfer_requested()),
    "ended": calls.signed_event(
        calls.ended("transferred", transfer={"target": "sales", "reason": "r", "summary": "s"})
    ),
    "webhook": calls.signed_webhook(calls.post_call(calls.conversation("team_1"))),
    "passthru": calls.exotel(
        "passthru",
        CallSid=calls.CALL,
        Stream__StreamSID=calls.STREAM,
        Stream__Status="completed",
        Stream__Duration="115",
    ),
    "dial": calls.exotel("dial-events", EventType="Dial", **_CALLED),
    "ringing": calls.exotel("dial-events", EventType="Ringing", **_CALLED),
    "answered": calls.exotel("dial-events", EventType="Answered", **_CALLED),
    "over": calls.exotel("dial-events", EventType="Terminal", DialCallStatus="completed", **_CALLED),
    "other started": calls.signed_event(calls.started(11, **_OTHER)),
    "other ended": calls.signed_event(_other_ended()),
    "other webhook": calls.signed_webhook(
        calls.post_call(calls.conversation(call_sid=None, conversation_id="conv_02"))
    ),
}
# Exotel asks for the number after the request for a human was answered: that order the world keeps.
FIRST = ["requested", "connect"]


@dataclass(frozen=True)
class Delivery:
    """One try to deliver; `dies_at` the n-th store operation, just before or just after it is done."""

    name: str
    dies_at: int | None
    after: bool


def handle(request: Request, store) -> int:
    app = calls.transfer_app(store) if request.path.startswith("/exotel") else calls.webhook_app(store)
    return app.handle(request).status


def deliver(delivery: Delivery, store: Store) -> None:
    """Once with the crash, then without: a sender repeats until it has an answer."""
    request = calls.connect() if delivery.name == "connect" else HISTORY[delivery.name]
    if delivery.dies_at is not None:
        try:
            handle(request, CrashingStore(store, delivery.dies_at, after=delivery.after))
            return
        except Crash:
            pass
    assert handle(request, store) in {200, 302}


def objects(store: Store) -> dict[str, bytes]:
    """Everything in `store`."""
    keys = list(store.keys(""))
    return {key: stored.body for key, stored in zip(keys, store.read_all(keys), strict=True) if stored}


def records(store: Store) -> dict[str, bytes]:
    return {key: body for key, body in objects(store).items() if key.startswith("logs/")}


def kept(store: Store) -> set[str]:
    """What is not work in progress. The index by caller also holds conversations that had no call at first."""
    return {key for key in store.keys("") if not key.startswith(("pending/", "callers/"))}


def in_order() -> list[Delivery]:
    """Everything once, as it happened, and nobody dies."""
    names = ["started", *FIRST, *(name for name in HISTORY if name not in {"started", "requested"})]
    return [Delivery(name, None, after=False) for name in names]


def shuffled(seed: int, *, most: int = 1, deaths: bool = False) -> list[Delivery]:
    """Everything one to `most` times in some order; with `deaths` about every third try ends in the middle."""
    chosen = random.Random(seed)
    names = [name for name in HISTORY if name not in FIRST for _ in range(chosen.randint(1, most))]
    chosen.shuffle(names)

    def death() -> int | None:
        return chosen.randint(0, 20) if deaths and chosen.random() < 0.3 else None

    return [Delivery(name, death(), chosen.random() < 0.5) for name in [*FIRST, *names]]


def main() -> None:
    store = open_store(sys.argv[1])
    for delivery in shuffled(int(sys.argv[2]))[len(FIRST) :]:
        while handle(HISTORY[delivery.name], store) == 503:  # too many at once on one record: the sender asks again
            pass
        sys.stdout.write(f"{delivery.name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
