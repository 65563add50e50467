"""The playout to the sample: what is said comes out whole, in order, over the ambience, and its end is known."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.edges import fade_in, fade_out
from relay.audio.playout import Frame, Playout, Readiness, Span
from relay.audio.utterance import Coming
from tests.unit.relay.tone import largest_step, noise

FRAME = 800
RATE = 8000
EDGE = 40  # 5 ms: kept of an utterance that may go on


def speech(count: int, seed: int = 1) -> bytes:
    return noise(count, seed).tobytes()


class Told(Coming):
    """Sound that is made when it is asked for; `samples` may be a wrong guess."""

    def __init__(self, sound: bytes, samples: int | None = None) -> None:
        super().__init__(len(sound) // 2 if samples is None else samples)
        self.sound = sound
        self.asked = 0

    def made(self) -> bytes:
        self.asked += 1
        return self.sound


def office(volume: float = 0.5, level: int = 8000) -> AmbienceTrack:
    """Ambience past its first ramp."""
    track = AmbienceTrack(Loop(noise(16_000, seed=99, level=level), 8000), volume)
    track.take(1600)
    return track


def numbers(frame: Frame):
    return np.frombuffer(frame.pcm, dtype=np.int16)


def content(frame: Frame):
    return frame.pcm, frame.spans, frame.ended


# --- what a frame holds ---


def test_speech_comes_out_as_it_went_in():
    playout = Playout()
    sound = speech(3 * FRAME)
    playout.say("u1", sound[:100])
    playout.say("u1", sound[100:4000])
    playout.say("u1", sound[4000:])
    playout.complete("u1")
    frames = [playout.pull(FRAME) for _ in range(3)]
    assert b"".join(frame.pcm for frame in frames) == sound
    assert [frame.spans for frame in frames] == [(Span("u1", 0, FRAME),)] * 3
    assert [frame.ended for frame in frames] == [(), (), ("u1",)]
    assert frames[0].samples == FRAME


def test_the_tail_is_padded_with_silence():
    """A last chunk that is no multiple of 320 bytes clicks or hangs over (exotel.md 1.8)."""
    playout = Playout()
    playout.say("u1", speech(FRAME + 7))
    playout.complete("u1")
    assert content(playout.pull(FRAME)) == (speech(FRAME + 7)[: 2 * FRAME], (Span("u1", 0, FRAME),), ())
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
    assert playout.pull(FRAME, tear=True).ended == ()
    assert playout.readiness(FRAME) is Readiness.NOTHING
    playout.complete("u1")
    assert playout.readiness(FRAME) is Readiness.FULL
    assert playout.pull(FRAME) == Frame(b"", (), ("u1",))


def test_the_last_of_a_word_that_may_go_on_is_kept():
    """Were it sent as well, and the rest late, the sound would break off with a step, which is a click."""
    playout = Playout()
    playout.say("u1", speech(FRAME + EDGE))
    assert playout.available == FRAME
    assert playout.pull(FRAME).pcm == speech(FRAME + EDGE)[: 2 * FRAME]
    assert playout.available == 0
    assert playout.readiness(FRAME) is Readiness.PARTIAL
    playout.complete("u1")
    assert playout.pull(FRAME).pcm == speech(FRAME + EDGE)[2 * FRAME :] + bytes(2 * (FRAME - EDGE))


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
    playout.say("u2", speech(FRAME + EDGE))
    frame = playout.pull(FRAME)
    assert frame.spans == (Span("u1", 0, 10), Span("u2", 10, FRAME - 10))
    assert frame.ended == ("u1",)


def test_an_open_end_is_padded_only_when_asked_for():
    playout = Playout()
    playout.say("u1", speech(90))
    assert playout.readiness(FRAME) is Readiness.PARTIAL
    playout.say("u1", speech(FRAME))
    assert playout.pull(FRAME).pcm == speech(90) + speech(FRAME)[: 2 * (FRAME - 90)]
    frame = playout.pull(FRAME, tear=True)
    assert frame.pcm[:100] == speech(FRAME)[2 * (FRAME - 90) : 2 * (FRAME - 40)]
    assert frame.pcm[180:] == bytes(2 * (FRAME - 90))
    assert frame.spans == (Span("u1", 0, 90),)
    assert frame.ended == ()


def test_both_edges_of_a_hole_are_faded():
    """Full-scale steps of 15,624 were heard as clicks, two a hole."""
    loud = np.full(1000, 16_000, dtype=np.int16).tobytes()
    playout = Playout()
    playout.say("u1", loud)
    playout.pull(FRAME)
    before = numbers(playout.pull(FRAME, tear=True))
    assert (before[: 200 - EDGE] == 16_000).all()
    assert (before[200:] == 0).all()
    playout.say("u1", loud)
    after = numbers(playout.pull(FRAME))
    assert (after[EDGE:] == 16_000).all()
    assert max(largest_step(before), largest_step(after), abs(int(after[0]))) < 16_000 / EDGE * 2


def test_what_a_clear_cut_off_fades_out_at_the_start_of_the_next_frame():
    """The line plays the frame in the air to its end and drops the rest: the sound stopped there with a step."""
    loud = np.full(5000, 16_000, dtype=np.int16).tobytes()
    playout = Playout()
    playout.say("u1", loud)
    first, dropped = playout.pull(FRAME), playout.pull(FRAME)
    playout.flush()
    playout.cut(dropped.edge)
    assert playout.readiness(FRAME) is Readiness.EDGE
    after = playout.pull(FRAME)
    assert after.spans == ()
    assert largest_step(np.concatenate([numbers(first), numbers(after)])) < 16_000 / EDGE * 2
    assert (numbers(after)[EDGE:] == 0).all()
    assert playout.readiness(FRAME) is Readiness.NOTHING


def test_nothing_fades_after_a_clear_that_cut_off_nothing():
    playout = Playout()
    playout.say("u1", speech(FRAME))
    playout.complete_all()
    playout.pull(FRAME)
    playout.flush()
    playout.cut(None)
    assert playout.readiness(FRAME) is Readiness.NOTHING


def test_speech_that_was_not_on_the_line_yet_fades_from_here():
    playout = Playout()
    playout.say("u1", np.full(5000, 16_000, dtype=np.int16).tobytes())
    playout.pull(FRAME)
    playout.flush()
    playout.cut(None)  # the line had played all it was sent
    after = numbers(playout.pull(FRAME))
    assert 0 < after[EDGE - 1] < after[0] < 16_000


def test_a_torn_word_ends_and_the_next_agent_takes_a_breath():
    """The first word of the agent that took over followed the torn word of the dead one without a pause."""
    playout = Playout()
    playout.say("a1u1", np.full(300, 16_000, dtype=np.int16).tobytes())
    playout.tear()
    playout.say("a2u1", np.full(100, 16_000, dtype=np.int16).tobytes())
    playout.complete_all()
    frames = [playout.pull(FRAME) for _ in range(4)]
    heard = np.concatenate([numbers(frame) for frame in frames])
    assert (heard[:220] == 16_000).all()
    assert largest_step(heard[:2000]) < 16_000 / 80 * 2  # 10 ms
    pause = np.flatnonzero(heard[300:])[0]
    assert 0.25 <= pause / 8000 <= 0.3
    assert [name for frame in frames for name in frame.ended] == ["a1u1", "a2u1"]
    assert {span.utterance for frame in frames for span in frame.spans} == {"a1u1", "a2u1"}


@pytest.mark.parametrize("lengths", [(5000, 300, 30), (5000, 30, 60), (60, 10), (30,), (5000, 4000)])
@pytest.mark.parametrize("ready", [0, 1])
def test_a_torn_word_that_is_not_made_yet_ends_in_the_same_way(lengths, ready):
    """Hundreds of agents may die at once, with half a minute waiting of each: nothing of it is made at that moment."""
    pieces = [noise(length, seed=length, level=20_000).tobytes() for length in lengths]
    one, other = Playout(office()), Playout(office())
    told = [Told(piece) for piece in pieces]
    for piece, coming in zip(pieces, told, strict=True):
        one.say("a1u1", piece)
        other.say("a1u1", piece if coming in told[:ready] else coming)
    for playout in (one, other):
        playout.tear()
    assert sum(coming.asked for coming in told) == 0
    assert other.queued_samples == one.queued_samples
    while one.queued_samples:
        assert other.pull(320) == one.pull(320)
    assert [coming.asked for coming in told] == [0] * ready + [1] * (len(told) - ready)


def test_sound_is_made_shortly_before_it_is_played_and_only_then():
    playout = Playout(office())
    pieces = [Told(speech(2000, seed)) for seed in range(3)]
    for piece in pieces:
        playout.say("u1", piece)
    playout.complete("u1")
    assert playout.queued_samples == 6000
    asked = []
    for _ in range(6):
        playout.readiness(320)
        playout.pull(320)
        asked.append(sum(piece.asked for piece in pieces))
    assert asked == [1, 1, 1, 1, 1, 1]
    playout.pull(320)
    assert sum(piece.asked for piece in pieces) == 2
    playout.flush()
    assert pieces[2].asked == 0


def test_loud_sound_does_not_wrap_around_over_ambience_when_it_is_made_late():
    for late in (False, True):
        playout = Playout(office(volume=1.0, level=9000))
        playout.say("u1", speech(2000))
        playout.pull(320)
        loud = np.full(2000, 32_000, np.int16).tobytes()
        playout.say("u1", Told(loud) if late else loud)
        heard = np.concatenate([numbers(playout.pull(320)) for _ in range(10)])
        assert heard[2000:].min() > 20_000
        assert heard.max() == 32_767


@pytest.mark.parametrize("off", [-3, 3])
def test_a_piece_that_turns_out_shorter_or_longer_leaves_no_hole(off):
    """Its length was a guess: a byte too many in the agent's sound takes one sample out of it."""
    playout = Playout()
    pieces = [speech(1000, seed) for seed in range(4)]
    for number, piece in enumerate(pieces):
        playout.say("u1", Told(piece, 1000 + off * (number != 2)))
    playout.complete("u1")
    heard = b""
    while playout.queued_samples:
        frame = playout.pull(320)
        heard += frame.pcm[: 2 * frame.spans[-1].samples]
    assert heard == b"".join(pieces)
    assert frame.ended == ("u1",)


def test_an_agent_that_dies_between_two_utterances_tears_nothing():
    playout = Playout()
    playout.say("u1", speech(100))
    playout.complete("u1")
    playout.tear()
    assert playout.queued_samples == 100
    assert playout.pull(FRAME).pcm == speech(100).ljust(2 * FRAME, b"\0")
    playout.tear()
    assert playout.readiness(FRAME) is Readiness.NOTHING


@pytest.mark.parametrize("ambience", [None, office], ids=["alone", "over ambience"])
def test_the_first_words_are_padded_in_front_so_that_what_follows_joins_them(ambience):
    """An agent that spoke in real time was heard with a hole after its first syllable, to the end of the frame."""
    playout = Playout(ambience and ambience())
    alone = ambience().take(2 * FRAME).astype(int) if ambience else np.zeros(2 * FRAME, int)
    playout.say("u1", speech(10))
    first = playout.pull(FRAME, tear=True)
    playout.say("u1", speech(FRAME, seed=2))
    playout.complete("u1")
    second = playout.pull(FRAME)
    assert first.spans == (Span("u1", FRAME - 10, 10),)
    assert second.spans == (Span("u1", 0, FRAME),)
    spoken = [np.zeros(FRAME - 10, int), noise(10), noise(FRAME, seed=2)]
    assert (np.concatenate([numbers(first), numbers(second)]) == np.concatenate(spoken) + alone).all()


def test_after_a_hole_the_words_that_go_on_join_each_other_again():
    playout = Playout()
    playout.say("u1", speech(FRAME + 50))
    playout.pull(FRAME)
    assert playout.pull(FRAME, tear=True).spans == (Span("u1", 0, 50),)  # the agent is late: here is the hole
    assert playout.opening == "u1"
    playout.say("u1", speech(20))
    assert playout.pull(FRAME, tear=True).spans == (Span("u1", FRAME - 20, 20),)
    assert playout.opening == ""


def test_the_tail_of_an_utterance_follows_what_came_before():
    playout = Playout()
    playout.say("u1", speech(10))
    playout.complete("u1")
    assert playout.pull(FRAME).spans == (Span("u1", 0, 10),)


def test_only_the_words_that_begin_are_held_back():
    """What is complete follows what came before, and the silence is between the two."""
    playout = Playout()
    playout.say("u1", speech(FRAME + 70))
    playout.pull(FRAME)
    playout.say("u2", speech(10, seed=2))
    frame = playout.pull(FRAME, tear=True)
    assert frame.pcm == speech(FRAME + 70)[2 * FRAME :] + bytes(2 * (FRAME - 80)) + speech(10, seed=2)
    assert frame.spans == (Span("u1", 0, 70), Span("u2", FRAME - 10, 10))
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
    playout.cut(b"")
    playout.say("u1", speech(10))
    assert playout.pull(FRAME, tear=True).spans == (Span("u1", FRAME - 10, 10),)


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
        (EDGE + 1, False, Readiness.PARTIAL),
        (FRAME + EDGE - 1, False, Readiness.PARTIAL),
        (FRAME + EDGE, False, Readiness.FULL),
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
    assert playout.readiness(FRAME) is Readiness.AMBIENCE
    playout.say("u1", speech(EDGE + 10))
    assert playout.readiness(FRAME) is Readiness.PARTIAL
    playout.pull(FRAME, tear=True)
    assert playout.readiness(FRAME) is Readiness.AMBIENCE


def test_an_utterance_that_is_held_lets_what_is_before_it_end():
    playout = Playout(office())
    alone = office().take(FRAME).astype(int)
    playout.say("u1", speech(100))
    playout.say("u2", speech(FRAME, seed=2))
    assert playout.opening == "u2"
    assert playout.readiness(FRAME, held="u2") is Readiness.FULL
    frame = playout.pull(FRAME, held="u2")
    assert frame.spans == (Span("u1", 0, 100),)
    assert frame.ended == ("u1",)
    assert (numbers(frame)[100:] == alone[100:]).all()
    assert playout.readiness(FRAME, held="u2") is Readiness.AMBIENCE
    assert playout.queued_samples == FRAME


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
    playout.complete("u1")
    assert (numbers(playout.pull(FRAME)) == 32767).all()


def test_a_loud_word_after_quiet_ones_is_held_too():
    """How loud the waiting speech may be is looked at once for each of its pieces, not for each frame."""
    playout = Playout(office(1.0))
    for level in (100, 32_700, 50):
        playout.say("u1", np.full(FRAME, level, dtype=np.int16).tobytes())
    playout.complete("u1")
    alone = office(1.0).take(3 * FRAME).astype(int)
    heard = np.concatenate([numbers(playout.pull(FRAME)) for _ in range(3)])
    assert (heard == np.minimum(np.repeat([100, 32_700, 50], FRAME) + alone, 32767)).all()
    assert (heard == 32767).any()


def test_what_a_clear_cut_off_is_held_beside_quiet_words():
    playout = Playout(office(1.0))
    playout.say("u1", np.full(5000, 32_700, dtype=np.int16).tobytes())
    playout.pull(FRAME)
    playout.flush()
    playout.say("u2", np.full(2 * FRAME, 10, dtype=np.int16).tobytes())
    after = numbers(playout.pull(FRAME))
    assert after.min() > -20_000  # the office alone does not come near it; a sum that wrapped around would
    assert (after[:EDGE] == 32767).any()


def test_ambience_goes_on_through_an_interruption():
    playout = Playout(office())
    alone = office().take(2 * FRAME)
    playout.say("u1", speech(10 * FRAME))
    playout.pull(FRAME)
    playout.flush()
    assert (numbers(playout.pull(FRAME))[EDGE:] == alone[FRAME + EDGE :]).all()


# --- interruption ---


def test_a_flush_drops_all_speech_and_names_what_it_cut():
    playout = Playout()
    playout.say("u1", speech(2 * FRAME))
    playout.say("u2", speech(FRAME))
    playout.pull(FRAME)
    assert playout.flush() == ("u1", "u2")
    assert playout.queued_samples == 0
    playout.cut(b"")
    assert playout.readiness(FRAME) is Readiness.NOTHING
    assert playout.flush() == ()


def test_an_utterance_that_was_played_is_not_cut_short():
    """Some agents never say that an utterance is complete; its whole length was heard all the same."""
    playout = Playout()
    playout.say("u1", speech(FRAME))
    playout.pull(FRAME, tear=True)
    assert playout.flush() == ()
    assert playout.readiness(FRAME) is Readiness.NOTHING


def test_speech_after_a_flush_starts_afresh():
    playout = Playout()
    playout.say("u1", speech(2 * FRAME))
    playout.flush()
    playout.say("u2", speech(FRAME, seed=2))
    playout.complete("u2")
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
        self.running = self.torn = ""
        self.cut_edge: list[int] = []
        self.named = 0

    @rule(count=st.integers(0, 300), fresh=st.booleans(), coming=st.booleans())
    def say(self, count, fresh, coming):
        if fresh or not self.waiting:
            self.named += 1
            if self.waiting:
                self.waiting[-1].complete = True
            self.waiting.append(NaiveUtterance(f"u{self.named}"))
        sound = noise(count, seed=self.named)
        self.waiting[-1].samples += sound.tolist()
        self.playout.say(self.waiting[-1].name, Told(sound.tobytes()) if coming else sound.tobytes())

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(0, 300), index=st.integers(0, 9), coming=st.booleans())
    def say_more(self, count, index, coming):
        chosen = self.waiting[index % len(self.waiting)]
        sound = noise(count, seed=index)
        chosen.samples += sound.tolist()
        self.playout.say(chosen.name, Told(sound.tobytes()) if coming else sound.tobytes())

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

    @rule(on_the_line=st.sampled_from([None, b"", noise(40, seed=7).tobytes()]))
    def flush(self, on_the_line):
        assert self.playout.flush() == tuple(utterance.name for utterance in self.waiting if utterance.samples)
        first = self.waiting[0] if self.waiting and self.waiting[0].name == self.running else None
        self.cut_edge = first.samples[:EDGE] if first else []
        self.playout.cut(on_the_line)
        if on_the_line is not None:
            self.cut_edge = np.frombuffer(on_the_line, np.int16).tolist()
        self.waiting = []
        self.running = self.torn = ""

    @rule(count=st.integers(1, 400), tear=st.booleans(), hold=st.booleans())
    def pull(self, count, tear, hold):
        held = self.playout.opening if hold else ""
        heard, owners, ended = [], [], []
        while self.waiting and self.waiting[0].name != held:
            first = self.waiting[0]
            kept = 0 if tear or first.complete else EDGE
            piece = first.samples[: max(0, min(count - len(heard), len(first.samples) - kept))]
            first.samples = first.samples[len(piece) :]
            if piece and self.torn == first.name:
                piece, self.torn = ramped(fade_in, piece), ""
            heard += piece
            owners += [first.name] * len(piece)
            if first.samples or not first.complete:
                break
            ended.append(first.name)
            self.waiting.pop(0)
        silence = count - len(heard)
        opens = owners[-1] if owners and self.waiting and self.waiting[0].name == owners[-1] else ""
        begins = bool(opens) and opens != self.running
        at = owners.index(opens) if begins else len(owners)
        drained = tear and opens and not self.waiting[0].samples and not begins
        if (silence or drained) and opens and not begins:
            whole = owners.index(opens)
            heard[whole:] = ramped(fade_out, heard[whole:])
            self.torn = opens
        heard[at:at] = [0] * silence
        self.running = opens if opens and (begins or not (silence or drained)) else ""
        for place, sample in enumerate(ramped(fade_out, self.cut_edge)[:count]):
            heard[place] = max(-32768, min(32767, heard[place] + sample))
        self.cut_edge = []
        ambience = self.background[self.place : self.place + count].astype(int)
        self.place += count
        frame = self.playout.pull(count, held=held, tear=tear)
        assert numbers(frame).tolist() == np.clip(ambience + np.array(heard), -32768, 32767).tolist()
        assert [span.utterance for span in frame.spans for _ in range(span.samples)] == owners
        assert [span.offset for span in frame.spans] == [
            owners.index(span.utterance) + (silence if begins and span.utterance == opens else 0)
            for span in frame.spans
        ]
        assert list(frame.ended) == ended

    @invariant()
    def agrees_on_what_is_queued(self):
        queued = sum(len(utterance.samples) for utterance in self.waiting)
        kept = min(EDGE, len(self.waiting[-1].samples)) if self.waiting and not self.waiting[-1].complete else 0
        assert self.playout.queued_samples == queued
        assert self.playout.available == queued - kept
        assert self.playout.ending == any(utterance.complete for utterance in self.waiting)
        if queued - kept:
            over = self.waiting[-1].complete
            assert self.playout.readiness(queued + 1) is (Readiness.FULL if over else Readiness.PARTIAL)
            assert self.playout.readiness(queued - kept) is Readiness.FULL


def ramped(fade, samples: list[int]) -> list[int]:
    """`samples` with the fade of a cut."""
    return np.frombuffer(fade(np.array(samples, np.int16).tobytes(), EDGE), np.int16).tolist()


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
    assert playout.readiness(FRAME) is Readiness.AMBIENCE
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


# --- a tool's own sound ---


def flat(level, *, volume=1.0, enabled=True, over=None):
    """A track on a constant sound, past the seam of its loop."""
    return AmbienceTrack(
        Loop(np.full(RATE, level, dtype=np.int16), RATE), volume, enabled=enabled, start=800, over=over
    )


def heard(playout, seconds=0.4):
    """The last sample of so much sound; the sound."""
    sound = numbers(playout.pull(round(RATE * seconds)))
    return int(sound[-1]), sound


def test_a_tools_sound_is_heard_instead_of_typing_while_it_works():
    typing = flat(300, enabled=False)
    playout = Playout(flat(2000, over=typing))
    assert heard(playout)[0] == 2000
    playout.busy("look_up", sound=flat(1000))
    last, sound = heard(playout)
    assert last == 3000
    assert np.abs(np.diff(sound.astype(int))).max() < 20  # a ramp, no click
    playout.busy("book")
    assert heard(playout)[0] == 3000
    playout.busy("look_up", done=True)
    assert heard(playout)[0] == 2300  # the other one types
    playout.busy("book", done=True)
    assert heard(playout)[0] == 2000


def test_another_tools_sound_follows_the_one_before():
    """The first goes down while the second comes up: no click where one takes the other's place."""
    playout = Playout(flat(2000))
    heard(playout)
    playout.busy("look_up", sound=flat(1000))
    _, before = heard(playout)
    playout.busy("look_up", done=True)
    playout.busy("book", sound=flat(500))
    last, sound = heard(playout)
    assert last == 2500
    assert np.abs(np.diff(np.concatenate([before, sound]).astype(int))).max() < 40
    playout.idle()
    assert heard(playout)[0] == 2000


def test_a_tools_sound_without_any_ambience_ends_with_the_tool():
    playout = Playout()
    playout.busy("look_up", sound=flat(1000))
    assert heard(playout)[0] == 1000
    playout.busy("look_up", done=True)
    assert heard(playout)[0] == 0
    assert playout.readiness(320) is Readiness.NOTHING
    playout.busy("book", sound=flat(500))
    assert heard(playout)[0] == 500
