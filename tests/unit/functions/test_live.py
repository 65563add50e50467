"""A call while it goes on, and what is left of it when its relay dies."""

import json
from typing import Any

import pytest

from common import layout
from common.documents import encode
from common.live import begun
from common.times import rfc3339
from functions.common.store import StoreError
from tests.support import calls
from tests.support.memory_store import MemoryStore

LIVE = layout.live(calls.CALL, calls.STREAM)
HAND = layout.hand(calls.CALL, calls.STREAM)
AGENT = {"alias": "desk", "vendor": "openai", "id": "agent_1", "conversation_id": "sess_9", "started_at": ""}


def turn(index: int, text: str, **more: Any) -> dict[str, Any]:
    speaker = ("agent", "caller")[index % 2]
    return {**calls.turn(speaker, text, 1.0 + index), "index": index, **more}


def progress(number: int, *turns: dict[str, Any], after: int = 0, at: float = calls.NOW, **more: Any) -> dict[str, Any]:
    said = {
        "after": after,
        "started_at": rfc3339(calls.STARTED),
        "state": {"relay": "relay-1", "answer_ms": None},
        "agents": [AGENT],
        "turns": list(turns),
        "tools": [],
        "commands": [],
    }
    return {**calls.event("call.progress", 100 + number, at), "number": number, **said, **more}


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = calls.NOW
        self.tell(calls.started())

    def tell(self, event: dict[str, Any]) -> dict[str, Any]:
        app = calls.webhook_app(self.store, lambda: self.now)
        return calls.body_of(app.handle(calls.signed_event(event)))

    def sweep(self, at: float):
        self.now = at
        return calls.webhook_app(self.store, lambda: self.now).sweep()

    def live(self) -> dict[str, Any]:
        return json.loads(self.store.objects[LIVE])

    def words(self) -> list[str]:
        return [one["text"] for one in self.live()["turns"]]

    def record(self) -> dict[str, Any]:
        return calls.record_of(self.store)

    def want(self, *commands: dict[str, Any], watched_until: float = 0.0) -> None:
        self.store.objects.pop(HAND, None)
        self.store.create(HAND, encode({"watched_until": watched_until, "commands": list(commands)}))


@pytest.fixture
def world():
    return World()


def test_a_call_that_began_can_be_seen(world):
    live = world.live()
    assert (live["number"], live["turns"], live["from"]) == (0, [], calls.CALLER)
    assert live["agent"]["alias"] == "desk"


def test_progress_adds_up(world):
    assert world.tell(progress(1, turn(0, "Good morning")))["progress"] == 1
    news = (turn(1, "my parcel"), turn(0, "Good morning", heard_ms=900))
    assert world.tell(progress(2, *news, after=1))["progress"] == 2
    assert world.words() == ["Good morning", "my parcel"]
    assert world.live()["turns"][0]["heard_ms"] == 900
    assert world.record()["turns"] == []  # it is no piece of the record: a call has dozens of them
    assert not [key for key in world.store.objects if "/progress/" in key]
    assert len([key for key in world.store.objects if "/events/" in key]) == 1


def test_what_the_rules_find_is_never_kept(world):
    """What a turn's digits are may be said by a turn that came with an earlier event."""

    def tell(event: dict[str, Any]) -> None:
        app = calls.webhook_app(world.store, lambda: world.now, REDACT="all")
        assert app.handle(calls.signed_event(event)).status == 200

    tell(progress(1, turn(0, "Please tell me the OTP.")))
    wish = {"target": "sales", "reason": "", "summary": "his address is ravi@example.com"}
    command = {"index": 0, "id": "c1", "outcome": "done", "arguments": '{"text":"mail ravi@example.com"}'}
    tell(progress(2, turn(1, "it is 493 817"), after=1, state={"transfer": wish}, commands=[command]))
    kept = json.dumps(world.live())
    assert "493" not in kept
    assert "ravi@" not in kept
    assert world.words() == ["Please tell me the OTP.", "it is [otp]"]


def test_a_repeat_and_one_that_comes_late_change_nothing(world):
    first = progress(1, turn(0, "Good morning"))
    world.tell(first)
    world.tell(progress(2, turn(0, "Good morning, how can I help?"), after=1))
    before = world.live()
    assert world.tell(first)["progress"] == 2
    assert world.live() == before


def test_one_that_was_lost_is_made_up_for_by_the_next(world):
    """The relay tells what is new since the last that was taken in: the second never came, the third has its words."""
    world.tell(progress(1, turn(0, "Good morning")))
    assert world.tell(progress(3, turn(1, "my parcel"), turn(2, "One moment"), after=1))["progress"] == 3
    assert world.words() == ["Good morning", "my parcel", "One moment"]


def test_a_receiver_without_the_beginning_asks_for_everything(world):
    world.tell(progress(1, turn(0, "Good morning")))
    del world.store.objects[LIVE]
    assert world.tell(progress(2, turn(1, "my parcel"), after=1)) == {
        "status": "ok",
        "duplicate": False,
        "progress": 0,
    }
    assert LIVE not in world.store.objects
    assert world.tell(progress(3, turn(0, "Good morning"), turn(1, "my parcel")))["progress"] == 3
    assert world.words() == ["Good morning", "my parcel"]


def test_the_end_comes_and_nothing_is_left_of_it(world):
    world.tell(progress(1, turn(0, "Good morning")))
    world.want(watched_until=calls.NOW + 10)
    world.tell(calls.ended())
    assert not [key for key in world.store.objects if key in {LIVE, HAND}]
    assert world.tell(progress(2, after=0))["progress"] == 2  # was on its way
    assert LIVE not in world.store.objects


def test_each_conversation_is_linked_while_the_call_goes_on(world):
    """A second agent's webhook may come before the call's end, and its conversation has to be known by then."""
    world.tell(progress(1, agents=[AGENT, {**AGENT, "conversation_id": "conv_two"}]))
    assert world.store.objects[layout.conversation_call("conv_two")] == calls.CALL.encode()


def test_a_relay_that_dies_loses_what_was_said_since_the_last_progress(world):
    """For every vendor: there is no webhook from this one, and `call.ended` never comes."""
    world.tell(progress(1, turn(0, "Good morning")))
    use = {"index": 0, "name": "order_status", "at": "", "ms": 90, "status": "200", "arguments": "{}"}
    world.tell(progress(2, turn(1, "my parcel"), after=1, at=calls.NOW + 10, tools=[use]))
    assert world.sweep(calls.NOW + 200).closed == 0  # not silent for long enough
    assert world.sweep(calls.NOW + 311).closed == 1
    record = world.record()
    assert (record["end_reason"], record["ended_by"]) == ("relay_lost", "relay")
    assert record["ended_at"] == rfc3339(calls.NOW + 10)
    assert [one["text"] for one in record["turns"]] == ["Good morning", "my parcel"]
    assert record["tools"] == [{name: value for name, value in use.items() if name != "index"}]
    assert [one["vendor"] for one in record["agents"]] == ["openai"]
    assert LIVE not in world.store.objects


def test_a_relay_that_died_before_it_had_functions_gets_its_record_from_the_sweep(world):
    """Its file in the folder has a line for each report (relay/events/running.py)."""
    lines = [begun(calls.started()), progress(1, turn(0, "Good")), progress(2, turn(1, "Yes"), after=1)]
    for key in [key for key in world.store.objects if key.startswith("pending/")]:  # such a relay makes none
        world.store.delete(key)
    world.store.create(LIVE, b"\n".join([*map(encode, lines), b'{"number": 3']))
    assert world.sweep(calls.NOW + 311).closed == 1
    record = world.record()
    assert (record["end_reason"], [one["text"] for one in record["turns"]]) == ("relay_lost", ["Good", "Yes"])
    assert LIVE not in world.store.objects


@pytest.mark.parametrize("back_s", [0, 1_500])
def test_a_relay_that_falls_silent_twice_is_believed_the_last_time(world, back_s):
    """Its network was away for a while, and its clock may have been put back meanwhile: its own count decides."""
    said = ["Good morning", "my parcel", "One moment", "thank you"]
    for number, told in ((9, 1), (12, 4)):
        at = world.now if number == 9 else world.now + 20 - back_s
        world.tell(progress(number, *(turn(index, text) for index, text in enumerate(said[:told])), at=at))
        world.sweep(world.now + 1_000)
    assert [one["text"] for one in world.record()["turns"]] == said


def test_an_end_that_comes_after_all_wins(world):
    world.tell(progress(1, turn(0, "Good morning")))
    world.sweep(calls.NOW + 311)
    assert world.record()["end_reason"] == "relay_lost"
    world.tell(calls.ended("caller_hung_up"))
    record = world.record()
    assert record["end_reason"] == "caller_hung_up"
    assert record["ended_at"] == rfc3339(calls.ENDED)
    assert record["turns"][0]["text"] == "Good morning, how can I help?"


def test_a_call_is_not_lost_while_its_relay_goes_on_telling(world):
    for number in range(1, 60):
        world.now = calls.NOW + 10 * number
        world.tell(progress(number, after=number - 1, at=world.now))
        if number % 20 == 0:
            assert world.sweep(world.now).closed == 0


def test_a_relay_without_progress_is_left_its_hour(world):
    assert world.sweep(calls.NOW + 1000).closed == 0
    assert LIVE in world.store.objects


def test_even_one_whose_beginning_never_arrived_is_kept():
    world = World()
    world.store.objects.clear()
    world.tell(progress(1, turn(0, "Good morning")))
    world.sweep(calls.NOW + 311)
    record = world.record()
    assert (record["end_reason"], record["started_at"]) == ("relay_lost", rfc3339(calls.STARTED))
    assert [one["text"] for one in record["turns"]] == ["Good morning"]


def test_a_caller_who_waits_for_a_human_can_be_seen_until_one_answers(world):
    world.tell(progress(1, turn(0, "Good morning")))
    world.tell(calls.transfer_requested())
    world.tell(calls.ended("transferred"))
    assert world.live()["over"] == "transferred"
    world.sweep(calls.NOW + 400)
    assert LIVE in world.store.objects
    calls.transfer_app(world.store, calls.Clock()).handle(calls.connect())
    for state in ("Dial", "Answered"):
        event = calls.exotel("dial-events", CallSid=calls.CALL, EventType=state, DialWhomNumber=calls.SALES)
        calls.transfer_app(world.store, calls.Clock()).handle(event)
    world.sweep(calls.NOW + 800)
    assert LIVE not in world.store.objects


def test_after_an_hour_a_caller_no_longer_counts_as_waiting(world):
    """Exotel may never tell who answered."""
    world.tell(calls.transfer_requested())
    world.tell(calls.ended("transferred"))
    world.sweep(calls.NOW + 3500)
    assert LIVE in world.store.objects
    world.sweep(calls.NOW + 3700)
    assert LIVE not in world.store.objects


def test_a_damaged_record_does_not_stop_the_sweep(world):
    """The sweep broke off at that of a caller who waited, in each run, and fetched no conversation any more."""
    world.tell(calls.transfer_requested())
    world.tell(calls.ended("transferred"))
    world.sweep(calls.NOW + 400)
    world.store.objects[layout.record(calls.CALL)] = b'{"transfer": {"sta'
    world.sweep(calls.NOW + 800)
    assert LIVE not in world.store.objects


@pytest.mark.parametrize("how", ["caller_hung_up", "replaced"])
def test_a_caller_who_left_no_longer_waits(world, how):
    world.tell(calls.transfer_requested())
    world.tell(calls.ended(how))
    assert LIVE not in world.store.objects


def test_nothing_new_is_not_written_again_at_once(world):
    """Somebody who watches has the relay tell each second, and a bucket may take one write a second for a key."""
    world.tell(progress(1, turn(0, "Good morning")))
    before = world.live()
    answer = world.tell(progress(2, after=1, at=calls.NOW + 1))
    assert answer["progress"] == 2
    assert world.live() == before
    world.tell(progress(6, after=1, at=calls.NOW + 4.999))
    assert world.live() == before
    world.tell(progress(7, after=1, at=calls.NOW + 5))
    assert world.live()["at"] == rfc3339(calls.NOW + 5)
    world.tell(progress(8, after=1, at=calls.NOW + 6, state={"relay": "relay-1", "answer_ms": {"p50": 700}}))
    assert world.live()["number"] == 8


def test_a_failing_store_does_not_count_as_yes(world):
    def fail(*_: object) -> None:
        raise StoreError("the bucket is away")

    world.store.swap = fail
    app = calls.webhook_app(world.store, lambda: world.now)
    assert app.handle(calls.signed_event(progress(1))).status == 503


def test_a_call_is_watched_until_watched_until(world):
    world.want(watched_until=calls.NOW + 15)
    assert world.tell(progress(1))["watched"] is True
    world.now = calls.NOW + 16
    assert "watched" not in world.tell(progress(2))


COMMAND = {"id": "c1", "do": "note", "by": "asha", "at": "", "expires_at": calls.NOW + 30, "what": {"text": "hello"}}


def test_a_command_is_given_until_its_outcome_has_come_back(world):
    world.want(COMMAND)
    given = {"id": "c1", "do": "note", "by": "asha", "left_s": 30.0, "what": {"text": "hello"}}
    assert world.tell(progress(1))["commands"] == [given]
    assert world.tell(progress(2))["commands"] == [given]  # the answer may have been lost
    outcome = {"index": 0, "id": "c1", "do": "note", "by": "asha", "outcome": "done", "detail": ""}
    assert "commands" not in world.tell(progress(3, commands=[outcome]))
    assert world.live()["commands"] == [outcome]


def test_one_that_is_too_late_has_no_time_left(world):
    world.want(COMMAND)
    world.now = calls.NOW + 31
    assert world.tell(progress(1))["commands"][0]["left_s"] == -1.0


@pytest.mark.parametrize(
    "hand", [b"", b"[]", b'{"commands": {"id": 1}, "watched_until": "soon"}', b'{"commands": [1]}']
)
def test_an_invalid_command_document_is_ignored(world, hand):
    world.store.objects.pop(HAND, None)
    world.store.create(HAND, hand)
    answer = calls.webhook_app(world.store, lambda: world.now).handle(calls.signed_event(progress(1)))
    assert (answer.status, calls.body_of(answer)) == (200, {"status": "ok", "duplicate": False, "progress": 1})


def test_a_command_that_came_just_when_the_call_ended_is_deleted(world):
    world.tell(calls.ended())
    world.want(COMMAND)
    world.sweep(calls.NOW + 400)
    assert HAND not in world.store.objects


ODD = [None, -5, 1e300, "x", [], {}, [[]], [{}], {"transfer": 5}, [{"index": -1}], [{"index": "0", "text": 5}], True]


@pytest.mark.parametrize("name", ["number", "after", "state", "agents", "turns", "tools", "commands", "started_at"])
def test_a_progress_that_makes_no_sense_breaks_nothing(world, name):
    for odd in ODD:
        for redact in ("", "all"):
            app = calls.webhook_app(world.store, lambda: world.now, REDACT=redact)
            event = {**progress(1, turn(0, "Good morning")), name: odd}
            assert app.handle(calls.signed_event(event)).status == 200, (name, odd)
    world.tell(progress(9, turn(0, "Good morning")))
    assert world.words() == ["Good morning"]
    world.sweep(calls.NOW + 400)
