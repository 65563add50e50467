"""The vendor's post-call webhook: stored first, then interpreted (D8).

    1. pending/webhooks/{digest}     so that the sweep finishes if this process dies
    2. inbox/…/{digest}.json         the bytes as they came: from here on nothing can be lost
    3. conversations/{id}/…          their content, a pure function of the bytes
    4. calls/…, logs/…               the call they belong to
    5. with RAW_BODIES=drop the bytes are replaced by a note that they were here
    6. pending/… is deleted

If a ticket service gets the bytes too, steps 5 and 6 wait for it. Every step is create-only or repeatable, so a second
delivery, or the sweep, just repeats the same steps.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO

from common import layout
from common.documents import Document, decode, encode, mapping, number, text
from common.phone import mask_within, to_e164
from common.signature import ELEVENLABS_HEADER, Verdict, verify
from common.times import rfc3339
from functions.common import log
from functions.common.calls import result_end, write_record
from functions.common.http import Request, Response, answer
from functions.common.pieces import linked_call
from functions.common.redaction import redacted_result
from functions.common.sealed import is_sealed, size_of
from functions.common.store import Store
from functions.webhook.conversation import Claim, claim_of, impossible_times, is_conversation, result_of
from functions.webhook.settings import ENCRYPTED, Settings

TRANSCRIPTION = "post_call_transcription"
AUDIO = "post_call_audio"

_TIMESTAMP = re.compile(rb'"event_timestamp"\s*:\s*"?(\d{9,10})\b')
_DROPPED = b'{"dropped":true,"bytes":'
_AT_ONCE = 64 * 1024
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of a webhook. `finished`: a retry would change nothing."""

    type: str = ""
    conversation_id: str = ""
    call_sid: str = ""
    ended_at: float | None = None
    finished: bool = True


def receive(request: Request, store: Store, settings: Settings, now: float) -> Response:
    """`POST /webhook/post-call`: 401, or 200 once the bytes are safe."""
    verdict = verify(
        request.body,
        request.headers.get(ELEVENLABS_HEADER.lower()),
        settings.webhook_secrets,
        now=now,
        max_age_s=settings.webhook_max_age_s,
    )
    if verdict is not Verdict.VALID:
        hint = "" if settings.webhook_secrets else "; ELEVENLABS_WEBHOOK_SECRET is not set"
        log.warning("webhook_refused", f"a webhook was refused: signature {verdict}{hint}", reason=verdict)
        return answer(401, {"status": "error", "error": "bad signature"})
    name = layout.digest(request.body)
    marker: Document = {
        "inbox": _inbox_key(request.body, name, now),
        "at": now,
        "next_at": now,
        "attempts": 0,
        "forward": bool(settings.ticket_url),
        "headers": {
            header: request.headers[header]
            for header in ("content-type", "content-encoding", ELEVENLABS_HEADER.lower())
            if header in request.headers
        },
    }
    if not store.create(layout.pending_webhook(name), encode(marker)):
        earlier = store.read(layout.pending_webhook(name))
        marker = decode(earlier.body) if earlier else marker
    inbox = text(marker, "inbox")
    fresh = store.create(inbox, settings.as_kept(inbox, request.body))
    taken = take_in(request.body, marker, store, settings)
    if taken.finished and not marker["forward"]:
        settle_raw(inbox, store, settings)
        store.delete(layout.pending_webhook(name))
    log.info(
        "webhook_received",
        f"{taken.type or 'an unreadable webhook'} stored",
        call_sid=taken.call_sid or None,
        conversation_id=taken.conversation_id or None,
        type=taken.type,
        lag_s=None if taken.ended_at is None else round(now - taken.ended_at, 1),
        duplicate=not fresh,
    )
    return answer(200, {"status": "ok", "duplicate": not fresh})


def take_in(body: bytes, marker: Document, store: Store, settings: Settings) -> TakenIn:
    """Steps 3 and 4 for a body that is in the inbox. A body that can't be interpreted is flagged and left there."""
    try:
        document = decode(_plain(body, text(marker, "headers", "content-encoding")))
    except ValueError as problem:
        return _flagged(TakenIn(), str(problem), marker, store)
    kind, data = _kind_of(document)
    conversation_id = text(data, "conversation_id")
    taken = TakenIn(type=kind, conversation_id=conversation_id)
    if layout.is_id(conversation_id) and text(marker, "inbox"):
        name = layout.digest(body)
        store.create(f"{layout.raw_of(conversation_id)}{name}.json", encode({"inbox": marker["inbox"]}))
    if kind not in {TRANSCRIPTION, AUDIO}:
        return taken
    if not layout.is_id(conversation_id):
        return _flagged(taken, "data.conversation_id is missing or not an id", marker, store)
    if kind == AUDIO:
        return _audio(taken, data, marker, store)
    if not is_conversation(data):
        return _flagged(
            taken, "not in the JSON transcript format; kept raw, the sweep fetches it by API", marker, store
        )
    if impossible := impossible_times(data):
        _flagged(taken, "; ".join(impossible), marker, store)
    said = result_of(data, "webhook", number(document, "event_timestamp"), settings)
    result = redacted_result(said, settings.redact)
    call_sid = add_result(result, layout.digest(body), claim_of(data, settings), store, settings.quote)
    return TakenIn(kind, conversation_id, call_sid, result_end(result))


def settle_raw(inbox: str, store: Store, settings: Settings) -> None:
    """Keep a webhook that was understood as `settings` say: as it is, encrypted, or as a note that it came.

    A repeat is still recognised by its key. What was flagged is never dropped: nothing else is left of it.
    """
    if settings.raw_bodies == "keep" or not (stored := store.read(inbox)) or stored.body.startswith(_DROPPED):
        return
    if settings.raw_bodies == ENCRYPTED:
        if not is_sealed(stored.body):  # it came before the setting did
            store.swap(inbox, settings.as_kept(inbox, stored.body), stored.version)
    elif not store.read(_problem_key(inbox)):
        store.swap(inbox, _DROPPED + str(size_of(stored.body)).encode() + b"}", stored.version)


def _kind_of(document: Document) -> tuple[str, Document]:
    """What kind of webhook this is, and its data. Without a type it is recognised by its content."""
    data = mapping(document, "data")
    if kind := text(document, "type"):
        return kind, data
    data = data or document
    if "full_audio" in data:
        return AUDIO, data
    return (TRANSCRIPTION if is_conversation(data) else ""), data


def add_result(result: Document, name: str, claim: Claim, store: Store, prices: Document | None = None) -> str:
    """Store a conversation's result and fold it into its call. Returns the CallSid, empty while none is proved.

    An unverified result is set aside: it counts once the relay itself reports that the conversation is the call's. The
    result is created before the link is looked up, and the relay's event creates the link before it looks for results:
    so the later of the two sees the other.
    """
    conversation_id = text(result, "conversation_id")
    store.create(f"{layout.conversation(conversation_id)}{text(result, 'source')}-{name}.json", encode(result))
    call_sid = claim.call_sid
    _warn_of_unknown_target(result, call_sid)
    if call_sid:
        store.create(layout.conversation_call(conversation_id), call_sid.encode())
        store.create(
            layout.piece(call_sid, "conversations", conversation_id), encode({"conversation_id": conversation_id})
        )
    else:
        call_sid = linked_call(conversation_id, store)
    if call_sid:
        write_record(store, call_sid, prices=prices)
    elif claim.unverified:
        log.warning(
            "conversation_unverified",
            f"{conversation_id} names a call or a caller without the relay's proof; it is set aside",
            conversation_id=conversation_id,
            agent_id=text(result, "agent_id")[:128],
        )
    elif claim.by_number and (caller := to_e164(text(result, "from"))) and (ended_at := result_end(result)) is not None:
        entry = {"conversation_id": conversation_id, "started_at": result["started_at"], "ended_at": rfc3339(ended_at)}
        store.create(f"{layout.caller(caller, ended_at)}conversation-{conversation_id}.json", encode(entry))
    return call_sid


def add_audio(audio: BinaryIO, call_sid: str, conversation_id: str, store: Store) -> None:
    """Store the recording of a conversation; that of a second conversation of the call is stored beside the first."""
    if not store.create_large(layout.audio(call_sid), _parts(audio)):
        present = store.read_large(layout.audio(call_sid))
        if present and not _holds(audio, present):
            store.create_large(layout.audio(call_sid, f"-{conversation_id}"), _parts(audio))


def _parts(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(_AT_ONCE), b"")


def _holds(file: BinaryIO, parts: Iterable[bytes]) -> bool:
    file.seek(0)
    return all(file.read(len(part)) == part for part in parts) and not file.read(1)


def _audio(taken: TakenIn, data: Document, marker: Document, store: Store) -> TakenIn:
    try:
        audio = base64.b64decode(text(data, "full_audio"), validate=True)
    except binascii.Error as problem:
        return _flagged(taken, f"data.full_audio is not base64: {problem}", marker, store)
    call_sid = linked_call(taken.conversation_id, store)
    if call_sid:
        add_audio(BytesIO(audio), call_sid, taken.conversation_id, store)
    return TakenIn(AUDIO, taken.conversation_id, call_sid, finished=bool(call_sid))


def _flagged(taken: TakenIn, problem: str, marker: Document, store: Store) -> TakenIn:
    inbox = text(marker, "inbox")
    log.warning("webhook_unreadable", f"{inbox} is stored but could not be interpreted: {problem}", type=taken.type)
    store.create(_problem_key(inbox), encode({"problem": problem}))
    return taken


def _problem_key(inbox: str) -> str:
    return inbox.removesuffix(".json") + ".problem.json"


def _warn_of_unknown_target(result: Document, call_sid: str) -> None:
    transfer = mapping(result, "transfer")
    if transfer and not transfer["target"]:
        asked = mask_within(text(transfer, "asked"))  # written by a model
        log.warning(
            "transfer_target_unknown",
            f"the analysis asks for {asked!r}, which is neither in TRANSFER_TARGETS nor in TRANSFER_VALUES",
            call_sid=call_sid or None,
        )


def _inbox_key(body: bytes, name: str, now: float) -> str:
    """Derived from the body alone if the body has a time, so that a duplicate after midnight is recognised."""
    said = _TIMESTAMP.search(body)
    day = datetime.fromtimestamp(int(said[1]) if said else now, UTC)
    return f"inbox/{day:%Y/%m/%d}/{name}.json"


def _plain(body: bytes, encoding: str) -> bytes:
    """`body` without its `Content-Encoding`. Raises ValueError if the two don't match."""
    if encoding.lower() in {"", "identity"}:
        return body
    if encoding.lower() not in {"gzip", "deflate"}:
        raise ValueError(f"Content-Encoding {encoding!r} is not known")
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = inflate.decompress(body, _LARGEST)
    except zlib.error as error:
        raise ValueError(f"Content-Encoding is {encoding}, but the body is not: {error}") from None
    if not inflate.eof:
        raise ValueError(f"Content-Encoding is {encoding}, but the body is cut off or larger than {_LARGEST} bytes")
    return plain
