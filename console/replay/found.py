"""Finds undelivered events in a log, in the output format of any cloud's or Docker's tool."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.event_parts import HEAD_EVENT, PART_EVENT, Gathered, IncompleteError, joined

_NAMES: Final = (HEAD_EVENT, PART_EVENT)


class Found:
    """The undelivered events in a log. `unreadable`: lines that name one and can't be read."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self._whole: dict[str, Mapping[str, Any]] = {}
        self._parts: dict[tuple[str, str], Gathered] = {}

    def read(self, text: str) -> None:
        """Add a log: JSON documents one after another, and lines with JSON in them."""
        decoder = json.JSONDecoder()
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            if text[at] in "[{":
                try:
                    document, at = decoder.raw_decode(text, at)
                except (ValueError, RecursionError):
                    pass
                else:
                    self._document(document)
                    continue
            # only \n ends a line: callers' words may contain other line separators of Unicode
            end = text.find("\n", at)
            line, at = (text[at:], len(text)) if end < 0 else (text[at:end], end + 1)
            self._line(line)

    def events(self) -> Iterator[Mapping[str, Any]]:
        """The complete events, each once; afterwards `problems` has the others."""
        done = set()
        for (event_id, digest), gathered in self._parts.items():
            try:
                event = joined(gathered, digest)
            except IncompleteError as problem:
                if event_id not in self._whole:
                    self.unreadable.append(f"event {event_id} of call {gathered.call_sid or 'unknown'}: {problem}")
                continue
            done.add(event_id)
            yield event
        yield from (event for event_id, event in self._whole.items() if event_id not in done)

    def _document(self, value: Any) -> None:
        """Any JSON value: our lines appear as objects, or as text in a `message` or `textPayload`."""
        if isinstance(value, list):
            for item in value:
                self._document(item)
        elif isinstance(value, dict):
            if value.get("event") in _NAMES:
                self._take(value)
            else:
                for item in value.values():
                    self._document(item)
        elif isinstance(value, str) and any(name in value for name in _NAMES):
            self._line(value)

    def _line(self, line: str) -> None:
        start = line.find("{")
        if start >= 0:
            try:
                document, _ = json.JSONDecoder().raw_decode(line, start)
            except (ValueError, RecursionError):
                pass
            else:
                return self._document(document)
        if any(name in line for name in _NAMES):
            self.unreadable.append(f"a line that names an undelivered event can't be read: {line[:200]}")
        return None

    def _take(self, line: Mapping[str, Any]) -> None:
        event_id, digest = str(line.get("event_id", "")), str(line.get("sha256", ""))
        payload = line.get("payload")
        if isinstance(payload, dict):  # format of older relays, without parts
            self._whole[str(payload.get("event_id", ""))] = payload
            return
        of = line.get("parts")
        if not event_id or not digest or not isinstance(of, int):
            self.unreadable.append(f"an undelivered event without its id, hash or number of parts: {str(line)[:200]}")
            return
        gathered = self._parts.setdefault((event_id, digest), Gathered(event_id))
        gathered.of = of
        gathered.call_sid = gathered.call_sid or str(line.get("call_sid", ""))
        part, data = line.get("part"), line.get("data")
        if isinstance(part, int) and isinstance(data, str):
            gathered.parts[part] = data
