"""The playout to the sample: what is said comes out whole, in order, over the ambience, and its end is known."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay.audio.ambience import AmbienceTrack, Loop
from relay.audio.playout import Frame, Playout, Readiness, Span
from tests.unit.relay.tone import noise

FRAME = 800
RATE = 8000


def speech(count: int, seed: int = 1) -> bytes:
    return noise(count, seed).tobytes()


def office(volume: float = 0.5, level: int = 8000) -> AmbienceTrack:
    """Ambience past its first ramp."""
    track = AmbienceTrack(Loop(noise(16_000, seed=99, level=level), 8000), volume)
    track.take(1600)
    return track


def numbers(frame: Frame):
    return np.frombuffer(frame.pcm, dtype=np.int16)


# --- what a frame holds ---


def test_speech_comes_out_as_it_went_in():
    playout = Playout()
    sound = speech(3 * FRAME)
    playout.say("u1", sound[:100])
    playout.say("u1", sound[100:4000])
    playout.say("u1", sound[4000:])
    frames = [playout.pull(FRAME) for _ in range(3)]
    assert b"".join(frame.pcm for frame in frames) == sound
    assert [frame.spans for frame in frames] == [(Span("u1", 0, FRAME),)] * 3
    assert [frame.ended for frame in frames] == [()] * 3
    assert frames[0].samples == FRAME


def test_the_tail_is_padded_with_silence():
    """A last chunk that is no multiple of 320 bytes clicks or hangs over (exotel.md 1.8)."""
    playout = Playout()
    playout.say("u1", speech(FRAME + 7))
    playout.complete("u1")
    assert playout.pull(FRAME) == Frame(speech(FRAME + 7)[: 2 * FRAME], (Span("u1", 0, FRAME),), ())
    tail = playout.pull(FRAME)
    assert tail.pcm == speech(FRAME + 7)[2 * FRAME :] + bytes(2 * (FRAME - 7))
    assert tail.spans == (Span("u1", 0, 7),)
    assert tail.ended == ("u1",)


def test_an_utterance_ends_with_the_frame_that_it_fills():
    playout = Playout()
    playout.say("u1", speech(FRAME))
    playout.complete("u1")
    assert playout.pull(FRAME).ended == ("u1",)
    assert playout.readiness(FRAME) is Readiness.NOTHING


def test_an_end_that_is_known_only_afterwards():
    playout = Playout()
    playout.say("u1", speech(FRAME))
    assert playout.pull(FRAME).ended == ()
    assert playout.readiness(FRAME) is Readiness.NOTHING
    playout.complete("u1")
    assert playout.readiness(FRAME) is Readiness.FULL
    assert playout.pull(FRAME) == Frame(b"", (), ("u1",))


def test_several_utterances_in_one_frame():
    playout = Playout()
    for name, count in (("u1", 100), ("u2", 50), ("u3", 200)):
        playout.say(name, speech(count, seed=count))
    playout.complete_all()
    frame = playout.pull(FRAME)
    assert frame.pcm == speech(100, 100) + speech(50, 50) + speech(200, 200) + bytes(2 * (FRAME - 350))
    assert frame.spans == (Span("u1", 0, 100), Span("u2", 100, 50), Span("u3", 150, 200))
    assert frame.ended == ("u1", "u2", "u3")


def test_a_new_name_closes_the_utterance_before_it():
    """Agents don't always say that one is complete (elevenlabs.md A3.4)."""
    playout = Playout()
    playout.say("u1", speech(10))
    playout.say("u2", speech(FRAME))
    frame = playout.pull(FRAME)
    assert frame.spans == (Span("u1", 0, 10), Span("u2", 10, FRAME - 10))
    assert frame.ended == ("u1",)


def test_an_open_end_is_padded_only_when_asked_for():
    playout = Playout()
    playout.say("u1", speech(10))
    assert playout.readiness(FRAME) is Readiness.PARTIAL
    playout.say("u1", speech(FRAME))
    assert playout.pull(FRAME).pcm == speech(10) + speech(FRAME)[: 2 * (FRAME - 10)]
    frame = playout.pull(FRAME)
    assert frame.pcm == speech(FRAME)[2 * (FRAME - 10) :] + bytes(2 * (FRAME - 10))
    assert frame.spans == (Span("u1", 0, 10),)
    assert frame.ended == ()


@pytest.mark.parametrize("ambience", [None, office], ids=["alone", "over ambience"])
def test_the_first_words_are_padded_in_front_so_that_what_follows_joins_them(ambience):
    """An agent that spoke in real time was heard with a hole after its first syllable, to the end of the frame."""
    playout = Playout(ambience and ambience())
    alone = ambience().take(2 * FRAME).astype(int) if ambience else np.zeros(2 * FRAME, int)
    playout.say("u1", speech(10))
    first = playout.pull(FRAME)
    playout.say("u1", speech(FRAME, seed=2))
    second = playout.pull(FRAME)
    assert first.spans == (Span("u1", FRAME - 10, 10),)
    assert second.spans == (Span("u1", 0, FRAME),)
    spoken = [np.zeros(FRAME - 10, int), noise(10), noise(FRAME, seed=2)]
    assert (np.concatenate([numbers(first), numbers(second)]) == np.concatenate(spoken) + alone).all()


def test_after_a_hole_the_words_that_go_on_join_each_other_again():
    playout = Playout()
    playout.say("u1", speech(FRAME + 10))
    playout.pull(FRAME)
    assert playout.pull(FRAME).spans == (Span("u1", 0, 10),)  # the agent is late: here is the hole
    playout.say("u1", speech(20))
    assert playout.pull(FRAME).spans == (Span("u1", FRAME - 20, 20),)


def test_the_tail_of_an_utterance_follows_what_came_before():
    playout = Playout()
    playout.say("u1", speech(10))
    playout.complete("u1")
    assert playout.pull(FRAME).spans == (Span("u1", 0, 10),)


def test_only_the_words_that_begin_are_held_back():
    """What is complete follows what came before, and the silence is between the two."""
    playout = Playout()
    playout.say("u1", speech(FRAME + 30))
    playout.pull(FRAME)
    playout.say("u2", speech(10, seed=2))
    frame = playout.pull(FRAME)
    assert frame.pcm == speech(FRAME + 30)[2 * FRAME :] + bytes(2 * (FRAME - 40)) + speech(10, seed=2)
    assert frame.spans == (Span("u1", 0, 30), Span("u2", FRAME - 10, 10))
    assert frame.ended == ("u1",)


def test_an_utterance_without_sound_yet_holds_back_nothing_before_it():
    playout = Playout()
    playout.say("u1", speech(10))
    playout.say("u2", b"")
    assert playout.pull(FRAME).spans == (Span("u1", 0, 10),)


def test_first_words_after_a_flush_are_first_words():
    playout = Playout()
    playout.say("u1", speech(2 * FRAME))
    playout.pull(FRAME)
    playout.flush()
    playout.say("u1", speech(10))
    assert playout.pull(FRAME).spans == (Span("u1", FRAME - 10, 10),)


@pytest.mark.parametrize("names", [("u1",), ("u1", "u2"), ("u1", "u2", "u3")])
def test_utterances_without_sound_end_too(names):
    """The last chunk of a reply may carry empty audio (elevenlabs.md A2.3)."""
    playout = Playout()
    for name in names:
        playout.say(name, b"")
    playout.complete_all()
    assert playout.readiness(FRAME) is Readiness.FULL
    assert playout.pull(FRAME) == Frame(b"", (), names)


def test_empty_utterances_behind_a_full_frame_end_with_it():
    playout = Playout()
    playout.say("u1", speech(FRAME))
    playout.say("u2", b"")
    playout.say("u3", b"")
    playout.complete_all()
    assert playout.pull(FRAME).ended == ("u1", "u2", "u3")


def test_completing_what_is_not_there_does_nothing():
    playout = Playout()
    playout.complete("u9")
    playout.complete_all()
    assert playout.readiness(FRAME) is Readiness.NOTHING
    assert playout.pull(FRAME) == Frame(b"")


# --- readiness ---


@pytest.mark.parametrize(
    ("queued", "complete", "readiness"),
    [
        (0, False, Readiness.NOTHING),
        (1, False, Readiness.PARTIAL),
        (FRAME - 1, False, Readiness.PARTIAL),
        (FRAME, False, Readiness.FULL),
        (1, True, Readiness.FULL),
    ],
)
def test_readiness_without_ambience(queued, complete, readiness):
    playout = Playout()
    playout.say("u1", speech(queued))
    if complete:
        playout.complete("u1")
    assert playout.readiness(FRAME) is readiness
    assert playout.queued_samples == queued


def test_ambience_is_always_ready_but_waits_for_the_rest_of_a_word():
    playout = Playout(office())
    assert playout.readiness(FRAME) is Readiness.FULL
    playout.say("u1", speech(10))
    assert playout.readiness(FRAME) is Readiness.PARTIAL
    playout.pull(FRAME)
    assert playout.readiness(FRAME) is Readiness.FULL


def test_a_silent_ambience_leaves_the_line_alone():
    playout = Playout(office(volume=0.0))
    assert playout.readiness(FRAME) is Readiness.NOTHING
    assert playout.pull(FRAME) == Frame(b"")


# --- mixing ---


def test_speech_over_ambience_is_their_sum():
    playout = Playout(office())
    alone = office().take(3 * FRAME).astype(int)
    playout.say("u1", speech(FRAME + 5))
    playout.complete("u1")
    heard = np.concatenate([numbers(playout.pull(FRAME)) for _ in range(3)])
    spoken = np.zeros(3 * FRAME, dtype=int)
    spoken[: FRAME + 5] = noise(FRAME + 5)
    assert (heard == spoken + alone).all()


def test_too_loud_a_sum_is_held():
    loud = Loop(np.full(16_000, 30_000, dtype=np.int16), 8000)
    track = AmbienceTrack(loud, 1.0)
    track.take(1600)
    playout = Playout(track)
    playout.say("u1", np.full(FRAME, 10_000, dtype=np.int16).tobytes())
    assert (numbers(playout.pull(FRAME)) == 32767).all()


def test_ambience_goes_on_through_an_interruption():
    playout = Playout(office())
    alone = office().take(2 * FRAME)
    playout.say("u1", speech(10 * FRAME))
    playout.pull(FRAME)
    playout.flush()
    assert (numbers(playout.pull(FRAME)) == alone[FRAME:]).all()


# --- interruption ---


def test_a_flush_drops_all_speech_and_names_what_it_cut():
    playout = Playout()
    playout.say("u1", speech(2 * FRAME))
    playout.say("u2", speech(FRAME))
    playout.pull(FRAME)
    assert playout.flush() == ("u1", "u2")
    assert playout.queued_samples == 0
    assert playout.readiness(FRAME) is Readiness.NOTHING
    assert playout.flush() == ()


def test_an_utterance_that_was_played_is_not_cut_short():
    """Some agents never say that an utterance is complete; its whole length was heard all the same."""
    playout = Playout()
    playout.say("u1", speech(FRAME))
    playout.pull(FRAME)
    assert playout.flush() == ()
    assert playout.readiness(FRAME) is Readiness.NOTHING


def test_speech_after_a_flush_starts_afresh():
    playout = Playout()
    playout.say("u1", speech(2 * FRAME))
    playout.flush()
    playout.say("u2", speech(FRAME, seed=2))
    assert playout.pull(FRAME).pcm == speech(FRAME, seed=2)


# --- against a naive player ---


@dataclass
class NaiveUtterance:
    name: str
    samples: list[int] = field(default_factory=list)
    complete: bool = False


class PlayoutMachine(RuleBasedStateMachine):
    """Whatever is said, completed, flushed and pulled in whatever order, as with a player that works by the sample."""

    def __init__(self) -> None:
        super().__init__()
        self.background = np.tile(noise(16_000, seed=99)[400:-400], 4)
        self.playout = Playout(office(volume=1.0))
        self.place = 1600 - 400  # where `office` has got to, counted from the end of the seam
        self.waiting: list[NaiveUtterance] = []
        self.running = ""
        self.named = 0

    @rule(count=st.integers(0, 300), fresh=st.booleans())
    def say(self, count, fresh):
        if fresh or not self.waiting:
            self.named += 1
            if self.waiting:
                self.waiting[-1].complete = True
            self.waiting.append(NaiveUtterance(f"u{self.named}"))
        sound = noise(count, seed=self.named)
        self.waiting[-1].samples += sound.tolist()
        self.playout.say(self.waiting[-1].name, sound.tobytes())

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(0, 300), index=st.integers(0, 9))
    def say_more(self, count, index):
        chosen = self.waiting[index % len(self.waiting)]
        sound = noise(count, seed=index)
        chosen.samples += sound.tolist()
        self.playout.say(chosen.name, sound.tobytes())

    @precondition(lambda self: self.waiting)
    @rule(index=st.integers(0, 9))
    def complete(self, index):
        chosen = self.waiting[index % len(self.waiting)]
        chosen.complete = True
        self.playout.complete(chosen.name)

    @rule()
    def complete_all(self):
        for utterance in self.waiting:
            utterance.complete = True
        self.playout.complete_all()

    @rule()
    def flush(self):
        assert self.playout.flush() == tuple(utterance.name for utterance in self.waiting if utterance.samples)
        self.waiting = []
        self.running = ""

    @rule(count=st.integers(1, 400))
    def pull(self, count):
        heard, owners, ended = [], [], []
        while self.waiting:
            first = self.waiting[0]
            while first.samples and len(heard) < count:
                heard.append(first.samples.pop(0))
                owners.append(first.name)
            if first.samples or not first.complete:
                break
            ended.append(first.name)
            self.waiting.pop(0)
        silence = count - len(heard)
        opens = owners[-1] if owners and self.waiting and self.waiting[0].name == owners[-1] else ""
        begins = bool(opens) and opens != self.running
        at = owners.index(opens) if begins else len(owners)
        heard[at:at] = [0] * silence
        self.running = owners[-1] if owners and (begins or not silence) else ""
        ambience = self.background[self.place : self.place + count].astype(int)
        self.place += count
        frame = self.playout.pull(count)
        assert numbers(frame).tolist() == (ambience + np.array(heard)).tolist()
        assert [span.utterance for span in frame.spans for _ in range(span.samples)] == owners
        assert [span.offset for span in frame.spans] == [
            owners.index(span.utterance) + (silence if begins and span.utterance == opens else 0)
            for span in frame.spans
        ]
        assert list(frame.ended) == ended

    @invariant()
    def agrees_on_what_is_queued(self):
        queued = sum(len(utterance.samples) for utterance in self.waiting)
        assert self.playout.queued_samples == queued
        assert self.playout.ending == any(utterance.complete for utterance in self.waiting)
        if queued:
            over = self.waiting[-1].complete
            assert self.playout.readiness(queued + 1) is (Readiness.FULL if over else Readiness.PARTIAL)
            assert self.playout.readiness(queued) is Readiness.FULL


TestAgainstANaivePlayer = PlayoutMachine.TestCase
TestAgainstANaivePlayer.settings = settings(stateful_step_count=30)


def test_while_a_tool_works_typing_is_heard_over_what_is_there():
    typing = AmbienceTrack(Loop(np.full(RATE, 1000, dtype=np.int16), RATE), 1.0, enabled=False, start=800)
    playout = Playout(AmbienceTrack(Loop(np.full(RATE, 2000, dtype=np.int16), RATE), 1.0, start=800, over=typing))

    def level_after_a_second() -> int:
        playout.pull(RATE // 2)
        return int(numbers(playout.pull(100))[-1])

    assert level_after_a_second() == 2000
    playout.busy("look_up")
    playout.busy("book")
    assert level_after_a_second() == 3000
    playout.busy("look_up", done=True)
    assert level_after_a_second() == 3000
    playout.busy("book", done=True)
    assert level_after_a_second() == 2000
    playout.busy("book")
    playout.idle()
    assert level_after_a_second() == 2000


def test_typing_without_an_ambience_ends_with_the_tool():
    """The line is left quiet before and after it, as without ambience."""
    typing = AmbienceTrack(Loop(np.full(RATE, 1000, dtype=np.int16), RATE), 1.0, enabled=False)
    playout = Playout(AmbienceTrack(Loop(np.full(RATE, 2000, dtype=np.int16), RATE), 0.0, over=typing))
    assert playout.readiness(FRAME) is Readiness.NOTHING
    playout.busy("look_up")
    assert playout.readiness(FRAME) is Readiness.FULL
    playout.pull(RATE)
    playout.busy("look_up", done=True)
    playout.pull(RATE)
    assert playout.readiness(FRAME) is Readiness.NOTHING


def test_typing_that_the_line_dropped_is_played_again():
    track = AmbienceTrack(Loop(noise(RATE), RATE), 0.5, over=AmbienceTrack(Loop(noise(RATE, 3), RATE), 0.5))
    track.take(RATE)
    first = track.take(1000)
    track.rewind(600)
    assert (track.take(600) == first[400:]).all()
