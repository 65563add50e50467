"""Whatever arrives how often, in whichever order, and whoever dies in between: the record ends the same.

The model is the simplest run there is: everything delivered once, in the order it happened, nobody dies.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import calls
from tests.support.history import FIRST, HISTORY, Delivery, deliver, handle, in_order, kept, records
from tests.support.memory_store import Crash, CrashingStore, MemoryStore


def model() -> MemoryStore:
    store = MemoryStore()
    for delivery in in_order():
        deliver(delivery, store)
    return store


MODEL = model()


@st.composite
def histories(draw):
    names = [name for name in HISTORY if name not in FIRST for _ in range(draw(st.integers(1, 3)))]
    names += ["requested"] * draw(st.integers(0, 2))
    order = FIRST + draw(st.permutations(names))
    dies = st.one_of(st.none(), st.integers(0, 20))
    return [Delivery(name, draw(dies), draw(st.booleans())) for name in order]


def test_the_model_record_matches_the_events():
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
