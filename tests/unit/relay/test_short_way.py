"""A line's usual messages go past aiohttp, which gets every other byte, and all are the same in the same order."""

import asyncio
import random
import struct

import pytest
from aiohttp.http import WebSocketReader

from relay import short_way
from relay.arrivals import Arrivals
from relay.short_way import ShortWay
from tests.support.virtual import virtual

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x11\x22\x33\x44"


def frame(kind, message, *, key=KEY, last=True, first=None):
    size, masked = len(message), 0x80 * bool(key)
    head = (
        struct.pack("!B", masked | size)
        if size < 126
        else struct.pack("!BH", masked | 126, size)
        if size < 65_536
        else struct.pack("!BQ", masked | 127, size)
    )
    if key:
        keys = (key * (size // 4 + 1))[:size]
        message = (int.from_bytes(message, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")
    return struct.pack("!B", 0x80 * last | kind if first is None else first) + head + key + message


class Connection:
    """aiohttp's protocol, as far as its parser knows it."""

    _reading_paused = False

    def __init__(self):
        self.got = []
        """What aiohttp had to read."""
        self.told = []
        self.arrivals = Arrivals(self, 2**16, loop=asyncio.get_running_loop())
        self._parser = WebSocketReader(self.arrivals, 2**18, compress=False, decode_text=False)
        self.way = self.arrivals.waiting = ShortWay(self)
        self.taken = []

    def take(self, message):
        self.taken.append((TEXT, bytes(message)))
        return True

    def take_binary(self, message):
        self.taken.append((BINARY, bytes(message)))
        return True

    def data_received(self, data):
        self.got.append(data)
        self._parser.feed_data(data)

    def pause_reading(self):
        self._reading_paused = True

    async def queued(self):
        """Waits for the next message."""
        kind, message, _ = await self.arrivals.read()
        return kind, message

    def __getattr__(self, name):
        def note(*args):
            self.told.append((name, *args))

        return note


@virtual
async def test_a_frame_of_sound_is_taken_and_aiohttp_sees_nothing_of_it():
    there = Connection()
    there.arrivals.watch(there.take)
    said = [random.Random(size).randbytes(size) for size in (126, 530, 65_535)]
    for message in said:
        there.way.data_received(frame(TEXT, message))
    assert there.taken == [(TEXT, message) for message in said]
    assert there.got == []


@virtual
async def test_what_is_refused_is_received_and_nothing_overtakes_it():
    there, asked = Connection(), []
    there.arrivals.watch(asked.append)
    there.way.data_received(frame(TEXT, b"1" * 200))
    there.way.data_received(frame(TEXT, b"2" * 200))
    assert asked == [b"1" * 200]
    assert there.arrivals.waiting.take is None
    there.arrivals.watch(there.take)
    there.way.data_received(frame(TEXT, b"3" * 200))
    assert [await there.queued() for _ in range(3)] == [(TEXT, digit * 200) for digit in (b"1", b"2", b"3")]
    there.arrivals.watch(there.take)
    there.way.data_received(frame(TEXT, b"4" * 200))
    assert there.taken == [(TEXT, b"4" * 200)]
    assert len(there.got) == 3


@virtual
async def test_without_anybody_who_waits_all_is_queued():
    there = Connection()
    there.way.data_received(frame(TEXT, b"1" * 200))
    assert await there.queued() == (TEXT, b"1" * 200)


@pytest.mark.parametrize("seed", range(20))
@virtual
async def test_whatever_comes_in_whatever_pieces_is_what_was_sent_in_its_order(seed):
    """Messages of all sizes, masked or not, pings, and pieces that end anywhere, also within the head of a frame."""
    dice = random.Random(seed)
    said, wire, ends = [], b"", []
    for _ in range(300):
        kind = dice.choice((TEXT, TEXT, TEXT, TEXT, BINARY, PING, PONG))
        usual = (0, 1, 125, 126, 127, 530, 530, 530, 65_535, 66_000)
        size = dice.choice((0, 3, 125) if kind in (PING, PONG) else usual)
        message = dice.randbytes(size)
        wire += frame(kind, message, key=dice.choice((KEY, KEY, KEY, b"")))
        ends.append(len(wire))
        if kind in (TEXT, BINARY):
            said.append((kind, message))
    cuts = {end for end in ends if dice.random() < 0.7} | {end + dice.randrange(1, 12) for end in dice.sample(ends, 90)}
    there = Connection()
    there.arrivals.watch(there.take, binary=there.take_binary)
    at = 0
    for cut in sorted({min(cut, len(wire)) for cut in cuts} | {len(wire)}):
        there.way.data_received(wire[at:cut])
        at = cut
        while there.arrivals._size:  # a ping, and what came together with it
            there.taken.append(await there.queued())
        there.arrivals.watch(there.take, binary=there.take_binary)
    assert [(kind, message) for kind, message in there.taken if kind in (TEXT, BINARY)] == said
    assert sum(map(len, there.got)) < len(wire)


@virtual
async def test_every_frame_that_stands_alone_takes_the_short_way_again_after_something_else():
    there = Connection()
    sound = frame(TEXT, b"s" * 530)
    others = [
        frame(TEXT, b"short"),
        frame(BINARY, bytes(70_000)),
        frame(TEXT, b"not masked" * 20, key=b""),
        sound + sound,
        *(sound[:cut] for cut in (1, 2, 3, 4, 7, 8, 300)),
    ]
    for other in others:
        there.arrivals.watch(there.take, binary=there.take_binary)
        there.way.data_received(other)
        if sound.startswith(other) and other != sound:
            there.way.data_received(sound[len(other) :])
        there.got.clear()
        there.way.data_received(sound)
        assert there.got == [], other[:12]


@virtual
async def test_a_part_of_a_message_that_looks_like_a_whole_one_is_a_part():
    there = Connection()
    inside = frame(TEXT, b"inside" * 50)
    looks_so = frame(BINARY, b"before " + inside, key=b"")
    after = frame(TEXT, b"after" * 50)
    odd_key = b"\xfe" + struct.pack("!H", 6 + len(after) - 8) + b"k"  # of a frame whose first byte comes alone
    odd = frame(TEXT, b"x", key=odd_key)
    assert odd[1:3] == inside[:2]
    for piece in (looks_so[: -len(inside)], inside, odd[:1], odd[1:] + after):
        there.arrivals.watch(there.take, binary=there.take_binary)
        there.way.data_received(piece)
    assert there.taken == [(BINARY, b"before " + inside), (TEXT, b"x"), (TEXT, b"after" * 50)]


@pytest.mark.parametrize(
    "wrong",
    [
        frame(TEXT, b"a part", last=False),
        frame(MORE, b"and so on"),
        frame(TEXT, b"c" * 200, first=0xC1),  # compressed, which was not agreed upon
        frame(3, b"?"),
        frame(CLOSE, struct.pack("!H", 1000)),
        frame(PING, bytes(126)),  # too long for its kind
        frame(BINARY, bytes(2**18)),  # too long
    ],
    ids=lambda wrong: wrong[:4].hex(),
)
@virtual
async def test_nothing_is_taken_after_the_end_or_between_the_parts_of_a_message(wrong):
    there = Connection()
    there.arrivals.watch(there.take)
    there.way.data_received(wrong)
    there.way.data_received(frame(TEXT, b"more" * 50))
    assert there.taken == []
    assert len(there.got) == 2


@virtual
async def test_a_line_that_was_in_error_is_not_watched_again():
    there = Connection()
    there.way.data_received(frame(PING, bytes(126)))
    there.arrivals.watch(there.take)
    there.way.data_received(frame(TEXT, b"more" * 50))
    assert there.taken == []


@virtual
async def test_the_protocol_is_told_whatever_else_becomes_of_the_connection():
    there = Connection()
    there.arrivals.watch(there.take)
    error = ConnectionResetError()
    there.way.pause_writing()
    there.way.resume_writing()
    there.way.eof_received()
    there.way.connection_lost(error)
    assert there.told == [("pause_writing",), ("resume_writing",), ("eof_received",), ("connection_lost", error)]
    assert there.arrivals.waiting.take is None


@virtual
async def test_without_a_mask_in_c_aiohttp_gets_all(monkeypatch):
    monkeypatch.setattr(short_way, "mask", None)
    there = Connection()
    there.arrivals.watch(there.take)
    there.way.data_received(frame(TEXT, b"m" * 200))
    assert len(there.got) == 1
    assert there.taken == [(TEXT, b"m" * 200)]


@pytest.mark.parametrize("seed", range(60))
@virtual
async def test_what_a_hostile_line_sends_is_read_as_aiohttp_alone_reads_it(seed):
    """Frames with bytes changed, lost or added anywhere, in pieces that often end where a frame does."""
    dice = random.Random(seed)
    pieces = [
        frame(dice.choice((TEXT, TEXT, TEXT, BINARY, PING)), dice.randbytes(dice.choice((3, 120, 530))))
        for _ in range(40)
    ]
    for at in dice.sample(range(10, 40), dice.randrange(1, 4)):
        piece, spot = bytearray(pieces[at]), dice.choice((0, 1, 2, 3, dice.randrange(100)))
        spot = min(spot, len(piece) - 1)
        match dice.randrange(3):
            case 0:
                piece[spot] = dice.choice((0x00, 0x01, 0x80, 0x81, 0x88, 0xC1, 0xFE, 0xFF, dice.randrange(256)))
            case 1:
                del piece[spot]
            case 2:
                piece.insert(spot, dice.randrange(256))
        pieces[at] = bytes(piece)
    for at in dice.sample(range(39), 6):  # that come together, or cut elsewhere
        both, cut = pieces[at] + pieces[at + 1], dice.choice((0, 1, 2, 3, 7, 8, dice.randrange(300)))
        pieces[at], pieces[at + 1] = both[:cut], both[cut:]
    heard = []
    for watched in (False, True):
        there = Connection()
        for piece in filter(None, pieces):
            if watched:
                there.arrivals.watch(there.take, binary=there.take_binary)
            there.way.data_received(piece)
            while there.arrivals._size:
                there.taken.append(await there.queued())
        kinds = [(kind, message) for kind, message in there.taken if kind in (TEXT, BINARY, CLOSE)]
        heard.append((kinds, repr(there.arrivals.exception())))
    assert heard[0] == heard[1]
