"""Whether an order placed a call, asked of Exotel after its answer was lost."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from console.call_out.journal import State, Story
from console.call_out.people import INDIA, Callee
from console.call_out.trail import NotKnownError, Trail
from console.exotel.errors import Unanswered
from console.exotel.facts import CallStatus
from tests.support.virtual import virtual

INTENDED = datetime(2026, 11, 23, 6, 0, tzinfo=UTC).timestamp()
STORY = Story(State.UNKNOWN, mark="0123abcd", intended_at=INTENDED, call_sid="call1", time_limit_s=600)
LISTED = INTENDED + 120 + 600 + 180  # ringing, talking, and until the figures settle
ONE = Callee("+919876500000", 2, zone=INDIA)


def call(custom_field="", direction="outbound-api", status=CallStatus.COMPLETED):
    return SimpleNamespace(sid="call1", custom_field=custom_field, direction=direction, status=status)


class Client:
    """Answers with `calls`; an error is raised."""

    def __init__(self, *calls):
        self.calls, self.asked = list(calls), []

    async def calls_to(self, number, since, until):
        self.asked.append((number, since.timestamp() - INTENDED, until.timestamp() - INTENDED))
        return self.calls

    async def call(self, sid):
        self.asked.append(sid)
        answer = self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def placed(client, now=LISTED):
    return await Trail(client, lambda: now).placed_by(STORY, ONE)


@pytest.mark.parametrize("ours", [call("order 7 #0123abcd"), call("")], ids=["marked", "no field shown"])
async def test_a_call_that_may_be_ours_is_ours(ours):
    client = Client(call("#ffff0000"), call("", direction="inbound"), ours)
    assert await placed(client) is ours
    assert client.asked == [("+919876500000", -120, 900)]


async def test_another_call_to_the_same_number_proves_that_there_was_none():
    assert await placed(Client(call("#ffff0000"), call("", direction="inbound"))) is None


async def test_until_the_longest_call_would_be_listed_absence_proves_nothing():
    with pytest.raises(NotKnownError, match="will be known at 23 Nov 11:45"):
        await placed(Client(), now=LISTED - 1)


@virtual
async def test_a_call_is_followed_to_its_end_whatever_exotel_answers_meanwhile():
    ended = call()
    client = Client(call(status=CallStatus.IN_PROGRESS), Unanswered("no answer"), ended)
    assert await Trail(client, lambda: INTENDED).end_of(STORY, lambda: 1) is ended
    assert client.asked == ["call1"] * 3


@virtual
async def test_a_call_whose_end_is_never_reported_is_asked_for_once_more_and_left():
    client = Client(call(status=CallStatus.IN_PROGRESS))
    assert await Trail(client, lambda: LISTED).end_of(STORY, lambda: 1) is None
    assert client.asked == ["call1"]
