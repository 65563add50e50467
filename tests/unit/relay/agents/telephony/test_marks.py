"""Marks: in order, each once, when what is before them was heard."""

from hypothesis import given
from hypothesis import strategies as st

from relay.agents.telephony.marks import Marks


def test_a_mark_behind_sound_waits_until_it_was_heard():
    marks = Marks()
    assert marks.sound() == ("1", True)
    assert marks.sound() == ("1", False)
    assert marks.mark("a") == ("1", [])
    assert marks.sound() == ("2", True)
    assert marks.heard("1") == ["a"]
    assert marks.heard("1") == []


def test_a_mark_with_nothing_before_it_is_echoed_at_once():
    marks = Marks()
    assert marks.mark("first") == ("", ["first"])
    marks.sound()
    marks.mark("a")
    assert marks.heard("1") == ["a"]
    assert marks.mark("b") == ("", ["b"])


def test_marks_without_sound_between_them_come_together():
    marks = Marks()
    marks.sound()
    assert marks.mark("a") == ("1", [])
    assert marks.mark("b") == ("", [])
    assert marks.heard("1") == ["a", "b"]


def test_a_pause_ends_what_was_said_and_a_late_mark_still_belongs_to_it():
    marks = Marks()
    marks.sound()
    assert marks.end() == "1"
    assert marks.end() == ""
    assert marks.mark("a") == ("", [])
    assert marks.heard("1") == ["a"]


def test_a_clear_echoes_what_will_not_be_heard_in_order():
    """Both carriers send the marks of cleared sound back: a bot that counts them would wait for ever."""
    marks = Marks()
    for name in ("a", "b"):
        marks.sound()
        marks.mark(name)
    marks.sound()
    assert marks.clear() == ["a", "b"]
    assert marks.mark("c") == ("", ["c"])
    assert marks.sound() == ("4", True)


@given(st.lists(st.sampled_from(["sound", "mark", "end", "clear", "heard"]), max_size=60))
def test_every_mark_is_echoed_once_and_in_order(steps):
    marks, echoed, set_names, number = Marks(), [], [], 0
    for step in steps:
        match step:
            case "sound":
                number = int(marks.sound()[0])
            case "mark":
                set_names.append(str(len(set_names)))
                echoed += marks.mark(set_names[-1])[1]
            case "end":
                marks.end()
            case "clear":
                echoed += marks.clear()
            case "heard" if number:
                echoed += marks.heard(str(number))
    echoed += marks.clear()
    assert echoed == set_names
