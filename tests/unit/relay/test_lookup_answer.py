"""What the answer to a look-up says: what can be used of it, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.agents.overrides import NAMES, Overrides
from relay.call.lookup_answer import LookupAnswer, read_answer
from relay.events.records import Transfer

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("agent", "variables", "overrides", "ambience", "ambience_volume", "transfer", "reject", "record", "tags")
THEIRS = ("dynamic_variables", "conversation_config_override", "user_id", "custom_llm_extra_body")
TAGS = "tags: expected at most 16 texts of 64 characters at most"


def test_an_answer_that_says_everything():
    answer = read_answer(
        {
            "agent": "vip",
            "variables": {"name": "Asha", "orders": 3, "gold": True, "nothing": None},
            "overrides": {"first_message": "Namaste!", "speed": 1},
            "ambience": "",
            "ambience_volume": 0.5,
            "transfer": {"target": "billing", "reason": "owes", "summary": "three bills"},
            "reject": "no",
            "record": "both",
            "tags": ["vip", "vip", "hindi"],
        }
    )
    assert answer == LookupAnswer(
        agent="vip",
        variables={"name": "Asha", "orders": 3, "gold": True},
        overrides=Overrides(first_message="Namaste!", speed=1.0),
        ambience="",
        ambience_volume=0.5,
        transfer=Transfer("billing", "owes", "three bills"),
        rejected="no",
        record="both",
        tags=("vip", "hindi"),
    )


def test_an_empty_answer_changes_nothing():
    assert read_answer({}) == LookupAnswer()
    assert read_answer(dict.fromkeys(KEYS)) == LookupAnswer()
    assert read_answer({}).overrides.given() == {}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"agent": 1}, "agent: expected a text of 200 characters at most"),
        ({"variables": []}, "variables: expected an object"),
        ({"variables": {"call_sid": "x"}}, "variables.call_sid: expected another name: the relay sets this one itself"),
        (
            {"variables": {"system__time": "x"}},
            "variables.system__time: expected another name: the relay sets this one itself",
        ),
        ({"variables": {"a b": "x"}}, "variables.a b: expected a name of letters, digits and _"),
        ({"variables": {"a": {}}}, "variables.a: expected a text, a number, true or false"),
        ({"variables": {"a": "x" * 4001}}, "variables.a: expected 4000 characters at most"),
        ({"overrides": {"voice": 3}}, "overrides.voice: expected a text of 200 characters at most"),
        ({"overrides": {"speed": 9}}, "overrides.speed: expected a number from 0.25 to 4"),
        ({"overrides": {"speed": True}}, "overrides.speed: expected a number from 0.25 to 4"),
        ({"overrides": {"colour": "red"}}, f"overrides.colour: expected one of {', '.join(NAMES)}"),
        ({"ambience_volume": float("nan")}, "ambience_volume: expected a number from 0 to 1"),
        ({"transfer": 7}, "transfer: expected the name of a target, or an object with target, reason and summary"),
        ({"transfer": {"target": 7}}, "transfer.target: expected a text of 200 characters at most"),
        ({"reject": 1}, "reject: expected true, or the reason as a text"),
        ({"record": "all"}, "record: expected off, both or agent"),
        ({"record": []}, "record: expected off, both or agent"),
        ({"tags": "vip"}, TAGS),
        ({"tags": ["x" * 65]}, TAGS),
        ({"tags": list("abcdefghijklmnopq")}, TAGS),
    ],
)
def test_what_is_wrong_is_named_and_costs_nothing_else(said, problem):
    answer = read_answer({"ambience": "office", **said})
    assert answer.ambience == "office"
    assert len(answer.problems) == 1
    assert answer.problems == (problem,)
    assert answer.rejected is None


@pytest.mark.parametrize(
    ("wish", "target"), [("billing", "billing"), ("", ""), (True, ""), ({}, ""), ({"target": "sales"}, "sales")]
)
def test_a_transfer_may_be_said_in_short(wish, target):
    assert read_answer({"transfer": wish}).transfer == Transfer(target, "requested by the look-up", "")


@pytest.mark.parametrize("said", [False, None])
def test_false_or_null_requests_no_transfer_and_no_rejection(said):
    assert read_answer({"transfer": said, "reject": said}) == LookupAnswer()


def test_no_more_variables_and_problems_than_anybody_needs():
    many = read_answer({"variables": {f"v{number}": number for number in range(1000)}})
    assert len(many.variables) == 64
    wrong = read_answer({"variables": {f"v {number}": number for number in range(1000)}})
    assert len(wrong.problems) == 8


@pytest.mark.parametrize("document", [[], "x", 1, None])
def test_what_is_no_object_is_no_answer(document):
    with pytest.raises(ValueError, match="expected an object"):
        read_answer(document)


def test_elevenlabs_own_shape():
    config = {"agent": {"prompt": {"prompt": "Be brief."}, "language": "hi"}, "tts": {"voice_id": "v", "speed": 1.1}}
    answer = read_answer(
        {"dynamic_variables": {"name": "Asha"}, "conversation_config_override": config, "user_id": "u", "x": 1},
        "elevenlabs",
    )
    assert answer.variables == {"name": "Asha"}
    assert answer.overrides.given() == {"prompt": "Be brief.", "language": "hi", "voice": "v", "speed": 1.1}
    assert answer.overrides.initiation == {"conversation_config_override": config, "user_id": "u"}
    assert answer.problems == ()


def test_what_is_wrong_in_elevenlabs_own_shape_is_named_by_its_place():
    said = {
        "conversation_config_override": {"agent": 5, "tts": {"voice_id": 7}},
        "dynamic_variables": {"call_sid": "x"},
        "user_id": 5,
    }
    answer = read_answer(said, "elevenlabs")
    assert answer.problems == (
        "conversation_config_override.agent: expected an object",
        "dynamic_variables.call_sid: expected another name: the relay sets this one itself",
        "overrides.voice: expected a text of 200 characters at most",
    )
    assert answer.overrides.initiation == {"conversation_config_override": said["conversation_config_override"]}


def test_elevenlabs_own_keys_are_passed_on_if_they_are_of_their_kind():
    said = {"custom_llm_extra_body": {"a": 1}, "user_id": "u", "branch_id": "b", "environment": "staging"}
    assert read_answer(said, "elevenlabs").overrides.initiation == said
    assert read_answer(dict.fromkeys(said, 5), "elevenlabs").overrides.initiation == {}


@pytest.mark.parametrize("shape", ["ours", "elevenlabs"])
@given(said=st.dictionaries(st.sampled_from((*KEYS, *THEIRS)), JSON))
def test_no_answer_makes_the_reader_raise(shape, said):
    answer = read_answer(said, shape)
    assert all(isinstance(value, str | int | float) for value in answer.variables.values())
    assert answer.overrides.speed is None or 0.25 <= answer.overrides.speed <= 4
