"""A flow that leads back to the bot: Voicebot → Connect, nobody answers → Voicebot again, all with one CallSid.

What was asked for on the first stream was dealt with when that ended. It must not move the caller again when the second
one ends, and the second must get what it asks for, although the first one's numbers have been tried.
"""

import pytest

from common.times import rfc3339
from functions.common.store import StoreError
from tests.support import calls
from tests.unit.functions.test_connect import World

BACK_AT = calls.NOW + 60
SECOND = {"stream_sid": "second", "conversation_id": "conv_second", "started_at": rfc3339(BACK_AT)}
AGENT = {**calls.ended()["agents"][0], "conversation_id": "conv_second", "started_at": rfc3339(BACK_AT)}


@pytest.fixture
def world():
    """The first stream asked for sales, whom Exotel dialled in vain; then the caller was with the bot again."""
    world = World()
    world.tell(calls.started(), calls.transfer_requested(), calls.ended("transferred"))
    assert world.numbers() == [calls.SALES]
    tell_dial(world, DialCallStatus="no-answer")
    world.clock.now = BACK_AT
    world.tell(calls.started(11, **SECOND))
    world.clock.now = BACK_AT + 60
    return world


def tell_dial(world, **said):
    url = calls.exotel(
        "dial-events",
        CallSid=calls.CALL,
        EventType="Terminal",
        DialWhomNumber=calls.SALES,
        DialCallDuration="20",
        **said,
    )
    assert world.transfer.handle(url).status == 200


def ended_again(end_reason="agent_ended", **more):
    return calls.ended(end_reason, 13, **{**SECOND, "ended_at": rfc3339(BACK_AT + 50), "agents": [AGENT], **more})


def test_the_first_stream_s_wish_does_not_transfer_the_second(world):
    world.tell(ended_again("caller_hung_up"))
    assert world.numbers() == []
    assert world.waited == 0


def test_the_first_conversation_s_webhook_does_not_transfer_the_second_stream(world):
    world.tell_webhook("support")
    world.tell(ended_again())
    world.tell_webhook("none", conversation_id="conv_second")
    assert world.numbers() == []
    assert world.waited == 0


def test_the_second_stream_s_own_wish_is_answered_although_its_number_was_tried(world):
    world.tell(calls.transfer_requested(number=12, **SECOND), ended_again("transferred"))
    assert world.numbers() == [calls.SALES]


def test_with_one_number_at_a_time_the_second_request_starts_again():
    world = World(CONNECT_FETCH_AFTER_ATTEMPT="true")
    world.tell(calls.started(), calls.transfer_requested("support"), calls.ended("transferred"))
    assert world.numbers() == [calls.SUPPORT]
    assert world.numbers(DialWhomNumber=calls.SUPPORT, DialCallStatus="no-answer") == [calls.SUPPORT_2]
    assert world.numbers(DialWhomNumber=calls.SUPPORT_2, DialCallStatus="no-answer") == []
    world.tell(
        calls.started(11, **SECOND), calls.transfer_requested("support", 12, **SECOND), ended_again("transferred")
    )
    assert world.numbers() == [calls.SUPPORT]
    assert world.numbers(DialWhomNumber=calls.SUPPORT, DialCallStatus="no-answer") == [calls.SUPPORT_2]


def test_the_second_stream_s_webhook_is_waited_for_as_long_as_the_first_s(world):
    """The wait is a stream's: the first one's must not have used it up."""
    first = World()
    first.tell(calls.started(), calls.ended())
    assert first.connect().status == 503
    assert first.numbers() == []
    first.clock.now = BACK_AT
    first.tell(calls.started(11, **SECOND), ended_again())
    assert first.connect().status == 503
    assert first.waited == pytest.approx(4)
    first.clock.at(first.clock.now + 1, lambda: first.tell_webhook("sales", conversation_id="conv_second"))
    assert first.numbers() == [calls.SALES]


def test_requests_before_any_stream_is_known_still_count_as_first_and_second():
    world = World()
    assert world.connect().status == 503
    world.tell(calls.started(), calls.ended())
    assert world.numbers() == []
    assert world.clock() - calls.NOW == pytest.approx(8)


def test_the_record_tells_of_the_last_transfer_there_was(world):
    world.tell(ended_again("caller_hung_up"))
    transfer = calls.record_of(world.store)["transfer"]
    assert (transfer["target"], transfer["state"]) == ("sales", "no_answer")
    world.tell(calls.transfer_requested("support", 12, **SECOND))
    transfer = calls.record_of(world.store)["transfer"]
    assert (transfer["target"], transfer["state"]) == ("support", "requested")


def test_late_news_of_the_first_dialling_belong_to_the_first(world):
    """Exotel reports to the URL it was given, and that names the stream."""
    world.tell(calls.transfer_requested(number=12, **SECOND), ended_again("transferred"))
    assert world.numbers() == [calls.SALES]
    tell_dial(world, DialCallStatus="busy", stream_sid=calls.STREAM)
    assert calls.record_of(world.store)["transfer"]["state"] == "fetched"
    tell_dial(world, DialCallStatus="completed", stream_sid="second")
    assert calls.record_of(world.store)["transfer"]["state"] == "answered"


def test_a_passthru_is_about_the_stream_it_names(world):
    said = {"CallSid": calls.CALL, "Stream__Status": "completed", "Stream__DisconnectedBy": "bot"}
    world.tell(ended_again("caller_hung_up"))
    assert world.transfer.handle(calls.exotel("passthru", **said, Stream__StreamSID="second")).status == 200
    assert world.transfer.handle(calls.exotel("passthru", **said, Stream__StreamSID=calls.STREAM)).status == 302


def test_a_webhook_that_beats_the_relay_s_own_request_settles_nothing():
    """The relay's request met a throttled store and comes again; the analysis says nobody is wanted, and is earlier."""
    world = World()
    world.tell(calls.started())
    create, throttled = world.store.create, [True]

    def refuse(key, body):
        if throttled and "/requests/" in key:
            raise StoreError("SlowDown")
        return create(key, body)

    world.store.create = refuse
    assert world.webhook.handle(calls.signed_event(calls.transfer_requested())).status == 503
    world.tell_webhook("none")
    throttled.clear()
    world.clock.at(calls.NOW + 1, lambda: world.tell(calls.transfer_requested(), calls.ended("transferred")))
    assert world.numbers() == [calls.SALES]
    assert world.waited == pytest.approx(1, abs=0.3)


def test_a_refused_transfer_and_why_stand_in_the_record():
    world = World()
    world.tell(calls.started(), calls.transfer_requested("billing"), calls.ended())
    transfer = calls.record_of(world.store)["transfer"]
    assert (transfer["state"], transfer["target"], transfer["reason"]) == ("none", "billing", "wants a price")
    assert transfer["refusal"] == "'billing' is not configured; configured are: support, sales, team_1"
    analysed = World()
    analysed.tell_webhook("the boss")
    assert "'the boss' is not configured" in calls.record_of(analysed.store)["transfer"]["refusal"]


def test_that_the_first_stream_waited_in_vain_does_not_fail_the_second_s_transfer():
    world = World(TRANSFER_ON_FAILURE="none")
    world.tell(calls.started(), calls.ended())
    assert world.connect().status == 503
    assert world.numbers() == []
    world.tell(calls.started(11, **SECOND), calls.transfer_requested(number=12, **SECOND))
    assert calls.record_of(world.store)["transfer"]["state"] == "requested"
