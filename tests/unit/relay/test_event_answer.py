"""An answer is read for what it says; what makes no sense in it is not there."""

import pytest

from relay.events.answer import MOST_COMMANDS, Command, EventAnswer, UploadLeave, read_answer

NOTE = {"id": "c1", "do": "note", "by": "asha", "left_s": 28.5, "what": {"text": "the parcel is in Pune"}}


def test_the_last_release_answers_without_any_of_it():
    assert read_answer({"status": "ok", "duplicate": False}) == EventAnswer()


def test_all_that_an_answer_can_say():
    answer = {
        "status": "ok",
        "transfer": {"accepted": False, "target": None, "reason": "no target 'sales'"},
        "progress": 7,
        "watched": True,
        "commands": [NOTE],
        "of_another_release": [1],
    }
    assert read_answer(answer) == EventAnswer(
        accepted=False,
        refusal="no target 'sales'",
        progress=7,
        watched=True,
        commands=(Command("c1", "note", "asha", 28.5, {"text": "the parcel is in Pune"}),),
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"transfer": "yes", "progress": "7", "watched": 1, "commands": "end"},
        {"transfer": {"accepted": "true"}, "progress": True, "watched": "true", "commands": {"id": "c1"}},
        {"transfer": [], "progress": -1, "commands": [None, 4, "x", {}, {"id": "c1"}, {"id": "../c", "do": "end"}]},
        {"progress": 1.5, "commands": [{"id": "c1", "do": 5}, {"id": 5, "do": "end"}, {"id": ".", "do": "end"}]},
    ],
)
def test_what_is_of_the_wrong_kind_is_not_there(answer):
    assert read_answer(answer) == EventAnswer()


@pytest.mark.parametrize("left", [None, "30", True, float("nan"), [30]])
def test_a_command_without_a_time_comes_too_late(left):
    (command,) = read_answer({"commands": [NOTE | {"left_s": left}]}).commands
    assert command.left_s == 0


def test_a_command_is_given_once_and_not_without_end():
    assert len(read_answer({"commands": [NOTE, NOTE]}).commands) == 1
    many = [NOTE | {"id": f"c{number}"} for number in range(MOST_COMMANDS + 5)]
    assert [command.id for command in read_answer({"commands": many}).commands] == [
        f"c{n}" for n in range(MOST_COMMANDS)
    ]


def test_texts_are_cut():
    (command,) = read_answer({"commands": [NOTE | {"do": "x" * 100, "by": "y" * 1000, "what": "z"}]}).commands
    assert (len(command.do), len(command.by), command.what) == (40, 100, {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "POST"},
        {"piece": "1"},
        {"piece": True},
        {"url": ""},
        {"url": "x" * 5000},
        {"headers": {"content-length": "7"}},
        {"headers": {"Host": "elsewhere"}},
        {"headers": {"a": 7}},
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": {f"h{n}": "" for n in range(17)}},
        {"headers": []},
    ],
)
def test_an_invalid_upload_in_an_answer_is_dropped(wrong):
    good = {"piece": 1, "method": "PUT", "url": "https://b.example/k", "headers": {"If-None-Match": "*"}}
    answer = read_answer({"status": "ok", "uploads": [{**good, **wrong}, 7, good]})
    assert answer.uploads == (UploadLeave(1, "https://b.example/k", {"if-none-match": "*"}),)


def test_at_most_16_uploads_are_read_from_an_answer():
    one = {"piece": 1, "method": "PUT", "url": "https://b.example/k", "headers": {}}
    assert len(read_answer({"uploads": [one] * 100}).uploads) == 16
    assert read_answer({"uploads": "all"}).uploads == ()
