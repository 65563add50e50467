"""What the sound of a call tells by itself, to the block of 20 ms."""

import numpy as np
import pytest

from console.rehearse.person import Spoken
from console.rehearse.timing import Span, measure, percentile, speech

RATE_HZ = 8000


def track(seconds, *spans, level=3000, under=0):
    """Noise at `level` in the spans, at `under` elsewhere."""
    noise = np.random.default_rng(1).uniform(-1, 1, round(seconds * RATE_HZ))
    loudness = np.full(noise.size, under, float)
    for start, end in spans:
        loudness[round(start * RATE_HZ) : round(end * RATE_HZ)] = level
    return (noise * loudness).astype(np.int16)


@pytest.mark.parametrize("under", [0, 40, 300])
def test_speech_is_told_from_what_lies_under_it(under):
    found = speech(track(10, (1, 3), (5, 5.5), under=under), RATE_HZ)
    assert [(round(span.start_s, 2), round(span.end_s, 2)) for span in found] == [(1, 3), (5, 5.5)]


def test_a_pause_inside_a_sentence_does_not_end_it_and_a_click_is_no_speech():
    assert len(speech(track(6, (1, 2), (2.3, 3), (5, 5.04)), RATE_HZ)) == 1


def test_silence_is_no_speech():
    assert speech(np.zeros(RATE_HZ, np.int16), RATE_HZ) == ()
    assert speech(np.zeros(0, np.int16), RATE_HZ) == ()


def test_an_answer_takes_from_the_callers_last_sound_to_the_agents_first():
    said = [Spoken("a", 2.5, 3.5), Spoken("b", 7.0, 8.0)]
    timing = measure(track(12, (0.4, 2), (4.2, 6), (9.5, 11)), RATE_HZ, said, 12)
    assert timing.first == 400
    assert timing.answers == (700, 1500)
    assert timing.longest_silence == 1500
    assert timing.talk_over == 0


def test_no_answer_is_measured_where_the_agent_was_speaking_or_the_caller_went_on():
    said = [Spoken("cuts in", 1.0, 1.5, cut_in=True), Spoken("asks", 4.0, 4.5), Spoken("asks again", 6.0, 6.5)]
    timing = measure(track(9, (0.5, 2.0), (7.0, 8.0)), RATE_HZ, said, 9)
    assert timing.answers == (500,)
    assert timing.stopped == (1000,)
    assert timing.talk_over == 500


def test_a_back_channel_is_no_talking_over_and_stops_nobody():
    said = [Spoken("yes", 1.0, 1.4, cut_in=True, back_channel=True)]
    timing = measure(track(4, (0.5, 3.0)), RATE_HZ, said, 4)
    assert (timing.talk_over, timing.stopped, timing.answers) == (0, (), ())


def test_dead_air_at_the_end_counts():
    assert measure(track(10, (0.5, 1.0)), RATE_HZ, [], 10).longest_silence == 9000
    assert measure(track(5), RATE_HZ, [], 5).first is None


def test_percentiles_are_values_that_were_measured():
    assert percentile([], 0.95) is None
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert Span(1, 2).end_s == 2
