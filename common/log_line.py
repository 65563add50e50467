"""The beginning of a log line, the same in every part (docs/contracts.md): dashboards and alarms read these names."""

import logging
from typing import Any

from common.times import rfc3339


def head(record: logging.LogRecord) -> dict[str, Any]:
    """`time`, `severity`, `event` and `message` of `record`; a library's line has its logger's name as event."""
    return {
        "time": rfc3339(record.created),
        "severity": record.levelname,
        "event": getattr(record, "event", record.name),
        "message": record.getMessage(),
    }
