"""Where sound belongs, by what the line tells: the cases that whole calls meet too seldom."""

import pytest

from relay.recording.placing import CallerPlace, HeardPlace, Shift

RATE = 8000
FRAME = 320


def talking(place: HeardPlace, seconds: float, until: float) -> None:
    """Frames without a break, from `seconds` on."""
    number = 0
    while seconds + number * 0.04 < until:
        place.sent(FRAME, seconds + number * 0.04, 0.0)
        number += 1


def test_a_line_that_falls_behind_slowly_is_followed_and_not_moved_at_once():
    """When the clock is moved for it at last, the recording has been there already."""
    place = HeardPlace(RATE)
    talking(place, 0.0, 1.0)
    assert place.echoed(0.05, 0.0, 0.05, 1.0, 0.0, None) == ([Shift(0, 8000, 400)], False)
    for number in range(1, 21):  # the least of ten echoes is what counts
        talking(place, float(number), number + 1.0)
        place.echoed(0.05 + min(0.04, 0.004 * number), 0.0, 0.05, number + 1.0, 0.0, None)
    before = place.end
    assert place.echoed(0.09, 0.04, 0.05, 22.0, 0.0, None) == ([], False)
    assert place.end == before
    assert place.sent(FRAME, 21.04, 0.0) == before  # its clock says 40 ms later, and its echoes 40 ms less


def test_a_line_that_stood_still_is_moved_as_far_as_it_did():
    place = HeardPlace(RATE)
    talking(place, 0.0, 3.0)
    for second in (1.0, 2.0, 3.0):
        place.echoed(0.05, 0.0, 0.05, second, 0.0, None)
    talking(place, 3.0, 6.0)
    assert place.echoed(2.05, 0.0, 0.05, 5.5, 0.0, 3.1) == ([], True)
    shifts, in_doubt = place.echoed(2.05, 2.0, 0.05, 6.5, 0.0, 3.1)
    assert (shifts, in_doubt) == ([Shift(25_200, 48_400, 16_000)], False)  # from 3.1 s on, and the way there and back
    assert place.sent(FRAME, 8.0, 0.0) == 64_400


def test_what_a_stall_held_up_is_played_without_the_pauses_in_which_nothing_was_sent():
    place = HeardPlace(RATE)
    talking(place, 0.0, 3.52)
    for second in (1.0, 2.0, 3.0):
        place.echoed(0.0, 0.0, 0.0, second, 0.0, None)
    talking(place, 5.0, 5.4)  # a word, while ambience was withheld
    shifts, in_doubt = place.echoed(3.0, 2.0, 0.0, 6.5, 0.0, 3.1, stalled=True)
    assert shifts == [Shift(40_000, 43_200, 16_000), Shift(24_800, 28_160, 27_840)]
    assert not in_doubt
    assert place.end == 59_200
    assert place.sent(FRAME, 7.4, 0.0) == 59_200


@pytest.mark.parametrize(
    ("apart_ms", "first"),
    [
        (0, 8000),
        (11, 8000),  # continuous sound is not torn for that little
        (13, 8104),
        (-11, 8000),
        (-13, 7896),
    ],
)
def test_continuous_sound_follows_unless_the_two_sides_are_more_than_12_ms_apart(apart_ms, first):
    """`apart_ms`: how far the caller's clock has come since. Whether it is ahead or behind makes no difference."""
    place = HeardPlace(RATE)
    talking(place, 0.0, 1.0)
    assert place.sent(FRAME, 1.0, -apart_ms / 1000) == first
    assert place.end == first + FRAME


def test_sound_after_a_hole_begins_at_its_time_unless_it_would_overlap():
    place = HeardPlace(RATE)
    talking(place, 0.0, 1.0)
    assert place.sent(FRAME, 1.005, 0.0) == 8040  # a hole of 5 ms is one
    assert place.sent(FRAME, 1.050, 0.009) == 8360  # overlaps by 4 ms, less than is tolerated: follows
    assert place.sent(FRAME, 1.095, 0.009) == 8688  # there is time between the two


def test_a_line_that_turns_out_to_be_earlier_moves_nothing():
    place = HeardPlace(RATE)
    talking(place, 0.0, 2.0)
    place.echoed(0.05, 0.0, 0.05, 1.0, 0.0, None)
    assert place.echoed(0.045, -0.005, 0.05, 2.0, 0.0, None) == ([], False)
    assert place.sent(FRAME, 1.995, 0.0) == 16_400


def test_frames_that_come_late_and_at_once_lie_one_behind_another():
    place = CallerPlace(RATE)
    for number in range(50):
        place.arrived(160, 0, 0.02 * (number + 1))
    for number in range(100):
        assert place.arrived(160, 0, 3.0) == ((50 + number) * 160, None)
    assert place.arrived(160, 0, 3.02) == (150 * 160, None)
    assert place.late_s == 0.0


def test_time_that_no_count_tells_of_is_found_two_seconds_later():
    place = CallerPlace(RATE)
    for number in range(50):
        place.arrived(160, 0, 0.02 * (number + 1))
    moved = [shift for n in range(200) if (shift := place.arrived(160, 0, 4.0 + 0.02 * (n + 1))[1])]
    assert moved == [Shift(8000, 8000 + 100 * 160, 24_000)]
    assert place.end == 8 * RATE
