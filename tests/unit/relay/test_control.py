"""Changes of the ambience, as agents and operators write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.control.ambience import AmbienceChange, InvalidChangeError
from tests.unit.relay.tone import noise


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ({"enabled": True}, AmbienceChange(True, None)),
        ({"enabled": False, "volume": 0.5}, AmbienceChange(False, 0.5)),
        ({"volume": 0}, AmbienceChange(None, 0.0)),
        ({"volume": 1}, AmbienceChange(None, 1.0)),
        ({"enabled": "true", "volume": "0.25"}, AmbienceChange(True, 0.25)),
        ({"enabled": "False"}, AmbienceChange(False, None)),
        ({"enabled": None, "volume": 0.5, "call_sid": "c"}, AmbienceChange(None, 0.5)),
    ],
)
def test_ambience_changes_that_can_be_parsed(source, change):
    assert AmbienceChange.parse(source) == change


NOTHING = "expected 'enabled' (true or false) or 'volume' (0 to 1) or both"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({}, NOTHING),
        ({"enabled": None, "volume": None}, NOTHING),
        ({"loud": True}, NOTHING),
        ({"enabled": 1}, "enabled: expected true or false"),
        ({"enabled": "yes"}, "enabled: expected true or false"),
        ({"enabled": []}, "enabled: expected true or false"),
        ({"volume": True}, "volume: expected a number from 0 to 1"),
        ({"volume": "loud"}, "volume: expected a number from 0 to 1"),
        ({"volume": ""}, "volume: expected a number from 0 to 1"),
        ({"volume": 1.01}, "volume: expected a number from 0 to 1"),
        ({"volume": -0.1}, "volume: expected a number from 0 to 1"),
        ({"volume": "nan"}, "volume: expected a number from 0 to 1"),
        ({"volume": float("inf")}, "volume: expected a number from 0 to 1"),
        ({"volume": 10**400}, "volume: expected a number from 0 to 1"),
        ({"volume": {}}, "volume: expected a number from 0 to 1"),
        ({"enabled": True, "volume": 50}, "volume: expected a number from 0 to 1"),
    ],
)
def test_what_can_not_is_named_with_what_was_expected(source, problem):
    with pytest.raises(InvalidChangeError, match=f"^{re.escape(problem)}$"):
        AmbienceChange.parse(source)


ANY = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(["enabled", "volume", "call_sid"]), ANY))
def test_any_input_is_a_change_or_refused(source):
    try:
        change = AmbienceChange.parse(source)
    except InvalidChangeError:
        return
    assert change.enabled is None or type(change.enabled) is bool
    assert change.volume is None or (type(change.volume) is float and 0 <= change.volume <= 1)


def test_a_change_leaves_alone_what_it_does_not_name():
    track = AmbienceTrack(Loop(noise(8000), 8000), 0.3)
    AmbienceChange(enabled=False).apply(track)
    assert (track.enabled, track.volume) == (False, 0.3)
    AmbienceChange(volume=0.8).apply(track)
    assert (track.enabled, track.volume) == (False, 0.8)
    AmbienceChange(enabled=True, volume=0.0).apply(track)
    assert (track.enabled, track.volume) == (True, 0.0)
