"""The transfer to a human: whether one is under way, and what is left of a request that was refused."""

import asyncio
from datetime import UTC, datetime

from relay.call.hand_over import HandOver
from relay.events.records import CallFacts, Transfer
from tests.support.virtual import virtual


class Refusing:
    """Events whose receiver takes a second, and accepts no transfer."""

    async def post(self, event, *, patience_s):
        await asyncio.sleep(1)
        return {"transfer": {"accepted": False, "reason": "closed"}}


@virtual
async def test_a_request_is_under_way_until_it_is_answered():
    facts = CallFacts("c", "s", "", "", datetime.now(UTC), asyncio.get_running_loop().time)
    hand_over = HandOver(facts, Refusing(), None, spawn=asyncio.create_task, close=None)
    assert not hand_over.under_way
    requests = [asyncio.create_task(hand_over.request(Transfer("sales", "", ""))) for _ in range(2)]
    await asyncio.sleep(0.5)
    assert hand_over.under_way
    assert not await hand_over.arranged()
    await asyncio.sleep(0)
    assert not hand_over.under_way
    assert [(await one).text for one in requests] == ["transfer refused: closed"] * 2
