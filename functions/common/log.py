"""One JSON object a line on standard output, in the shape of docs/contracts.md: dashboards are made from these lines.

    log.info("relay_event_received", "call.ended of b7a9 stored", call_sid="b7a9", type="call.ended", duplicate=False)

Every string is masked and cut on its way out (common/log_line); bodies and secrets never get here.
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
    """The object to be written for `record`; `describe` turns exception info into text."""
    entry = {**head(record), **getattr(record, "fields", {})}
    if record.exc_info:
        entry["exception"] = describe(record.exc_info)
    return entry


def set_up(level: str, *, queued: bool = False) -> None:
    """Send our lines, and warnings of the libraries, to standard output.

    `queued`: by a thread of its own, for a server that must not stand still; a cloud freezes a function's threads.
    """
    handler = QueuedHandler.to_stdout() if queued else logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(level)


def info(event: str, message: str, **fields: Any) -> None:
    """Something happened as it should."""
    _write(logging.INFO, event, message, fields)


def warning(event: str, message: str, **fields: Any) -> None:
    """Something is odd, and was dealt with."""
    _write(logging.WARNING, event, message, fields)


def error(event: str, message: str, *, exc_info: bool = False, **fields: Any) -> None:
    """Somebody has to do something."""
    _write(logging.ERROR, event, message, fields, exc_info)


def _write(level: int, event: str, message: str, fields: dict[str, Any], exc_info: bool = False) -> None:
    LOGGER.log(level, "%s", message, extra={"event": event, "fields": fields}, exc_info=exc_info)
