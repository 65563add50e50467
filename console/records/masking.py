"""Masks people's numbers in lists and shared files: only the last four digits stay."""

import re
from typing import Any

from common.masking import mask_text
from common.phone import mask

_IDS = frozenset({"call_sid", "stream_sid", "conversation_id", "event_id", "id", "agent_id", "key"})
_TIMES = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})")


def mask_all(value: Any, key: str = "") -> Any:
    """A JSON value with all its texts masked; ids and times stay what they are."""
    if isinstance(value, dict):
        return {name: mask_all(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [mask_all(item, key) for item in value]
    if isinstance(value, str) and key not in _IDS and not _TIMES.fullmatch(value):
        return mask(value) if key in {"from", "to", "number"} and value else mask_text(value)
    return value
