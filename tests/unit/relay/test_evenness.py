"""How unevenly a line sends, frame by frame."""

import pytest

from relay.line.evenness import Evenness


def lateness(arrivals: list[float], frame_s: float = 0.02, evenness: Evenness | None = None) -> list[float]:
    """What is told at each frame; `arrivals`: when each came that was sent every `frame_s` from 0 on."""
    evenness = evenness or Evenness()
    return [evenness.arrived((number + 1) * frame_s, at) for number, at in enumerate(arrivals)]


@pytest.mark.parametrize("latency", [0.0, 0.03, 0.4])
def test_an_even_line_is_never_late(latency):
    assert lateness([latency + 0.02 * n for n in range(500)]) == pytest.approx([0.0] * 500)


def test_a_late_frame_is_told_with_the_next():
    arrivals = [0.02 * n for n in range(100)]
    arrivals[60] += 0.015
    told = lateness(arrivals)
    assert told[61] == pytest.approx(0.015)
    assert max(told[:61] + told[62:]) < 1e-9


@pytest.mark.parametrize("together", [2, 5])
def test_a_line_that_sends_several_frames_at_once_is_even(together):
    """The first of each hand-full is complete as late as the last: that is how the line sends."""
    arrivals = [0.02 * together * (n // together) for n in range(300)]
    assert max(lateness(arrivals)[together:]) < 1e-9


def test_a_burst_counts_by_the_last_of_what_came_together():
    arrivals = [0.02 * n for n in range(100)]
    arrivals[50:53] = [arrivals[52] + 0.01] * 3  # held up for 50 ms, and the last of them for 10
    told = lateness(arrivals)
    assert max(told) == pytest.approx(0.01)


@pytest.mark.parametrize("ppm", [100, -100])
def test_another_clock_is_not_unevenness(ppm):
    """A third of a second in an hour: what is compared is never older than twenty seconds."""
    told = lateness([0.02 * n * (1 + ppm / 1e6) for n in range(180_000)])
    assert max(told) <= 0.0021


def test_evenness_starts_again_after_a_stall():
    evenness = Evenness()
    lateness([0.02 * n for n in range(100)], evenness=evenness)
    evenness.restart()
    assert lateness([7.0 + 0.02 * n for n in range(100)], evenness=evenness) == pytest.approx([0.0] * 100)
