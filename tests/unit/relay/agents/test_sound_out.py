"""The caller's sound by the session's `send_audio` and by what stands in for it are the same messages."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import WSMsgType

from relay.agents.bot.wrapper import WrapperSession
from relay.agents.deepgram.session import DeepgramOptions, DeepgramSession
from relay.agents.elevenlabs.options import ElevenLabsAgent
from relay.agents.elevenlabs.session import ElevenLabsSession
from relay.agents.gemini.options import GeminiOptions
from relay.agents.gemini.session import GeminiSession
from relay.agents.openai.options import OpenAIOptions
from relay.agents.openai.session import OpenAISession
from relay.agents.seam import AgentError
from relay.agents.socket import AgentSocket
from relay.agents.sound_out import SoundOut, sound_out_of
from relay.agents.ultravox.options import UltravoxOptions
from relay.agents.ultravox.session import UltravoxSession
from relay.at_once import DONE
from tests.support.virtual import virtual

SOUND = bytes(range(200)) * 3
QUICK = {
    "openai": lambda: OpenAISession(None, OpenAIOptions(), "m", "key"),
    "gemini": lambda: GeminiSession(None, GeminiOptions(), "m", "key"),
    "ultravox": lambda: UltravoxSession(None, UltravoxOptions(), "m", "key"),
    "elevenlabs": lambda: ElevenLabsSession(ElevenLabsAgent("agent_1"), None),
}


class Socket(AgentSocket):
    """`full`: nothing can be written at once."""

    def __init__(self, *, full=False):
        super().__init__(SimpleNamespace(send_frame=self._send_frame))
        self.said = []
        self._full = full
        self.writer = self

    def write(self, message, kind):
        if not self._full:
            self.said.append((message, kind))
        return not self._full

    async def _send_frame(self, message, kind):
        await asyncio.sleep(0.001)
        self.said.append((message, kind))


@pytest.mark.parametrize("make", QUICK.values(), ids=QUICK)
@virtual
async def test_it_says_what_send_audio_says(make):
    session = make()
    session._socket = socket = Socket()
    await session.send_audio(SOUND)
    assert sound_out_of(session).send(SOUND) is DONE
    first, second = socket.said
    assert first == second


@virtual
async def test_what_can_not_be_written_at_once_is_sent_when_it_is_awaited():
    session = QUICK["elevenlabs"]()
    session._socket = socket = Socket(full=True)
    rest = sound_out_of(session).send(b"\x01\x02")
    assert socket.said == []
    await rest
    assert socket.said == [(b'{"user_audio_chunk":"AQI="}', WSMsgType.TEXT)]


@virtual
async def test_gemini_goes_on_where_its_next_socket_is():
    session = QUICK["gemini"]()
    session._socket, following = Socket(), Socket()
    out = sound_out_of(session)
    await session._switched(following)
    following.said.clear()
    out.send(SOUND)
    assert following.said[0][0].startswith(b'{"realtimeInput":{"audio"')
    assert session._socket.said == following.said


@virtual
async def test_who_does_more_with_sound_is_asked_each_time():
    class Quiet(ElevenLabsSession):
        def send_audio(self, data):
            return super().send_audio(bytes(len(data)))

    quiet = Quiet(ElevenLabsAgent("agent_1"), None)
    deepgram = DeepgramSession(None, DeepgramOptions(), "key")
    for session in (quiet, deepgram):
        session._socket = Socket()
        assert sound_out_of(session) is None
    assert sound_out_of(SimpleNamespace()) is None


@virtual
async def test_around_an_agent_it_is_the_agents():
    agent = QUICK["elevenlabs"]()
    agent._socket = Socket()
    wrapping = WrapperSession(SimpleNamespace(), "w", agent)
    assert sound_out_of(wrapping) is sound_out_of(agent) is not None


@virtual
async def test_before_a_session_is_connected_there_is_nowhere_to_send_to():
    assert sound_out_of(QUICK["openai"]()) is None
    with pytest.raises(AgentError, match="before connect"):
        SoundOut().send(SOUND)
