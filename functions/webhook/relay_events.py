"""The relay's events (docs/contracts.md): each stored under its own id, then folded into the record.

A request for a human is answered only after it is stored: the relay closes the stream on our answer, and Exotel asks
for the number within the same second (D6).
"""

from common import layout
from common.documents import Document, decode, encode, mapping, text
from common.phone import mask_within, to_e164
from common.signature import RELAY_HEADER, Verdict, verify
from common.times import to_unix
from functions.common import log
from functions.common.calls import write_record
from functions.common.http import Request, Response, answer
from functions.common.pending import mark_call, mark_recording
from functions.common.pieces import mentioned
from functions.common.recordings import ENDED
from functions.common.redaction import redacted_event
from functions.common.settings import Targets, find_target, refusal
from functions.common.store import Store
from functions.webhook import live, uploads
from functions.webhook.settings import Settings

TRANSFER_REQUESTED = "call.transfer_requested"


def receive(request: Request, store: Store, settings: Settings, now: float) -> Response:
    """`POST /relay/events`: 401, 400 for an event that a relay can't have sent, or 200 once it is stored."""
    verdict = verify(request.body, request.headers.get(RELAY_HEADER.lower()), settings.events_secrets, now=now)
    if verdict is not Verdict.VALID:
        hint = "" if settings.events_secrets else "; EVENTS_SECRET is not set"
        log.warning("webhook_refused", f"a relay event was refused: signature {verdict}{hint}", reason=verdict)
        return answer(401, {"status": "error", "error": "bad signature"})
    try:
        event = decode(request.body)
        _check(event)
        if event["type"] == uploads.UPLOAD:  # only a question; nothing in it needs storing
            return answer(200, uploads.grant(event, store, settings, now))
    except ValueError as problem:
        log.error("relay_event_malformed", mask_within(f"a relay event can't be stored: {problem}"))
        return answer(400, {"status": "error", "error": str(problem)})
    if event["type"] == live.PROGRESS:
        return answer(200, {"status": "ok", "duplicate": False, **live.take_progress(event, store, settings, now)})
    transfer, duplicate = store_event(event, request.body, store, settings, now)
    log.info(
        "relay_event_received",
        f"{event['type']} stored",
        call_sid=event["call_sid"],
        type=event["type"],
        duplicate=duplicate,
    )
    body: Document = {"status": "ok", "duplicate": duplicate}
    if event["type"] == TRANSFER_REQUESTED:
        body["transfer"] = {
            "accepted": transfer["target"] is not None,
            "target": transfer["target"],
            "reason": transfer["refusal"],
        }
    return answer(200, body)


def store_event(event: Document, body: bytes, store: Store, settings: Settings, now: float) -> tuple[Document, bool]:
    """Create the pieces of `event`, in an order in which a crash leaves work undone but loses nothing.

    With REDACT the pieces are made from the redacted event, and `body` is not stored anywhere. Returns the outcome of
    its transfer request (empty if it has none), and whether the event was there already.
    """
    call_sid, event_id = text(event, "call_sid"), text(event, "event_id")
    stream_sid = text(event, "stream_sid")
    if settings.redact:
        event = redacted_event(event, settings.redact)
        body = encode(event)
    mark_call(store, call_sid, f"stream-{stream_sid}", now, settings.sweep_after_s, stream_sid)
    if event["type"] == ENDED:
        mark_recording(store, call_sid, f"ended-{stream_sid}", now, 0)
    wanted = event["type"] == TRANSFER_REQUESTED or mapping(event, "transfer")  # without a target: the default one
    transfer = _store_request(event, store, settings.targets) if wanted else {}
    fresh = store.create(layout.piece(call_sid, "events", event_id), body)
    for conversation_id in mentioned(event):
        store.create(layout.conversation_call(conversation_id), call_sid.encode())
    if caller := to_e164(text(event, "from")):
        prefix = layout.caller(caller, to_unix(text(event, "at")) or now)
        store.create(f"{prefix}{call_sid}.json", encode({"call_sid": call_sid}))
    live.follow(event, write_record(store, call_sid, prices=settings.quote), store)
    return transfer, not fresh


def _store_request(event: Document, store: Store, targets: Targets) -> Document:
    """The target is decided once, now: a later change of the settings must not change it."""
    asked = text(event, "transfer", "target")
    target = find_target(targets, asked)
    request = {
        "event_id": event["event_id"],
        "stream_sid": event["stream_sid"],
        "at": event["at"],
        "asked": asked,
        "target": target,
        "reason": text(event, "transfer", "reason"),
        "summary": text(event, "transfer", "summary"),
        "refusal": None if target else refusal(asked, targets),
    }
    key = layout.piece(text(event, "call_sid"), "requests", text(event, "event_id"))
    if not store.create(key, encode(request)) and (earlier := store.read(key)):
        return decode(earlier.body)
    return request


def _check(event: Document) -> None:
    for name in ("call_sid", "stream_sid", "event_id"):
        if not layout.is_id(event.get(name)):
            raise ValueError(f"{name}={event.get(name)!r:.150}: expected 1 to 128 of A-Z a-z 0-9 . _ -")
    if not isinstance(event.get("type"), str):
        raise ValueError("type is missing")
    if to_unix(text(event, "at")) is None:
        raise ValueError(f"at={event.get('at')!r:.150}: expected an RFC 3339 time with a zone")
