"""How the sound of a test call is judged."""

import numpy as np

from console.doctor.relay_call import Listener, judge_pacing
from sim.exotel_spelling import Spelling, StreamStart
from sim.exotel_stream import LineFaults, LineRules, Stream
from sim.timeline import Timeline

FRAME = np.full(800, 100, np.int16)  # 100 ms


def heard(*arrivals_s):
    start = StreamStart("s", "c", "a", "doctor", "doctor", 8000)
    stream = Stream(
        start,
        Listener(3, 8),
        timeline=Timeline(),
        spelling=Spelling(),
        rules=LineRules(),
        faults=LineFaults(),
        max_s=9,
    )
    for at_s in arrivals_s:
        stream.ahead_max_s = max(stream.ahead_max_s, stream.playout.media(at_s, FRAME))
    return stream


def test_holes_are_reported():
    finding = judge_pacing(heard(0.0, 0.1, 0.6, 0.7))
    assert (finding.verdict.value, finding.found) == ("warn", "the sound had holes of 0.4 s together")


def test_what_this_process_noticed_late_is_no_hole():
    stream = heard(0.0, 0.1, 0.6, 0.7)
    stream.late_max_s = 0.3
    assert judge_pacing(stream).verdict.value == "pass"


def test_the_listener_hangs_up_when_it_has_heard_enough():
    listener = Listener(1.0, 8.0)
    silence, sound = np.zeros(160, np.int16), np.ones(160, np.int16)
    assert not listener.frame(2000, silence, 160).hang_up
    assert not listener.frame(2020, sound, 160).hang_up
    assert not listener.frame(3000, sound, 160).hang_up
    assert listener.frame(3020, sound, 160).hang_up


def test_the_listener_does_not_wait_for_ever():
    assert Listener(1.0, 8.0).frame(8000, np.zeros(160, np.int16), 160).hang_up
