"""The caller's sound reaches the agent whole and in order, whatever the agent is doing."""

import asyncio
from functools import partial

import pytest

from relay.at_once import DONE, Later
from relay.audio.caller_track import PATIENCE
from relay.audio.convert import AudioFormat, Converter, Encoding
from relay.audio.loudness import LevelMeter
from relay.events.records import Quality
from relay.line import exotel
from relay.line.ticker import Ticker
from relay.line.uplink import BUFFER_SECONDS, Uplink
from sim import virtual_time
from tests.unit.relay.tone import noise

LINE = AudioFormat(Encoding.PCM, 8000)
AGENT = AudioFormat(Encoding.PCM, 16000)
FRAME = 320


class Session:
    """Takes sound, `delay` seconds a message."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.received: list[bytes] = []

    async def send_audio(self, data: bytes) -> None:
        await asyncio.sleep(self.delay)
        self.received.append(data)

    @property
    def sound(self) -> bytes:
        return b"".join(self.received)


def frames(count: int, seed: int = 1) -> list[bytes]:
    sound = noise(count * FRAME // 2, seed).tobytes()
    return [sound[at : at + FRAME] for at in range(0, len(sound), FRAME)]


def test_sound_in_the_right_format_passes_untouched():
    async def story():
        session, uplink = Session(), Uplink(LINE, Quality())
        await uplink.attach(session, LINE)
        for frame in frames(10):
            await uplink.send(frame)
        return session.received

    assert virtual_time.run(story()) == frames(10)


def test_the_callers_level_is_known_at_any_moment_though_it_is_measured_with_the_voice():
    async def story():
        uplink, alone, found = Uplink(LINE, Quality()), LevelMeter(LINE.rate_hz), []
        for number, frame in enumerate(frames(120)):
            if number == 70:
                frame = b"\xff\x7f" + frame[2:]  # one sample at full scale
            await uplink.hear(exotel.Media(frame))
            alone.hear(frame)
            if number % 9 == 0:
                found.append((uplink.meter.level_db, uplink.meter.clipped, uplink.meter.seconds))
                assert found[-1] == (alone.level_db, alone.clipped, alone.seconds)
        return found

    found = virtual_time.run(story())
    assert found[-1][1] == 1
    assert found[-1][2] == 118 * 0.02


def test_a_message_without_sound_says_nothing_about_how_evenly_a_line_sends():
    async def story():
        uplink, told = Uplink(LINE, Quality()), []
        uplink.on_uneven = told.append
        for frame in frames(50):
            await uplink.hear(exotel.Media(frame))
            await asyncio.sleep(0.015)
            await uplink.hear(exotel.Media(b""))
            await asyncio.sleep(0.005)
        return told

    assert virtual_time.run(story()) == []


@pytest.mark.parametrize("heard", [AGENT, AudioFormat(Encoding.ULAW, 8000), AudioFormat(Encoding.PCM, 44100)], ids=str)
def test_sound_is_converted_as_one_stream(heard):
    async def story():
        session, uplink = Session(), Uplink(LINE, Quality())
        for frame in frames(10):
            await uplink.send(frame)
        await uplink.attach(session, heard)
        for frame in frames(20)[10:]:
            await uplink.send(frame)
        return session

    session = virtual_time.run(story())
    assert session.sound == Converter(LINE, heard).convert(b"".join(frames(20)))
    assert all(session.received)  # no message without sound, though the filter holds the first of it back


def test_first_words_are_kept_while_the_agent_connects():
    async def story():
        session, quality = Session(), Quality()
        uplink = Uplink(LINE, quality)
        for frame in frames(50):
            await uplink.send(frame)
        await uplink.attach(session, LINE)
        return session, quality

    session, quality = virtual_time.run(story())
    assert session.received == frames(50)
    assert quality.caller_audio_dropped_ms == 0


def test_an_agent_that_takes_long_does_not_answer_the_past():
    async def story():
        session, quality = Session(), Quality()
        uplink = Uplink(LINE, quality)
        for frame in frames(200):
            await uplink.send(frame)
        await uplink.attach(session, LINE)
        return session, quality

    session, quality = virtual_time.run(story())
    kept = round(BUFFER_SECONDS * 50)
    assert session.received == frames(200)[-kept:]
    assert quality.caller_audio_dropped_ms == (200 - kept) * 20


def test_what_is_said_while_the_rest_is_handed_over_stays_behind_it_and_is_not_lost():
    """A full buffer being emptied was still counted as full, and each frame that came pushed another one out."""

    async def story():
        session, quality = Session(delay=0.004), Quality()
        uplink = Uplink(LINE, quality)
        everything = frames(150)
        for frame in everything[:75]:
            await uplink.send(frame)
        attaching = asyncio.create_task(uplink.attach(session, LINE))
        for frame in everything[75:]:
            await asyncio.sleep(0.02)
            await uplink.send(frame)
        await attaching
        return session, quality

    session, quality = virtual_time.run(story())
    assert session.received == frames(150)
    assert quality.caller_audio_dropped_ms == 0


def test_between_two_agents_the_sound_is_kept_for_the_second():
    async def story():
        first, second, uplink = Session(), Session(), Uplink(LINE, Quality())
        everything = frames(30)
        await uplink.attach(first, AGENT)
        for frame in everything[:10]:
            await uplink.send(frame)
        uplink.detach()
        for frame in everything[10:20]:
            await uplink.send(frame)
        await uplink.attach(second, LINE)
        for frame in everything[20:]:
            await uplink.send(frame)
        return first, second

    first, second = virtual_time.run(story())
    assert second.received == frames(30)[10:]
    assert first.sound == Converter(LINE, AGENT).convert(b"".join(frames(30)[:10]))


def test_when_no_agent_comes_any_more_nothing_is_kept():
    async def story():
        session, quality = Session(), Quality()
        uplink = Uplink(LINE, quality)
        for frame in frames(10):
            await uplink.send(frame)
        uplink.finish()
        for frame in frames(200):
            await uplink.send(frame)
        await uplink.attach(session, LINE)
        return session, quality

    session, quality = virtual_time.run(story())
    assert session.received == []
    assert quality.caller_audio_dropped_ms == 0


def test_an_empty_frame_is_not_a_message():
    async def story():
        session, uplink = Session(), Uplink(LINE, Quality())
        await uplink.send(b"")
        await uplink.attach(session, LINE)
        await uplink.send(b"")
        return session.received

    assert virtual_time.run(story()) == []


def test_the_agent_hears_silence_once_frames_stop_and_not_before():
    """A timer looks three times a second whether frames still come; each time one that came puts the next look off."""

    async def story():
        session, uplink = Session(), Uplink(LINE, Quality())
        await uplink.attach(session, LINE)
        loop = asyncio.get_running_loop()
        uplink.begin(Ticker(), asyncio.create_task)
        for number, frame in enumerate(frames(60)):
            await asyncio.sleep(0.02 * (number + 1) - loop.time())
            await uplink.hear(exotel.Media(frame, number * 20, number + 1))
        heard, last_at, silent_at = len(session.received), loop.time(), 0.0
        while not silent_at and loop.time() < last_at + 2.0:
            await asyncio.sleep(0.001)
            silent_at = loop.time() if len(session.received) > heard else 0.0
        await asyncio.sleep(last_at + 1.0 - loop.time())
        uplink.stop()
        filled = len(session.sound) - 60 * FRAME
        await asyncio.sleep(1)
        assert len(session.sound) == 60 * FRAME + filled, "nothing after the end"
        return heard, round(silent_at - last_at, 3), filled

    heard, waited, silence = virtual_time.run(story())
    assert heard == 60
    assert PATIENCE < waited <= PATIENCE + 0.003
    assert silence == pytest.approx(2 * 8000 * (1.0 - 0.02), abs=FRAME)  # up to the frame that is still due


class Prompt(Session):
    """Takes sound at once, but waits for each frame in `late`."""

    def __init__(self, late=()):
        super().__init__(delay=1.0)
        self.late = set(late)
        self.waits_for = None

    def send_audio(self, data):
        assert self.waits_for is None, "nothing may follow before that was awaited"
        if data in self.late:
            self.waits_for = data
            return Later(partial(self._send_late, data))
        self.received.append(data)
        return DONE

    async def _send_late(self, data):
        await asyncio.sleep(self.delay)
        self.waits_for = None
        self.received.append(data)


async def heard_by(uplink, said):
    """One frame after another; the numbers of those for which something had to be waited for."""
    waited_for = []
    for number, frame in enumerate(said):
        rest = uplink.hear(exotel.Media(frame, number * 20, number))
        if rest is not DONE:
            waited_for.append(number)
        await rest
    return waited_for


def test_a_session_that_takes_sound_at_once_has_it_when_hear_returns():
    """So nobody has to wake up for it. What is left to be awaited comes before the next frame."""

    async def story():
        said = frames(10)
        session, uplink = Prompt(late=[said[3], said[4], said[8]]), Uplink(LINE, Quality())
        await uplink.attach(session, LINE)
        waited_for = await heard_by(uplink, said)
        assert session.received == said
        return waited_for

    assert virtual_time.run(story()) == [3, 4, 8]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_session_that_fails_gets_no_more_and_the_next_one_gets_what_follows(at_once):
    async def story():
        class Broken(Prompt):
            def send_audio(self, data):
                self.received.append(data)
                return 1 / 0 if at_once else Later(self._fail)

            async def _fail(self):
                raise ZeroDivisionError

        said, defects = frames(6), []
        broken, following, uplink = Broken(), Session(), Uplink(LINE, Quality(), on_defect=defects.append)
        await uplink.attach(broken, LINE)
        for number, frame in enumerate(said):
            if number == 4:
                await uplink.attach(following, LINE)
            await uplink.hear(exotel.Media(frame, number * 20, number))
        assert (broken.received, following.received) == (said[:1], said[1:])
        return defects

    (defect,) = virtual_time.run(story())
    assert isinstance(defect, ZeroDivisionError)


class Guard:
    """Keeps the frames whose numbers are in `judges`, and gives silence for each when it is told to."""

    def __init__(self, judges):
        self.judges, self.count, self.kept = judges, -1, []

    def heard(self, sound, now):
        self.count += 1
        if self.count not in self.judges:
            return sound
        self.kept.append((len(sound), now))
        return b""

    def give_up(self):
        kept, self.kept = self.kept, []
        return b"".join(b"k" * length for length, _ in kept)

    def decide(self):
        length, now = self.kept.pop(0)
        self.passed(bytes(length), now)


async def guarded(session, judges):
    guard = Guard(judges)
    uplink = Uplink(LINE, Quality(), echo=guard)
    await uplink.attach(session, LINE)
    uplink.begin(Ticker(), asyncio.create_task)
    return guard, uplink


def test_nothing_waits_for_an_echo_guard_that_has_to_judge():
    """The frame, what came after it and the echoes of marks would look late, and the call would keep a long lead."""

    async def story():
        said, session = frames(5), Prompt()
        guard, uplink = await guarded(session, {1, 4})
        told = []
        uplink.on_uneven = told.append
        assert await heard_by(uplink, said[:2]) == []
        assert session.received == said[:1]
        guard.decide()
        assert await heard_by(uplink, said[2:]) == []
        uplink.stop()
        guard.decide()
        assert session.received == [said[0], bytes(FRAME), said[2], said[3]], "nothing after the end"
        assert told == []

    virtual_time.run(story())


def test_the_voice_of_what_was_judged_is_where_the_caller_spoke():
    async def story():
        session = Prompt()
        guard, uplink = await guarded(session, set(range(50)))
        said, loop = [bytes(FRAME)] * 25 + frames(25), asyncio.get_running_loop()
        for number, frame in enumerate(said):
            await asyncio.sleep(1.02 + 0.02 * number - loop.time())
            await uplink.hear(exotel.Media(frame))
        await asyncio.sleep(0.25)
        for frame, (_, arrived) in zip(said, guard.kept, strict=True):
            guard.passed(frame, arrived)
        return uplink.voice.last_end(loop.time())

    assert virtual_time.run(story()) == pytest.approx(2.0, abs=0.011)


def test_a_session_that_takes_no_sound_holds_the_line_up_though_its_frames_are_judged():
    """What a guard decides meanwhile keeps its place, and the line sends no more than it did without one."""

    async def story():
        said, late = frames(4), bytes(FRAME)
        session = Prompt(late=[late])
        session.delay = 0.1
        guard, uplink = await guarded(session, {0, 1, 3})
        assert await heard_by(uplink, said[:2]) == []
        guard.decide()
        await asyncio.sleep(0.02)
        assert session.received == []
        guard.decide()
        rest = uplink.hear(exotel.Media(said[2], 40, 2))
        assert rest is not DONE
        session.late.clear()
        line = asyncio.create_task(asyncio.wait_for(rest, 1.0))
        await asyncio.sleep(0.05)
        assert not line.done()
        await line
        assert session.received == [late, late, said[2]]
        assert uplink.hear(exotel.Media(said[3], 60, 3)) is DONE
        guard.decide()
        assert session.received == [late, late, said[2], late]

    virtual_time.run(story())


def test_the_silence_of_a_line_that_stops_comes_after_what_was_to_be_judged():
    async def story():
        said, session = frames(2), Prompt()
        _, uplink = await guarded(session, {1})
        assert await heard_by(uplink, said) == []
        await asyncio.sleep(0.5)
        uplink.stop()
        assert session.sound[: 2 * FRAME] == said[0] + b"k" * FRAME
        assert len(session.sound) > 10 * FRAME

    virtual_time.run(story())
