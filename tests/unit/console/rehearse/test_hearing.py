"""The agent's words as they were really heard."""

import sys

import pytest

from console.rehearse import hearing
from console.rehearse.suite import SuiteError
from sim.speech import LINE_HZ, spoken


async def test_words_are_recognised_on_this_machine():
    """A line of the demo's agent, at the telephone's rate."""
    heard = await hearing.words(spoken("agent_hours"), LINE_HZ, "pocketsphinx")
    assert "open from eight in the morning" in heard


async def test_any_program_can_listen():
    listen = "import sys, wave; print(wave.open(sys.argv[1]).getframerate(), 'hertz')"
    assert await hearing.words(spoken("agent_hours"), LINE_HZ, (sys.executable, "-c", listen, "{file}")) == "8000 hertz"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("no-such-program",), "no-such-program: No such file"),
        ((sys.executable, "-c", "raise SystemExit('deaf')"), "deaf"),
    ],
)
async def test_a_program_that_can_not_listen_is_named(command, says):
    with pytest.raises(SuiteError, match=says):
        await hearing.words(spoken("agent_hours"), LINE_HZ, command)


def test_what_nobody_knows_is_refused_before_a_call():
    with pytest.raises(SuiteError, match="expected record, pocketsphinx, or a command"):
        hearing.check("ears")


def test_a_recogniser_that_is_not_installed_says_how(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(SuiteError, match="pip install pocketsphinx"):
        hearing.check("pocketsphinx")
