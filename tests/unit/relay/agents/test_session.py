"""What the sessions of all vendors over a socket share: what they keep, and for how long."""

import asyncio
import sys

from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.deepgram.session import DeepgramSession
from relay.agents.seam import Audio
from relay.agents.session import SocketSession
from relay.agents.socket import Binary, Closed
from tests.support.virtual import virtual
from tests.unit.relay.talk import Session, Talk


class Piece(Binary):
    """Sound that says when nobody holds it any more."""

    held = 0

    def __init__(self, *_):
        Piece.held += 1

    def __del__(self):
        Piece.held -= 1


async def test_a_piece_of_sound_is_not_kept_until_the_agent_speaks_again():
    """Its message and the event stayed: ten kilobytes of each call whose agent was silent."""
    held = []

    class Peer:
        sent = False

        async def receive(self, hear=None):
            held.append(Piece.held)
            if self.sent:
                return Closed(1000, "that was all")
            self.sent = True
            return Piece(bytes(4))

    session = DeepgramSession(None, DeepgramOptions(), "key")
    session._socket = Peer()
    heard = 0
    async for event in session.events():
        heard += isinstance(event, Audio)
        del event
    assert heard == 1
    assert held == [0, 0]


@virtual
async def test_a_call_keeps_it_only_until_it_was_played():
    session = Session()
    talk = Talk(session)
    sound = bytes(8000)
    ours = sys.getrefcount(sound)
    session.put(Audio(sound, "1"))
    await asyncio.sleep(0.3)
    assert sys.getrefcount(sound) > ours
    await asyncio.sleep(0.7)
    assert sys.getrefcount(sound) == ours
    await talk.stop()


async def test_a_vendor_that_has_no_words_for_a_note_or_a_repeat_says_so():
    """Whoever asks must know that it was not passed on: an idle caller would be asked by nobody."""
    session = SocketSession(None)
    assert await session.note("A minute is left.", reply=True) is False
    assert await session.ask_again() is False
    await session.interrupted("u1", 700)
    await session.heard("u1")
    assert (session.can_wait, session.wants_each_key, list(session._unsaid())) == (False, False, [])
