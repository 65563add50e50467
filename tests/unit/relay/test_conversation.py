"""What becomes of an agent's sound on its way into the playout."""

import asyncio
from datetime import UTC, datetime

import pytest

from relay.agents.roster import AgentSpec
from relay.agents.seam import Audio, CallInfo, Ended, Formats, UtteranceDone
from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.call.conversation import Conversation
from relay.call.hand_over import HandOver
from relay.call.outbox import Outbox
from relay.call.parts import CallParts
from relay.call.tools import Tools
from relay.call.transcript import Transcript
from relay.events.delivery import Events
from relay.events.records import CallFacts, Quality
from relay.line import exotel
from relay.line.answers import Answers
from relay.line.framing import Framing
from relay.line.pacer import Pacer
from relay.line.ticker import Ticker
from relay.line.uplink import Uplink
from relay.logs import CallLog
from relay.metrics import Metrics
from sim import virtual_time
from tests.unit.relay.taped_line import TapedLine
from tests.unit.relay.tone import noise

LINE = AudioFormat(Encoding.PCM, 8000)
PAUSE = b""


class Session:
    """Says `chunks` as one utterance, with a second of silence for each PAUSE, then goodbye."""

    conversation_id = "conv_1"
    late_audio_ms = 0.0
    wants_each_key = False
    tools = ()

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks
        self.connected = self.closed = 0

    async def connect(self, call: CallInfo) -> Formats:
        self.connected += 1
        return Formats(LINE, LINE)

    async def events(self):
        for chunk in self.chunks:
            if chunk is PAUSE:
                await asyncio.sleep(1)
            else:
                yield Audio(chunk, "1")
        yield UtteranceDone("1")
        yield Ended(by_agent=True, reason="ended")

    def stalled_for(self, now: float) -> float:
        return 0.0

    async def close(self) -> None:
        self.closed += 1


SPEC = AgentSpec("a", "v", "1")


def heard_of(
    chunks: list[bytes],
    *,
    ambience: bool,
    first: tuple[AgentSpec, Session] | None = None,
    made: list[Session] | None = None,
) -> bytes:
    """The sound on the line when an agent in the line's own format has said `chunks`.

    `first`: a session that was connected beforehand, and for whom. `made`: gets those that the conversation opens.
    """
    made = [] if made is None else made

    def new_session(_: AgentSpec) -> Session:
        made.append(Session(chunks))
        return made[-1]

    async def story() -> bytes:
        loop, tasks, over = asyncio.get_running_loop(), [], asyncio.Event()
        line = TapedLine(echo=lambda name: pacer.mark_echoed(name))
        track = AmbienceTrack(Loop(noise(16_000, seed=99) * 0, 8000), 0.5) if ambience else None
        playout, quality, now = Playout(track), Quality(), datetime.now(UTC)
        pacer = Pacer(
            line,
            exotel.Encoder("s", 8000),
            playout,
            Framing(8000, 800, 800, 0.2),
            quality=quality,
            on_heard=lambda *news: None,
        )
        facts, log = CallFacts("c", "s", "", "", now, loop.time), CallLog("c", "s")

        def spawn(work):
            tasks.append(asyncio.create_task(work))

        uplink = Uplink(LINE, quality)
        parts = CallParts(
            facts=facts,
            playout=playout,
            pacer=pacer,
            uplink=uplink,
            outbox=Outbox(log),
            tools=lambda: Tools([]),
            own_tools={},
            waiting_sound=lambda _: None,
            idle_speech=lambda _: None,
            hand_over=HandOver(facts, Events(None), pacer, spawn=spawn, close=None),
            transcript=Transcript(now),
            answers=Answers(uplink.voice, LINE.rate_hz),
            quality=quality,
            log=log,
            metrics=Metrics(),
            spawn=spawn,
            ticker=Ticker(),
            announce=lambda: None,
            end=lambda reason, detail: over.set(),
        )
        conversation = Conversation(parts, CallInfo("c", "s", "", "", LINE), new_session)
        if first is not None:
            conversation.begin_with(*first)
            assert conversation.has_begun_with
        running = pacer.begin()
        talking = asyncio.create_task(conversation.run([SPEC], None))
        async with asyncio.timeout(60):
            await asyncio.wait([running, talking], return_when=asyncio.FIRST_COMPLETED)
        for task in (running, talking):
            if task.done():
                task.result()
            task.cancel()
        assert not conversation.has_begun_with
        return b"".join(frame.pcm for frame in line.frames)

    return virtual_time.run(story())


@pytest.mark.parametrize("ambience", [False, True])
@pytest.mark.parametrize("size", [320, 1600, 333, 1601])
def test_chunks_of_any_size_are_heard_as_one_sound(size, ambience):
    sound = noise(8000).tobytes()
    chunks = [sound[at : at + size] for at in range(0, len(sound), size)]
    assert sound in heard_of(chunks, ambience=ambience)


@pytest.mark.parametrize("ambience", [False, True])
def test_half_a_sample_waits_for_its_other_half(ambience):
    """Chunk length varies and is not aligned to samples (elevenlabs.md A3.3).

    When an agent paused behind half a sample, all that it said after the pause was noise; with ambience the pacer
    stopped with an error, and the call ended.
    """
    sound = noise(8000).tobytes()
    heard = heard_of([sound[:1603], PAUSE, sound[1603:]], ambience=ambience)
    after_the_fade = heard.find(sound[1602 + 80 :])
    assert after_the_fade > 0
    assert after_the_fade % 2 == 0


def test_an_agent_that_was_connected_during_the_notice_is_the_one_that_speaks():
    """A second session would cost the caller the connecting once more, and the vendor's bill two calls."""
    sound, made = noise(8000).tobytes(), []
    ready = Session([sound])
    assert sound in heard_of([PAUSE], ambience=False, first=(SPEC, ready), made=made)
    assert (made, ready.closed) == ([], 1)


def test_a_session_for_another_agent_than_the_call_gets_is_closed():
    sound, made = noise(8000).tobytes(), []
    other = Session([PAUSE])
    assert sound in heard_of([sound], ambience=False, first=(AgentSpec("b", "v", "2"), other), made=made)
    assert (len(made), made[0].closed, other.closed, other.connected) == (1, 1, 1, 0)
