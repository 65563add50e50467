"""The line clock against a line that plays sample by sample."""

import math
from collections import deque
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.audio.line_clock import Dropped, LineClock
from relay.audio.playout import Frame, Span

RATE = 8000


def frame(count: int, *utterances: tuple[str, int]) -> Frame:
    """`count` samples, of which each utterance has as many as named, one behind the other."""
    spans, offset = [], 0
    for name, samples in utterances:
        spans.append(Span(name, offset, samples))
        offset += samples
    return Frame(bytes(2 * count), tuple(spans), edge=utterances[0][0].encode() if utterances else b"")


def test_a_line_runs_dry_when_it_has_played_what_it_was_sent():
    clock = LineClock(RATE)
    assert clock.sent(frame(800), 10.0) == pytest.approx(10.0)  # dry since the beginning of time
    assert clock.dry_at == pytest.approx(10.1)
    assert clock.sent(frame(800), 10.0) == 0.0
    assert clock.dry_at == pytest.approx(10.2)


def test_an_hour_of_a_call_takes_no_more_memory_than_a_second():
    clock = LineClock(RATE)
    for number in range(90_000):
        clock.sent(frame(320), number * 0.04)
    assert len(clock._in_flight) <= 10


def test_after_a_stall_the_next_frame_starts_late_and_is_not_made_up_for():
    clock = LineClock(RATE)
    clock.sent(frame(800), 1.0)
    assert clock.sent(frame(800), 1.5) == pytest.approx(0.4)
    assert clock.dry_at == pytest.approx(1.6)


def test_the_frame_that_is_playing_counts_as_heard():
    clock = LineClock(RATE)
    for _ in range(3):
        clock.sent(frame(800, ("u1", 800)), 1.0)
    assert [clock.heard("u1", at) for at in (1.0, 1.05, 1.15, 1.25, 9.0)] == [800, 800, 1600, 2400, 2400]
    assert clock.heard("u2", 9.0) == 0


def test_a_clear_spares_what_is_playing():
    """It removes only audio not yet started; whatever chunk is playing finishes (exotel.md 1.6)."""
    clock = LineClock(RATE)
    for name in ("u1", "u2", "u3"):
        clock.sent(frame(800, (name, 700)), 1.0)
    assert clock.upcoming(1.05) == ("u2", "u3")
    assert clock.playing(1.05) == "u1"
    assert clock.cleared(1.05) == Dropped(1600, b"u2")
    assert clock.dry_at == pytest.approx(1.1)
    assert [clock.heard(name, 2.0) for name in ("u1", "u2", "u3")] == [700, 0, 0]
    assert clock.upcoming(1.05) == ()


def test_what_a_clear_drops_is_uncertain_while_a_frame_begins():
    clock = LineClock(RATE)
    assert clock.certain_at(0.5) == 0.5
    for _ in range(2):
        clock.sent(frame(800), 1.0)
    at = (0.999, 1.0, 1.003, 1.0041, 1.0999, 1.1, 1.102, 1.5)
    assert [clock.certain_at(now) - now for now in at] == pytest.approx(
        [0, 0.004, 0.001, 0, 0, 0.004, 0.002, 0], abs=1e-6
    )


def test_a_clear_of_a_dry_line_drops_nothing():
    clock = LineClock(RATE)
    clock.sent(frame(800), 1.0)
    assert clock.cleared(5.0) == Dropped(0, None)
    clock.sent(frame(800), 5.0)
    assert clock.dry_at == pytest.approx(5.1)


def test_the_utterance_that_is_playing_is_the_last_in_its_frame():
    clock = LineClock(RATE)
    clock.sent(frame(800, ("u1", 300), ("u2", 500)), 1.0)
    clock.sent(frame(800), 1.0)
    assert [clock.playing(at) for at in (0.9, 1.0, 1.099, 1.15, 1.3)] == ["", "u2", "u2", "", ""]


def test_a_line_that_turns_out_to_be_late_has_heard_less():
    """The network stood still for 0.6 s: what the clock took as heard within them is still to be heard."""
    clock = LineClock(RATE)
    for _ in range(20):
        clock.sent(frame(800, ("u1", 800)), 1.0)
    assert clock.heard("u1", 2.45) == 15 * 800
    clock.moved(0.6, 2.45)
    assert clock.dry_at == pytest.approx(3.6)
    assert clock.heard("u1", 2.45) == pytest.approx(8.5 * 800, abs=400)  # the piece in the air counts whole
    assert clock.playing(2.45) == "u1"
    assert clock.upcoming(2.45) == ("u1",)
    assert clock.heard("u1", 3.25) == pytest.approx(16.5 * 800, abs=800)
    assert clock.heard("u1", 9.0) == 20 * 800


def test_sound_that_is_taken_back_can_be_cleared():
    clock = LineClock(RATE)
    for _ in range(10):
        clock.sent(frame(800, ("u1", 800)), 1.0)
    clock.heard("u1", 2.0)
    clock.moved(0.5, 2.0)
    heard = clock.heard("u1", 2.0)
    assert 4000 <= heard <= 4320
    assert clock.cleared(2.0).samples == 8000 - heard
    assert clock.heard("u1", 9.0) == heard


def test_what_was_heard_long_ago_stays_heard():
    clock = LineClock(RATE)
    clock.sent(frame(800, ("u1", 800)), 1.0)
    clock.sent(frame(800, ("u2", 800)), 20.0)
    clock.moved(5.0, 20.0)
    assert clock.heard("u1", 20.0) == 800
    assert clock.heard("u2", 20.0) == 0
    assert clock.heard("u2", 25.0) == 800


def test_only_the_part_of_an_utterance_that_was_late_is_taken_back():
    clock = LineClock(RATE)
    clock.sent(frame(8000, ("u1", 8000)), 1.0)
    clock.sent(frame(8000, ("u2", 8000)), 1.0)
    clock.moved(1.5, 3.0)
    assert clock.heard("u1", 3.0) == pytest.approx(4000, abs=320)
    assert clock.heard("u2", 3.0) == 0
    assert [clock.heard(name, 4.5) for name in ("u1", "u2")] == [8000, 8000]


def test_a_line_that_turns_out_to_be_early():
    clock = LineClock(RATE)
    clock.sent(frame(800, ("u1", 800)), 1.0)
    clock.sent(frame(800, ("u2", 800)), 1.0)
    clock.moved(-0.02, 1.05)
    assert clock.dry_at == pytest.approx(1.18)
    assert clock.heard("u2", 1.085) == 800


@pytest.mark.parametrize(("count", "rate_hz"), [(800, 8000), (160, 24000), (800, 24000), (1600, 16000), (1234, 24000)])
def test_an_hour_of_frames_does_not_drift(count, rate_hz):
    """A clock that sleeps 0.9 of each frame has drifted by six minutes by then (exotel.md 1.8)."""
    clock = LineClock(rate_hz)
    frames = 3600 * rate_hz // count
    began = 12_345.678
    clock.sent(frame(count), began)
    for _ in range(frames - 1):
        clock.sent(frame(count), clock.dry_at - 0.02)
    exact = Fraction(began) + Fraction(frames * count, rate_hz)
    assert math.isclose(clock.dry_at, exact, rel_tol=0, abs_tol=1e-4)


class NaiveLine:
    """A first-in-first-out player: one tick plays one sample, so its frame boundaries are whole ticks."""

    def __init__(self) -> None:
        self.tick = 0
        self.queue: deque[deque[str]] = deque()
        self.heard: dict[str, int] = {}

    def send(self, sent: Frame) -> None:
        samples = [""] * sent.samples
        for span in sent.spans:
            samples[span.offset : span.offset + span.samples] = [span.utterance] * span.samples
        self.queue.append(deque(samples))

    def advance(self, ticks: int) -> None:
        for _ in range(ticks):
            if self.queue:
                name = self.queue[0].popleft()
                self.heard[name] = self.heard.get(name, 0) + 1
                if not self.queue[0]:
                    self.queue.popleft()
            self.tick += 1

    def clear(self) -> int:
        """What has begun is played to its end; a frame whose turn is just now counts as begun."""
        kept = list(self.queue)[:1]
        dropped = sum(map(len, list(self.queue)[1:]))
        self.queue = deque(kept)
        return dropped

    def heard_with_frame(self, name: str) -> int:
        playing = self.queue[0].count(name) if self.queue else 0
        return self.heard.get(name, 0) + playing


STEP = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 40), st.sampled_from(["", "u1", "u2"]), st.integers(0, 40)),
    st.tuples(st.just("wait"), st.integers(0, 90)),
    st.tuples(st.just("clear")),
)


@given(st.lists(STEP, max_size=40))
def test_any_sends_waits_and_clears_agree_with_a_line_that_plays_by_the_sample(steps):
    """The rate is a power of two: a tick is then an exact number, and boundaries are not a matter of rounding."""
    rate = 1024
    clock, line = LineClock(rate), NaiveLine()
    for step in steps:
        now = 1 + line.tick / rate
        match step:
            case ("send", count, name, part):
                sent = frame(count, (name, min(part, count))) if name and part else frame(count)
                clock.sent(sent, now)
                line.send(sent)
            case ("wait", ticks):
                line.advance(ticks)
            case ("clear",):
                assert clock.cleared(now).samples == line.clear()
        now = 1 + line.tick / rate
        left = sum(map(len, line.queue))
        assert max(0.0, clock.dry_at - now) == left / rate
        for name in ("u1", "u2"):
            assert clock.heard(name, now) == line.heard_with_frame(name)
        waiting = [queued for index, queued in enumerate(line.queue) if index > 0]
        assert clock.upcoming(now) == tuple(dict.fromkeys(name for queued in waiting for name in queued if name))
