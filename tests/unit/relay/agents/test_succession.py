"""One conversation over several sockets: which closed socket is replaced, and what is told of one that is not."""

import asyncio

import pytest

from relay.agents.gemini.succession import Succession
from relay.agents.seam import AgentError
from relay.agents.socket import Closed
from tests.support.virtual import virtual
from tests.unit.relay.agents.peer import CALL, Peer

GOING_AWAY = Closed(1001, "going away")


class World:
    """A vendor that opens the given sockets, or refuses with the given errors, one after another."""

    def __init__(self, *sockets):
        self.sockets = list(sockets)
        self.handles = []
        self.switched = []
        self.succession = Succession(self._open, self._switched)

    async def _open(self, call, handle):
        self.handles.append(handle)
        match self.sockets.pop(0):
            case AgentError() as error:
                raise error
            case socket:
                return socket

    async def _switched(self, socket):
        self.switched.append(socket)


class Waiting(Peer):
    """Says nothing until it is closed."""

    def __init__(self, *messages):
        super().__init__(*messages)
        self.closed = asyncio.Event()

    async def receive(self, hear=None):
        if not self._messages:
            await self.closed.wait()
        return await super().receive()

    async def close(self):
        self.closed.set()


async def living(*sockets, lived_s=6.0, handle="h1"):
    """A conversation whose first socket has been open for some time."""
    world = World(*sockets)
    await world.succession.start(CALL)
    world.succession.handle = handle
    await asyncio.sleep(lived_s)
    return world


@virtual
async def test_a_lost_socket_is_replaced_and_the_conversation_resumed():
    second = Peer({"second": 1})
    world = await living(Peer(GOING_AWAY), second)
    assert await world.succession.receive() == b'{"second": 1}'
    assert world.handles == ["", "h1"]
    assert world.switched == [second]


@virtual
async def test_a_session_that_could_not_be_resumed_ends_with_the_vendor_s_own_code():
    """The record names why the vendor closed, not only that resuming failed."""
    world = await living(Peer(GOING_AWAY), AgentError("http_503", "busy"))
    assert await world.succession.receive() == Closed(1001, "going away (not resumed: busy)")
    world = await living(Peer(Closed(1011, "")), AgentError("http_503", "busy"))
    assert await world.succession.receive() == Closed(1011, "(not resumed: busy)")


@pytest.mark.parametrize("reason", ["young", "no handle", "over", "given up"])
@virtual
async def test_some_sockets_are_not_replaced(reason):
    """A vendor that closes each socket at once would otherwise be asked without end."""
    first = Peer(GOING_AWAY)
    first.given_up = reason == "given up"
    handle, lived_s = "" if reason == "no handle" else "h1", 4.9 if reason == "young" else 5.0
    world = await living(first, Peer({"second": 1}), lived_s=lived_s, handle=handle)
    if reason == "over":
        await world.succession.close()
    assert await world.succession.receive() == GOING_AWAY
    assert len(world.handles) == 1


@virtual
async def test_a_socket_that_will_be_closed_is_left_between_two_turns():
    first, second = Waiting(), Peer({"second": 1})
    world = await living(first, second)
    world.succession.between_turns.clear()
    moving = asyncio.create_task(world.succession.move(30))
    await asyncio.sleep(24)
    assert not world.switched
    world.succession.between_turns.set()
    await moving
    assert world.switched == [second]
    assert first.closed.is_set()
    assert await world.succession.receive() == b'{"second": 1}'


@virtual
async def test_it_is_left_in_the_middle_of_a_turn_if_there_is_no_time():
    first, second = Waiting(), Peer({"second": 1})
    world = await living(first, second)
    world.succession.between_turns.clear()
    began = asyncio.get_running_loop().time()
    await world.succession.move(30)
    assert asyncio.get_running_loop().time() - began == pytest.approx(25)
    assert world.switched == [second]
    assert world.succession.between_turns.is_set()


@virtual
async def test_a_socket_lost_while_moving_is_not_replaced_twice():
    first, second = Peer(GOING_AWAY), Peer({"second": 1})
    world = await living(first, second)
    world.succession.between_turns.clear()
    moving = asyncio.create_task(world.succession.move(30))
    await asyncio.sleep(0.1)
    assert await world.succession.receive() == b'{"second": 1}'  # at once: there is nothing to wait for any more
    await moving
    assert world.handles == ["", "h1"]


@virtual
async def test_without_a_handle_or_while_moving_nothing_is_moved():
    world = await living(Waiting(), Waiting(), handle="")
    await world.succession.move(30)
    world.succession.handle = "h1"
    world.succession.between_turns.clear()
    moving = asyncio.create_task(world.succession.move(30))
    await asyncio.sleep(0.1)
    await world.succession.move(30)
    assert world.handles == [""]
    await moving
    assert len(world.switched) == 1


@virtual
async def test_a_move_that_fails_leaves_the_old_socket_in_use():
    first = Peer({"first": 1})
    world = await living(first, AgentError("http_503", "busy"))
    await world.succession.move(1)
    assert await world.succession.receive() == b'{"first": 1}'


@virtual
async def test_the_socket_that_was_left_is_closed_with_the_conversation():
    first, second = Waiting(), Waiting()
    world = await living(first, second)
    await world.succession.move(30)
    first.closed.clear()
    await world.succession.close()
    assert first.closed.is_set()


@virtual
async def test_nothing_can_be_received_before_the_first_socket():
    with pytest.raises(AgentError, match="nothing can be received before connect"):
        await World().succession.receive()
