"""The caller's keys, from the line to the agents."""

import asyncio
from types import SimpleNamespace

import pytest

from relay.call.caller import Caller
from relay.logs import CallLog
from tests.support.virtual import virtual


class Desk:
    """A caller, and agents who keep the keys that they get."""

    def __init__(self, *, wants_each_key=False):
        self.keys = []
        conversation = SimpleNamespace(wants_each_key=wants_each_key, send_keys=self.keys.append)
        parts = SimpleNamespace(uplink=None, log=CallLog("c", "s"))
        self.caller = Caller(None, parts, conversation, None)

    def press(self, keys):
        for key in keys:
            self.caller._press(key)


@pytest.mark.parametrize(("each", "got"), [(False, ["42"]), (True, ["4", "2"])])
@virtual
async def test_keys_come_together_unless_the_agent_wants_each(each, got):
    desk = Desk(wants_each_key=each)
    desk.press("42")
    await asyncio.sleep(3)
    assert desk.keys == got


@virtual
async def test_keys_that_are_still_collected_when_the_call_ends_go_to_nobody():
    desk = Desk()
    desk.press("42")
    desk.caller.stop()
    await asyncio.sleep(3)
    assert desk.keys == []


@virtual
async def test_nobody_presses_more_than_twenty_keys_a_second():
    desk = Desk(wants_each_key=True)
    desk.press("1" * 300)
    assert len(desk.keys) == 200
    await asyncio.sleep(1)
    desk.press("1" * 300)
    assert len(desk.keys) == 220


@virtual
async def test_a_caller_who_presses_none_may_hang_up():
    Desk().caller.stop()
