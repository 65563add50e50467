"""The vendor's conversations by REST, as the sweep meets them over days: late, wrong, away, and all of it in part."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from functions.common.fetch import Answer, FetchError

ROOT = "/v1/convai/conversations"
PAGE = 3

Spoil = Callable[[str, Answer, int], Answer]
"""(conversation's id, or empty for the list; the right answer; how often this was asked before) → what is answered."""


@dataclass
class ConversationsApi:
    """`conversations` by id, each from the time it ended; `spoil` is asked while `from_s <= now < until_s`."""

    clock: Callable[[], float]
    spoil: Spoil = lambda conversation_id, answer, asked: answer
    from_s: float = 0.0
    until_s: float = float("inf")
    conversations: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float = 10,
        into: BinaryIO | None = None,
    ) -> Answer:
        """As functions.common.fetch."""
        parts = urlsplit(url)
        assert (method, parts.path[: len(ROOT)], headers) == ("GET", ROOT, {"xi-api-key": "key"})
        conversation_id = parts.path[len(ROOT) :].strip("/")
        asked = self.asked.get(conversation_id, 0)
        self.asked[conversation_id] = asked + 1
        answer = self._conversation(conversation_id) if conversation_id else self._list(parse_qs(parts.query))
        return self.spoil(conversation_id, answer, asked) if self.from_s <= self.clock() < self.until_s else answer

    def _conversation(self, conversation_id: str) -> Answer:
        ended_at, document = self.conversations.get(conversation_id, (float("inf"), {}))
        if ended_at > self.clock():
            return Answer(404, b"{}")
        return Answer(200, json.dumps(document).encode())

    def _list(self, query: Mapping[str, list[str]]) -> Answer:
        after, before = (float(query[f"call_start_{side}_unix"][0]) for side in ("after", "before"))
        listed = [
            {"conversation_id": conversation_id, "status": "done"}
            for conversation_id, (ended_at, document) in sorted(self.conversations.items(), reverse=True)
            if ended_at <= self.clock() and after <= document["metadata"]["start_time_unix_secs"] <= before
        ]
        first = int(query.get("cursor", ["0"])[0])
        more = len(listed) > first + PAGE
        page = {"conversations": listed[first : first + PAGE], "has_more": more}
        return Answer(200, json.dumps({**page, "next_cursor": str(first + PAGE) if more else None}).encode())


def no_answer(*_: object) -> Answer:
    """Nothing comes back in time."""
    raise FetchError("timed out")
