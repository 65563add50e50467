"""Finds out whose the documents in the store are."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, Protocol

from common.documents import Document, decode, mapping, objects, text
from common.layout import is_id
from common.phone import to_e164
from functions.common.sealed import SealedError, Sealing
from functions.common.store import History, Store

AT_ONCE: Final = 64
_LARGEST: Final = 256 * 1024 * 1024


class PersonStore(Store, History, Protocol):
    """A store whose old versions can be listed and deleted."""


def opened_body(place: str, body: bytes, sealing: Sealing) -> bytes:
    """Without its encryption where the key is at hand, else as it is."""
    try:
        return sealing.open(place, body)
    except SealedError:
        return body


def documents(store: PersonStore, keys: Iterable[str]) -> Iterator[tuple[str, Document | None]]:
    """The content of each key, or its last content; None if it is not JSON."""
    for key, body in bodies(store, keys):
        yield key, parsed(body)


def bodies(store: PersonStore, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """As `documents`, as bytes; keys deleted since the listing are left out."""
    waiting = iter(keys)
    while some := list(islice(waiting, AT_ONCE)):
        for key, stored in zip(some, store.read_all(some), strict=True):
            body = stored.body if stored else store.newest(key)
            if body is not None:
                yield key, body


def parsed(body: bytes) -> Document | None:
    """Also for compressed webhooks."""
    try:
        return decode(_plain(body))
    except ValueError:
        return None


def names_number(number: str) -> Callable[[Document], bool]:
    """Whether a record, an event or a result is of a call from or to `number` (E.164)."""
    digits = number.lstrip("+")

    def names(document: Document) -> bool:
        for side in ("from", "to"):
            said = text(document, side)
            if said and (to_e164(said) == number or "".join(filter(str.isdigit, said)) == digits):
                return True
        return False

    return names


def conversations_of(document: Document) -> Iterator[str]:
    """Ids of conversations that a record or an event names."""
    for item in (document, *objects(document, "agents")):
        if is_id(conversation_id := text(item, "conversation_id")):
            yield conversation_id


def foreign_vendors(document: Document) -> Iterator[str]:
    """The call's vendors except ElevenLabs, whose copies can be deleted from here."""
    for agent in [*objects(document, "agents"), mapping(document, "agent")]:
        if (vendor := text(agent, "vendor")) not in {"", "elevenlabs"}:
            yield vendor


def webhook_of(document: Document) -> tuple[str, Document]:
    """The conversation and the line's numbers (as `from` and `to`) in a raw webhook."""
    data = mapping(document, "data") or document
    variables = mapping(data, "conversation_initiation_client_data", "dynamic_variables")
    numbers: Document = {
        "from": text(variables, "caller_number") or text(variables, "system__caller_id"),
        "to": text(variables, "called_number") or text(variables, "system__called_number"),
    }
    return text(data, "conversation_id"), numbers


def _plain(body: bytes) -> bytes:
    if not body.startswith((b"\x1f\x8b", b"\x78")):
        return body
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, _LARGEST)
    except zlib.error:
        return body
