"""What is seen of a run, in a terminal and outside."""

import io

import pytest
from rich.console import Console

from console.call_out.outcome import Outcome, Result
from console.call_out.people import Callee
from console.call_out.screen import Screen

NUMBER = "+919876500001"


def shown(count, *, terminal, show_numbers=False):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120, color_system=None)
    people = [Callee(f"+9198765{n:05}", n + 2) for n in range(1, count + 1)]
    results = [Result(one, Outcome.ANSWERED, 40, f"sid-{one.line}") for one in people]
    results[0] = Result(people[0], Outcome.UNKNOWN, detail="no answer [from] Exotel")
    with Screen(console, count, now=lambda: 0.0, show_numbers=show_numbers) as screen:
        screen.note("Outside calling hours.")
        for result in results:
            screen.changed(result)
    screen.table(results)
    return file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_every_change_is_a_line_and_the_bar_is_for_terminals_only(terminal):
    printed = shown(3, terminal=terminal)
    assert "***0001 not known whether it was called (no answer [from] Exotel)" in printed
    assert "***0003 answered, 40 s 2/3" in printed
    assert ("\x1b[" in printed) is terminal
    assert ("━" in printed) is terminal


def test_numbers_are_masked_unless_asked_for():
    assert "98765" not in shown(3, terminal=False)
    assert NUMBER in shown(3, terminal=False, show_numbers=True)


def test_of_a_long_list_the_table_shows_what_needs_somebody():
    printed = shown(500, terminal=False)
    table = printed[printed.rindex("line") :]
    assert "sid-" not in table
    assert "unknown" in table
