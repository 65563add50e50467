"""One JSON object a line on standard output, in the shape of docs/contracts.md: dashboards are made from these lines.

    log.info("relay_event_received", "call.ended of b7a9 stored", call_sid="b7a9", type="call.ended", duplicate=False)

Numbers go through `phone.mask` before they get here; bodies and secrets never do.
"""

import json
import logging
import sys
from typing import Any

from common.log_line import head
from common.phone import mask_within

LOGGER = logging.getLogger("functions")


class JsonLines(logging.Formatter):
    """`time`, `severity`, `event`, `message`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(line(record, super().formatException), ensure_ascii=False, default=str)


def line(record: logging.LogRecord, describe: Any) -> dict[str, Any]:
    """The object to be written for `record`; `describe` turns exception info into text."""
    entry = {**head(record), **getattr(record, "fields", {})}
    if record.exc_info:
        entry["exception"] = mask_within(describe(record.exc_info))
    return entry


def set_up(level: str) -> None:
    """Send our lines, and warnings of the libraries, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
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
