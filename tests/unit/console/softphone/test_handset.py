"""The phone in the caller's hand, between the browser and the line."""

import numpy as np

from console.softphone.handset import MOST, PRIMED, Handset

SIZE = 160
SILENCE = np.zeros(SIZE, np.int16)


def spoken(value):
    return np.full(SIZE, value, "<i2").tobytes()


def beats(handset, count, heard=SILENCE):
    """What the caller does in the next frames: the first sample of each, 0 for silence."""
    doings = [handset.frame(0.0, heard, SIZE) for _ in range(count)]
    return [0 if doing.pcm is None else int(doing.pcm[0]) for doing in doings]


def make():
    return Handset(8000, lambda beat: None)


def test_the_microphone_is_used_once_a_little_is_there_so_that_it_does_not_run_dry():
    handset = make()
    handset.speak(spoken(1))
    assert beats(handset, 1) == [0]
    handset.speak(spoken(2))
    assert beats(handset, 2) == [1, 2]


def test_a_late_microphone_is_silence_not_a_stall():
    handset = make()
    for value in range(1, PRIMED + 1):
        handset.speak(spoken(value))
    assert beats(handset, PRIMED + 2) == [1, 2, 0, 0]
    assert handset.late_frames == 1


def test_what_piled_up_is_dropped_so_that_the_call_does_not_stay_late():
    handset = make()
    for value in range(1, MOST + 5):
        handset.speak(spoken(value))
    assert beats(handset, 2) == [MOST + 3, MOST + 4]


def test_frames_of_a_wrong_size_are_not_taken():
    handset = make()
    for wrong in (b"", b"\0", spoken(1)[:-2], spoken(1) * 2):
        handset.speak(wrong)
    assert beats(handset, 3) == [0, 0, 0]


def test_muted_the_line_goes_on_in_silence():
    handset = make()
    handset.muted = True
    for value in range(1, 5):
        handset.speak(spoken(value))
    assert beats(handset, 2) == [0, 0]
    handset.muted = False
    assert beats(handset, 2) == [3, 4]


def test_keys_and_hanging_up_go_with_the_next_frame_once():
    handset = make()
    handset.press("4")
    handset.press("#")
    handset.hang_up()
    first, second = (handset.frame(0.0, SILENCE, SIZE) for _ in range(2))
    assert (first.digits, first.hang_up) == ("4#", True)
    assert second.digits == ""


def test_the_network_delays_what_the_caller_hears_too():
    heard = []
    handset = Handset(8000, lambda beat: heard.append(int(beat.heard[0])))
    handset.set_network(40, 0)
    for value in range(1, 6):
        handset.frame(0.0, np.full(SIZE, value, np.int16), SIZE)
    assert heard == [0, 0, 1, 2, 3]
