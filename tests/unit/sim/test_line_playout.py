import numpy as np
import pytest

from sim.line_playout import Gap, LinePlayout

RATE = 8000


def samples(count, value):
    return np.full(count, value, np.int16)


def test_sound_plays_in_order_and_silence_fills_the_rest():
    playout = LinePlayout(RATE)
    playout.media(0.5, samples(800, 1))
    playout.media(0.55, samples(800, 2))

    heard = playout.heard(1.0)

    assert heard.size == RATE
    expected = np.concatenate([samples(4000, 0), samples(800, 1), samples(800, 2), samples(2400, 0)])
    assert (heard == expected).all()
    assert playout.first_s == 0.5


def test_media_tells_how_much_waits_to_be_heard():
    playout = LinePlayout(RATE)
    assert playout.media(1.0, samples(800, 1)) == pytest.approx(0.1)
    assert playout.media(1.0, samples(1600, 1)) == pytest.approx(0.3)
    assert playout.media(1.25, samples(800, 1)) == pytest.approx(0.15)


def test_a_queue_that_runs_dry_is_a_gap():
    playout = LinePlayout(RATE)
    playout.media(0.0, samples(800, 1))
    playout.media(0.1, samples(800, 1))  # in time to the sample
    playout.media(0.25, samples(800, 1))

    assert playout.gaps == [Gap(at_s=0.2, length_s=pytest.approx(0.05), after_clear=False)]
    assert not playout.heard(0.25)[1600:].any()


def test_clear_lets_the_chunk_in_the_air_finish():
    playout = LinePlayout(RATE)
    for value in (1, 2, 3):
        playout.media(0.0, samples(800, value))

    dropped = playout.clear(0.15)
    playout.media(0.2, samples(800, 9))

    assert dropped == pytest.approx(0.1)
    heard = playout.heard(0.3)
    assert (heard == np.repeat(np.array([1, 2, 9], np.int16), 800)).all()
    assert playout.gaps == []


def test_a_gap_after_clear_is_marked():
    playout = LinePlayout(RATE)
    playout.media(0.0, samples(800, 1))
    playout.clear(0.05)
    playout.media(0.3, samples(800, 1))
    assert playout.gaps == [Gap(at_s=0.1, length_s=pytest.approx(0.2), after_clear=True)]


def test_clear_with_nothing_queued_does_nothing():
    playout = LinePlayout(RATE)
    assert playout.clear(0.0) == 0.0
    playout.media(0.0, samples(800, 1))
    assert playout.clear(5.0) == 0.0
    assert playout.heard(1.0)[:800].all()


def test_marks_come_back_when_what_was_before_them_has_been_played():
    playout = LinePlayout(RATE)
    playout.mark(0.0, "nothing before")
    playout.media(0.0, samples(800, 1))
    playout.mark(0.0, "first")
    playout.media(0.02, samples(800, 1))
    playout.mark(0.02, "second")

    assert [echo.name for echo in playout.due(0.0)] == ["nothing before"]
    assert playout.due(0.099) == []
    assert [(echo.name, echo.due_s) for echo in playout.due(0.25)] == [("first", 0.1), ("second", 0.2)]
    assert playout.due(9.0) == []


@pytest.mark.parametrize("echo_cleared", [True, False])
def test_marks_of_cleared_sound(echo_cleared):
    """Whether they come back is not documented (exotel.md 7, question 4), so the fake can do both."""
    playout = LinePlayout(RATE, echo_cleared=echo_cleared)
    playout.media(0.0, samples(800, 1))
    playout.mark(0.0, "in the air")
    playout.media(0.0, samples(800, 1))
    playout.mark(0.0, "flushed")

    playout.clear(0.05)

    echoes = [(echo.name, echo.due_s, echo.cleared) for echo in playout.due(1.0)]
    flushed = [("flushed", 0.05, True)] if echo_cleared else []
    assert echoes == [*flushed, ("in the air", 0.1, False)]


def test_a_piece_of_what_was_heard():
    playout = LinePlayout(RATE)
    playout.media(0.0, samples(800, 1))
    playout.media(0.0, samples(800, 2))
    assert list(playout.between(798, 803)) == [1, 1, 2, 2, 2]
    assert list(playout.between(1598, 1602)) == [2, 2, 0, 0]
