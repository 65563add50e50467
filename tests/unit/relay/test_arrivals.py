"""Sound is handled when it arrives, in the order in which it was sent, and nobody else notices."""

import asyncio
import base64
import json
import random
import struct
import sys
from collections import deque
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import SimpleNamespace

import pytest
import uvloop
from aiohttp import ClientSession, EofStream, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue

from relay.arrivals import Arrivals, IncomingSocket
from relay.at_once import DONE, Later
from relay.line import exotel
from relay.line.socket import Line
from sim import virtual_time
from sim.serving import serving
from tests.support.virtual import virtual

LOOPS = [virtual_time.VirtualTimeLoop, uvloop.new_event_loop]
STOP = b'{"event":"stop"}'
UPGRADE = (
    "GET /media HTTP/1.1",
    *("Host: relay", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
    *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""),
)


def sound(number, size=320):
    """A message with the sound of that number."""
    pcm = struct.pack("<H", number) * (size // 2)
    return json.dumps({"event": "media", "media": {"payload": base64.b64encode(pcm).decode()}}).encode()


def mark(number):
    return json.dumps({"event": "mark", "mark": {"name": str(number)}}).encode()


def framed(message, kind=1):
    """As a client writes it; the key of its mask is zero."""
    size = len(message)
    head = struct.pack("!BB", 0x80 | kind, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x80 | kind, 0xFE, size)
    return head + bytes(4) + message


class Call:
    """Reads a line as a call does. `rest`: what hearing leaves to be awaited."""

    def __init__(self, line, rest=lambda number: DONE):
        self.line, self._rest = line, rest
        self.came = []
        """Numbers of sounds and marks, in order."""
        self.at_once = []
        """Of sounds, whether they were heard outside of the task that reads."""
        self.echoed_at_once = []
        """Of marks, the same."""
        self.reading = asyncio.create_task(self._read())

    async def _read(self):
        while (event := await self.line.receive(self._hear, self._echoed)) is not None:
            if isinstance(event, exotel.Stop):
                return
            self.came.append(event)

    def _echoed(self, name):
        self.echoed_at_once.append(self.reading is not asyncio.current_task())
        self.came.append(int(name))
        self._rest(int(name))

    def _hear(self, media):
        self.at_once.append(self.reading is not asyncio.current_task())
        number = struct.unpack_from("<H", media.pcm)[0]
        rest = self._rest(number)
        if rest is DONE:
            self.came.append(number)
            return DONE
        return Later(partial(self._hear_late, number, rest))

    async def _hear_late(self, number, rest):
        await rest
        self.came.append(number)


async def test_an_empty_queue_takes_little_and_keeps_the_order():
    """aiohttp's deque takes 760 bytes. Other sockets, as those of an agent's own code, have it as before."""
    protocol, loop = SimpleNamespace(_reading_paused=False), asyncio.get_running_loop()
    queue = Arrivals(protocol, 2**16, loop=loop)
    assert sys.getsizeof(queue._buffer) < 100
    assert isinstance(WebSocketDataQueue(protocol, 1, loop=loop)._buffer, deque)
    for number in range(300):
        queue.feed_data((WSMsgType.TEXT, number, None), 1)
    assert [(await queue.read())[1] for _ in range(300)] == [*range(300)]
    queue.feed_eof()
    with pytest.raises(EofStream):
        await queue.read()


@asynccontextmanager
async def listening(calling=Call):
    """Where a line connects to, and what the relay makes of each that does."""
    calls, over = asyncio.Queue(), asyncio.Event()

    async def media(request):
        ws = IncomingSocket(compress=False, max_msg_size=exotel.MAX_MESSAGE, decode_text=False, timeout=2.0)
        await ws.prepare(request)
        calls.put_nowait(calling(Line(ws, request.transport, ws.arrivals)))
        await over.wait()
        return ws

    app = web.Application()
    app.router.add_get("/media", media)
    async with serving(app) as url:
        try:
            yield url, calls, over
        finally:
            over.set()


@asynccontextmanager
async def on_a_line(calling=Call):
    """A call, and Exotel's end of its line."""
    async with (
        listening(calling) as (url, calls, over),
        ClientSession() as http,
        http.ws_connect(url + "/media") as there,
    ):
        call = await calls.get()
        await asyncio.sleep(0.005)
        try:
            yield call, there
        finally:
            over.set()


def play(loop_factory, story):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(story())


async def say(there, *messages, pause=0.005):
    for message in messages:
        await there.send_str(message.decode())
        await asyncio.sleep(pause)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_sound_that_comes_alone_is_heard_when_it_arrives(loop_factory):
    async def story():
        async with on_a_line() as (call, there):
            await say(there, *map(sound, range(20)), mark(20), sound(21), STOP)
            await call.reading
            assert call.came == list(range(22))
            assert call.at_once == [True] * 21
            assert call.echoed_at_once == [True]

    play(loop_factory, story)


@virtual
async def test_an_echo_is_heard_of_a_line_that_says_nothing_else():
    async with on_a_line() as (call, there):
        await asyncio.sleep(5)
        began = asyncio.get_running_loop().time()
        await say(there, mark(0))
        assert call.line.heard_from_at >= began
        await say(there, STOP)
        await call.reading


@virtual
async def test_a_call_that_wants_echoes_returned_gets_them_in_their_order():
    class Returned(Call):
        async def _read(self):
            while not isinstance(event := await self.line.receive(self._hear), exotel.Stop):
                self.came.append(int(event.name))

    async with on_a_line(Returned) as (call, there):
        await say(there, sound(0), mark(1), sound(2), mark(3), STOP)
        await call.reading
        assert call.came == [0, 1, 2, 3]


@virtual
async def test_a_line_is_closed_when_aiohttp_says_so():
    """What is asked for with each frame is aiohttp's own mark, not its property."""
    async with on_a_line() as (call, there):
        ws = call.line._ws
        assert (ws.closed, web.WebSocketResponse.closed.fget(ws)) == (False, False)
        await there.close()
        await call.reading
        assert (ws.closed, web.WebSocketResponse.closed.fget(ws)) == (True, True)
        assert not call.line.write(b"late")


def no_queue(monkeypatch):
    monkeypatch.setattr("relay.arrivals.Arrivals", None)


def another_limit(monkeypatch):
    monkeypatch.setattr(Arrivals, "__init__", lambda self, protocol: None)


def another_parser(monkeypatch):
    monkeypatch.setattr("relay.arrivals.WebSocketReader", lambda queue: None)


def no_tail(monkeypatch):
    monkeypatch.setattr("relay.arrivals.getattr", lambda *_: None, raising=False)


@pytest.mark.parametrize("changed", [no_queue, another_limit, another_parser, no_tail])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_call_is_the_same_if_aiohttp_is_not_inside_as_it_was(loop_factory, changed, monkeypatch):
    """What is used of it has no public name: it may be gone with the next release."""
    changed(monkeypatch)

    async def story():
        async with on_a_line() as (call, there):
            await say(there, *map(sound, range(5)), mark(5), sound(6), STOP)
            await call.reading
            assert call.came == list(range(7))
            assert call.at_once == [False] * 6
            assert call.echoed_at_once == [False]

    play(loop_factory, story)


@pytest.mark.parametrize("pause", [0, 0.0005, 0.003])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_nothing_is_overtaken(loop_factory, pause):
    """Some sound is heard at once, some after a while, because the agent does not read or an echo is looked for."""

    async def story():
        def rest(number):
            return DONE if number % 3 else Later(partial(asyncio.sleep, 0.002 * (number % 2)))

        async with on_a_line(partial(Call, rest=rest)) as (call, there):
            messages = [mark(number) if number % 7 == 4 else sound(number) for number in range(200)]
            await say(there, *messages, STOP, pause=pause)
            await call.reading
            assert call.came == list(range(200))

    play(loop_factory, story)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_more_than_the_queue_holds_stays_in_its_order(loop_factory):
    """While one sound is not yet heard, the socket is not read beyond a limit. aiohttp's parser goes on later, out of
    the very call that takes a message from the queue."""

    async def story():
        def rest(number):
            return Later(partial(asyncio.sleep, 0.002)) if number % 4 == 3 else DONE

        async with on_a_line(partial(Call, rest=rest)) as (call, there):
            messages = [sound(number, size=120_000 if number % 4 == 0 else 320) for number in range(100)]
            await say(there, *messages, STOP, pause=0)
            await call.reading
            assert call.came == list(range(100))

    play(loop_factory, story)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_what_waits_for_an_agent_that_does_not_read_is_limited(loop_factory):
    async def story():
        going_on = asyncio.Event()

        async with listening(partial(Call, rest=lambda number: Later(going_on.wait))) as (url, calls, _):
            _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write("\r\n".join(UPGRADE).encode())
            call = await calls.get()
            writer.write(framed(sound(1)) * 50_000)  # 22 MB; the kernel takes a few
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await writer.drain()
            going_on.set()
            await writer.drain()
            writer.write(framed(STOP))
            await call.reading
            writer.close()
            assert call.came == [1] * 50_000

    play(loop_factory, story)


@virtual
async def test_a_key_and_sound_that_come_together_after_a_pause_stay_in_their_order():
    async with listening() as (url, calls, _):
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write("\r\n".join(UPGRADE).encode())
        call = await calls.get()
        for number in range(0, 20, 4):
            await asyncio.sleep(0.02)
            writer.write(b"".join(map(framed, (mark(number), sound(number + 1), mark(number + 2), sound(number + 3)))))
        writer.write(framed(STOP))
        await call.reading
        writer.close()
        assert call.came == list(range(20))


@virtual
async def test_messages_that_come_together_take_turns_with_the_other_calls():
    """Five are heard when they arrive. If all were, nobody else would have a turn before the last."""
    async with listening() as (url, calls, _):
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write("\r\n".join(UPGRADE).encode())
        call, turns = await calls.get(), 0

        async def another_call():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        await asyncio.sleep(1)
        other = asyncio.create_task(another_call())
        await asyncio.sleep(0)
        turns = 0
        writer.write(b"".join(map(framed, (*map(sound, range(100)), STOP))))
        await call.reading
        other.cancel()
        writer.close()
    assert call.came == list(range(100))
    assert call.at_once == [True] * 5 + [False] * 95
    assert 19 <= turns < 60


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_what_comes_in_one_breath_with_the_upgrade_is_not_lost(loop_factory):
    """A client must wait for the answer to its upgrade; one that does not has its call all the same. Even if it has
    sent only half a message by then."""

    async def story(size):
        async with listening() as (url, calls, _):
            _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            messages = b"".join(map(framed, (sound(0), sound(1), mark(2))))
            writer.write("\r\n".join(UPGRADE).encode() + messages[:size])
            call = await calls.get()
            for message in (messages[size:], *map(framed, (sound(3), STOP))):
                await asyncio.sleep(0.01)
                writer.write(message)
            await call.reading
            writer.close()
            return call.came

    for size in (1, 300, 600, 2000):
        assert play(loop_factory, partial(story, size)) == [0, 1, 2, 3]


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_an_error_while_hearing_is_the_call_s_and_not_the_connection_s(loop_factory):
    """Raised in aiohttp's parser it would be a log line of the event loop's, and the call would hear nothing more."""

    async def story():
        def rest(number):
            return DONE if number < 2 else 1 / 0

        async with on_a_line(partial(Call, rest=rest)) as (call, there):
            await say(there, *map(sound, range(4)))
            with pytest.raises(ZeroDivisionError):
                await call.reading
            assert call.came == [0, 1]
            assert call.at_once == [True] * 3
            closing = asyncio.create_task(call.line.close(reason="defect"))
            closed = await there.receive()
            await closing
            assert (closed.type, closed.data, closed.extra) == (WSMsgType.CLOSE, 1000, "defect")

    play(loop_factory, story)


@virtual
async def test_an_error_while_an_echo_is_noted_is_the_call_s():
    async with on_a_line(partial(Call, rest=lambda number: DONE if number < 2 else 1 / 0)) as (call, there):
        await say(there, sound(0), mark(1), mark(2), sound(3))
        with pytest.raises(ZeroDivisionError):
            await call.reading
        assert call.came == [0, 1, 2]


@virtual
async def test_echoes_that_come_together_take_turns_as_sound_does():
    async with listening() as (url, calls, _):
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write("\r\n".join(UPGRADE).encode())
        call = await calls.get()
        await asyncio.sleep(1)
        writer.write(b"".join(map(framed, (*map(mark, range(20)), STOP))))
        await call.reading
        writer.close()
    assert call.came == list(range(20))
    assert call.echoed_at_once == [True] * 5 + [False] * 15


@virtual
async def test_pings_are_answered_between_two_frames_and_other_messages_are_counted():
    async with on_a_line() as (call, there):
        await say(there, sound(0))
        await there.ping(b"there?")
        await say(there, sound(1), b"{", b'{"event":"news"}', b'{"event":"media","media":{"payload":"?"}}', sound(2))
        await there.send_bytes(b"binary")
        await say(there, sound(3), sound(4))
        await there.close(code=1001)
        await call.reading
        assert call.came == [0, 1, 2, 3, 4]
        assert (call.line.malformed, call.line.unknown_events, call.line.close_code) == (3, 1, 1001)


@virtual
async def test_a_message_that_is_too_long_ends_the_line():
    async with on_a_line() as (call, there):
        await say(there, sound(0), sound(1, size=exotel.MAX_MESSAGE))
        await call.reading
        assert call.came == [0]
        assert (await there.receive()).data == 1009


@virtual
async def test_a_line_that_is_torn_off_ends():
    async with on_a_line() as (call, there):
        await say(there, sound(0))
        there._response.connection.transport.abort()
        await call.reading
        assert call.came == [0]
        assert call.line.close_code == 1006


@virtual
async def test_nothing_is_heard_once_the_call_no_longer_reads():
    async with on_a_line() as (call, there):
        await say(there, sound(0))
        call.reading.cancel()
        await say(there, sound(1), sound(2))
        assert call.came == [0]


@virtual
async def test_sound_that_had_to_wait_is_given_up_with_the_call():
    """Its task is cancelled in the very moment in which sound arrives that would have had to wait."""

    async with listening() as (url, calls, over):

        def rest(number):
            if number:
                call.reading.cancel()
                return Later(partial(asyncio.sleep, 1))
            return DONE

        async with ClientSession() as http, http.ws_connect(url + "/media") as there:
            call = await calls.get()
            call._rest = rest
            await say(there, *map(sound, range(5)))
            with suppress(asyncio.CancelledError):
                await call.reading
            assert call.came == [0]
            assert len(call.at_once) == 2
            over.set()


@virtual
async def test_nothing_is_heard_while_the_answer_to_a_close_is_waited_for():
    async with listening() as (url, calls, _):
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write("\r\n".join(UPGRADE).encode())
        call = await calls.get()
        for number in range(2):
            await asyncio.sleep(0.02)
            writer.write(framed(sound(number)))
        await asyncio.sleep(0.02)
        closing = asyncio.create_task(call.line.close())
        for number in range(2, 5):
            await asyncio.sleep(0.02)
            writer.write(framed(sound(number)))
        await closing
        await call.reading
        writer.close()
        assert call.came == [0, 1]


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_pieces_of_any_size_at_any_time_are_the_same_messages_in_the_same_order(loop_factory):
    dice = random.Random(4)

    def rest(number):
        return DONE if number % 5 else Later(partial(asyncio.sleep, 0.001 * dice.randrange(3)))

    async def story():
        async with listening(partial(Call, rest=rest)) as (url, calls, _):
            _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write("\r\n".join(UPGRADE).encode())
            call = await calls.get()
            messages = [framed(sound(number) if dice.randrange(6) else mark(number)) for number in range(300)]
            stream = b"".join((*messages, framed(b"", kind=9), framed(STOP)))
            while stream:
                size = dice.choice((1, 7, 400, 483, 484, 485, 900, 5000))
                writer.write(stream[:size])
                stream = stream[size:]
                await asyncio.sleep(dice.choice((0, 0, 0.0005, 0.002)))
            await call.reading
            writer.close()
            assert call.came == list(range(300))
            assert set(call.at_once) == {True, False}

    play(loop_factory, story)
