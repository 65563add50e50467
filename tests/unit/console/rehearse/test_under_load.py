"""The figures of a load test, from calls whose sound and records are known."""

import numpy as np

from console.rehearse import under_load
from console.rehearse.expectations import LineFacts, Observed
from console.rehearse.runs import NOTHING, Played
from console.rehearse.suite import CallerFile, Step
from console.rehearse.timing import Timing

NO_SOUND = np.zeros(0, np.int16)
CALLER = CallerFile(name="asks", title="Asks", steps=(Step(when="at 1 s", hang_up=True),))


def played(*, start_s=0.0, length_s=10.0, timing=NOTHING, record=None, late_ms=0):
    seen = Observed(length_s, record or {}, (), [], timing, line=LineFacts(True, start_s, late_ms))
    return Played(CALLER, 1, "sid", (), (), seen, 8000, NO_SOUND, NO_SOUND)


def refused():
    seen = Observed(0.0, {}, (), [], NOTHING, problem="refused", line=LineFacts(placed=False))
    return Played(CALLER, 1, "sid", (), (), seen, 8000, NO_SOUND, NO_SOUND)


def test_calls_are_counted_by_what_became_of_them_and_how_many_there_were_at_one_moment():
    found = under_load.measure([played(), played(start_s=5), played(start_s=10), refused()])
    assert (found.placed, found.refused, found.at_once) == (3, 1, 2)
    assert "3 calls placed, 1 refused, 2 at once." in list(under_load.lines(found))


def test_times_are_those_of_all_calls_together():
    slow = Timing((), (900, 1000), (300,), 700, 0, 0)
    quick = Timing((), (100,), (), 200, 0, 0)
    found = under_load.measure([played(timing=slow), played(timing=quick)])
    assert found.first_words == under_load.Spread(2, 200, 700, 700)
    assert found.answer == under_load.Spread(3, 900, 1000, 1000)
    assert found.silenced == under_load.Spread(1, 300, 300, 300)
    assert "Answer time: 900 ms (p50), 1000 ms (p95), 1000 ms (p99) of 3." in list(under_load.lines(found))


def test_the_relays_part_and_holes_come_from_the_records():
    record = {
        "turns": [{"speaker": "agent", "relay_ms": 60}, {"speaker": "caller"}],
        "quality": {"gaps": 2, "gap_ms": 81},
    }
    found = under_load.measure([played(record=record), played(record=record), played()])
    assert found.relay == under_load.Spread(2, 60, 60, 60)
    assert (found.holes, found.hole_ms) == (4, 162)
    assert "Holes in the sound: 4, 162 ms in all." in list(under_load.lines(found))


def test_without_records_nothing_is_said_of_holes():
    found = under_load.measure([played()])
    assert found.holes is None
    assert not any("Holes" in line for line in under_load.lines(found))


def test_a_machine_that_was_late_says_so():
    late, in_time = under_load.measure([played(late_ms=101), played()]), under_load.measure([played(late_ms=100)])
    assert any(line.startswith("This machine was up to 101 ms late") for line in under_load.lines(late))
    assert in_time.machine_kept_up
    assert not any("This machine" in line for line in under_load.lines(in_time))
