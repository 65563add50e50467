"""By the caller's number, the last resort: right, or not at all."""

import pytest

from common.times import rfc3339
from tests.support import calls
from tests.unit.functions.test_connect import World


@pytest.fixture
def world():
    return World(TRANSFER_WAIT_SECONDS="0", ACCEPT_UNVERIFIED_CONVERSATIONS="true")


@pytest.mark.parametrize("caller", ["09876500001", "+919876500001", "919876500001", "9876500001", "0919876500001"])
@pytest.mark.parametrize("call_sid", ["", "{{CallSid}}", "not a sid!"])
def test_without_a_call_sid_the_number_finds_the_call(world, caller, call_sid):
    world.tell(calls.started(), calls.transfer_requested())
    assert world.numbers(CallSid=call_sid, CallFrom=caller) == [calls.SALES]


def test_two_calls_of_one_number_are_not_mixed_up(world):
    world.tell(
        calls.transfer_requested("sales"), calls.transfer_requested("support", 22, call_sid="second", stream_sid="s2")
    )
    assert world.numbers(CallSid="second") == [calls.SUPPORT, calls.SUPPORT_2]
    assert world.numbers() == [calls.SALES]
    assert world.numbers(CallSid="") == []  # which of them? neither


def test_a_call_that_is_long_over_is_not_meant(world):
    nine = "2026-11-23T09:00:00.000Z"
    old = calls.ended("agent_ended", 31, call_sid="old", stream_sid="old", conversation_id="conv_old", ended_at=nine)
    gone = calls.ended("caller_hung_up", 32, call_sid="gone", stream_sid="gone", conversation_id="conv_gone")
    world.tell({**old, "at": nine}, gone, calls.started(), calls.transfer_requested())
    assert world.numbers(CallSid="") == [calls.SALES]


def test_another_caller_s_call_is_never_found(world):
    world.tell(calls.transfer_requested())
    assert world.numbers(CallSid="", CallFrom="09876599999") == []
    assert world.numbers(CallSid="", CallFrom="anonymous", From="") == []


def test_a_conversation_nobody_linked_is_adopted_by_the_call_it_was_in(world):
    """As with the original bridge: the webhook knows the caller's number and nothing else."""
    world.tell_webhook("sales", call_sid=None)
    assert world.numbers(CallSid="fresh") == [calls.SALES]
    assert world.numbers(CallSid="fresh") == [calls.SALES]
    assert world.numbers(CallSid="another") == []  # it is taken


def test_a_conversation_from_before_the_call_is_not_its_own(world):
    """A redial: the first call's decision must not move the second caller."""
    world.tell_webhook("sales", call_sid=None)
    assert world.numbers(CallSid="redial", Created="Mon, 23 Nov 2026 15:29:50") == []


@pytest.mark.parametrize("known", [{"StartTime": "2026-11-23 15:28:00"}, {"Created": "2026-11-23 15:28:00"}])
def test_every_spelling_of_the_time_is_read(world, known):
    world.tell_webhook("sales", call_sid=None)
    assert world.numbers(**{"CallSid": "fresh", "Created": "", **known}) == [calls.SALES]


@pytest.mark.parametrize("created", ["", "just now", "Mon, 23 Foo 2026 15:29:50", "1970-01-01 05:30:00"])
def test_without_a_time_the_number_gives_nobody(world, created):
    """Live, `Created` came in a spelling that was not read: a caller who redialled got the earlier call's human."""
    world.tell_webhook("sales", call_sid=None)
    assert world.numbers(CallSid="redial", Created=created) == []
    world.tell(calls.started(call_sid="earlier"), calls.transfer_requested(call_sid="earlier"))
    assert world.numbers(CallSid="", Created=created) == []


def test_without_a_call_sid_a_redial_is_not_taken_for_the_earlier_call(world):
    world.tell(calls.started(), calls.transfer_requested())
    assert world.numbers(CallSid="", Created="Mon, 23 Nov 2026 15:29:50") == []


def test_a_conversation_that_ended_long_ago_is_nobody_s(world):
    world.tell_webhook("sales", call_sid=None)
    world.clock.now += 600
    assert world.numbers(CallSid="late") == []


def test_of_two_such_conversations_neither_is_taken(world):
    world.tell_webhook("sales", call_sid=None)
    world.tell_webhook("support", call_sid=None, conversation_id="conv_02")
    assert world.numbers(CallSid="fresh") == []


def test_a_call_the_relay_knows_adopts_nothing(world):
    world.tell(calls.started(conversation_id=None))
    world.tell_webhook("sales", call_sid=None)
    assert world.numbers() == []


def test_a_call_of_before_midnight_is_found_after_it():
    """Callers are filed by the day in UTC, half past five in the morning in India."""
    world = World(TRANSFER_WAIT_SECONDS="0")
    midnight = calls.NOW - calls.NOW % 86_400 + 86_400
    world.clock.now = midnight - 60
    for event in (calls.started(started_at=rfc3339(midnight - 100)), calls.transfer_requested()):
        world.webhook.handle(calls.signed_event({**event, "at": rfc3339(midnight - 60)}, now=midnight - 60))
    world.clock.now = midnight + 10
    assert world.numbers(CallSid="", Created="Tue, 24 Nov 2026 05:28:20") == [calls.SALES]


@pytest.mark.parametrize(("later", "found"), [(200, [calls.SALES]), (400, [])])
def test_a_call_may_have_ended_minutes_ago(later, found):
    """A flow may play something, or ask for a key, before it comes to Connect."""
    world = World(TRANSFER_WAIT_SECONDS="0")
    world.tell(calls.started(), calls.transfer_requested(), calls.ended("transferred"))
    world.clock.now = calls.ENDED + later
    assert world.numbers(CallSid="") == found
