"""When a rehearsed caller does something, as it is written in a suite."""

import pytest

from console.rehearse.trigger import Kind, Trigger


@pytest.mark.parametrize(
    ("text", "kind", "ms"),
    [
        ("then", Kind.THEN, 0),
        ("then 500 ms", Kind.THEN, 500),
        ("at 1.5 s", Kind.AT, 1500),
        ("agent speaking 1 s", Kind.AGENT_SPEAKING, 1000),
        ("agent  finished", Kind.AGENT_FINISHED, 500),
        ("agent finished 700 ms", Kind.AGENT_FINISHED, 700),
        ("silent 2 s", Kind.SILENT, 2000),
    ],
)
def test_times_are_read_as_they_are_spoken(text, kind, ms):
    assert Trigger.parse(text) == Trigger(kind, ms)


def test_words_of_the_agent_are_a_regular_expression_in_any_case():
    trigger = Trigger.parse("agent says ~ open(ing)? hours")
    assert trigger.kind is Kind.AGENT_SAYS
    assert trigger.pattern.search("Our OPEN HOURS are")


@pytest.mark.parametrize(
    "text", ["", "soon", "silent two seconds", "at", "agent says", "agent says ~", "silent ~ x", "agent says ~ ("]
)
def test_what_can_not_be_read_is_named(text):
    with pytest.raises(ValueError, match="expected|regular expression") as refused:
        Trigger.parse(text)
    assert repr(text) in str(refused.value)
