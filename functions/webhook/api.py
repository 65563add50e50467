"""The part of ElevenLabs' REST API that fetches what a lost webhook should have brought (elevenlabs.md A6)."""

from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import quote, urlencode

from common.documents import Document, decode, objects, text
from common.layout import is_id
from functions.common.fetch import Answer, Fetch, FetchError

_IN_MEMORY = 1024 * 1024  # bytes; a longer recording is kept on the disk
_FINAL = frozenset({"done", "failed"})


class ApiError(Exception):
    """There was no usable answer to this request. The next one may succeed."""


class ApiClosedError(ApiError):
    """Further requests are pointless now: the key is refused, or we are rate-limited."""


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
        """The finished conversation, parsed and as received; None if it is not finished, or not known."""
        answer = self._get(f"/{quote(conversation_id)}")
        if answer is None:
            return None
        document = _parsed(answer, conversation_id)
        if (named := text(document, "conversation_id")) != conversation_id:
            raise ApiError(f"asked for {conversation_id}, the answer is about {named[:150]!r}")
        return (document, answer.body) if text(document, "status") in _FINAL else None

    def audio(self, conversation_id: str) -> BinaryIO | None:
        """MP3 of the whole call, in a file that is deleted when it is closed; None if there is none (yet)."""
        sound = cast("BinaryIO", SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115  # the caller closes it
        try:
            answer = self._get(f"/{quote(conversation_id)}/audio", timeout_s=15, into=sound)
        except ApiError:
            sound.close()
            raise
        if answer and sound.tell():
            sound.seek(0)
            return sound
        sound.close()
        return None

    def listed(self, after: float, before: float, cursor: str | None) -> Page:
        """Conversations that started between two Unix times, a page at a time."""
        query = {
            "page_size": "100",
            "call_start_after_unix": str(int(after)),
            "call_start_before_unix": str(int(before)),
        }
        answer = self._get("?" + urlencode(query | ({"cursor": cursor} if cursor else {})))
        if answer is None:
            raise ApiError("the list of conversations: HTTP 404")
        document = _parsed(answer, "the list of conversations")
        if not isinstance(document.get("conversations"), list):
            raise ApiError("the list of conversations: expected a field conversations")
        listed = [text(item, "conversation_id") for item in objects(document, "conversations")]
        following = text(document, "next_cursor") if document.get("has_more") else ""
        return Page(tuple(filter(is_id, listed)), following or None)

    def _get(self, path: str, timeout_s: float = 10, into: BinaryIO | None = None) -> Answer | None:
        """The answer with status 200; None for a 404."""
        try:
            headers = {"xi-api-key": self._key}
            answer = self._fetch("GET", self._base + path, headers=headers, timeout_s=timeout_s, into=into)
        except FetchError as error:
            raise ApiError(f"no answer from {self._base}: {error}") from error
        if answer.status == 401:
            raise ApiClosedError(
                f"{self._base} refuses ELEVENLABS_API_KEY with 401; does it belong to the region ELEVENLABS_REGION?"
            )
        if answer.status == 429:
            raise ApiClosedError(f"{self._base} answers 429: too many requests")
        if answer.status not in {200, 404}:
            raise ApiError(f"{self._base}{path.partition('?')[0]}: HTTP {answer.status}")
        return answer if answer.status == 200 else None


def _parsed(answer: Answer, what: str) -> Document:
    try:
        return decode(answer.body)
    except ValueError as problem:
        raise ApiError(f"the answer about {what} can't be read: {problem}") from None
