"""The parts of a call's sound are connected: what one of them learns reaches the others."""

import asyncio
from dataclasses import replace

import pytest

from relay.call.sound import CallSound
from relay.control.ambience import AmbienceChange
from relay.events.records import Quality
from relay.line import exotel
from relay.line.echo_guard import EchoGuard
from relay.logs import CallLog
from sim import virtual_time
from tests.unit.relay.call_services import AGENT, call_services
from tests.unit.relay.taped_line import TapedLine
from tests.unit.relay.tone import noise

RATE = 16_000
OFFICE = replace(AGENT, ambience="office")


class World:
    """One call's sound on a taped line; `heard` and `defects` are what the call is told."""

    def __init__(self, agent=AGENT, encoding=exotel.LineEncoding.PCM, services=None) -> None:
        self.line, self.quality = TapedLine(RATE), Quality()
        self.heard, self.defects = [], []
        self.services = services or call_services(agent or AGENT)
        self.sound = CallSound(
            self.line,
            exotel.Start("call", "stream", rate_hz=RATE, encoding=encoding),
            self.services,
            agent,
            rate_hz=RATE,
            quality=self.quality,
            log=CallLog("call", "stream"),
            on_heard=lambda *news: self.heard.append(news),
            on_defect=self.defects.append,
        )

    async def play(self, seconds: float) -> None:
        pacing = self.sound.pacer.begin()
        await asyncio.sleep(seconds)
        pacing.cancel()


def test_a_call_without_an_agent_has_neither_ambience_nor_echo_guard():
    async def story():
        world = World(None)
        world.sound.change_ambience(AmbienceChange(volume=1.0))
        assert world.sound.playout.ambience is None
        assert world.services.echo_pool.guarded == 0

    virtual_time.run(story())


def test_the_playout_has_the_lines_rate_and_the_agents_ambience():
    async def story():
        world = World(OFFICE)
        await world.play(1.0)
        assert sum(len(frame.pcm) for frame in world.line.frames) / 2 / RATE >= 1.0
        assert world.line.heard().any()

    virtual_time.run(story())


def test_ambience_is_changed_at_once():
    async def story():
        world = World(OFFICE)
        world.sound.change_ambience(AmbienceChange(enabled=False))
        await world.play(3.0)
        assert not world.line.heard()[2 * RATE :].any()

    virtual_time.run(story())


def test_speech_that_waits_is_counted_in_seconds_and_reported_when_it_was_heard():
    async def story():
        world = World()
        world.sound.playout.say("a1u1", noise(RATE).tobytes())
        world.sound.playout.complete("a1u1")
        assert world.sound.queued_s == 1.0
        await world.play(3.0)
        world.sound.settle()
        assert (world.sound.queued_s, world.heard) == (0.0, [("a1u1", 1000, False)])

    virtual_time.run(story())


def lead_ms_with(*, late_s: float) -> int:
    """The lead after 15 s on a line that echoes at once, with frames that are late in every other second."""

    async def story():
        world = World(OFFICE)
        world.line.echo = world.sound.pacer.mark_echoed
        pacing = world.sound.pacer.begin()
        start = asyncio.get_running_loop().time()
        for number in range(750):
            due = start + number * 0.02 + (late_s if number // 50 % 2 else 0.0)
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await world.sound.uplink.hear(exotel.Media(bytes(640)))
        pacing.cancel()
        world.sound.settle()
        return world.quality.lead_ms

    return virtual_time.run(story())


def test_a_line_whose_frames_come_unevenly_keeps_its_lead():
    """The caller's direction meets more of a network's bursts than the marks of ours (design D2)."""
    assert lead_ms_with(late_s=0.0) < 100
    assert lead_ms_with(late_s=0.04) == 100


class Nobody:
    """Somebody's moment on the ticker."""

    def tick(self, when, now):
        """Nothing to do."""


def test_a_guarded_call_leaves_its_place_when_the_agents_are_done():
    async def story():
        world = World(replace(AGENT, echo_guard="on"))
        assert world.services.echo_pool.guarded == 1
        world.sound.settle()
        assert world.services.echo_pool.guarded == 0
        unguarded = World(replace(AGENT, echo_guard="off"), services=world.services)
        assert world.services.echo_pool.guarded == 0
        unguarded.sound.settle()

    virtual_time.run(story())


@pytest.mark.parametrize(("mode", "searches"), [("auto", True), ("off", False)])
def test_a_guard_that_is_off_searches_for_nothing(mode, searches, monkeypatch):
    """Not even a frame is put aside."""
    made = []

    class Counted(EchoGuard):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("relay.call.sound.EchoGuard", Counted)

    async def story():
        world = World(replace(AGENT, echo_guard=mode))
        await world.sound.uplink.hear(exotel.Media(bytes(640)))
        world.sound.settle()
        return bool(made)

    assert virtual_time.run(story()) is searches


def test_an_agent_that_raises_is_reported_to_the_call():
    class Broken:
        async def send_audio(self, pcm):
            raise ZeroDivisionError

    async def story():
        world = World()
        await world.sound.uplink.attach(Broken(), world.sound.format)
        await world.sound.uplink.hear(exotel.Media(bytes(640)))
        assert [type(error) for error in world.defects] == [ZeroDivisionError]

    virtual_time.run(story())


def test_a_line_of_mu_law_gets_mu_law():
    async def story():
        world = World(encoding=exotel.LineEncoding.ULAW)
        await world.play(0.1)
        assert len(world.line.frames[0].pcm) == RATE * 40 // 1000

    virtual_time.run(story())
