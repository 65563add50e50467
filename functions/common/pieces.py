"""The pieces that a call's record is folded from. Each is created once and never changed.

calls/{call_sid}/events/        relay events as received
                 requests/      requests for a human, with the target
                 connect/       answer-*: numbers given to Exotel · first-*: it began to wait · empty-*: in vain
                 dial/          what became of each dialled number
                 streams/       how a stream ended, as reported by Exotel
                 closed/        streams whose relay died
                 progress/      … and the last that the relay had reported of them
                 missed/        streams that ended for a human who was never dialled; logged once
                 prices/        the prices that applied when the call was over
                 recording/     files that pieces of a recording were joined into
                 conversations/ conversations that named this call
conversations/{id}/             the vendor's account of a conversation: webhook-*, repair-*
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

from common import layout
from common.documents import Document, objects, text
from functions.common.store import Store, document


@dataclass(frozen=True, slots=True)
class Pieces:
    """All that is known about one call, each kind in the order of its keys (which has no meaning)."""

    events: tuple[Document, ...] = ()
    requests: tuple[Document, ...] = ()
    answers: tuple[Document, ...] = ()
    empties: tuple[Document, ...] = ()
    first_asked: tuple[Document, ...] = ()
    dials: tuple[Document, ...] = ()
    streams: tuple[Document, ...] = ()
    closings: tuple[Document, ...] = ()
    progress: tuple[Document, ...] = ()
    joined: tuple[Document, ...] = ()
    prices: tuple[Document, ...] = ()
    results: tuple[Document, ...] = ()
    conversation_ids: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        """Whether the relay or the vendor has reported this call; Exotel alone doesn't count."""
        return bool(self.events or self.requests or self.progress or self.results)


def gather(store: Store, call_sid: str, seen: MutableMapping[str, Document] | None = None) -> Pieces:
    """Everything about `call_sid`. `seen` caches what was read, so that a second call costs only the listing."""
    seen = {} if seen is None else seen
    prefix = layout.pieces(call_sid)
    kinds: dict[str, list[Document]] = {}
    conversation_ids: set[str] = set()
    for key, piece in _read(store, prefix, seen):
        kind, _, name = key.removeprefix(prefix).partition("/")
        if kind == "conversations":
            conversation_ids.add(name.removesuffix(".json"))
        elif kind == "connect":
            kinds.setdefault(name.removesuffix(".json").partition("-")[0], []).append(piece)
        else:
            kinds.setdefault(kind, []).append(piece)
    for event in (*kinds.get("events", ()), *kinds.get("progress", ())):
        conversation_ids.update(mentioned(event))
    results = [
        piece
        for conversation_id in sorted(conversation_ids)
        for key, piece in _read(store, layout.conversation(conversation_id), seen)
        if key != layout.conversation_call(conversation_id)
    ]
    return Pieces(
        events=tuple(kinds.get("events", ())),
        requests=tuple(kinds.get("requests", ())),
        answers=tuple(kinds.get("answer", ())),
        empties=tuple(kinds.get("empty", ())),
        first_asked=tuple(kinds.get("first", ())),
        dials=tuple(kinds.get("dial", ())),
        streams=tuple(kinds.get("streams", ())),
        closings=tuple(kinds.get("closed", ())),
        progress=tuple(kinds.get("progress", ())),
        joined=tuple(kinds.get("recording", ())),
        prices=tuple(kinds.get("prices", ())),
        results=tuple(results),
        conversation_ids=frozenset(conversation_ids),
    )


def mentioned(event: Document) -> Iterator[str]:
    """The conversations that a relay event names."""
    for item in (event, *objects(event, "agents")):
        if layout.is_id(conversation_id := text(item, "conversation_id")):
            yield conversation_id


def linked_call(conversation_id: str, store: Store) -> str:
    """The CallSid that the relay or a webhook gave for this conversation; empty if there is none yet."""
    link = store.read(layout.conversation_call(conversation_id))
    return link.body.decode() if link else ""


def _read(store: Store, prefix: str, seen: MutableMapping[str, Document]) -> Iterator[tuple[str, Document]]:
    keys = list(store.keys(prefix))
    news = [key for key in keys if key not in seen]
    for key, stored in zip(news, store.read_all(news), strict=True):
        seen[key] = document(stored)
    for key in keys:
        yield key, seen[key]
