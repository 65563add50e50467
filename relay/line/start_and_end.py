"""What a line waits for before the call's first message and after its last."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from relay.line import exotel

if TYPE_CHECKING:
    from relay.line.socket import Line

_CLOSE_TIMEOUT: Final = 2.0
_CLOSE_REASON: Final = 120  # bytes; a close frame has room for 123


async def await_start(line: "Line", timeout_s: float) -> exotel.Start | None:
    """The call's `start`; None if the line closes, sends `stop` or stays silent instead, which does happen."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                event = await line.receive()
                if isinstance(event, exotel.Start):
                    line.encoding = event.encoding
                    return event
                if event is None or isinstance(event, exotel.Stop):
                    why = "the line closed" if event is None else "stop"
                    line.log.happened("call_never_started", f"{why} before start", level=logging.WARNING)
                    return None
    except TimeoutError:
        line.log.happened("call_never_started", f"no start within {timeout_s:g} s", level=logging.WARNING)
        return None


async def close(ws: Any, transport: asyncio.Transport | None, code: int, reason: str) -> None:
    """Close the line's socket `ws`, or cut it if the line does not answer."""
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await ws.close(code=code, message=reason.encode()[:_CLOSE_REASON])
    except (TimeoutError, ConnectionError):
        if transport is not None:
            transport.abort()
