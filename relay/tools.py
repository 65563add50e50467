"""Client tools that the relay answers itself, the same on every vendor that has tools."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relay.agents.seam import AgentSession, ToolCall
from relay.agents.tool_descriptions import AMBIENCE, TRANSFER
from relay.control import AmbienceChange, InvalidChangeError
from relay.records import Transfer


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the agent is told."""

    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Tools:
    """`transfer(wish)` stores a transfer and says what became of it; `ambience(change)` applies a change."""

    transfer: Callable[[Transfer], Awaitable[ToolResult]]
    ambience: Callable[[AmbienceChange], None]
    log: Callable[..., None]

    async def answer(self, session: AgentSession, call: ToolCall) -> None:
        """Do what `call` wants and answer it; a tool we don't have is answered too, so that the agent never waits."""
        result = await self._run(call.name, call.parameters)
        self.log(
            "tool_answered",
            f"tool {call.name}: {result.text}",
            level=logging.WARNING if result.is_error else logging.INFO,
            tool=call.name,
            is_error=result.is_error,
        )
        await session.answer_tool(call.call_id, result.text, is_error=result.is_error)

    async def _run(self, name: str, parameters: Mapping[str, Any]) -> ToolResult:
        if name == TRANSFER:
            return await self.transfer(
                Transfer(*(str(parameters.get(key) or "") for key in ("target", "reason", "summary")))
            )
        if name == AMBIENCE:
            try:
                self.ambience(AmbienceChange.parse(parameters))
            except InvalidChangeError as error:
                return ToolResult(str(error), is_error=True)
            return ToolResult("done")
        return ToolResult(f"no tool {name!r} here: expected {TRANSFER} or {AMBIENCE}", is_error=True)
