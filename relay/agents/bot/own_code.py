"""Runs a user's code in a call: a bot or a wrapper. The code may use the relay's tools, and may fail."""

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any, Final

from relay.agents.local import LocalSession
from relay.agents.overrides import NAMES
from relay.agents.seam import CallerText, Ended, Notice
from relay.logs import log

_STOP_SECONDS: Final = 2.0


class OwnCodeSession(LocalSession):
    """`code`: an object with `on_…` methods, plain or `async`; `name`: its name in errors and logs."""

    takes = NAMES  # a wrapper's agent decides which of them it ignores

    def __init__(self, code: object, name: str) -> None:
        super().__init__()
        self._code = code
        self._name = name
        self._started = False

    async def close(self) -> None:
        """Let the code clean up, then stop its remaining tasks."""
        await self._clean_up()
        await super().close()

    # --- for the user's code ---

    def use(self, tool: str, parameters: dict[str, object]) -> "asyncio.Future[bool]":
        """Call one of the relay's tools. Returns whether it did what was asked."""
        return self._use(tool, parameters)

    def hang_up(self) -> None:
        """End the call after the caller has heard everything that was said."""
        self._end(Ended(by_agent=True, reason="ended", detail=f"{self._name} hung up"))

    def say_of_call(self, event: CallerText | Notice) -> None:
        """Add something to the record or the log."""
        self._put(event)

    def run(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something until the call ends."""
        return self._spawn(work, f"{self._name}.{getattr(work, '__name__', 'task')}")

    # --- running it ---

    async def _call(self, hook: str, *arguments: Any) -> Any:
        result = getattr(self._code, hook)(*arguments)
        return await result if inspect.isawaitable(result) else result

    async def _clean_up(self) -> None:
        """Call `on_stop`, once, if it was started at all."""
        started, self._started = self._started, False
        if not started:
            return
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._call("on_stop")
        except TimeoutError:
            extra = {"event": "agent_defect", "call_sid": self._call_sid}
            log.warning("%s.on_stop took too long", self._name, extra=extra)
        except Exception as error:  # noqa: BLE001 - the code is the user's, and the call is over anyway
            self._failed(f"{self._name}.on_stop", error)
