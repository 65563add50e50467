"""The client tools that the relay answers itself; every call gets an answer."""

import asyncio
import logging
from typing import Any

import pytest

from relay.agents.seam import ToolCall
from relay.control import AmbienceChange
from relay.records import Transfer
from relay.tools import ToolResult, Tools


class Session:
    """Notes the answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str, bool]] = []

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        self.answers.append((call_id, result, is_error))


def answer(name: str, parameters: dict[str, Any], outcome: ToolResult | None = None):
    session, wishes, changes, lines = Session(), [], [], []

    async def transfer(wish: Transfer) -> ToolResult:
        wishes.append(wish)
        return outcome or ToolResult("arranged")

    tools = Tools(transfer, changes.append, lambda *args, **fields: lines.append((args, fields)))
    asyncio.run(tools.answer(session, ToolCall("t1", name, parameters)))
    return session.answers, wishes, changes, lines


def test_a_transfer_is_arranged():
    answers, wishes, _, _ = answer(
        "transfer_to_human", {"target": "sales", "reason": "asked for it", "summary": "wants two", "more": 1}
    )
    assert wishes == [Transfer("sales", "asked for it", "wants two")]
    assert answers == [("t1", "arranged", False)]


@pytest.mark.parametrize("parameters", [{}, {"target": None, "reason": None}, {"target": "", "summary": 0}])
def test_a_transfer_with_nothing_said_goes_to_the_only_target(parameters):
    _, wishes, _, _ = answer("transfer_to_human", parameters)
    assert wishes == [Transfer("", "", "")]


def test_what_the_agent_says_with_odd_types_is_text():
    _, wishes, _, _ = answer("transfer_to_human", {"target": 1, "reason": ["a"], "summary": {"b": 2}})
    assert wishes == [Transfer("1", "['a']", "{'b': 2}")]


def test_a_transfer_that_is_refused_tells_the_agent():
    answers, _, _, lines = answer(
        "transfer_to_human", {"target": "nobody"}, ToolResult("refused: no such", is_error=True)
    )
    assert answers == [("t1", "refused: no such", True)]
    assert lines[0][1]["level"] == logging.WARNING


def test_the_ambience_is_changed():
    answers, _, changes, lines = answer("control_background_sound", {"enabled": True, "volume": "0.2"})
    assert changes == [AmbienceChange(True, 0.2)]
    assert answers == [("t1", "done", False)]
    assert lines[0][0][0] == "tool_answered"
    assert (lines[0][1]["tool"], lines[0][1]["is_error"]) == ("control_background_sound", False)


def test_a_change_that_makes_no_sense_changes_nothing_and_says_so():
    answers, _, changes, _ = answer("control_background_sound", {"volume": 11})
    assert changes == []
    assert answers == [("t1", "volume: expected a number from 0 to 1", True)]


@pytest.mark.parametrize("name", ["", "Transfer_To_Human", "book_a_table", "end_call"])
def test_a_tool_we_do_not_have_is_answered_too(name):
    """Or the agent waits for its timeout (elevenlabs.md A2.2)."""
    answers, wishes, changes, _ = answer(name, {})
    assert (wishes, changes) == ([], [])
    ((call_id, text, is_error),) = answers
    assert (call_id, is_error) == ("t1", True)
    assert "transfer_to_human" in text
