"""What is said when nothing comes: the reason, and never the address."""

import asyncio

import aiohttp
import pytest
from yarl import URL

from console.checks.network import LONGEST_BODY, NoAnswerError, ask, system_addresses
from sim.processes import free_port


async def talk(answer):
    """A server that reads a request and says `answer`; None hangs up."""

    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if answer:
            writer.write(answer)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def asked(port, **more):
    async with aiohttp.ClientSession() as session:
        return await ask(session, URL(f"http://127.0.0.1:{port}/media/TOKEN?token=TOKEN"), **more)


SILENCES = {
    "hangs up": (None, "closed the connection without an answer"),
    "another protocol": (b"220 mail.example.com ESMTP\r\n\r\n", "answered something that is not HTTP/1.1"),
}


@pytest.mark.parametrize("name", SILENCES)
async def test_a_server_that(name):
    answer, reason = SILENCES[name]
    async with await talk(answer) as server:
        with pytest.raises(NoAnswerError) as silence:
            await asked(server.sockets[0].getsockname()[1])
    assert str(silence.value) == reason


async def test_nobody_at_the_port():
    with pytest.raises(NoAnswerError, match="^can't be connected to: ") as silence:
        await asked(free_port())
    assert "TOKEN" not in str(silence.value)


async def test_no_such_address():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(NoAnswerError, match="^has no address that can be asked$"):
            await ask(session, URL("functions/TOKEN"))


async def test_an_answer_in_pieces_is_read_to_its_end_and_a_long_one_is_not():
    """A list of numbers that came in two packets was half a list, and no JSON."""
    body = b"x" * (2 * LONGEST_BODY)

    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        for start in range(0, len(body), 5000):
            writer.write(body[start : start + 5000])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        answer = await asked(server.sockets[0].getsockname()[1])
    assert answer.body == body[:LONGEST_BODY]


async def test_addresses_of_this_machine():
    assert "127.0.0.1" in await system_addresses("localhost")


LOCATIONS = {
    "https://www.example.com/media/TOKEN": "https://www.example.com",
    "/elsewhere/TOKEN": "another path",
    "https://[TOKEN": "somewhere else",
}


@pytest.mark.parametrize("location", LOCATIONS)
async def test_where_a_redirect_points_without_its_token(location):
    async with await talk(
        f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    ) as server:
        answer = await asked(server.sockets[0].getsockname()[1])
    assert answer.redirects == LOCATIONS[location]
