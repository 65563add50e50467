"""How long a late loop is remembered."""

import pytest

from relay.line.loop_reserve import LoopReserve


def told(*late, looks=()):
    """What is needed at each of `looks`, if frames were so late: (when, how late)."""
    reserve, needed = LoopReserve(), []
    for when, late_s in sorted([*late, *((at, None) for at in looks)], key=lambda each: each[0]):
        reserve.look(when)
        if late_s is None:
            needed.append(reserve.seconds)
        else:
            reserve.late(late_s, when)
    return needed


def test_it_rises_at_once_and_is_forgotten_after_ten_seconds():
    """One moment of 100 ms made every caller of a relay wait 100 ms longer, and 80 a quarter of a minute later."""
    assert told((100.0, 0.1), looks=(99.0, 100.0, 104.0, 109.99, 110.0)) == [0.0, 0.1, 0.1, 0.1, 0.0]


def test_what_comes_back_is_remembered_from_then_on():
    assert told((100.0, 0.1), (108.0, 0.1), looks=(112.0, 114.9, 115.0)) == [0.1, 0.1, 0.0]


def test_a_smaller_one_is_what_is_left_of_two():
    assert told((100.0, 0.1), (106.0, 0.03), (106.1, 0.02), looks=(109.0, 111.0, 114.9, 115.0)) == [0.1, 0.03, 0.03, 0]


def test_a_larger_one_counts_at_once():
    assert told((100.0, 0.03), (101.0, 0.1), (106.0, 0.2), looks=(100.5, 101.5, 106.0, 111.0)) == [0.03, 0.1, 0.2, 0.2]


@pytest.mark.parametrize("pause_s", [10.0, 12.0, 3600.0])
def test_after_a_long_time_without_a_look_nothing_is_left(pause_s):
    assert told((100.0, 0.1), looks=(100.0 + pause_s,)) == [0.0]


def test_ten_seconds_are_counted_from_the_first_of_a_new_series():
    assert told((100.0, 0.1), (112.0, 0.05), looks=(111.0, 121.9, 122.0)) == [0.0, 0.05, 0.0]
