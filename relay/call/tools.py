"""The tools that the relay runs for an agent, the same for every vendor that has tools: a table with one row each."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from relay.agents.seam import FunctionTool
from relay.agents.tool_descriptions import AMBIENCE, PAUSE_RECORDING, RESUME_RECORDING, TRANSFER
from relay.control.ambience import AmbienceChange, InvalidChangeError
from relay.events.records import WISH, Transfer
from relay.logs import log
from relay.recording.recorder import Recorder

if TYPE_CHECKING:
    from relay.call.call import Call

LARGEST_RESULT: Final = 20_000  # characters for the model


class DoneWhen(Enum):
    """When a tool is run. What can't be undone must not be done for a turn that is then withdrawn."""

    CALLED = auto()
    """At once: to look something up for nothing harms nobody."""
    SETTLED = auto()
    """Once the agent's turn stands."""
    HEARD = auto()
    """Once the turn stands and the caller has heard its words; a caller who cuts in stops it."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to the agent."""

    text: str
    is_error: bool = False
    status: str = ""
    """For the record, where there is more to say than that it went well or not: an HTTP status, `timeout`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One row. `run` gets the parameters as the agent wrote them, of any type; none of them may make it raise."""

    name: str
    run: Callable[[Mapping[str, Any]], Awaitable[ToolResult]]
    done_when: DoneWhen = DoneWhen.CALLED
    works: bool = False
    """It takes its time, and the caller may hear that."""
    sound: str = ""
    """A sound file that is heard instead of typing while it works."""


class Tools:
    """The tools of one call, by name. Built again for each use: most calls use none, and a table takes 4 KB."""

    __slots__ = ("_tools",)

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def and_also(self, *tools: Tool) -> "Tools":
        """These tools and some more."""
        return Tools([*self._tools.values(), *tools])

    def find(self, name: str) -> Tool:
        """The tool called `name`, or a row that reports an unknown name: every call is answered, so that no agent
        waits.
        """
        return self._tools.get(name) or Tool(name=name, run=self._unknown(name))

    def _unknown(self, name: str) -> Callable[[Mapping[str, Any]], Awaitable[ToolResult]]:
        async def run(_: Mapping[str, Any]) -> ToolResult:
            known = ", ".join(self._tools)
            return ToolResult(f"no tool {name[:80]!r} here: expected one of {known}", is_error=True)

        return run


def function_tool(tool: FunctionTool) -> Tool:
    """The row of a tool that the agent's session provides."""

    async def run(parameters: Mapping[str, Any]) -> ToolResult:
        try:
            return ToolResult((await tool.run(parameters))[:LARGEST_RESULT])
        except ValueError as error:
            return ToolResult(str(error)[:LARGEST_RESULT], is_error=True, status="refused")
        except Exception as error:  # noqa: BLE001 - the code is the user's
            log.error("tool %s: %r", tool.name, error, exc_info=error, extra={"event": "tool_defect"})
            return ToolResult("the tool failed", is_error=True, status="failed")

    done_when = DoneWhen.SETTLED if tool.irreversible else DoneWhen.CALLED
    return Tool(name=tool.name, run=run, done_when=done_when, works=True)


def transfer_tool(request: Callable[[Transfer], Awaitable[ToolResult]]) -> Tool:
    """`request` stores the request for a human and returns its outcome."""

    async def run(parameters: Mapping[str, Any]) -> ToolResult:
        wish = (str(parameters.get(key) or "")[:length] for key, length in WISH.items())
        return await request(Transfer(*wish))

    return Tool(name=TRANSFER, run=run, done_when=DoneWhen.SETTLED)


def ambience_tool(change: Callable[[AmbienceChange], None]) -> Tool:
    """`change` is applied to this call."""

    async def run(parameters: Mapping[str, Any]) -> ToolResult:
        try:
            change(AmbienceChange.parse(parameters))
        except InvalidChangeError as error:
            return ToolResult(str(error), is_error=True)
        return ToolResult("done")

    return Tool(name=AMBIENCE, run=run)


def recording_tool(name: str, recorder: Callable[[], Recorder | None], apply: Callable[[Recorder], None]) -> Tool:
    """`apply` is done to the `recorder` of this call, None if it is not recorded."""

    async def run(_: Mapping[str, Any]) -> ToolResult:
        found = recorder()
        if found is None:
            return ToolResult("this call is not recorded")
        apply(found)
        return ToolResult("done")

    return Tool(name=name, run=run)


TOOLS: Final[tuple[Callable[["Call"], Tool], ...]] = (
    lambda call: transfer_tool(call.hand_over.request),
    lambda call: ambience_tool(call.sound.change_ambience),
    lambda call: recording_tool(PAUSE_RECORDING, lambda: call.recording.recorder, lambda it: it.pause("agent")),
    lambda call: recording_tool(RESUME_RECORDING, lambda: call.recording.recorder, lambda it: it.resume("agent")),
)
"""The table: each row makes the tool of one call. `end_call` is the agent's own (AgentLeg)."""


def tools_of(call: "Call") -> Tools:
    """All rows."""
    return Tools(row(call) for row in TOOLS)
