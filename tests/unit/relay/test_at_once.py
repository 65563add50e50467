"""What is done at once makes nobody wait, and what is left is done by whoever waits for it."""

import asyncio

from relay.at_once import DONE, Later
from tests.support.virtual import virtual


@virtual
async def test_waiting_for_what_is_done_takes_no_turn_of_the_loop():
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    for _ in range(3):
        assert await DONE is None
    assert turns == []


@virtual
async def test_what_is_left_begins_when_it_is_awaited_and_can_be_forgotten():
    """Nothing complains about a coroutine that was never awaited: there is none yet."""
    did = []

    async def work():
        did.append("begun")
        await asyncio.sleep(1)
        did.append("done")

    Later(work)
    rest = Later(work)
    await asyncio.sleep(2)
    assert did == []
    await rest
    assert did == ["begun", "done"]
