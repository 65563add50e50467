"""JSON log lines, one per event (docs/contracts.md lists those that metrics are made from)."""

import logging
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from common.log_line import head, written
from common.log_writer import QueuedHandler

STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record of `logging` has; the rest are the fields of the line."""

log: Final = logging.getLogger("relay")


class JsonFormatter(logging.Formatter):
    """`time`, `severity`, `event`, `message` and the fields passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, masked and cut (common/log_line)."""
        line = head(record)
        line.update((key, value) for key, value in vars(record).items() if key not in STANDARD and key != "event")
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return written(line)


def configure(level: str) -> None:
    """Log to standard output, in a separate thread; libraries from WARNING on."""
    handler = QueuedHandler.to_stdout()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(level)
    # aiohttp logs bad requests with their content at ERROR; our own lines cover them without it
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


class LineLimit:
    """At most `per_s` lines per second of one kind: for lines that anybody on the internet can cause."""

    def __init__(self, per_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._second: dict[str, tuple[int, int]] = {}
        self._unlogged: dict[str, int] = {}

    def take(self, kind: str) -> int | None:
        """None: don't write this line. Otherwise write it, with the number of lines suppressed before it."""
        now = int(self._clock())
        second, count = self._second.get(kind, (now, 0))
        count = count + 1 if second == now else 1
        self._second[kind] = (now, count)
        if count > self._per_s:
            self._unlogged[kind] = self._unlogged.get(kind, 0) + 1
            return None
        return self._unlogged.pop(kind, 0)


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """The log of one call: every line has `call_sid` and `stream_sid`, and `trace_id` if calls are traced."""

    def __init__(self, call_sid: str, stream_sid: str, trace_id: str = "") -> None:
        traced = {"trace_id": trace_id} if trace_id else {}
        super().__init__(log, {"call_sid": call_sid, "stream_sid": stream_sid, **traced})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """The fields of a line are added to those of the call."""
        return msg, {**kwargs, "extra": {**(kwargs.get("extra") or {}), **(self.extra or {})}}

    def happened(self, event: str, message: str, *, level: int = logging.INFO, **fields: Any) -> None:
        """One line: `event` is the name for metrics, `message` a sentence for people."""
        if self.logger.isEnabledFor(level):
            self.logger.log(level, message, extra={"event": event, **(self.extra or {}), **fields})
