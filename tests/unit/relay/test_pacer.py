"""The pacer in virtual time, against a line that plays what it is sent."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.events.records import Quality
from relay.line import exotel
from relay.line.framing import Framing
from relay.line.heard import MARK_GRACE
from relay.line.pacer import Pacer
from relay.line.ticker import Ticker
from relay.line.uplink import Uplink
from sim import virtual_time
from sim.network import Network
from tests.unit.relay.taped_line import TapedLine
from tests.unit.relay.tone import noise

RATE = 8000
FRAME_BYTES = 1600
FRAME = FRAME_BYTES // 2
FRAME_S = 0.1
EXACT = pytest.approx


def speech(seconds: float, seed: int = 1) -> bytes:
    return noise(round(seconds * RATE), seed).tobytes()


class Listener:
    """Takes the place of Answers."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, float]] = []
        self.cuts: list[float] = []

    def on_line(self, utterance: str, at: float) -> None:
        self.begun.append((utterance, at))

    def cut(self, now: float) -> None:
        self.cuts.append(now)


def silent_but_for_the_edge(pcm: bytes) -> bool:
    """At most the 5 ms in which speech fades out that a `clear` has cut off."""
    return not any(pcm[80:])


class Desk:
    """A pacer on a taped line."""

    def __init__(
        self,
        *,
        ambience: float | None = None,
        echo: bool = True,
        frame_bytes: int = FRAME_BYTES,
        latency: float = 0.0,
        framing: Framing | None = None,
        network: Network | None = None,
        caller: bool = False,
    ) -> None:
        self.network = network or Network()
        self.caller = caller
        self.endless = Loop(noise(16_000, seed=99), RATE)
        echoed = (lambda name: self.pacer.mark_echoed(name)) if echo else None
        self.line = TapedLine(RATE, echoed, latency=latency, network=network)
        self.playout = Playout(None if ambience is None else AmbienceTrack(self.endless, ambience))
        self.quality = Quality()
        self.listener = Listener()
        self.heard: list[tuple[str, int, bool]] = []
        self.pacer = Pacer(
            self.line,
            exotel.Encoder("s1", RATE),
            self.playout,
            framing or Framing(RATE, frame_bytes // 2, frame_bytes // 2, frame_bytes / RATE),
            quality=self.quality,
            on_heard=lambda *news: self.heard.append(news),
            answers=self.listener,
        )

    def say(self, utterance: str, sound: bytes, *, complete: bool = True) -> None:
        self.playout.say(utterance, sound)
        if complete:
            self.playout.complete(utterance)
        self.pacer.said(utterance, len(sound) // 2)

    async def call(self) -> None:
        """The caller's frames, 50 a second of the line's clock, on the way that the echoes of marks come, too."""
        if not self.caller:
            return
        uplink = Uplink(AudioFormat(Encoding.PCM, RATE), self.quality)
        uplink.on_uneven = self.pacer.line_uneven
        silence, frame_s, arriving = bytes(320), 0.02 / (1 + self.network.drift_ppm / 1e6), asyncio.Queue()
        loop = asyncio.get_running_loop()
        uplink.begin(Ticker(), asyncio.create_task)

        async def hear() -> None:
            while True:
                await uplink.hear(await arriving.get())

        hearing = asyncio.create_task(hear())
        try:
            for number in itertools.count():
                await asyncio.sleep(number * frame_s - now())
                media = exotel.Media(silence, number * 20, number + 1)
                loop.call_at(self.line.up.arrival(now()), arriving.put_nowait, media)
        finally:
            uplink.stop()
            hearing.cancel()

    async def last_words(self) -> None:
        """What a call does before it closes the line."""
        self.playout.complete_all()
        self.pacer.wake()
        await self.pacer.played_out()

    def change_ambience(self, volume: float) -> None:
        self.playout.ambience.volume = volume
        self.pacer.wake()


def at_desk(story: Callable[[Desk], Awaitable[None]], **options) -> Desk:
    """Tell `story` to a running pacer, in virtual time; it begins with the loop's clock at 0."""

    async def scenario() -> Desk:
        desk = Desk(**options)
        running = desk.pacer.begin()
        calling = asyncio.create_task(desk.call())
        await story(desk)
        assert not running.done(), running.exception()
        running.cancel()
        calling.cancel()
        return desk

    return virtual_time.run(scenario())


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(at: float) -> None:
    await asyncio.sleep(at - now())


def stall(seconds: float) -> None:
    """Block the event loop: its clock goes on and nothing runs."""
    asyncio.get_running_loop()._jumping.now += seconds


# --- cadence ---


def test_the_line_hears_something_at_once_and_then_nothing():
    """Platforms give up on a mute bot (exotel.md 1.10); without ambience the line is left quiet after that."""

    async def story(desk):
        await until(10)

    desk = at_desk(story)
    assert desk.line.messages == [(0.0, "media"), (0.0, "mark")]  # asks the line how long it takes to be heard
    assert desk.line.frames[0].pcm == bytes(FRAME_BYTES)


@pytest.mark.parametrize("at", [0.0, 0.01, 0.05, 0.3, 3.0])
def test_the_first_speech_goes_out_the_moment_it_comes(at):
    async def story(desk):
        await until(at)
        desk.say("u1", speech(1.0))
        await until(at + 3)

    desk = at_desk(story)
    spoken = [frame for frame in desk.line.frames if frame.pcm != bytes(FRAME_BYTES)]
    assert spoken[0].sent_at == EXACT(at)
    assert desk.listener.begun == [("u1", EXACT(max(at, 0.1)))], "the line plays its first, silent frame to the end"
    assert b"".join(frame.pcm for frame in spoken) == speech(1.0)
    assert desk.quality.gaps == 0


def test_speech_is_sent_in_real_time_with_a_lead_of_one_frame():
    async def story(desk):
        await until(3)
        desk.say("u1", speech(5.0))
        await until(10)

    desk = at_desk(story)
    sent_at = desk.line.sent_at[1:]
    assert sent_at[:2] == [3.0, 3.0]  # one plays, one waits
    assert sent_at[1:] == EXACT([3.0 + FRAME_S * n for n in range(49)])
    assert max(desk.line.ahead()[1:]) <= FRAME_S + 1e-9
    assert desk.line.holes()[1:] == []
    assert (desk.line.heard()[3 * RATE :] == np.frombuffer(speech(5.0), dtype=np.int16)).all()


@pytest.mark.parametrize("frame_bytes", [320, 1600, 3200])
def test_ambience_never_ends(frame_bytes):
    async def story(desk):
        await until(20)

    desk = at_desk(story, ambience=0.5, frame_bytes=frame_bytes)
    assert desk.line.holes() == []
    assert desk.quality.gaps == 0
    assert {len(frame.pcm) for frame in desk.line.frames} == {frame_bytes}
    assert max(desk.line.ahead()) <= frame_bytes / 2 / RATE + 1e-9
    assert desk.line.dry_at == EXACT(20 + frame_bytes / RATE, abs=frame_bytes / 2 / RATE)
    expected = AmbienceTrack(desk.endless, 0.5).take(20 * RATE)
    assert np.abs(desk.line.heard(20.0).astype(int) - expected).max() <= 1


def test_an_hour_does_not_drift():
    async def story(desk):
        await until(3600)

    desk = at_desk(story, ambience=0.5, frame_bytes=16_000)
    assert len(desk.line.frames) == pytest.approx(3601, abs=1)
    assert desk.line.sent_at[-1] == EXACT(len(desk.line.frames) - 2, abs=0.001)
    assert desk.line.holes() == []


def test_ambience_that_is_switched_on_later_begins_at_once():
    async def story(desk):
        await until(5)
        desk.change_ambience(0.5)
        await until(6)
        desk.change_ambience(0.0)
        await until(9)

    desk = at_desk(story, ambience=0.0)
    assert desk.line.sent_at[1] == 5.0
    assert desk.line.dry_at == EXACT(6.2, abs=FRAME_S)
    assert desk.quality.gaps == 0  # it was quiet by intention


# --- speech that comes in pieces ---

MARGIN_S = 0.03  # pacer._WIRE_MARGIN


def test_the_first_part_of_a_frame_waits_for_as_long_as_an_agent_in_real_time_needs():
    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.03), complete=False)
        await until(8)

    desk = at_desk(story)
    assert desk.line.sent_at[1:] == EXACT([5 + FRAME_S + MARGIN_S + 0.005])
    assert desk.line.frames[1].pcm == bytes(FRAME_BYTES - len(speech(0.03))) + speech(0.03)


@pytest.mark.parametrize("begins_at", [5 + step / 100 for step in range(10)])
def test_an_agent_that_speaks_in_real_time_is_heard_without_a_hole_over_ambience(begins_at):
    """20 ms every 20 ms: the frame in which it begins can't be full, and was padded behind its first syllable."""

    async def story(desk):
        for number in range(100):
            await until(begins_at + number * 0.02)
            desk.say("u1", speech(2.0)[number * 320 : (number + 1) * 320], complete=number == 99)
        await until(8)

    desk = at_desk(story, ambience=1.0)
    heard = desk.line.heard().astype(int)
    spoken = heard - AmbienceTrack(desk.endless, 1.0).take(len(heard))
    first = np.flatnonzero(spoken)[0]
    assert (spoken[first : first + 16_000] == np.frombuffer(speech(2.0), np.int16)).all()
    assert first / RATE - begins_at <= 2 * FRAME_S + MARGIN_S + 0.005 + 1e-9


def test_the_rest_that_comes_in_time_leaves_no_hole_in_the_word():
    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.2)[:480], complete=False)
        await until(5.04)
        desk.say("u1", speech(0.2)[480:])
        await until(8)

    desk = at_desk(story)
    assert desk.line.sent_at[1:] == EXACT([5.04, 5.04])
    assert b"".join(frame.pcm for frame in desk.line.frames[1:]) == speech(0.2)


def test_the_end_of_an_utterance_does_not_wait():
    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.03), complete=True)
        await until(8)

    assert at_desk(story).line.sent_at[1:] == [5.0]


def test_while_the_line_plays_a_part_waits_for_the_rest_as_long_as_it_can():
    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.23), complete=False)
        await until(8)

    desk = at_desk(story)
    # two frames at once; the third is due with one frame left to play and waits until the network needs its time
    assert desk.line.sent_at[1:] == EXACT([5.0, 5.0, 5.2 - MARGIN_S])
    assert desk.line.holes()[1:] == []


def test_each_word_that_begins_waits_again():
    """A beginning that was interrupted left its time behind, and the next word was padded in the middle at once."""

    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.03), complete=False)
        await until(5.02)
        desk.pacer.interrupt()
        await until(7)
        desk.say("u2", speech(0.1, seed=2)[:480], complete=False)
        await until(7.03)
        desk.say("u2", speech(0.1, seed=2)[480:])
        await until(9)

    desk = at_desk(story)
    assert [frame.pcm for frame in desk.line.frames[1:]] == [speech(0.1, seed=2)]


def test_an_agent_in_real_time_has_no_hole():
    """A user's bot may send 20 ms every 20 ms. Its first words wait, and then the lead carries."""

    async def story(desk):
        await until(5)
        sound = speech(2.0)
        for at in range(0, len(sound), 320):
            desk.say("u1", sound[at : at + 320], complete=at + 320 >= len(sound))
            await asyncio.sleep(0.02)
        await until(12)

    desk = at_desk(story)
    assert desk.line.holes()[1:] == []
    silence = sum(len(frame.pcm) for frame in desk.line.frames[1:]) - len(speech(2.0))
    assert silence <= 0.1 * RATE * 2


def test_words_that_come_in_small_pieces_are_heard_without_a_hole():
    """Agents speak at four times real time and more, in chunks that have nothing to do with our frames (A3.3)."""

    async def story(desk):
        await until(5)
        sound = speech(4.0)
        pieces = [sound[at : at + 330] for at in range(0, len(sound), 330)]
        for piece in pieces:
            desk.say("u1", piece, complete=piece is pieces[-1])
            await asyncio.sleep(len(piece) / 2 / RATE / 4)
        await until(12)

    desk = at_desk(story)
    assert desk.line.holes()[1:] == []
    assert b"".join(frame.pcm for frame in desk.line.frames[1:]) == speech(4.0)


# --- stalls ---


@pytest.mark.parametrize("seconds", [0.5, 5.0])
@pytest.mark.parametrize("ambience", [None, 0.5])
def test_after_a_stall_what_is_due_is_sent_and_no_more(seconds, ambience):
    async def story(desk):
        await until(1)
        desk.say("u1", speech(10.0))
        await until(2)
        stall(seconds)
        await until(2 + seconds + 12)

    desk = at_desk(story, ambience=ambience)
    after = [at for at in desk.line.sent_at if at >= 2 + seconds - 0.001]
    assert after[:2] == EXACT([2 + seconds] * 2)
    assert after[1:] == EXACT([2 + seconds + FRAME_S * n for n in range(len(after) - 1)])
    assert max(desk.line.ahead()) <= FRAME_S + 1e-9
    if ambience is None:
        said = b"".join(frame.pcm for frame in desk.line.frames)
        assert speech(10.0) in said  # late, but whole


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_a_hole_in_the_ambience_is_counted_however_long(seconds):
    """A stall of more than a second was taken for a pause of the agent's and never counted."""

    async def story(desk):
        await until(1)
        stall(seconds)
        await until(10)

    desk = at_desk(story, ambience=0.5)
    (hole,) = desk.line.holes()
    assert desk.quality.gaps == 1
    assert desk.quality.gap_ms == EXACT((hole[1] - hole[0]) * 1000, abs=1)


def test_a_hole_in_an_utterance_is_counted_and_a_pause_between_two_is_not():
    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.3), complete=False)
        await until(1.6)
        desk.say("u1", speech(0.3))
        await until(3)
        desk.say("u2", speech(0.3))
        await until(5)

    desk = at_desk(story)
    assert (desk.quality.gaps, desk.quality.gap_ms) == (1, 300)
    assert desk.quality.frames_out == len(desk.line.frames)


@pytest.mark.parametrize(("pause_s", "gaps"), [(0.9, 1), (0.98, 1), (1.02, 0), (1.5, 0)])
def test_an_agent_that_falls_silent_within_an_utterance_has_paused(pause_s, gaps):
    """The caller hears a pause, not a hole, when nothing comes for longer than a second."""

    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.4), complete=False)
        await until(1.4 + pause_s)
        desk.say("u1", speech(0.4))
        await until(5)

    assert at_desk(story).quality.gaps == gaps


# --- interruptions ---


@pytest.mark.parametrize("ambience", [None, 0.5])
@pytest.mark.parametrize("at", [5.0, 5.02, 5.05, 5.31, 6.97])
def test_an_interruption_is_on_the_wire_at_once(ambience, at):
    async def story(desk):
        await until(5)
        desk.say("u1", speech(5.0))
        await until(at)
        desk.pacer.interrupt()
        await until(9)

    desk = at_desk(story, ambience=ambience)
    waited_s = 0.004 if at == 5.0 else 0.0  # a frame has just begun: see LineClock.certain_at
    assert desk.line.clears == EXACT([at + waited_s])
    cleared = desk.line.messages.index((desk.line.clears[0], "clear"))
    assert all(sent <= at for sent, _ in desk.line.messages[:cleared])
    assert desk.quality.clear_ms_max == EXACT(waited_s * 1000, abs=0.001)
    after = [message for message in desk.line.messages[cleared:] if message[1] == "media"]
    if ambience is None:
        assert len(after) == 1
        assert silent_but_for_the_edge(desk.line.frames[-1].pcm)
    else:
        assert len(after) >= 20


def test_the_ambience_does_not_lose_a_sample_to_a_clear():
    """A `clear` wipes the ambience too: what it dropped is played again, in its place (design D4)."""

    async def story(desk):
        await until(2)
        for n in range(6):
            desk.say(f"u{n}", speech(3.0, seed=n))
            await asyncio.sleep(0.333)
            desk.pacer.interrupt()
            await asyncio.sleep(0.111)
        await until(8)

    desk = at_desk(story, ambience=0.5)
    assert len(desk.line.clears) == 6
    assert desk.line.holes() == []
    heard = desk.line.heard(8.0).astype(int)
    ambience = AmbienceTrack(desk.endless, 0.5).take(8 * RATE).astype(int)
    spoken = heard - ambience
    last_words_end = round(desk.line.clears[-1] * RATE) + FRAME
    assert np.abs(spoken[: 2 * RATE]).max() <= 1
    assert np.abs(spoken[last_words_end:]).max() <= 1
    for n, clear in enumerate(desk.line.clears):
        began = round((2 + n * 0.444) * RATE)
        words = np.frombuffer(speech(3.0, seed=n), dtype=np.int16)
        while not np.abs(spoken[began : began + 200] - words[:200]).max() <= 1:
            began += 1
            assert began < clear * RATE, "the words were not found in what was heard"
        cut = round(clear * RATE)
        assert np.abs(spoken[began:cut] - words[: cut - began]).max() <= 1


def test_the_call_knows_how_much_was_heard():
    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.4))
        desk.say("u2", speech(3.0))
        await until(5.95)
        assert desk.pacer.heard_ms("u2") == 600
        await until(6.05)
        assert desk.pacer.interrupt() == "u2"
        assert desk.pacer.heard_ms("u2") == 700  # the frame in the air is played to its end
        await until(9)
        assert desk.pacer.heard_ms("u2") == 700

    desk = at_desk(story)
    assert desk.heard == [("u1", 400, False), ("u2", 700, True)]
    assert [silent_but_for_the_edge(frame.pcm) for frame in desk.line.frames[1:]] == [False] * 11 + [True]


@pytest.mark.parametrize("at", [5.01, 5.03, 5.09, 5.2, 5.25, 5.57, 7.99])
def test_what_is_reported_as_heard_is_what_the_line_played(at):
    async def story(desk):
        await until(5)
        desk.say("u1", speech(3.0))
        await until(at)
        desk.pacer.interrupt()
        await until(12)

    desk = at_desk(story)
    spoken = [frame.pcm for frame in desk.line.frames[1:] if not silent_but_for_the_edge(frame.pcm)]
    said = sum(map(len, spoken)) / 2 / RATE
    (report,) = desk.heard
    assert report == ("u1", EXACT(said * 1000, abs=1), said < 3.0)


def test_an_utterance_of_which_nothing_was_heard():
    async def story(desk):
        await until(5)
        desk.say("u1", speech(1.0))
        desk.say("u2", speech(1.0))
        await until(5.05)
        desk.pacer.interrupt()
        await until(9)

    assert at_desk(story).heard == [("u1", 100, True), ("u2", 0, True)]


def test_the_utterance_that_an_interruption_names_is_the_one_that_would_have_been_heard_next():
    """The first of a *set* was named: with several waiting it was another from process to process, and the agent
    was told that the caller had heard words that were still to come."""
    names = [f"a{n}" for n in range(20, 0, -1)]

    async def story(desk):
        await until(5)
        desk.say("first", speech(0.1))
        for name in names:
            desk.say(name, speech(0.1))
        assert desk.pacer.interrupt() == "first"
        for name in names:
            desk.say(name, speech(0.1))
        assert desk.pacer.interrupt() == names[0]  # nothing of them is on the line yet
        await until(9)

    desk = at_desk(story)
    assert [utterance for utterance, _, _ in desk.heard] == ["first", *names, *names]


def test_interrupting_silence_sends_a_clear_that_does_no_harm():
    async def story(desk):
        await until(5)
        assert desk.pacer.interrupt() == ""
        await until(6)
        desk.say("u1", speech(1.0))
        await until(9)

    desk = at_desk(story)
    assert desk.line.clears == [5.0]
    assert desk.line.sent_at[1] == 6.0
    assert desk.heard == [("u1", 1000, False)]


def test_the_echo_of_a_cleared_mark_means_nothing():
    """It can come back for audio that was flushed (exotel.md 1.6)."""

    async def story(desk):
        await until(5)
        desk.say("u1", speech(0.15))
        await until(5.06)
        desk.pacer.interrupt()
        assert desk.heard == [("u1", 100, True)]
        desk.pacer.mark_echoed("u1")
        desk.pacer.mark_echoed("nobody's")
        await until(7)
        desk.say("u2", speech(0.2))
        await until(9)

    assert at_desk(story).heard == [("u1", 100, True), ("u2", 200, False)]


def test_a_slow_line_does_not_make_a_clear_overtaken_by_media():
    """Between the interruption and the end of a send that was under way, nothing new may slip in."""

    async def story(desk):
        await until(5)
        desk.say("u1", speech(3.0))
        desk.line.delay = 0.03
        await until(5.21)
        desk.pacer.interrupt()
        await until(5.3)
        desk.say("u2", speech(0.5, seed=2))
        await until(9)

    desk = at_desk(story)
    kinds = [kind for at, kind in desk.line.messages if at > 5.21]
    assert kinds.index("clear") <= 1
    assert b"".join(frame.pcm for frame in desk.line.frames if frame.sent_at > 5.3) == speech(0.5, seed=2)


# --- marks, and the end ---


def test_every_utterance_ends_with_its_mark_behind_its_last_frame():
    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.25))
        desk.say("u2", speech(0.25))
        await until(1.3)
        desk.say("u3", b"")
        await until(5)

    desk = at_desk(story)
    assert desk.line.utterances == ["u1", "u2", "u3"]
    spoken = [kind for at, kind in desk.line.messages if 1 <= at <= 1.5]
    assert spoken == ["media", "mark", "media", "media", "mark", "media", "media", "mark", "mark"]
    assert desk.heard == [("u1", 250, False), ("u2", 250, False), ("u3", 0, False)]
    assert desk.quality.marks_lost == 0


def test_an_echo_speaks_for_the_marks_before_it():
    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.2))
        desk.say("u2", speech(0.2))
        await until(2)
        desk.pacer.mark_echoed("u2")

    assert at_desk(story, echo=False).heard == [("u1", 200, False), ("u2", 200, False)]


@pytest.mark.parametrize("latency", [0.0, 0.15])
@pytest.mark.parametrize("ambience", [None, 0.5])
@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("asked_at", [1.0, 1.5, 1.87, 1.93, 1.98, 2.02, 2.07, 2.13, 5.0])
def test_a_goodbye_is_played_to_its_end(ambience, complete, asked_at, latency):
    """Close too early and the line throws away what it has not played (exotel.md 1.9).

    An agent may close without having said that its last utterance is complete. When all of it was on the line already,
    nobody waited for the mark that was sent then, and what the network had still to deliver was cut off.
    """

    async def story(desk):
        await until(1)
        desk.say("u1", speech(1.0), complete=complete)
        await until(asked_at)
        await desk.last_words()
        spoken = [frame for frame in desk.line.frames if frame.start < 2.3]
        over = 1.0 + latency if ambience is None else 1.0 + latency + FRAME_S
        assert len(spoken) >= 10
        assert now() >= over + 1.0 - 1e-6 or asked_at == 5.0
        assert now() <= max(asked_at, 2.0) + 3 * FRAME_S + 2 * latency + 0.01  # a late mark goes with the next frame
        assert desk.heard == [("u1", 1000, False)]

    assert at_desk(story, ambience=ambience, latency=latency).quality.marks_lost == 0


def test_speech_that_may_go_on_is_waited_for_by_the_clock():
    """No mark is sent before an utterance is complete; the clock knows when what there is of it has been heard."""

    async def story(desk):
        await until(1)
        desk.say("u1", speech(1.0), complete=False)
        await until(1.2)
        await desk.pacer.played_out()
        assert now() == EXACT(2.0)

    at_desk(story)


def test_with_nothing_to_play_out_there_is_nothing_to_wait_for():
    async def story(desk):
        await desk.last_words()
        assert now() == 0
        await until(1)
        desk.say("u1", speech(0.5))
        await until(3)
        await desk.last_words()
        assert now() == 3

    at_desk(story)


@pytest.mark.parametrize("ambience", [None, 0.5])
def test_a_mark_that_is_never_echoed_holds_nobody_up(ambience):
    async def story(desk):
        await until(1)
        desk.say("u1", speech(1.0))
        desk.say("u2", speech(1.0))
        await until(1.5)
        await desk.pacer.played_out()
        assert now() == EXACT(3.1 + MARK_GRACE, abs=2 * FRAME_S)
        assert desk.heard == [("u1", 1000, False), ("u2", 1000, False)]
        await desk.pacer.played_out()
        assert now() == EXACT(3.1 + MARK_GRACE, abs=2 * FRAME_S)  # given up is given up: it does not wait again

    assert at_desk(story, echo=False, ambience=ambience).quality.marks_lost == 2


def test_an_interruption_ends_the_wait_for_the_goodbye():
    async def story(desk):
        await until(1)
        desk.say("u1", speech(5.0))
        waiting = asyncio.create_task(desk.pacer.played_out())
        await until(2)
        desk.pacer.interrupt()
        await waiting
        assert now() == pytest.approx(2)

    at_desk(story)


def test_marks_that_an_interruption_makes_needless_are_not_counted_as_lost():
    """The line drops them with the speech: no fault of its."""

    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.5))
        desk.say("u2", speech(3.0))
        await until(1.55)  # all of u1 was sent, and its echo is awaited
        desk.pacer.interrupt()

    assert at_desk(story, echo=False).quality.marks_lost == 0


def test_settling_reports_what_the_line_had_played():
    """The caller hung up in the middle: nothing is echoed any more, the clock knows."""

    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.5))
        desk.say("u2", speech(3.0))
        desk.say("u3", speech(1.0))
        await until(2.05)
        desk.pacer.settle()

    desk = at_desk(story, echo=False)
    assert desk.heard == [("u1", 500, False), ("u2", 600, True), ("u3", 0, True)]
    assert desk.quality.marks_lost == 1


@pytest.mark.parametrize("end", ["settle", "interrupt"])
def test_an_utterance_without_an_end_event_counts_as_heard(end):
    """Some agents never say that an utterance is complete (elevenlabs.md A3.4).

    When the caller hung up seconds after it, the record said that the agent's last words had been interrupted.
    """

    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.5), complete=False)
        await until(4)
        getattr(desk.pacer, end)()

    assert at_desk(story).heard == [("u1", 500, False)]


def test_an_utterance_end_that_arrives_late():
    async def story(desk):
        await until(1)
        desk.say("u1", speech(0.5), complete=False)
        await until(4)
        desk.say("u1", b"", complete=True)
        await until(4.1)

    desk = at_desk(story)
    assert desk.line.marks[-1] == (4.0, "u1")
    assert desk.heard == [("u1", 500, False)]


@pytest.mark.parametrize("ambience", [None, 0.5])
def test_the_moment_at_which_each_utterance_begins_to_be_heard_is_known(ambience):
    """Where its first sample is on the line, be it in the middle of a frame; and when it was silenced."""

    async def story(desk):
        await until(1.03)
        desk.say("u1", speech(0.25), complete=False)
        await until(1.05)
        desk.say("u2", speech(1.0, seed=2))
        await until(1.9)
        desk.pacer.interrupt()
        await until(3)

    desk = at_desk(story, ambience=ambience)
    assert [name for name, _ in desk.listener.begun] == ["u1", "u2"]
    heard = desk.line.heard().astype(int)
    for (_, at), seed in zip(desk.listener.begun, (1, 2), strict=True):
        first = np.frombuffer(speech(0.2, seed=seed), dtype=np.int16).astype(int)
        there = heard[round(at * RATE) : round(at * RATE) + len(first)]
        assert np.corrcoef(there, first)[0, 1] > 0.8
    assert desk.listener.cuts == [EXACT(1.9)]
