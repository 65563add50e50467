"""What the sweep does about one call: close it if its relay died, fetch what never arrived, fold the record again."""

from dataclasses import dataclass
from functools import partial
from io import SEEK_END
from operator import methodcaller

from common import layout
from common.documents import Document, encode, text
from common.live import so_far
from common.times import rfc3339, to_unix
from functions.common import log
from functions.common.calls import result_end, write_record
from functions.common.pieces import Pieces, gather, linked_call
from functions.common.redaction import redacted_result
from functions.common.store import Store
from functions.common.streams import Stream, of_stream, streams_of
from functions.common.transfers import transfer_of
from functions.webhook.api import ApiError, ConversationsApi
from functions.webhook.conversation import Claim, claim_of, impossible_times, is_conversation, result_of
from functions.webhook.live import last_heard_at, tidy
from functions.webhook.post_call import add_audio, add_result
from functions.webhook.settings import Settings
from functions.webhook.vendor import Tried, Vendor

# Exotel ends every stream after 60 minutes (exotel.md 1.10); by then a living relay has reported it.
_LONGEST_CALL_S = 3900
_LEAST_SILENCE_S = 180  # the functions may have been unreachable, so silence alone doesn't prove that the relay is dead


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done. `finished`: nothing is left to do; `tried`: everything was requested that could be."""

    fetched: int
    closed: int
    finished: bool
    tried: bool


def repair_call(
    call_sid: str, stream_sid: str, store: Store, vendor: Vendor | None, settings: Settings, now: float
) -> Repaired:
    """Deal with one stream of a call. `vendor` is None if there is no API key."""
    silent = _keep_progress(call_sid, stream_sid, store, settings, now)
    seen: dict[str, Document] = {}
    pieces = gather(store, call_sid, seen)
    stream = next((stream for stream in streams_of(pieces) if stream.stream_sid == stream_sid), None)
    closed = _close(call_sid, stream, pieces, store, settings, now, silent=silent)
    if closed:
        pieces = gather(store, call_sid, seen)
    over_since = _over_since(stream, pieces)
    results: list[Tried] = []
    sounds: list[Tried] = []
    if over_since is not None and over_since + settings.sweep_after_s <= now and vendor:
        for conversation_id in sorted(_silent(pieces)):
            fetch = partial(fetch_result, conversation_id, call_sid, store, settings)
            results.append(vendor.attempt(fetch, call_sid)[0])
        if settings.fetch_audio:
            sounds = _fetch_audio(call_sid, gather(store, call_sid, seen), store, vendor)
    record = write_record(store, call_sid, seen, settings.quote)
    if over_since is not None:
        tidy(call_sid, stream_sid, store)
    waiting = stream is not None and (over_since is None or over_since + settings.sweep_after_s > now)
    if stream and not waiting and record and record["transfer"]:
        _tell_of_missed(call_sid, stream, gather(store, call_sid, seen), store)
    asked = {*results, *sounds}
    return Repaired(
        fetched=results.count(Tried.HAD),
        closed=int(closed),
        finished=not waiting and asked <= {Tried.HAD},
        tried=Tried.NOT_TRIED not in asked,
    )


def fetch_result(
    conversation_id: str, call_sid: str, store: Store, settings: Settings, api: ConversationsApi
) -> str | None:
    """Fetch a conversation and process it like its webhook. None if it is not available yet.

    Else the CallSid it belongs to: `call_sid`, or the one that the relay or the conversation itself names. Empty, and
    nothing is stored, if the conversation is no phone call of ours: the workspace may hold others.
    """
    found = api.conversation(conversation_id)
    if found is None:
        return None
    document, body = found
    if not is_conversation(document):
        raise ApiError(f"the answer about {conversation_id} has neither transcript nor metadata")
    for problem in impossible_times(document):
        log.warning("time_impossible", f"{conversation_id}: {problem}")
    known = call_sid or linked_call(conversation_id, store)
    claim = Claim(known) if known else claim_of(document, settings)
    if claim.call_sid or claim.unverified:
        result = redacted_result(result_of(document, "repair", None, settings), settings.redact)
        add_result(result, layout.digest(body), claim, store, settings.quote)
    return claim.call_sid


def silent_for(settings: Settings) -> float:
    """Seconds of silence after which a relay that reports progress, every ten seconds or so, counts as dead."""
    return max(settings.sweep_after_s, _LEAST_SILENCE_S)


def _keep_progress(call_sid: str, stream_sid: str, store: Store, settings: Settings, now: float) -> bool:
    """If the relay reported progress of this stream and fell silent, store its last report as a piece of the call."""
    stored = store.read(layout.live(call_sid, stream_sid)) if stream_sid else None
    live = so_far(stored.body) if stored else {}
    heard_at = last_heard_at(live)
    if heard_at is None or heard_at + silent_for(settings) > now:
        return False
    body = encode(live)
    store.create(layout.piece(call_sid, "progress", layout.digest(body)), body)
    return True


def _close(
    call_sid: str,
    stream: Stream | None,
    pieces: Pieces,
    store: Store,
    settings: Settings,
    now: float,
    *,
    silent: bool,
) -> bool:
    """Record the end of a stream whose relay never reported it: the relay fell silent, the vendor reported the end, or
    no call lasts that long.
    """
    if stream is None or stream.ended or stream.closed:
        return False
    told = [end for result in pieces.results if (end := result_end(result)) is not None]
    vendor_told = told and max(told) + settings.sweep_after_s <= now
    if not (silent or vendor_told or stream.started_at + _LONGEST_CALL_S <= now):
        return False
    signs = [to_unix(text(event, "at")) or 0 for event in (*pieces.events, *pieces.progress)]
    last_sign = max([stream.started_at, *told, *signs])
    closing = {"stream_sid": stream.stream_sid, "ended_at": rfc3339(last_sign)}
    fresh = store.create(layout.piece(call_sid, "closed", stream.stream_sid), encode(closing))
    if fresh:
        log.warning("call_closed", "the relay never reported how this call ended", call_sid=call_sid)
    return fresh


def _tell_of_missed(call_sid: str, stream: Stream, pieces: Pieces, store: Store) -> None:
    """Log once that a human was requested when this stream ended, and Exotel was never given a number to dial."""
    transfer = transfer_of(of_stream(pieces, stream))
    if transfer is None or transfer["attempts"] or stream.end_reason == "caller_hung_up":
        return
    if store.create(layout.piece(call_sid, "missed", stream.stream_sid), encode({"stream_sid": stream.stream_sid})):
        asked = bool(of_stream(pieces, stream).first_asked)
        why = transfer["refusal"] or (
            "decided too late" if asked else "Exotel never requested a number: is there a Connect applet?"
        )
        log.warning(
            "transfer_missed",
            f"a human was requested and nobody was dialled: {why}",
            call_sid=call_sid,
            target=transfer["target"],
        )


def _over_since(stream: Stream | None, pieces: Pieces) -> float | None:
    """Unix seconds; None while the stream lasts."""
    if stream is None:
        return None
    if stream.ended:
        return to_unix(text(stream.ended, "ended_at")) or to_unix(text(stream.ended, "at"))
    closing: Document | None = next(
        (closing for closing in pieces.closings if text(closing, "stream_sid") == stream.stream_sid), None
    )
    return to_unix(text(closing, "ended_at")) if closing else None


def _silent(pieces: Pieces) -> set[str]:
    """Conversations with ElevenLabs that have no result yet."""
    agents = [agent for stream in streams_of(pieces) for agent in stream.agents]
    others = {text(agent, "conversation_id") for agent in agents if text(agent, "vendor") not in {"", "elevenlabs"}}
    return set(pieces.conversation_ids) - others - {text(result, "conversation_id") for result in pieces.results}


def _fetch_audio(call_sid: str, pieces: Pieces, store: Store, vendor: Vendor) -> list[Tried]:
    """Fetch missing recordings of the call's conversations."""

    tried = []
    for conversation_id in sorted({text(item, "conversation_id") for item in pieces.results if item.get("has_audio")}):
        fetched = layout.piece(call_sid, "audio", conversation_id)
        if store.read(fetched):
            continue
        outcome, audio = vendor.attempt(methodcaller("audio", conversation_id), call_sid)
        if audio:
            with audio:
                add_audio(audio, call_sid, conversation_id, store)
                store.create(fetched, encode({"bytes": audio.seek(0, SEEK_END)}))
        tried.append(outcome)
    return tried
