"""An agent's messages in the moment in which they arrive: how many, and which part of one comes first."""

import asyncio

import pytest

from relay.agents.flood import FloodError
from relay.agents.hearing import Hearing
from relay.agents.reader import Reading
from relay.agents.seam import Audio, CallerHeard, Notice
from relay.at_once import DONE


class Clock:
    """Each message comes in a turn of its own."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-6
        return self.now


@pytest.mark.parametrize(("size", "most"), [(1, 10_000), (1_000_000, 48)])
def test_more_messages_or_bytes_than_an_agent_may_send_end_it(size, most):
    hearing, heard = Hearing(Clock()), []
    hearing.hear = lambda message: heard.append(message) or DONE
    message = bytes(size)
    while hearing.message(message):
        assert len(heard) <= most + 10
    assert most <= len(heard) <= most + 10
    with pytest.raises(FloodError):
        asyncio.run(_wait_for(hearing.rest))


async def _wait_for(rest):
    await rest


def test_what_came_with_an_earlier_message_comes_first_and_once():
    sound, unknown = Audio(b"", "1"), Notice("unknown", "message 'news'")
    reading = Reading()
    reading._ahead = [CallerHeard()]
    reading._decode = lambda message: [sound]
    assert reading._decoded(b"") == [CallerHeard(), sound]
    assert reading._decoded(b"") == [sound]
    reading._decode = lambda message: [unknown]
    assert reading._decoded(b"") == [unknown]
    assert reading._decoded(b"") == []
