"""How loud the sides of a call were, as the explorer tells it."""

import pytest

from console.records.loudness import loudness


def record(level_db=-20.0, gain_db=0.0, clipped=0, **quality):
    agent = {"alias": "reception", "level_db": level_db, "gain_db": gain_db, "clipped": clipped}
    return {"agents": [agent], "quality": quality}


def test_each_side_that_was_measured_is_told():
    quality = {"caller_level_db": -31.5, "caller_clipped": 7, "ambience_level_db": -40.5}
    sides = list(loudness(record(-19.0, clipped=3, **quality)))
    assert [(one["who"], one["level_db"], one["clipped"], one["hint"]) for one in sides] == [
        ("Agent reception", -19.0, 3, ""),
        ("Caller", -31.5, 7, ""),
        ("Ambience", -40.5, 0, ""),
    ]


@pytest.mark.parametrize(("level_db", "says"), [(-29.0, "9 dB too quietly"), (-12.0, "8 dB too loudly")])
def test_an_agent_at_another_level_has_a_hint(level_db, says):
    [side] = loudness(record(level_db))
    assert says in side["hint"]
    assert 'level = "auto"' in side["hint"]


def test_what_the_relay_added_counts():
    """The hint to set `level` stood there although it was set: the level is that of what the agent sent."""
    [side] = loudness(record(-34.0, gain_db=12.0))
    assert (side["level_db"], side["gain_db"], side["hint"]) == (-22.0, 12.0, "")


@pytest.mark.parametrize(
    "odd", [{}, {"agents": "x", "quality": None}, {"agents": [{"level_db": "loud"}]}, record(None)]
)
def test_a_record_that_says_nothing_of_it_has_no_sides(odd):
    assert list(loudness(odd)) == []
