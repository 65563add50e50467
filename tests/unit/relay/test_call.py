"""One call on a line that does as a test says: how it ends, what is left of it, and what replaces it."""

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest

from relay.agents.seam import AgentText, Ended, UtteranceDone
from relay.call.call import SILENCE_LIMIT, STALL_LIMIT, Call
from relay.events.delivery import Events
from relay.events.records import EndReason
from relay.line import exotel
from relay.logs import CallLog
from tests.support.virtual import virtual
from tests.unit.relay.call_services import AGENT, call_services
from tests.unit.relay.talk import DIED, HUNG_UP, Destination, Session, speech
from tests.unit.relay.taped_line import TapedLine

pytestmark = pytest.mark.usefixtures("logged")


class Line(TapedLine):
    """A taped line on which a caller is."""

    def __init__(self):
        super().__init__()
        self.echo = lambda name: self.say(exotel.Mark(name))
        self.log = CallLog("", "")
        self.heard_from_at = self.loop.time()
        self.malformed, self.unknown_events, self.close_code = 2, 3, 1006
        self.stalled_s = 0.0
        self.closed = []
        self._events = asyncio.Queue()

    def say(self, event):
        self._events.put_nowait(event)

    async def receive(self, hear, echoed):
        while isinstance(event := await self._events.get(), exotel.Media | exotel.Mark):
            if isinstance(event, exotel.Mark):
                echoed(event.name)
            else:
                await hear(event)
        return event

    def stalled_for(self, now):
        return self.stalled_s

    async def close(self, code=1000, reason=""):
        self.closed.append((self.loop.time(), reason))


class Conversation(Session):
    """Its agent says hello, and nothing more."""

    def reach(self):
        pass


class World:
    """A call that has begun. `agent`: the relay's only one; `spec`: the call's, None if there is no such agent."""

    def __init__(self, session=None, *, agent=AGENT, services=None, spec=AGENT, start=None, **settings):
        self.line, self.session, self.destination = Line(), session or Conversation(), Destination()
        self.services = services or replace(
            call_services(agent, **settings), events=Events(self.destination), lookup=NoLookup()
        )
        self.call = Call(
            self.line,
            start or exotel.Start("c", "s", from_number="09876500001"),
            self.services,
            asked_for="desk",
            spec=spec,
            new_session=lambda _: self.session,
        )
        self.running = asyncio.create_task(self.call.run())

    async def over(self, within_s=10.0):
        async with asyncio.timeout(within_s):
            await self.running
        return self.ended

    @property
    def ended(self):
        [event] = [event for event in self.destination.events if event["type"] == "call.ended"]
        return event


class NoLookup:
    def url_for(self, agent):
        return ""


@virtual
async def test_a_caller_who_hangs_up_ends_the_call_and_all_of_it():
    world = World()
    world.session.put(speech(2))
    await asyncio.sleep(1)
    assert world.services.calls == {"c": world.call}
    world.line.say(exotel.Stop("callended"))
    ended = await world.over()
    assert (ended["end_reason"], ended["ended_by"], ended["end_detail"]) == ("caller_hung_up", "caller", "callended")
    assert (ended["quality"]["malformed"], ended["quality"]["unknown_events"]) == (2, 3)
    assert ended["turns"] == []
    assert ended["quality"]["first_audio_ms"] is not None
    assert world.services.calls == {}
    assert world.session.closed
    assert [reason for _, reason in world.line.closed] == ["caller_hung_up"]
    sent = len(world.line.frames)
    await asyncio.sleep(1)
    assert len(world.line.frames) == sent, "nothing is sent after the end"


@virtual
async def test_a_line_that_is_lost_says_how_it_closed():
    world = World()
    await asyncio.sleep(1)
    world.line.say(None)
    ended = await world.over()
    assert (ended["end_reason"], ended["end_detail"]) == ("line_lost", "closed with 1006, without stop")


@virtual
async def test_a_goodbye_is_heard_before_the_line_is_closed():
    world = World()
    world.session.put(speech(2), HUNG_UP)
    ended = await world.over()
    assert ended["end_reason"] == "agent_ended"
    [(closed_at, _)] = world.line.closed
    assert closed_at >= 2.0
    assert world.line.heard()[: 8000 * 2].any()


@virtual
async def test_the_line_is_handed_over_with_the_name_of_the_agent_that_failed():
    """Seen by whoever looks at the socket only: the flow's next step does not say why."""
    world = World(Conversation())
    world.session.put(DIED)
    await world.over()
    assert world.line.closed[0][1] == "agent_failed echo close_1006"
    assert world.ended["end_reason"] == "agent_failed"


@virtual
async def test_a_call_has_a_limit():
    world = World(max_call_s=60)
    for _ in range(61):
        await asyncio.sleep(1)
        world.line.heard_from_at = world.line.loop.time()
        world.call.check(world.line.loop.time())
    await world.over(within_s=1)
    assert world.ended["end_reason"] == "time_limit"
    assert world.ended["duration_s"] == pytest.approx(60, abs=0.1)


@virtual
async def test_the_first_reason_is_kept():
    world = World()
    await asyncio.sleep(1)
    world.call.end(EndReason.OPERATOR_ENDED, "asha")
    world.call.end(EndReason.TIME_LIMIT, "")
    assert (await world.over())["end_reason"] == "operator_ended"


@pytest.mark.parametrize(
    ("stalled_s", "silent_s", "detail"),
    [
        (STALL_LIMIT, SILENCE_LIMIT, ""),
        (STALL_LIMIT + 0.1, 0, "the line has not read for 5 s"),
        (0, SILENCE_LIMIT + 0.1, "the line has sent nothing for 15 s"),
    ],
)
@virtual
async def test_a_line_that_is_dead_is_given_up(stalled_s, silent_s, detail):
    world = World()
    await asyncio.sleep(1)
    world.line.stalled_s = stalled_s
    world.call.check(world.line.heard_from_at + silent_s)
    await asyncio.sleep(0)
    if detail:
        ended = await world.over()
        assert (ended["end_reason"], ended["end_detail"]) == ("line_stalled", detail)
    else:
        world.line.say(exotel.Stop(""))
        assert (await world.over())["end_reason"] == "caller_hung_up"


@virtual
async def test_an_agent_is_looked_after_while_its_line_is_alive():
    world = World()
    await asyncio.sleep(1)
    world.session.stalled_s = 100
    world.call.check(world.line.heard_from_at)
    assert (await world.over())["end_detail"].startswith("agent: given_up")


@virtual
async def test_a_second_stream_of_a_call_replaces_the_first():
    """Exotel's retry of a handshake: the call goes on in the later one."""
    first = World()
    await asyncio.sleep(1)
    second = World(services=first.services, start=exotel.Start("c", "s2"))
    second.destination = first.destination
    await first.over()
    assert (first.ended["end_reason"], first.ended["end_detail"]) == ("replaced", "stream s2 took over")
    assert first.services.calls == {"c": second.call}
    second.line.say(exotel.Stop(""))
    await second.running
    assert first.services.calls == {}


@virtual
async def test_a_call_for_an_agent_that_is_not_configured_opens_no_session():
    world = World(spec=None)
    ended = await world.over()
    assert (ended["end_reason"], ended["agents"]) == ("unknown_agent", [])
    assert world.session.call is None


@virtual
async def test_what_was_heard_is_in_the_record_and_told_to_the_agent():
    world = World()
    world.session.put(speech(0.5, "1"))
    heard = []
    world.session.heard = lambda utterance: _keep(heard, utterance)
    world.session.put(AgentText("Hello", "1"), UtteranceDone("1"))
    await asyncio.sleep(2)
    world.line.say(exotel.Stop(""))
    [turn] = (await world.over())["turns"]
    assert (turn["text"], turn["heard_ms"], turn["interrupted"]) == ("Hello", 500, False)
    assert heard == ["1"]


async def _keep(heard, utterance):
    heard.append(utterance)


@virtual
async def test_a_defect_of_ours_hands_this_call_over(caplog):
    world = World()
    await asyncio.sleep(1)

    async def defect():
        raise ZeroDivisionError("ours")

    world.call.parts.spawn(defect())
    ended = await world.over()
    assert (ended["end_reason"], ended["end_detail"]) == ("agent_failed", "defect: ZeroDivisionError: ours")
    assert "ZeroDivisionError" in caplog.text


@virtual
async def test_a_defect_in_an_agent_s_session_costs_the_agent():
    world = World()
    world.session.broken.add("send_audio")
    await asyncio.sleep(1)
    world.line.say(exotel.Media(bytes(320), 0, 1))
    ended = await world.over()
    assert ended["agents"][0]["end_reason"] == "defect"


@virtual
async def test_a_slow_store_does_not_leave_the_line_silent():
    """While the event is being stored the ambience goes on, and fades out before the close."""
    world = World(agent=replace(AGENT, ambience="office"), spec=replace(AGENT, ambience="office"))
    world.destination.answer_after_s = 1.0
    await asyncio.sleep(2)
    world.session.put(Ended(by_agent=True, reason="ended"))
    await asyncio.sleep(0.6)
    before = world.line.dry_at
    await world.over()
    [(closed_at, _)] = world.line.closed
    assert closed_at > 3.0
    assert world.line.dry_at > before


@virtual
async def test_the_caller_s_sound_counts_until_the_call_is_over():
    """What comes while its event is being stored is no longer part of it."""
    world = World()
    world.destination.answer_after_s = 1.0
    await asyncio.sleep(1)
    for number in range(5):
        world.line.say(exotel.Media(bytes(320), number * 20, number))
        await asyncio.sleep(0.02)
    quality = world.call.quality
    world.call.end(EndReason.AGENT_ENDED)
    await asyncio.sleep(0.5)
    assert not world.running.done()
    world.line.say(exotel.Media(bytes(320), 600, 30))
    ended = await world.over()
    assert (ended["quality"]["frames_in"], quality.frames_in) == (5, 5)


@virtual
async def test_progress_has_the_state_of_the_call():
    world = World(progress_s=10)
    await asyncio.sleep(11)
    [progress] = [event for event in world.destination.events if event["type"] == "call.progress"]
    assert progress["state"]["choices"] == {"agents": ["agent"], "announcements": []}
    world.line.say(exotel.Stop(""))
    await world.over()


@virtual
async def test_of_a_call_that_is_over_nothing_goes_on_and_nothing_is_kept():
    world = World(progress_s=10)
    world.session.put(speech(1))
    await asyncio.sleep(3)  # a report is due in two seconds
    call = weakref.ref(world.call)
    world.line.say(exotel.Stop(""))
    await world.over()
    told = len(world.destination.events)
    del world.call, world.line, world.session, world.running
    await asyncio.sleep(1)  # what the ticker was asked for passes
    gc.collect()
    assert call() is None, "something still has it: a timer, the ticker, a task"
    await asyncio.sleep(30)
    assert len(world.destination.events) == told


@virtual
async def test_a_line_in_another_format_is_named_in_the_log_once(caplog):
    """μ-law that was announced as 16 bits: half the bytes for the time."""
    world = World()
    for number in range(100):
        world.line.say(exotel.Media(bytes(160), number * 20, number))
        await asyncio.sleep(0.02)
    assert [line.event for line in caplog.records if line.event == "line_not_pcm16"] == ["line_not_pcm16"]
    world.line.say(exotel.Stop(""))
    await world.over()
