"""The transfer of a caller to a human: from the agent's request to the close of the line (design D6)."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final

from relay.call.tools import ToolResult
from relay.events.answer import read_answer
from relay.events.delivery import Events
from relay.events.records import CallFacts, Transfer
from relay.flag import Flag
from relay.line.pacer import Pacer
from relay.tasks import Spawn

EVENT_PATIENCE: Final = 2.0  # seconds to wait until the event is stored
QUIET: Final = 2.0  # seconds of silence, after a transfer was arranged, that mean the agent has said goodbye
LIMIT: Final = 15.0

_ARRANGED: Final = ToolResult("the transfer is arranged: say a short goodbye, then end the call")


class HandOver:
    """`close` ends the call once the agent has said goodbye.

    An arranged transfer survives the agent that requested it.
    """

    def __init__(
        self,
        facts: CallFacts,
        events: Events,
        pacer: Pacer,
        *,
        spawn: Spawn,
        close: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._facts = facts
        self._events = events
        self._pacer = pacer
        self._spawn = spawn
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._spoke: Flag | None = None  # while somebody waits for the goodbye
        self._asking: tuple[asyncio.Future[ToolResult], ...] = ()
        self._closing = False
        self.transfer: Transfer | None = None
        """What was arranged; None: nothing."""
        self.arranged_at: datetime | None = None

    async def request(self, transfer: Transfer, *, spoken: bool = True) -> ToolResult:
        """Store the request first, because closing the line is the hand-over; then wait for the goodbye and close.

        `spoken`: there is an agent to say goodbye. Once begun it goes on, even if the agent that waits for the result
        goes.
        """
        answer: asyncio.Future[ToolResult] = self._loop.create_future()
        self._asking = (*self._asking, answer)
        answer.add_done_callback(self._answered)
        self._spawn(self._ask(transfer, answer, spoken=spoken))
        return await asyncio.shield(answer)

    def _answered(self, answer: "asyncio.Future[ToolResult]") -> None:
        self._asking = tuple(other for other in self._asking if other is not answer)

    @property
    def under_way(self) -> bool:
        """The caller is being transferred, or a request for it is pending."""
        return bool(self._asking) or self.transfer is not None

    async def arranged(self) -> bool:
        """Whether the caller goes to a human; waits for a pending request."""
        if self._asking:
            await asyncio.wait(self._asking)
        return self.transfer is not None

    def agent_spoke(self) -> None:
        """The agent has not finished its goodbye yet."""
        if self._spoke is not None:
            self._spoke.set()

    async def _ask(self, transfer: Transfer, answer: "asyncio.Future[ToolResult]", *, spoken: bool) -> None:
        event = self._facts.event("transfer_requested", transfer=transfer.as_json())
        stored = await self._events.post(event, patience_s=EVENT_PATIENCE)
        verdict = read_answer(stored or {})
        if verdict.accepted is False:
            answer.set_result(ToolResult(f"transfer refused: {verdict.refusal}", is_error=True))
            return
        self.transfer, self.arranged_at = transfer, self._facts.now()
        answer.set_result(_ARRANGED)
        if not self._closing:
            self._closing = True
            if spoken:
                await self._wait_for_goodbye()
            await self._close()

    async def _wait_for_goodbye(self) -> None:
        limit = self._loop.time() + LIMIT
        spoke = self._spoke = Flag()
        while (patience := min(QUIET, limit - self._loop.time())) > 0:
            spoke.clear()
            if not await spoke.wait(self._loop.time() + patience):
                return
            await self._pacer.played_out()
