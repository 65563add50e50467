"""The tool calls of one agent: run at the right time, answered once, cancelled while that is possible."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.seam import AgentSession, ToolCall
from relay.agents.tool_descriptions import END_CALL
from relay.call.answer_clock import AnswerClock
from relay.call.parts import CallParts
from relay.call.tools import DoneWhen, Tool, ToolResult, Tools, function_tool
from relay.events.records import ToolEntry
from relay.flag import Flag

# For vendors that don't report the end of a turn:
SETTLED_AFTER: Final = 1.0  # seconds without a word after the tool call: the goodbye may follow it
HEARD_AFTER: Final = 0.6  # seconds after the last of its words was heard; with more, the line seems dead
_LOOK_EVERY: Final = 0.1

_CUT_IN: Final = ToolResult("not done: the caller spoke first. Call it again if it is still needed", is_error=True)


@dataclass(slots=True, eq=False)
class _Use:
    call: ToolCall
    tool: Tool
    entry: ToolEntry
    task: "asyncio.Task[None] | None" = None
    revocable: bool = True
    """It has not been begun; what has may not be stopped in its middle, unless it can be repeated."""


class ToolUse:
    """Runs the tools of `session`, a session with `agent`. `hang_up` is that tool, `spawn` starts a task that ends with
    the agent's time on the call.
    """

    def __init__(
        self,
        session: AgentSession,
        agent: str,
        parts: CallParts,
        *,
        hang_up: Callable[[Mapping[str, Any]], Awaitable[ToolResult]],
        clock: AnswerClock,
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._session = session
        self._agent = agent
        self._parts = parts
        self._hang_up = hang_up
        self._clock = clock
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._uses: dict[str, _Use] = {}
        self._turn_done = Flag()
        self.hanging_up = False
        """The turn stands in which the agent said goodbye; only a caller who cuts in keeps the call alive."""

    def called(self, call: ToolCall) -> None:
        """The agent calls a tool."""
        if call.call_id in self._uses:
            return  # sent twice: answered once
        tool, parts = self._table().find(call.name), self._parts
        use = self._uses[call.call_id] = _Use(call, tool, parts.facts.note_tool(call.name, call.parameters))
        if use.tool.done_when is not DoneWhen.CALLED:
            self._turn_done.clear()
        self._clock.tool_started(call.call_id)
        use.task = self._spawn(self._run(use))

    def cancelled(self, call_id: str) -> None:
        """The vendor cancels a call and expects no answer."""
        use = self._uses.get(call_id)
        if use is not None and self._withdraw(use):
            self._parts.log.happened(
                "tool_cancelled", f"tool {use.call.name} was cancelled by the agent", tool=use.call.name
            )

    def caller_cut_in(self) -> None:
        """The caller spoke over the agent's words, or before its turn was final."""
        for use in list(self._uses.values()):
            if use.tool.done_when is not DoneWhen.CALLED and self._withdraw(use):
                self._answer(use, _CUT_IN)

    def turn_done(self) -> None:
        """The agent's turn is final."""
        self._turn_done.set()

    def _table(self) -> Tools:
        return self._parts.tools().and_also(
            Tool(name=END_CALL, run=self._hang_up, done_when=DoneWhen.HEARD),
            *self._parts.own_tools.get(self._agent, ()),
            *map(function_tool, self._session.tools),
        )

    def _withdraw(self, use: _Use) -> bool:
        if not use.revocable or use.task is None:
            return False
        use.task.cancel()
        self._done(use)
        return True

    async def _run(self, use: _Use) -> None:
        if use.tool.done_when is DoneWhen.SETTLED and not use.call.settled:
            await self._turn_settled()
        elif use.tool.done_when is DoneWhen.HEARD:
            await self._turn_settled()
            self.hanging_up = True
            await self._parts.pacer.played_out()
        use.revocable = use.tool.done_when is DoneWhen.CALLED
        if use.tool.works:
            self._parts.playout.busy(use.call.call_id, sound=self._parts.waiting_sound(use.tool.sound))
            self._parts.pacer.wake()
        result = await use.tool.run(use.call.parameters)
        self._done(use)
        if use.tool.done_when is DoneWhen.HEARD:  # no agent is left to answer
            use.entry.status = "done"
        else:
            self._answer(use, result)

    async def _turn_settled(self) -> None:
        """Until the vendor reports the end of the turn, or else until nothing more arrives and all was heard."""
        called_at = self._loop.time()
        due = called_at + SETTLED_AFTER
        while (now := self._loop.time()) < due:
            if await self._turn_done.wait(min(due, now + _LOOK_EVERY)):
                return
            heard_at = self._parts.pacer.speech_until
            due = heard_at + HEARD_AFTER if heard_at > called_at else called_at + SETTLED_AFTER

    def _done(self, use: _Use) -> None:
        self._uses.pop(use.call.call_id, None)
        self._clock.tool_done(use.call.call_id)
        self._parts.playout.busy(use.call.call_id, done=True)
        use.entry.done(self._parts.facts.now(), "taken back")
        if use.tool.done_when is DoneWhen.HEARD:
            self.hanging_up = False

    def _answer(self, use: _Use, result: ToolResult) -> None:
        use.entry.status = result.status or ("error" if result.is_error else "done")
        self._parts.log.happened(
            "tool_answered",
            f"tool {use.call.name[:80]}: {result.text}",
            level=logging.WARNING if result.is_error else logging.INFO,
            tool=use.call.name[:80],
            is_error=result.is_error,
        )
        call_id = use.call.call_id
        self._parts.answers.tool(self._loop.time())
        self._parts.outbox.post(
            lambda session: session.answer_tool(call_id, result.text, is_error=result.is_error), session=self._session
        )
