"""A log line, in the same format everywhere (docs/contracts.md): dashboards and alarms depend on its names.

Every string of a line is masked and cut here, because it may come from a model, a vendor, the line or a stranger. Code
that logs need not do it, and no line is longer than log drivers allow.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from common.masking import mask_text
from common.times import rfc3339

MAX_LINE: Final = 8 * 1024
"""Bytes. Docker's drivers cut a line at 16 KiB, and what they cut is no JSON any more."""
MAX_TEXT: Final = 2_000
_CUT_TO: Final = (600, 150, 40)
_MARGIN: Final = 40
_MAX_ITEMS: Final = 50
_MAX_DEPTH: Final = 4

# Ids are not phone numbers, and are needed to find a line. `data` is a part of an event that must stay intact
# (event_parts).
_AS_IT_IS: Final = frozenset(
    {"time", "severity", "event", "call_sid", "stream_sid", "conversation_id", "event_id", "agent_id", "path"}
    | {"function_request_id", "sha256", "data", "host"}
)


def head(record: logging.LogRecord) -> dict[str, Any]:
    """`time`, `severity`, `event` and `message` of `record`; for a library's line the event is the logger's name."""
    return {
        "time": rfc3339(record.created),
        "severity": record.levelname,
        "event": getattr(record, "event", record.name),
        "message": record.getMessage(),
    }


def written(line: Mapping[str, Any]) -> str:
    """`line` as one line of JSON of at most MAX_LINE bytes, without phone numbers."""
    text = _encoded(_clean(line, MAX_TEXT))
    for limit in _CUT_TO:
        if len(text.encode(errors="surrogatepass")) <= MAX_LINE:
            return text
        text = _encoded({**_clean(line, limit), "cut": True})
    if len(text.encode(errors="surrogatepass")) <= MAX_LINE:
        return text
    kept = {key: str(line.get(key, ""))[:200] for key in ("time", "severity", "event", "message", "call_sid")}
    return _encoded({**_clean(kept, 200), "cut": True})


def cleaned(line: Mapping[str, Any]) -> dict[str, Any]:
    """`line` with its strings masked and cut, for lines that another library writes."""
    return _clean(line, MAX_TEXT)


def _clean(line: Mapping[str, Any], limit: int) -> dict[str, Any]:
    return {str(key)[:100]: _value(value, limit, str(key), 0) for key, value in line.items()}


def _value(value: Any, limit: int, key: str, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    composed = not isinstance(value, str) and depth < _MAX_DEPTH  # most are texts: the other look-ups take longer
    if composed and isinstance(value, Mapping):
        some = list(value.items())[:_MAX_ITEMS]
        return {str(name)[:100]: _value(item, limit, str(name), depth + 1) for name, item in some}
    if composed and isinstance(value, list | tuple | set | frozenset):
        return [_value(item, limit, key, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    text = str(value)
    if key in _AS_IT_IS:
        return text if len(text) <= MAX_LINE else text[:limit]
    if len(text) <= limit:
        return mask_text(text)
    # cut first, because masking a long text blocks the event loop; the margin keeps numbers from being cut in two
    if key == "exception":  # the end says what happened
        return f"({len(text)} characters) …{mask_text(text[-limit - _MARGIN :])[-limit:]}"
    return f"{mask_text(text[: limit + _MARGIN])[:limit]}… ({len(text)} characters)"


def _encoded(line: Mapping[str, Any]) -> str:
    """`line` as `_clean` returns it: nothing in it is unknown to JSON."""
    text = json.dumps(line, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8 arrive as surrogates, from headers and file names
        return json.dumps(line)
    return text
