"""One JSON object per line on standard output, in the format of docs/contracts.md: dashboards are built on these lines.

    log.info("relay_event_received", "call.ended of b7a9 stored", call_sid="b7a9", type="call.ended", duplicate=False)

Every string is masked and cut before it is written (common/log_line). Bodies and secrets are never logged.
"""

import logging
import sys
from typing import Any

from common.log_line import head, written
from common.log_writer import QueuedHandler

LOGGER = logging.getLogger("functions")


class JsonLines(logging.Formatter):
    """`time`, `severity`, `event`, `message`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        return written(line(record, super().formatException))


def line(record: logging.LogRecord, describe: Any) -> dict[str, Any]:
    """The object to write for `record`; `describe` turns exception info into text."""
    entry = {**head(record), **getattr(record, "fields", {})}
    if record.exc_info:
        entry["exception"] = describe(record.exc_info)
    return entry


def set_up(level: str, *, queued: bool = False) -> None:
    """Send our lines, and warnings of libraries, to standard output.

    `queued`: write from a separate thread, for a server that must not block; a cloud freezes a function's threads.
    """
    handler = QueuedHandler.to_stdout() if queued else logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(level)


def info(event: str, message: str, **fields: Any) -> None:
    """Something normal happened."""
    _write(logging.INFO, event, message, fields)


def warning(event: str, message: str, **fields: Any) -> None:
    """Something unusual happened, and was dealt with."""
    _write(logging.WARNING, event, message, fields)


def error(event: str, message: str, *, exc_info: bool = False, **fields: Any) -> None:
    """Somebody has to act."""
    _write(logging.ERROR, event, message, fields, exc_info)


def _write(level: int, event: str, message: str, fields: dict[str, Any], exc_info: bool = False) -> None:
    LOGGER.log(level, "%s", message, extra={"event": event, "fields": fields}, exc_info=exc_info)
