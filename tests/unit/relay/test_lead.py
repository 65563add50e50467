"""The lead, told of echoes one by one."""

import pytest

from relay.line.lead import CEILING_S, START_S, Lead
from relay.line.loop_reserve import LoopReserve

FRAME_S = 0.04
FLOOR_S = 0.06


def told(delays: list[float], *, lead: Lead | None = None, since: float = 0.0, every_s: float = 1.0) -> Lead:
    """One echo a second, so late; what is found out is corrected, as the clock of the line would be."""
    lead = lead or Lead(FRAME_S)
    offset = 0.0
    for number, delay in enumerate(delays, 1):
        offset += lead.echoed(delay - offset, since + number * every_s)
    return lead


def corrected(delays: list[float], lead: Lead | None = None) -> list[float]:
    """The correction at each echo."""
    lead, offset, moves = lead or Lead(FRAME_S), 0.0, []
    for number, delay in enumerate(delays, 1):
        moves.append(lead.echoed(delay - offset, number * 1.0))
        offset += moves[-1]
    return moves


# --- how far ahead ---


def test_the_lead_begins_at_100_ms():
    assert Lead(FRAME_S).seconds == START_S
    assert Lead(FRAME_S).reserve_s == pytest.approx(0.06)


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.4, 2.0])
def test_on_a_good_line_it_is_at_its_floor_after_ten_seconds(delay):
    """However long the way is: what does not vary needs no reserve."""
    assert told([delay] * 10).seconds == pytest.approx(FLOOR_S)
    assert told([delay] * 300).seconds == pytest.approx(FLOOR_S)


def test_a_line_is_not_called_good_before_eight_echoes():
    leads = [told([0.03] * count).seconds for count in range(1, 12)]
    assert leads[:8] == [START_S] * 8
    assert leads[-1] == pytest.approx(FLOOR_S)


@pytest.mark.parametrize("uneven", [0.025, 0.04, 0.1])
def test_a_line_that_was_uneven_once_keeps_its_reserve_for_long(uneven):
    """A mark a second sees few of the messages. One that was 40 ms late means others that were later."""
    lead = told([0.03] * 5 + [0.03 + uneven])
    assert lead.seconds >= FRAME_S + 1.5 * uneven - 1e-9
    before = lead.seconds
    told([0.03] * 10, lead=lead, since=6)
    assert before - 0.0101 <= lead.seconds < before


def test_the_lead_rises_at_once_and_stays_high_for_a_while():
    lead = told([0.03] * 20)
    told([0.13], lead=lead, since=20)
    assert lead.seconds == pytest.approx(FRAME_S + 1.5 * 0.1)
    told([0.03] * 10, lead=lead, since=21)
    assert lead.seconds >= FRAME_S + 0.135


def test_it_is_bounded():
    lead = told([0.03] * 10 + [3.0, 0.03])
    assert lead.seconds == CEILING_S


def test_what_turns_out_to_be_lateness_is_no_reason_for_more_reserve():
    """One stall made a learned lead four times as long, and that stayed for minutes."""
    lead = told([0.03] * 10 + [0.9] * 3)
    assert lead.late_s == pytest.approx(0.87)
    assert lead.seconds == pytest.approx(FLOOR_S)


def test_on_a_line_that_echoes_nothing_it_stays_where_it_began():
    lead = Lead(FRAME_S)
    for second in range(600):
        lead.fired(0.0005, second)
    assert lead.seconds >= START_S


def test_a_late_loop_needs_more_reserve():
    lead = told([0.03] * 20)
    lead.fired(0.04, 20.5)
    assert lead.seconds == pytest.approx(FRAME_S + 0.05), "the next one may be a quarter later"
    lead.fired(0.03, 20.6)
    assert lead.seconds == pytest.approx(FRAME_S + 0.05)
    lead.fired(3.0, 20.7)
    assert lead.seconds == pytest.approx(CEILING_S)


def test_all_lines_of_a_loop_share_what_it_needs():
    loop = LoopReserve()
    lead, other, fixed = Lead(FRAME_S, loop=loop), Lead(FRAME_S, loop=loop), Lead(FRAME_S, fixed_s=0.08, loop=loop)
    fixed.fired(0.09, 0.5)
    assert loop.seconds == 0.0, "who does not learn tells nothing"
    lead.fired(0.072, 1.0)
    assert (lead.seconds, other.seconds, fixed.seconds) == pytest.approx((0.13, 0.13, 0.08))
    assert (other.reserve_s, fixed.reserve_s) == pytest.approx((0.09, 0.04))


def test_a_line_whose_own_frames_come_in_bursts_keeps_what_it_began_with():
    """Two of three bursts meet no mark: the first that did was heard as a hole, with less in reserve than 100 ms."""
    lead = Lead(FRAME_S)
    lead.uneven(0.023, 4.0)
    told([0.03] * 60, lead=lead)
    assert lead.seconds == START_S
    told([0.03] * 10, lead=lead, since=64)
    assert lead.seconds == pytest.approx(FLOOR_S)


def test_a_burst_that_comes_later_brings_it_back_at_once():
    lead = told([0.03] * 30)
    lead.uneven(0.3, 30.5)
    assert lead.seconds == START_S
    told([0.03] * 20, lead=lead, since=31)
    assert lead.seconds == START_S


def test_what_the_floor_has_in_reserve_is_no_unevenness():
    lead = Lead(FRAME_S)
    for second in range(30):
        lead.uneven(0.02, second)
    assert told([0.03] * 10, lead=lead).seconds == pytest.approx(FLOOR_S)


def test_one_reserve_is_for_the_line_or_the_loop_and_not_for_both():
    """A fixed 100 ms has no second reserve either, and a loop that was 20 late once cost every answer 20."""
    lead = Lead(FRAME_S)
    lead.fired(0.045, 1.0)
    assert lead.seconds == START_S
    lead.fired(0.08, 2.0)
    assert lead.seconds == pytest.approx(FRAME_S + 0.1)
    assert told([0.03] * 4 + [0.13], lead=lead, since=2).seconds == pytest.approx(FRAME_S + 0.15)


@pytest.mark.parametrize("own", [0.03, 0.05])
def test_what_a_standstill_of_ours_delayed_is_held_against_the_loop_only(own):
    lead = told([0.03] * 30)
    lead.uneven(own, 30.2, own_s=own)
    lead.echoed(0.03 + own, 31.0, own_s=own)
    assert lead.seconds == pytest.approx(FLOOR_S), "the loop knows itself how late its frames were"
    lead.uneven(own + 0.03, 31.2, own_s=own)  # and the line was late, too
    assert lead.seconds == START_S


def test_a_standstill_of_ours_does_not_keep_the_initial_reserve_of_a_good_line():
    """25 ms while many calls began let the reserve for the line go down by one millisecond a second: for 40 seconds."""
    loop = LoopReserve()
    lead = Lead(FRAME_S, loop=loop)
    lead.fired(0.025, 1.0)
    assert told([0.03] * 11, lead=lead).seconds == pytest.approx(FRAME_S + 1.25 * 0.025)
    loop.look(11.0)
    assert lead.seconds == pytest.approx(FLOOR_S)


def test_an_echo_that_is_later_than_our_standstill_was_counts_with_the_rest():
    lead = told([0.03] * 30)
    lead.echoed(0.03 + 0.09, 31.0, own_s=0.05)
    assert lead.seconds == pytest.approx(FRAME_S + 1.5 * 0.04)
    assert lead.echoed(0.02, 32.0, own_s=0.05) < 0  # a standstill makes no echo early


@pytest.mark.parametrize("late", [0.012, 0.025, 0.039])
def test_a_line_that_is_a_little_late_all_the_time_is_late_and_not_uneven(late):
    """A stall of 70 ms left a line 30 ms late for good: 30 more in its queue, and 45 in reserve for what was taken as
    unevenness.
    """
    lead = told([0.03] * 30)
    moves = [lead.echoed(0.03 + late, 31.0 + second) for second in range(11)]
    assert moves == pytest.approx([0.0] * 10 + [late])
    assert lead.seconds == pytest.approx(FLOOR_S)
    assert told([0.03] * 5, lead=lead, since=41).late_s == pytest.approx(late)
    assert lead.seconds == pytest.approx(FLOOR_S)


def test_of_a_line_that_was_late_and_uneven_only_the_unevenness_is_kept_in_reserve():
    lead = told([0.03] * 30)
    delays = [0.03 + 0.035 + (0.017 if second == 4 else 0.0) for second in range(11)]
    moved = sum(lead.echoed(delay, 31.0 + second) for second, delay in enumerate(delays))
    assert moved == pytest.approx(0.035)
    assert lead.seconds == pytest.approx(FLOOR_S)
    delays = [0.03 + 0.039 + (0.019 if second == 4 else 0.0) for second in range(11)]
    lead = Lead(0.02)  # with the least in reserve
    told([0.03] * 30, lead=lead)
    for second, delay in enumerate(delays):
        lead.echoed(delay, 31.0 + second)
    assert lead.seconds == pytest.approx(0.02 + 1.5 * 0.019, abs=0.0021)


def test_a_line_that_is_uneven_all_the_time_is_not_taken_for_late():
    """Its quickest echo of ten seconds is slower than the quickest of the call, and its slowest much more so."""
    swing = [0.012, 0.03, 0.05, 0.02, 0.04, 0.015, 0.06]
    assert not any(corrected([0.03] * 5 + [0.03 + swing[second % 7] for second in range(120)]))


def test_a_lead_that_was_set_is_not_learned():
    lead = told([0.03, 0.5, 0.03, 0.4], lead=Lead(FRAME_S, fixed_s=0.12))
    lead.fired(0.3, 5)
    assert lead.seconds == 0.12
    assert lead.reserve_s == pytest.approx(0.08)


@pytest.mark.parametrize("frame_s", [0.02, 0.04, 0.1, 0.2])
def test_a_frame_and_a_half_is_the_least(frame_s):
    assert told([0.03] * 60, lead=Lead(frame_s)).seconds == pytest.approx(1.5 * frame_s)
    assert Lead(frame_s).seconds >= 1.5 * frame_s


# --- how late ---


@pytest.mark.parametrize("late", [0.2, 0.5, 5.0])
def test_a_line_that_stays_late_is_corrected_at_the_second_echo(late):
    lead = Lead(FRAME_S)
    moves = corrected([0.03] * 10 + [0.03 + late] * 10, lead)
    assert moves == pytest.approx([0.0] * 11 + [late] + [0.0] * 8)
    assert lead.late_s == pytest.approx(late)


def test_one_late_message_is_no_late_line():
    assert corrected([0.03] * 10 + [0.9] + [0.03] * 10) == [0.0] * 21


def test_a_line_that_creeps_away_is_fetched_back():
    """Its clock is 100 ppm slower than ours: a tenth of a millisecond a second, a third of a second in an hour."""
    moves = corrected([0.03 + 1e-4 * second for second in range(3600)])
    assert sum(moves) == pytest.approx(0.36, abs=0.05)
    assert max(moves) <= 0.05


def test_a_line_that_runs_ahead_is_followed():
    moves = corrected([0.4 - 1e-4 * second for second in range(3600)])
    assert sum(moves) == pytest.approx(-0.36, abs=0.005)
    assert min(moves) >= -0.003


def test_what_all_first_echoes_waited_for_in_a_busy_process_is_no_way():
    """Then the line was believed to be early by that, so it was sent everything earlier, for the rest of the call."""
    lead = Lead(FRAME_S)
    for second, delay in enumerate([0.25, 0.23, 0.24, 0.3, 0.26, 0.28]):
        assert lead.echoed(delay, second, own_s=0.2) == 0.0
    assert lead.way_s == 0.23
    assert lead.echoed(0.03, 6.0) == 0.0
    assert lead.way_s == pytest.approx(0.03)
    moves = [lead.echoed(0.03, 7.0 + second) for second in range(20)]
    assert (moves, lead.seconds) == ([0.0] * 20, pytest.approx(FLOOR_S))


@pytest.mark.parametrize("own", [0.2, 0.4])
def test_echoes_that_wait_to_be_read_make_no_line_late(own):
    """Two of them moved its clock by 200 ms, and the next frames came so much too late."""
    lead = told([0.03] * 10)
    moves = [lead.echoed(0.03 + 0.2, 11.0 + second, own_s=own) for second in range(12)]
    assert moves == [0.0] * 12
    assert lead.seconds == pytest.approx(FLOOR_S)


def test_a_line_that_is_not_late_after_all_is_moved_back():
    """A correction that was wrong leaves less in reserve than there seems to be."""
    lead = told([0.03] * 10)
    moves = [lead.echoed(delay, 11.0 + second) for second, delay in enumerate([0.33, 0.33, 0.03, 0.03, 0.03])]
    assert moves == pytest.approx([0.0, 0.3, 0.0, 0.0, 0.0])
    assert lead.echoed(-0.27, 16.0) == pytest.approx(-0.3)
    assert lead.echoed(-0.07, 17.0) == 0.0, "what was corrected is undone once"
    assert lead.way_s == pytest.approx(-0.07)


@pytest.mark.parametrize("seemed", [0.03, 0.13])
def test_a_way_that_is_as_short_again_as_it_was_makes_no_correction_wrong(seemed):
    """The line was late, and was moved; then the way took longer for a while. Moved back, it got all too early."""
    lead = told([seemed] * 6 + [0.03] * 4)
    lead.stalled(0.5, 0.4)
    for second in range(4):
        lead.echoed(0.23, 12.0 + second)
    assert lead.way_s == pytest.approx(0.23)
    assert lead.echoed(0.03, 16.0) == 0.0
    assert lead.way_s == pytest.approx(0.03)


def test_a_way_that_has_become_longer_is_not_corrected_again_and_again():
    """Taken for lateness, it makes the line run dry, which looks like lateness again."""
    lead, longer, offset, corrections = Lead(FRAME_S), 0.2, 0.0, 0
    for second in range(120):
        delay = 0.03 if second < 20 else 0.03 + longer
        # each correction of what was no lateness is a hole of that length: the line is really late then
        moved = lead.echoed(delay - offset if second < 20 else delay, second)
        corrections += moved > 0
        if moved:
            offset += moved
    assert corrections == 1


def test_marks_close_together_tell_the_same_thing_once():
    """Two echoes held up by one stall of the way back are no proof that the line is late."""
    lead = told([0.03] * 10)
    assert lead.echoed(0.6, 11.0) == 0.0
    assert lead.echoed(0.59, 11.01) == 0.0
    assert lead.echoed(0.03, 12.0) == 0.0
    assert lead.late_s == 0.0


def test_lead_percentiles_for_the_record():
    assert Lead(FRAME_S).percentiles_ms() is None
    lead = told([0.03] * 90 + [0.08] * 10)
    assert lead.percentiles_ms() == {"p50": 30, "p95": 80}
    assert told([0.8] * 100).percentiles_ms() == {"p50": 800, "p95": 800}
