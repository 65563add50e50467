"""Tool calls that a fake agent waits for, and those that it withdrew when the caller interrupted."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from sim.vendors.record import BrokenRuleError

CROSSED_S: Final = 1.0
"""A result may still arrive this long after its call was withdrawn: it was already on its way."""

Answer = tuple[str, bool]
"""The result, and whether it is an error."""


class ToolCalls:
    """By their ids."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[str, tuple[str, asyncio.Future[Answer]]] = {}
        self._early: list[str] = []  # calls of the current reply
        self._taken_back: dict[str, float] = {}

    def begin(self, name: str, *, early: bool) -> tuple[str, asyncio.Future[Answer]]:
        """A new call: its id, and a future for its answer. `early`: it is part of the reply being spoken."""
        self._count += 1
        call_id = f"call_{self._count}"
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = name, answer
        if early:
            self._early.append(call_id)
        return call_id, answer

    def new_reply(self) -> None:
        """From now on, calls belong to another reply."""
        self._early.clear()

    @property
    def early(self) -> Sequence[str]:
        """Calls of the reply being spoken that have no answer yet."""
        return [call_id for call_id in self._early if call_id in self._waiting]

    def take_back(self, call_ids: Iterable[str]) -> None:
        """Withdraw these calls: their results are no longer needed."""
        for call_id in call_ids:
            self._waiting.pop(call_id)[1].cancel()
            self._taken_back[call_id] = asyncio.get_running_loop().time()

    def answered(self, call_id: str, result: str, *, is_error: bool) -> str | None:
        """The name of the tool that this answers; None for a call that was withdrawn a moment ago.

        Raises BrokenRuleError for a call that does not wait for an answer.
        """
        if asyncio.get_running_loop().time() - self._taken_back.get(call_id, -CROSSED_S) < CROSSED_S:
            return None
        name, answer = self._waiting.pop(call_id, ("", None))
        if answer is None or answer.done():
            raise BrokenRuleError("unknown_tool_call", call_id, fatal=False)
        answer.set_result((result, is_error))
        return name
