"""An agent's message is handled in the moment in which it arrives, and what has to wait keeps its place."""

import asyncio
import struct

import pytest
import uvloop

from relay.agents.flood import FloodError
from relay.agents.reader import Reading
from relay.agents.seam import Audio, CallerHeard, Ended, Interruption, Notice
from relay.agents.socket import HANDLED, Closed
from relay.at_once import DONE, Later
from sim import virtual_time
from tests.support.virtual import virtual
from tests.unit.relay.test_outgoing_socket import BINARY, CLOSE, PING, PONG, TEXT, connected, frame

LOOPS = [virtual_time.VirtualTimeLoop, uvloop.new_event_loop]


class Ear:
    """Hears messages; `slow` ones take a turn of the loop. `log`: what was done, in order."""

    def __init__(self):
        self.log = []
        self.tasks = []

    def __call__(self, message):
        self.tasks.append(asyncio.current_task())
        if message.startswith(b"slow"):
            self.log.append(b"begun " + message)
            return Later(lambda: self.go_on(message))
        if message.startswith(b"wrong"):
            raise ZeroDivisionError(message)
        self.log.append(message)
        return DONE

    async def go_on(self, message):
        await asyncio.sleep(0)
        self.log.append(b"done " + message)


async def read(agent, ear):
    """As a session does, to the end; a message that was not heard is taken then."""
    while not isinstance(message := await agent.receive(ear), Closed):
        if message is not HANDLED:
            ear.log.append(b"received")
            await ear(message)
    return message


async def begin_to_read(agent, ear):
    """The task that reads, which already waits for a message."""
    reading = asyncio.create_task(read(agent, ear))
    await asyncio.sleep(0.01)
    return reading


@virtual
async def test_a_message_that_comes_alone_is_handled_without_a_task():
    ear = Ear()
    async with connected() as (agent, vendor):
        reading = await begin_to_read(agent, ear)
        for kind, message in ((TEXT, b"a"), (BINARY, b"b"), (TEXT, b"slow"), (TEXT, b"c")):
            vendor.say(kind, message)
            await asyncio.sleep(0.02)
        vendor.say(CLOSE, struct.pack("!H", 1011) + b"out of voices")
        assert await reading == Closed(1011, "out of voices")
    assert ear.log == [b"a", b"b", b"begun slow", b"done slow", b"c"]
    assert reading not in ear.tasks


@pytest.mark.parametrize("pause_s", [0, 0.01])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_nothing_is_overtaken_and_nothing_is_handled_twice(loop_factory, pause_s):
    """While the rest of one is waited for, those behind it are queued."""
    told = [b"%b%d" % (b"slow" if number % 7 == 3 else b"quick", number) for number in range(60)]
    expected = [part for text in told for part in ([b"begun " + text, b"done " + text] if b"slow" in text else [text])]

    async def story():
        ear = Ear()
        async with connected() as (agent, vendor):
            reading = asyncio.create_task(read(agent, ear))
            for number, text in enumerate(told):
                vendor.say(BINARY if number % 2 else TEXT, text)
                await asyncio.sleep(pause_s if number % 5 == 4 else 0)
            vendor.say(PING, b"?")
            vendor.say(CLOSE, struct.pack("!H", 1000))
            await reading
            assert [entry for entry in ear.log if entry != b"received"] == expected
            assert await vendor.hear() == (PONG, b"?")

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@virtual
async def test_of_many_messages_at_once_four_are_handled_before_the_other_calls_get_their_turn():
    ear = Ear()
    async with connected() as (agent, vendor):
        reading = await begin_to_read(agent, ear)
        vendor.go_on(b"".join(frame(TEXT, b"%d" % number) for number in range(9)))
        await asyncio.sleep(0.01)
        assert ear.log[:5] == [b"0", b"1", b"2", b"3", b"received"]
        assert [entry for entry in ear.log if entry != b"received"] == [b"%d" % number for number in range(9)]
        reading.cancel()


@virtual
async def test_what_goes_wrong_in_the_moment_of_arrival_is_raised_by_the_reader():
    """It would end in aiohttp's parser, and close the connection."""
    async with connected() as (agent, vendor):
        reading = await begin_to_read(agent, Ear())
        vendor.say(TEXT, b"wrong")
        with pytest.raises(ZeroDivisionError):
            await reading
        vendor.say(TEXT, b"next")
        assert await agent.receive() == b"next"


@virtual
async def test_too_many_messages_are_a_flood_also_when_they_are_handled_as_they_arrive():
    async with connected() as (agent, vendor):
        reading = asyncio.create_task(read(agent, Ear()))
        for _ in range(110):
            vendor.go_on(frame(TEXT, b"x") * 100)
            await asyncio.sleep(0)
        with pytest.raises(FloodError, match="messages"):
            await reading


@virtual
async def test_nothing_is_heard_of_a_socket_that_was_given_up_or_that_nobody_reads():
    ear = Ear()
    async with connected() as (agent, vendor):
        reading = await begin_to_read(agent, ear)
        giving_up = asyncio.create_task(agent.give_up("it seemed dead"))
        await asyncio.sleep(0)
        vendor.say(TEXT, b"late")
        assert await reading == Closed(1006, "it seemed dead")
        giving_up.cancel()
    async with connected() as (agent, vendor):
        reading = await begin_to_read(agent, ear)
        reading.cancel()
        await asyncio.sleep(0.01)
        vendor.say(TEXT, b"next")
        await asyncio.sleep(0.01)
        assert await agent.receive() == b"next"
    assert ear.log == []


@virtual
async def test_a_socket_is_read_in_the_usual_way_if_aiohttp_is_not_inside_as_it_was(monkeypatch):
    def fails(*_args, **_kwargs):
        raise TypeError("another reader")

    monkeypatch.setattr("relay.arrivals.WebSocketReader", fails)
    ear = Ear()
    async with connected() as (agent, vendor):
        assert agent._arrivals is None
        reading = asyncio.create_task(read(agent, ear))
        vendor.say(TEXT, b"a")
        await asyncio.sleep(0.01)
        assert ear.log == [b"received", b"a"]
        reading.cancel()


@virtual
async def test_what_comes_with_the_handshake_is_not_lost_either():
    ear = Ear()
    async with connected(frame(TEXT, b"ready")) as (agent, vendor):
        reading = await begin_to_read(agent, ear)
        vendor.say(TEXT, b"more")
        await asyncio.sleep(0.01)
        assert [entry for entry in ear.log if entry != b"received"] == [b"ready", b"more"]
        reading.cancel()


# --- the session's part of it ---


class Told(Reading):
    """A session whose parts of messages are events: a Notice of the kind `slow` has to wait, twice."""

    def __init__(self, *messages):
        super().__init__()
        self.left = list(messages)

    async def _receive(self, hear=None):
        while self.left:
            message = self.left.pop(0)
            if hear is None or isinstance(message, Closed):
                return message
            await hear(message)
        return Closed(1000, "")

    def _decode(self, message):
        return message

    def _react_now(self, decoded):
        return None if isinstance(decoded, Notice) and decoded.kind == "slow" else (decoded,)

    async def _react(self, decoded):
        await asyncio.sleep(0.1)
        return (decoded, Interruption())

    def _closed(self, closed):
        return Ended(by_agent=True, reason="ended")

    def _unsaid(self):
        return (CallerHeard(),)


SOUND = [Audio(b"%d" % number, "u") for number in range(4)]
SLOW = Notice("slow", "")
STRANGE = Notice("unknown", "message 'x'")
BYE = Ended(by_agent=False, reason="close_1011")
STORIES = {
    "to the close": [SOUND, [SLOW, SOUND[0]], [STRANGE, STRANGE], [STRANGE]],
    "to its own end": [SOUND[:1], [SLOW, BYE, SOUND[1]], SOUND],
    "nothing but the close": [],
}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("name", STORIES)
@virtual
async def test_the_events_are_the_same_in_the_same_order_in_both_ways(name, waits):
    messages = STORIES[name]
    expected = [event async for event in Told(*messages).events()]
    taken = []

    async def later(event):
        await asyncio.sleep(0.05)
        taken.append(event)

    def take(event):
        if waits and isinstance(event, Audio):
            return Later(lambda: later(event))
        taken.append(event)
        return DONE

    await Told(*messages).pass_events(take)
    assert taken == expected
    assert isinstance(taken[-1], Ended)


@virtual
async def test_a_vendor_s_own_events_are_passed_on():
    """A vendor outside this repository may have its own way to read."""

    class Own(Told):
        async def events(self):
            yield SOUND[3]
            yield BYE

    taken = []

    async def take(event):
        taken.append(event)

    await Own(SOUND).pass_events(take)
    assert taken == [SOUND[3], BYE]


@virtual
async def test_an_error_of_whoever_takes_an_event_ends_the_reading():
    def take(_event):
        raise FloodError("everything")

    with pytest.raises(FloodError):
        await Told(SOUND).pass_events(take)
