"""The table of tools that the relay runs for an agent."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from relay.agents.seam import FunctionTool
from relay.agents.tool_descriptions import ToolName
from relay.call.tools import TOOLS, DoneWhen, ToolResult, Tools, ambience_tool, function_tool, tools_of, transfer_tool
from relay.control.ambience import AmbienceChange
from relay.events.records import Transfer


def run(name: str, parameters: dict[str, Any], outcome: ToolResult | None = None):
    wishes, changes = [], []

    async def transfer(wish: Transfer) -> ToolResult:
        wishes.append(wish)
        return outcome or ToolResult("arranged")

    tools = Tools([transfer_tool(transfer), ambience_tool(changes.append)])
    return asyncio.run(tools.find(name).run(parameters)), wishes, changes


def test_a_transfer_is_arranged():
    parameters = {"target": "sales", "reason": "asked for it", "summary": "wants two", "more": 1}
    result, wishes, _ = run("transfer_to_human", parameters)
    assert wishes == [Transfer("sales", "asked for it", "wants two")]
    assert result == ToolResult("arranged")


@pytest.mark.parametrize("parameters", [{}, {"target": None, "reason": None}, {"target": "", "summary": 0}])
def test_a_transfer_with_nothing_said_goes_to_the_only_target(parameters):
    _, wishes, _ = run("transfer_to_human", parameters)
    assert wishes == [Transfer("", "", "")]


def test_what_the_agent_says_with_odd_types_is_text():
    _, wishes, _ = run("transfer_to_human", {"target": 1, "reason": ["a"], "summary": {"b": 2}})
    assert wishes == [Transfer("1", "['a']", "{'b': 2}")]


def test_a_transfer_that_is_refused_tells_the_agent():
    refused = ToolResult("refused: no such", is_error=True)
    result, _, _ = run("transfer_to_human", {"target": "nobody"}, refused)
    assert result == refused


def test_the_ambience_is_changed():
    result, _, changes = run("control_background_sound", {"enabled": True, "volume": "0.2"})
    assert changes == [AmbienceChange(True, 0.2)]
    assert result == ToolResult("done")


def test_a_change_that_makes_no_sense_changes_nothing_and_says_so():
    result, _, changes = run("control_background_sound", {"volume": 11})
    assert changes == []
    assert result == ToolResult("volume: expected a number from 0 to 1", is_error=True)


@pytest.mark.parametrize("name", ["", "Transfer_To_Human", "book_a_table", "x" * 1000])
def test_a_tool_we_do_not_have_is_answered_too(name):
    """Or the agent waits for its timeout (elevenlabs.md A2.2)."""
    result, wishes, changes = run(name, {})
    assert (wishes, changes) == ([], [])
    assert result.is_error
    assert result.text.endswith("expected one of transfer_to_human, control_background_sound")
    assert len(result.text) < 200


def test_what_can_not_be_undone_waits_for_the_turn():
    async def nothing(_: Any) -> ToolResult:
        return ToolResult("")

    assert transfer_tool(nothing).done_when is DoneWhen.SETTLED
    assert ambience_tool(lambda change: None).done_when is DoneWhen.CALLED


class Recording:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def pause(self, why: str) -> None:
        self.asked.append(f"pause for {why}")

    def resume(self, why: str) -> None:
        self.asked.append(f"resume for {why}")


def call(recording: Recording | None = None) -> Any:
    """What the rows use of a call."""
    return SimpleNamespace(
        hand_over=SimpleNamespace(request=None),
        sound=SimpleNamespace(change_ambience=None),
        recording=SimpleNamespace(recorder=recording),
    )


def test_every_tool_that_models_are_told_of_has_a_row():
    """All but the one that hangs up, which is the agent's own."""
    assert {row(call()).name for row in TOOLS} == {*ToolName} - {ToolName.END_CALL}


def test_a_call_that_is_not_recorded_says_so():
    for name in ("pause_recording", "resume_recording"):
        result = asyncio.run(tools_of(call()).find(name).run({}))
        assert result == ToolResult("this call is not recorded")


def test_a_recording_is_paused_and_resumed_at_once():
    recording = Recording()
    tools = tools_of(call(recording))
    for name in ("pause_recording", "resume_recording"):
        tool = tools.find(name)
        assert asyncio.run(tool.run({})) == ToolResult("done")
        assert tool.done_when is DoneWhen.CALLED
    assert recording.asked == ["pause for agent", "resume for agent"]


@pytest.mark.parametrize(("irreversible", "when"), [(True, DoneWhen.SETTLED), (False, DoneWhen.CALLED)])
def test_what_a_session_brings_along_waits_for_the_turn_where_it_can_not_be_undone(irreversible, when):
    async def book(parameters: Any) -> str:
        return f"booked {parameters['day']}"

    row = function_tool(
        FunctionTool(name="book", description="Books.", parameters={}, run=book, irreversible=irreversible)
    )
    assert row.done_when is when
    assert asyncio.run(row.run({"day": "Monday"})) == ToolResult("booked Monday")
