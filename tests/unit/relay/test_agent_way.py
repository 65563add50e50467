"""An agent's messages go past aiohttp, which gets every other byte, and all are the same in the same order."""

import asyncio
import gc
import random
import struct
import weakref

import pytest
import uvloop
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import WebSocketReader

from relay.agent_way import LARGEST, AgentWay
from relay.agents.socket import Closed
from relay.arrivals import Arrivals
from relay.at_once import DONE
from sim import virtual_time
from tests.support.virtual import virtual
from tests.unit.relay.test_outgoing_socket import connected, contexts  # noqa: F401 - a fixture
from tests.unit.relay.test_short_way import BINARY, CLOSE, MORE, PING, PONG, TEXT, frame

LOOPS = [virtual_time.VirtualTimeLoop, uvloop.new_event_loop]
SIZES = (0, 1, 125, 126, 127, 5400, 5400, 65_535, 65_536, 70_000)


def said(kind, message, **how):
    """A frame as a server sends it."""
    return frame(kind, message, key=b"", **how)


class Connection:
    """aiohttp's protocol, as far as its parser knows it."""

    _reading_paused = False

    def __init__(self):
        self.got = []
        """What aiohttp had to read."""
        self.told = []
        self.put_off = []
        """When aiohttp's next ping was put off."""
        loop = asyncio.get_running_loop()
        self.arrivals = Arrivals(self, 2**16, loop=loop)
        self._parser = WebSocketReader(self.arrivals, 2**22, compress=False, decode_text=False)
        self.way = self.arrivals.waiting = AgentWay(self, loop.time)
        self._data_received_cb = lambda: self.put_off.append(loop.time())
        self.taken = []
        self.failed = False

    def take(self, message):
        self.taken.append((TEXT, message))
        return True

    def take_binary(self, message):
        self.taken.append((BINARY, message))
        return True

    def watch(self):
        self.arrivals.watch(self.take, binary=self.take_binary)

    def data_received(self, data):
        self._data_received_cb()
        self.got.append(data)
        if not self.failed:
            self.failed = self._parser.feed_data(data)[0]

    def pause_reading(self):
        self._reading_paused = True

    async def drain(self):
        """What was queued is taken now."""
        while self.arrivals._size:
            kind, message, _ = await self.arrivals.read()
            self.taken.append((int(kind), message))

    def __getattr__(self, name):
        def note(*args):
            self.told.append((name, *args))

        return note


@virtual
async def test_messages_are_taken_and_aiohttp_sees_nothing_of_them():
    there = Connection()
    there.watch()
    expected = [(kind, random.Random(size).randbytes(size)) for size in SIZES for kind in (TEXT, BINARY)]
    for kind, message in expected:
        there.way.data_received(said(kind, message))
    assert there.taken == expected
    there.taken.clear()
    there.way.data_received(b"".join(said(kind, message) for kind, message in expected))  # all in one read
    assert there.taken == expected
    assert there.got == []


@pytest.mark.parametrize("size", [5400, 65_535, 300_000])
@virtual
async def test_a_message_in_several_reads_is_taken_when_it_is_whole(size):
    there = Connection()
    there.watch()
    message = random.Random(size).randbytes(size)
    wire = said(TEXT, b"before") + said(TEXT, message) + said(TEXT, b"after")
    for at in range(0, len(wire), 1460):
        there.way.data_received(wire[at : at + 1460])
    assert there.taken == [(TEXT, b"before"), (TEXT, message), (TEXT, b"after")]
    assert there.got == []


@virtual
async def test_pings_are_put_off_while_something_comes_twice_a_second_at_most():
    there, loop = Connection(), asyncio.get_running_loop()
    there.watch()
    wire = said(TEXT, b"slow" * 100) + said(TEXT, b"s") * 100
    await asyncio.sleep(1)
    began = loop.time()
    there.way.data_received(wire[:4])
    for byte in wire[4:104]:
        await asyncio.sleep(0.1)
        there.way.data_received(bytes((byte,)))
        assert loop.time() - there.put_off[-1] < 0.61
    assert 18 <= len(there.put_off) <= 22
    there.way.data_received(wire[104:])
    assert len(there.taken) == 101
    assert there.put_off[-1] <= began + 10.1


@virtual
async def test_a_connection_that_puts_no_pings_off_is_read_all_the_same():
    there = Connection()
    there.watch()
    there._data_received_cb = None
    there.way.data_received(said(TEXT, b"words"))
    assert there.taken == [(TEXT, b"words")]


@virtual
async def test_what_is_refused_is_received_and_nothing_overtakes_it():
    there, asked = Connection(), []
    refused = b"2" * 200

    def take(message):
        asked.append(message)
        return message != refused

    there.arrivals.watch(take)
    there.way.data_received(said(TEXT, b"1") + said(TEXT, refused) + said(TEXT, b"3") + said(TEXT, b"4" * 900)[:100])
    assert asked == [b"1", refused]
    there.arrivals.watch(take)  # as before the next is read: something is queued
    there.way.data_received(said(TEXT, b"4" * 900)[100:])
    assert asked == [b"1", refused]
    await there.drain()
    assert there.taken == [(TEXT, refused), (TEXT, b"3"), (TEXT, b"4" * 900)]
    there.watch()
    there.way.data_received(said(TEXT, b"5"))
    assert there.taken[-1] == (TEXT, b"5")
    assert len(there.got) == 2


@virtual
async def test_a_message_that_nobody_waits_for_when_it_is_whole_is_queued():
    there = Connection()
    there.watch()
    wire = said(TEXT, b"4" * 900)
    there.way.data_received(wire[:500])
    there.arrivals.watch(None)
    there.way.data_received(wire[500:])
    assert there.taken == []
    await there.drain()
    assert there.taken == [(TEXT, b"4" * 900)]


@virtual
async def test_binary_messages_that_nobody_wants_are_queued():
    there = Connection()
    there.arrivals.watch(there.take)
    there.way.data_received(said(BINARY, b"sound") + said(TEXT, b"words"))
    assert there.taken == []
    await there.drain()
    assert there.taken == [(BINARY, b"sound"), (TEXT, b"words")]


@pytest.mark.parametrize("size", [LARGEST + 1, 2**22, 2**63])
@virtual
async def test_what_is_larger_than_any_sound_is_aiohttps(size):
    """It knows the limit, and keeps what comes of such a message until it is whole."""
    there = Connection()
    there.watch()
    there.way.data_received(struct.pack("!BBQ", 0x81, 127, size) + b"begins")
    assert len(there.got) == 1
    assert there.failed == (size >= 2**22)


@virtual
async def test_nothing_is_kept_of_a_connection_that_was_lost():
    there, error = Connection(), ConnectionResetError()
    there.watch()
    there.way.data_received(said(TEXT, b"4" * 900)[:500])
    there.way.pause_writing()
    there.way.resume_writing()
    there.way.eof_received()
    there.way.connection_lost(error)
    assert there.told == [("pause_writing",), ("resume_writing",), ("eof_received",), ("connection_lost", error)]
    assert there.way._parts is None
    assert there.arrivals.waiting.take is None


@pytest.mark.parametrize(
    "wrong",
    [
        said(TEXT, b"a part", last=False),
        said(MORE, b"and so on"),
        said(TEXT, b"c" * 200, first=0xC1),  # compressed, which was not agreed upon
        said(3, b"?"),
        said(CLOSE, struct.pack("!H", 1000)),
    ],
    ids=lambda wrong: wrong[:4].hex(),
)
@virtual
async def test_nothing_is_taken_after_the_end_or_between_the_parts_of_a_message(wrong):
    there = Connection()
    there.watch()
    there.way.data_received(wrong)
    there.way.data_received(said(TEXT, b"more" * 50))
    assert there.taken == []
    assert len(there.got) == 2


def _pieces(dice):
    """What a server may send, sound or not, cut anywhere."""
    frames = []
    for _ in range(60):
        kind = dice.choice((TEXT, TEXT, TEXT, TEXT, BINARY, PING, PONG))
        size = dice.choice((0, 3, 125) if kind in (PING, PONG) else SIZES)
        frames.append(frame(kind, dice.randbytes(size), key=dice.choice((b"", b"", b"", b"", b"\1\2\3\4"))))
    if dice.random() < 0.7:  # a byte is changed, lost, or one too many
        at = dice.randrange(20, 60)
        spoilt = bytearray(frames[at])
        spot = min(dice.choice((0, 1, 2, 3, dice.randrange(100))), len(spoilt) - 1)
        match dice.randrange(3):
            case 0:
                spoilt[spot] = dice.choice((0x00, 0x01, 0x80, 0x81, 0x82, 0x88, 0xC1, 0x7E, 0x7F, dice.randrange(256)))
            case 1:
                del spoilt[spot]
            case 2:
                spoilt.insert(spot, dice.randrange(256))
        frames[at] = bytes(spoilt)
    wire, ends = b"".join(frames), []
    for one in frames:
        ends.append((ends[-1] if ends else 0) + len(one))
    near = {end + dice.randrange(-3, 12) for end in dice.sample(ends, 30)}
    anywhere = {dice.randrange(len(wire)) for _ in range(20)}
    cuts = sorted(cut for cut in {end for end in ends if dice.random() < 0.6} | near | anywhere if 0 < cut < len(wire))
    return [wire[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]


@pytest.mark.parametrize("seed", range(120))
@virtual
async def test_whatever_comes_is_read_as_aiohttp_alone_reads_it(seed):
    pieces, heard, got = _pieces(random.Random(seed)), [], []
    for watched in (False, True):
        there, dice = Connection(), random.Random(seed)
        for piece in pieces:
            if watched and dice.random() < 0.9:  # at times nobody waits when something comes
                there.watch()
            there.way.data_received(piece)
            if dice.random() < 0.8:
                await there.drain()
        await there.drain()
        kinds = [(kind, message) for kind, message in there.taken if kind in (TEXT, BINARY, CLOSE)]
        heard.append((kinds, repr(there.arrivals.exception())))
        got.append(sum(map(len, there.got)))
    assert heard[0] == heard[1]
    assert got[1] < got[0]


@pytest.mark.parametrize("way", ["plain", "tls"])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_an_agents_sound_never_meets_aiohttp(contexts, way, loop_factory, monkeypatch):  # noqa: F811
    """Over a real connection, also in pieces and over TLS. A close is aiohttp's, and ends the reading."""
    met = []
    usual = ResponseHandler.data_received
    monkeypatch.setattr(ResponseHandler, "data_received", lambda self, data: met.append(data) or usual(self, data))
    sound = [random.Random(number).randbytes(5400) for number in range(30)]

    async def story():
        heard = []

        async def read(agent):
            while not isinstance(message := await agent.receive(lambda message: heard.append(message) or DONE), Closed):
                pass
            return message

        async with connected(tls=contexts[way]) as (agent, vendor):
            reading = asyncio.create_task(read(agent))
            await asyncio.sleep(0.01)
            met.clear()
            for message in sound:
                wire = said(TEXT, message)
                vendor.go_on(wire[:1000])
                await asyncio.sleep(0.002)
                vendor.go_on(wire[1000:])
                await asyncio.sleep(0.002)
            vendor.go_on(said(CLOSE, struct.pack("!H", 1000)))
            assert (await reading).code == 1000
        assert heard == sound
        assert b"".join(met) == said(CLOSE, struct.pack("!H", 1000))

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_connection_that_is_over_is_freed_without_the_collector(loop_factory):
    async def story():
        async with connected() as (agent, vendor):
            way = agent._arrivals.waiting
            assert isinstance(way, AgentWay)
            connection = weakref.ref(way._protocol)
            vendor.close()
            assert isinstance(await agent.receive(), Closed)
            await agent.close()
            del agent, way
        await asyncio.sleep(0.01)
        assert connection() is None

    gc.disable()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(story())
    finally:
        gc.enable()
