"""Every log line of ours has an event and fields that docs/contracts.md lists: dashboards rely on them."""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from relay.aws import utilisation
from relay.events.records import Quality
from relay.logs import STANDARD

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = tuple(str(ROOT / part) for part in ("relay", "functions", "common"))
LOGGERS: Final = ("relay", "functions")
OF_CALL: Final = frozenset({"call_sid", "stream_sid", "trace_id"})
"""What every line of a call has."""
DEFECTS: Final = frozenset({"defect", "tool_defect", "internal_error"})
OPTIONAL: Final = OF_CALL | {"_aws", utilisation.NAME, "conversation_id", "lag_s", "by", "outcome", "path"}
"""`by`, `outcome`: of commands (`control`). `_aws` and its metric: of `relay_stats` on AWS."""
_ROW: Final = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| [^|]+ \| (.*) \|$", re.MULTILINE)


@cache
def documented() -> dict[str, frozenset[str]]:
    """Events, and their fields: what stands before the colon, without what is in brackets."""
    page = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    tables = page.split("## Log lines that metrics are made of")[1].split("## HTTP surface")[0]
    return {
        event: frozenset(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", fields).partition(":")[0])) - {"quality"}
        for events, fields in _ROW.findall(tables)
        for event in re.findall(r"`(\w+)`", events)
    }


class LogContract(logging.Filter):
    """Collects what is wrong with lines. `quality`: the fields that `call_ended` adds."""

    def __init__(self, quality: frozenset[str]) -> None:
        super().__init__()
        self.known = documented() | {"control": frozenset({"action"})}
        self.wrong: list[str] = []
        self._quality = quality

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every line pass."""
        if _is_ours():
            event = getattr(record, "event", "")
            self.wrong += self._problems(event, _fields(record))
            if event in DEFECTS and not record.exc_info:
                self.wrong.append(f"{event}: expected the exception: without its traceback nobody finds the bug")
        return True

    def _problems(self, event: str, fields: Mapping[str, Any]) -> list[str]:
        if event not in self.known:
            return [f"the event {event!r} is not listed in docs/contracts.md"]
        known = self.known[event] | (self._quality if event == "call_ended" else frozenset())
        unknown, missing = fields.keys() - known - OPTIONAL, known - fields.keys() - OPTIONAL
        return [
            *(f"{event}: the field {name!r} is not listed in docs/contracts.md" for name in sorted(unknown)),
            *(f"{event}: the field {name!r} of docs/contracts.md is missing" for name in sorted(missing)),
        ]


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    if record.name == "functions":
        return getattr(record, "fields", {})
    return {name: value for name, value in vars(record).items() if name not in STANDARD and name != "event"}


def _is_ours() -> bool:
    """Whether the line is of the code that we deliver: tests write lines, too."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.endswith(
        ("/logging/__init__.py", "/relay/logs.py", "/common/log.py")
    ):
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(SOURCES)


@contextmanager
def keeping_to_it() -> Iterator[None]:
    """Fails at its end if a line was written that does not keep to the contract."""
    check = LogContract(frozenset(Quality().as_json()))
    for name in LOGGERS:
        logging.getLogger(name).addFilter(check)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(check)
    assert not check.wrong, "\n".join(sorted(set(check.wrong)))
