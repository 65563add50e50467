"""ElevenLabs' REST API, as much as it takes to fetch what a webhook should have brought (elevenlabs.md A6)."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from common.documents import Document, decode, objects, text
from functions.common.fetch import Answer, Fetch, FetchError

_FINAL = frozenset({"done", "failed"})


class ApiError(Exception):
    """Asking more now is pointless: the key is refused, we ask too often, or nobody answers."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list of conversations; `cursor` is None on the last."""

    conversation_ids: tuple[str, ...]
    cursor: str | None


class ConversationsApi:
    """`base` without a trailing slash; `key` belongs to the workspace of that region."""

    def __init__(self, base: str, key: str, fetch: Fetch) -> None:
        self._base = f"{base}/v1/convai/conversations"
        self._key = key
        self._fetch = fetch

    def conversation(self, conversation_id: str) -> tuple[Document, bytes] | None:
        """The finished conversation, parsed and as received; None while it is not finished, or not known."""
        answer = self._get(f"/{quote(conversation_id)}")
        if answer.status != 200:
            return None
        document = _parsed(answer)
        return (document, answer.body) if text(document, "status") in _FINAL else None

    def audio(self, conversation_id: str) -> bytes | None:
        """MP3 of the whole call; None when there is none (yet)."""
        answer = self._get(f"/{quote(conversation_id)}/audio", timeout_s=30)
        return answer.body if answer.status == 200 else None

    def finished(self, after: float, before: float, cursor: str | None) -> Page:
        """Finished conversations that started between two Unix times, a page at a time."""
        query = {
            "page_size": "100",
            "call_start_after_unix": str(int(after)),
            "call_start_before_unix": str(int(before)),
        }
        answer = self._get("?" + urlencode(query | ({"cursor": cursor} if cursor else {})))
        if answer.status != 200:
            raise ApiError(f"the list of conversations is answered with {answer.status}")
        document = _parsed(answer)
        listed = [item for item in objects(document, "conversations") if text(item, "status") in _FINAL]
        following = text(document, "next_cursor") if document.get("has_more") else ""
        return Page(tuple(text(item, "conversation_id") for item in listed), following or None)

    def _get(self, path: str, timeout_s: float = 10) -> Answer:
        try:
            answer = self._fetch("GET", self._base + path, headers={"xi-api-key": self._key}, timeout_s=timeout_s)
        except FetchError as error:
            raise ApiError(f"{self._base} can't be reached: {error}") from error
        if answer.status in {401, 403}:
            raise ApiError(
                f"{self._base} refuses ELEVENLABS_API_KEY with {answer.status}; is it of the region ELEVENLABS_REGION?"
            )
        if answer.status == 429 or answer.status >= 500:
            raise ApiError(f"{self._base} answers {answer.status}")
        return answer


def _parsed(answer: Answer) -> Document:
    try:
        return decode(answer.body)
    except ValueError as problem:
        raise ApiError(f"an answer that can't be read: {problem}") from None
