"""Whatever arrives how often, in whichever order, and whoever dies in between: the record ends the same.

The model is the simplest run there is: everything delivered once, in the order it happened, nobody dies.
"""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.common.http import Request
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore, MemoryStore

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


def deliver(delivery: Delivery, store: MemoryStore) -> None:
    """Once with the crash, then without: a sender repeats until it has an answer."""
    request = calls.connect() if delivery.name == "connect" else HISTORY[delivery.name]
    if delivery.dies_at is not None:
        try:
            handle(request, CrashingStore(store, delivery.dies_at, after=delivery.after))
            return
        except Crash:
            pass
    assert handle(request, store) in {200, 302}


def records(store: MemoryStore) -> dict[str, bytes]:
    return {key: body for key, body in store.objects.items() if key.startswith("logs/")}


def kept(store: MemoryStore) -> set[str]:
    """What is not work in progress. The index by caller also holds conversations that had no call at first."""
    return {key for key in store.objects if not key.startswith(("pending/", "callers/"))}


def model() -> MemoryStore:
    store = MemoryStore()
    for name in ["started", *FIRST, *(name for name in HISTORY if name not in {"started", "requested"})]:
        deliver(Delivery(name, None, after=False), store)
    return store


MODEL = model()


@st.composite
def histories(draw):
    names = [name for name in HISTORY if name not in FIRST for _ in range(draw(st.integers(1, 3)))]
    names += ["requested"] * draw(st.integers(0, 2))
    order = FIRST + draw(st.permutations(names))
    dies = st.one_of(st.none(), st.integers(0, 20))
    return [Delivery(name, draw(dies), draw(st.booleans())) for name in order]


def test_the_model_is_what_happened():
    record = calls.record_of(MODEL)
    assert record["transfer"]["state"] == "answered"
    assert record["transfer"]["target"] == "sales"
    assert record["sources"] == ["relay", "webhook"]
    assert record["streams"][0]["duration_s"] == 115
    other = calls.record_of(MODEL, "other-call")
    assert other["sources"] == ["relay", "webhook"]
    assert other["transfer"] is None


@settings(max_examples=100, deadline=None)
@given(histories())
def test_any_order_any_number_any_crash(history):
    store = MemoryStore()
    for delivery in history:
        deliver(delivery, store)
    assert records(store) == records(MODEL)
    assert kept(store) == kept(MODEL)


@settings(max_examples=40, deadline=None)
@given(st.permutations(list(HISTORY)), st.data())
def test_a_webhook_that_is_never_sent_again_is_finished_by_the_sweep(order, data):
    """Retries are off by default (elevenlabs.md A5.6): a crash after the body is archived must be enough to know."""
    order = FIRST + [name for name in order if name not in FIRST]
    store = MemoryStore()
    for name in order:
        if "webhook" not in name:
            deliver(Delivery(name, None, after=False), store)
            continue
        crashing = CrashingStore(store, data.draw(st.integers(2, 20), label=name))
        try:
            handle(HISTORY[name], crashing)
        except Crash:
            assert any(key.startswith("inbox/") for key in store.objects)
    for later in (10, 1000, 5000):
        calls.webhook_app(store, lambda later=later: calls.NOW + later).sweep()
    assert records(store) == records(MODEL)
    assert not [key for key in store.objects if key.startswith("pending/")]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_a_sweep_that_dies_is_taken_up_by_the_next(deaths, after):
    store = model()
    for number, dies_at in enumerate(deaths):
        app = calls.webhook_app(
            CrashingStore(store, dies_at, after=after), lambda number=number: calls.NOW + 400 * (number + 1)
        )
        try:
            app.sweep()
        except Crash:
            continue
    calls.webhook_app(store, lambda: calls.NOW + 50_000).sweep()
    assert records(store) == records(MODEL)
    assert not [key for key in store.objects if key.startswith("pending/")]
