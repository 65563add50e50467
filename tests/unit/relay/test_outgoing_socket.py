"""The agent's socket on the wire: what arrives, what waits, and when silence is taken for the end."""

import asyncio
import base64
import hashlib
import re
import ssl
import struct
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace

import pytest
import trustme
import uvloop
from aiohttp import WSMsgType
from aiohttp.http import WS_KEY

from relay import frames
from relay.agents.socket import MAX_MESSAGE, AgentSocket, Binary, Closed
from relay.line.ticker import Moment
from relay.outgoing import outgoing
from sim import virtual_time
from tests.support.unread import holds_up_the_sender
from tests.support.virtual import virtual

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
WHOLE = 0x80
SIZES = (0, 1, 3, 125, 126, 127, 450, 65_535, 65_536, 100_001)
LOOPS = [virtual_time.VirtualTimeLoop, uvloop.new_event_loop]


def frame(kind, payload, *, size=None, last=True):
    size = len(payload) if size is None else size
    first = WHOLE * last | kind
    return (struct.pack("!BB", first, size) if size < 126 else struct.pack("!BBQ", first, 127, size)) + payload


class Vendor:
    """The vendor's end, frame by frame: it reads when it is told to, and answers nothing by itself."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer
        self.keys = set()

    async def upgrade(self, first_word):
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        key = re.search(r"(?i)sec-websocket-key: (\S+)", head)[1]
        accept = base64.b64encode(hashlib.sha1(key.encode() + WS_KEY).digest()).decode()
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade")
        self._writer.write("\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept}", "", "")).encode() + first_word)

    async def hear(self):
        """The next frame: its kind and what it holds. What a client sends must be masked."""
        first, second = await self._reader.readexactly(2)
        assert first & WHOLE
        assert second & 0x80
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        key = await self._reader.readexactly(4)
        masked = await self._reader.readexactly(size)
        self.keys.add(key)
        whole = int.from_bytes(masked, "big") ^ int.from_bytes((key * (size // 4 + 1))[:size], "big")
        return first & 0x0F, whole.to_bytes(size, "big")

    def say(self, kind, payload=b"", *, size=None, last=True):
        """A frame, or the beginning of one that will have `size` bytes."""
        self.go_on(frame(kind, payload, size=size, last=last))

    def go_on(self, more):
        self._writer.write(more)

    async def is_heard(self):
        """Whether what was said gets away; not if the relay reads nothing."""
        try:
            async with asyncio.timeout(0.5):
                await self._writer.drain()
        except TimeoutError:
            return False
        return True

    def close(self):
        self._writer.close()


@pytest.fixture(scope="module")
def contexts():
    """Whether the vendor is spoken to over TLS, to its contexts."""
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    return {"plain": None, "tls": (ours, theirs)}


@asynccontextmanager
async def connected(first_word=b"", *, tls=None):
    """The relay's end, and the vendor's, who says `first_word` in one breath with the upgrade. `tls`: both contexts."""
    vendors = asyncio.Queue()
    ours, theirs = tls or (True, None)

    async def accept(reader, writer):
        vendor = Vendor(reader, writer)
        await vendor.upgrade(first_word)
        vendors.put_nowait(vendor)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=theirs)
    port = server.sockets[0].getsockname()[1]
    async with outgoing() as http:
        trusting = SimpleNamespace(ws_connect=partial(http.ws_connect, ssl=ours))
        agent = await AgentSocket.open(trusting, f"{'wss' if theirs else 'ws'}://localhost:{port}/")
        vendor = await vendors.get()
        try:
            yield agent, vendor
        finally:
            vendor.close()
            await agent.close()
            server.close()


@pytest.mark.parametrize("without_a_mask_in_c", [False, True])
@pytest.mark.parametrize("way", ["plain", "tls"])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_messages_of_any_length_arrive_as_they_were_in_their_order(
    monkeypatch, contexts, way, loop_factory, without_a_mask_in_c
):
    """The head of a frame has three lengths. A second message in the same moment finds the first one still unsent."""
    if without_a_mask_in_c:
        monkeypatch.setattr(frames, "mask", None)

    async def story():
        told = [(TEXT, bytes(range(256)) * 300)]
        told += [(kind, b"x\xff" * (size // 2) + b"y" * (size % 2)) for kind in (TEXT, BINARY) for size in SIZES]
        async with connected(tls=contexts[way]) as (agent, vendor):
            for pause in (0, 0.01):
                for kind, message in told:
                    await agent.send(message, WSMsgType(kind))
                    await asyncio.sleep(pause)
                assert [await vendor.hear() for _ in told] == told
            assert len(vendor.keys) == 2 * len(told)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@virtual
async def test_what_is_said_comes_as_text_or_binary_and_its_end_with_code_and_reason():
    async with connected() as (agent, vendor):
        vendor.say(TEXT, b"{}")
        vendor.say(BINARY, bytes(70_000))
        vendor.say(CLOSE, struct.pack("!H", 1011) + b"out of voices")
        first, second = await agent.receive(), await agent.receive()
        assert (first, type(first), second, type(second)) == (b"{}", bytes, bytes(70_000), Binary)
        assert await agent.receive() == Closed(1011, "out of voices")
        await agent.send(b"too late")  # is dropped: nothing follows our own close
        assert await vendor.hear() == (CLOSE, struct.pack("!H", 1000))
        with pytest.raises(asyncio.IncompleteReadError):
            await vendor.hear()


@pytest.mark.parametrize("way", ["plain", "tls"])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_what_comes_in_one_breath_with_the_upgrade_is_the_first_message(contexts, way, loop_factory):
    async def story():
        async with connected(frame(TEXT, b"ready") + frame(TEXT, b"well?"), tls=contexts[way]) as (agent, _):
            assert [await agent.receive(), await agent.receive()] == [b"ready", b"well?"]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@virtual
async def test_a_message_in_pieces_is_one_message_and_a_ping_between_them_is_answered():
    async with connected() as (agent, vendor):
        vendor.say(TEXT, b"one ", last=False)
        vendor.say(PING, b"still there?")
        vendor.say(MORE, b"mess", last=False)
        vendor.say(MORE, b"age")
        assert await agent.receive() == b"one message"
        assert await vendor.hear() == (PONG, b"still there?")


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x83\x00",  # a kind that does not exist
        b"\xc1\x02{}",  # compressed, which was not agreed upon
        frame(MORE, b"and so on"),  # of nothing
        frame(TEXT, b"one", last=False) + frame(TEXT, b"two"),  # the first one is not over
        frame(PING, bytes(126)),  # too long for its kind
        frame(CLOSE, b"\x03"),  # half a code
        frame(CLOSE, struct.pack("!H", 999)),  # a code that does not exist
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
    ],
)
@virtual
async def test_what_is_no_websocket_ends_the_conversation_after_what_was_right(wrong):
    async with connected() as (agent, vendor):
        vendor.say(TEXT, b"{}")
        vendor.go_on(wrong)
        vendor.say(TEXT, b"more")
        assert await agent.receive() == b"{}"
        assert (await agent.receive()).code == 1002
        kind, why = await vendor.hear()
        assert (kind, why[:2]) == (CLOSE, struct.pack("!H", 1002))


@virtual
async def test_a_message_that_grows_over_the_limit_in_pieces_ends_the_conversation():
    """No piece is too large, and the vendor would never come to the end."""
    async with connected() as (agent, vendor):
        vendor.say(BINARY, bytes(1024 * 1024), last=False)
        for _ in range(MAX_MESSAGE // (1024 * 1024)):
            vendor.say(MORE, bytes(1024 * 1024), last=False)
        assert (await agent.receive()).code == 1009
        assert (await vendor.hear())[0] == CLOSE


@pytest.mark.parametrize("way", ["plain", "tls"])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_vendor_that_says_too_much_at_once_has_to_wait_and_loses_nothing(contexts, way, loop_factory):
    """What the relay has not read yet waits with the vendor, and not in the relay's memory."""

    async def story():
        said = [b"%05d" % number + bytes(60_000) for number in range(600)]
        async with connected(tls=contexts[way]) as (agent, vendor):
            begun = 0
            while await vendor.is_heard():
                vendor.say(TEXT, said[begun])
                begun += 1
            assert begun < 400
            for message in said[begun:]:
                vendor.say(TEXT, message)
            assert [await agent.receive() for _ in said] == said

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@virtual
async def test_nothing_follows_a_close_while_its_answer_is_waited_for():
    """Two seconds, in which the caller's sound goes on."""
    async with connected() as (agent, vendor):
        closing = asyncio.create_task(agent.close())
        await asyncio.sleep(0.5)
        await agent.send(b"too late")
        await closing
        assert await vendor.hear() == (CLOSE, struct.pack("!H", 1000))
        with pytest.raises(asyncio.IncompleteReadError):
            await vendor.hear()


@pytest.mark.parametrize("way", ["plain", "tls"])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_vendor_that_does_not_read_holds_up_the_sender_and_loses_nothing(contexts, way, loop_factory):
    """Unsent sound would pile up in memory. How long a send has waited tells the call that its agent is gone."""

    async def story():
        told = [b"%05d" % number + bytes(20_000) for number in range(2_000)]
        async with connected(tls=contexts[way]) as (agent, vendor):

            async def read():
                kind, content = await vendor.hear()
                assert kind == TEXT
                return content

            await holds_up_the_sender(agent, told, read, most=1_000, unread_s=0.3)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@virtual
async def test_a_vendor_that_answers_no_ping_is_gone_nine_seconds_after_its_last_word():
    loop = asyncio.get_running_loop()
    async with connected() as (agent, vendor):
        for _ in range(100):
            vendor.say(TEXT, b"word")
            await agent.receive()
            await asyncio.sleep(0.1)
        last = loop.time() - 0.1
        assert (await agent.receive()).code == 1006
        assert 8.4 <= loop.time() - last <= 10  # aiohttp rounds up to whole seconds
        assert await vendor.hear() == (PING, b"")


@virtual
async def test_a_vendor_that_is_quiet_but_answers_pings_stays():
    """Also one whose long message comes slowly: between two parts of a message there is no room for an answer."""
    loop = asyncio.get_running_loop()
    async with connected() as (agent, vendor):
        pings = []

        async def answer():
            while True:
                kind, payload = await vendor.hear()
                pings.append(loop.time())
                assert kind == PING
                vendor.say(PONG, payload)

        answering = asyncio.create_task(answer())
        began = loop.time()
        receiving = asyncio.create_task(agent.receive())
        await asyncio.sleep(63)  # the next ping is due in three seconds
        assert not receiving.done()
        assert len(pings) == 10
        vendor.say(TEXT, b"", size=20)
        for _ in range(20):
            await asyncio.sleep(2)
            vendor.go_on(b"w")
        assert await receiving == b"w" * 20
        assert [at for at in pings if at > began + 63] == []
        answering.cancel()


@virtual
async def test_until_the_next_ping_no_timer_waits_and_after_the_end_nothing_keeps_the_socket():
    """A timer of the loop's takes half a kilobyte of each call."""
    async with connected() as (agent, vendor):
        moment = agent._ws._heartbeat_cb
        assert isinstance(moment, Moment)
        vendor.say(TEXT, b"word")
        await agent.receive()
        await asyncio.sleep(0)
        assert (agent._ws._heartbeat_cb, moment.who) == (moment, agent._ws)
        await asyncio.sleep(3)
        vendor.say(TEXT, b"word")
        await agent.receive()
        await asyncio.sleep(4)  # the moment has come, but the last word was four seconds ago
        moment, before = agent._ws._heartbeat_cb, moment
        assert isinstance(moment, Moment)
        assert moment is not before
    assert moment.who is None
