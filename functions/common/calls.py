"""The record of a call: a pure fold of its pieces, and the compare-and-swap that keeps the copy in the bucket current.

No field of a record is ever updated. The record is computed anew from all pieces, so the order in which they arrived,
duplicates and crashes in between make no difference.
"""

from collections.abc import MutableMapping

from common import layout
from common.call_cost import cost_of
from common.documents import Document, encode, number, objects, pretty, text
from common.keys_pressed import without_keys
from common.live import without_places
from common.phone import to_e164
from common.times import moment, rfc3339, to_unix
from functions.common.pieces import Pieces, gather
from functions.common.recordings import recording_of
from functions.common.store import Store, StoreError
from functions.common.streams import Stream, main_stream, streams_of
from functions.common.transcript import merged, with_offsets
from functions.common.transfers import transfer_of

SCHEMA = 1
_ROUNDS = 50


def write_record(
    store: Store, call_sid: str, seen: MutableMapping[str, Document] | None = None, prices: Document | None = None
) -> Document | None:
    """Bring `logs/{call_sid}.json` up to date. `seen`: as for `gather`.

    `prices`: a quote (common.call_cost), stored with a call that is over and has none.

    Returns the record, or None if nothing is known of the call yet.

    If two writers run at once, each reads the version, then the pieces, then swaps. The second swap fails, and that
    writer starts again and sees every piece the first one saw. So the last writer to succeed has seen all pieces.
    """
    key = layout.record(call_sid)
    seen = {} if seen is None else seen
    for _ in range(_ROUNDS):
        present = store.read(key)
        pieces = gather(store, call_sid, seen)
        if not pieces.known and not pieces.streams:
            return None
        record = fold(call_sid, pieces)
        if prices and record["ended_at"] and not pieces.prices:
            store.create(layout.piece(call_sid, "prices", "counted"), encode(prices))
            pieces = gather(store, call_sid, seen)  # another's, if somebody else was first
            record = fold(call_sid, pieces)
        body = pretty(record)
        if present is None:
            if store.create(key, body):
                return record
        elif present.body == body or store.swap(key, body, present.version):
            return record
    raise StoreError(f"{key} has too many concurrent writers")


def fold(call_sid: str, pieces: Pieces) -> Document:
    """The record of docs/contracts.md."""
    streams = streams_of(pieces)
    main = main_stream(pieces)
    results = _results(pieces)
    agents = [agent for stream in streams for agent in stream.agents]
    started_at = _started_at(streams, results)
    ended_at = _ended_at(main, results)
    record: Document = {
        "schema": SCHEMA,
        "call_sid": call_sid,
        "stream_sid": main.stream_sid if main else None,
        "conversation_id": _conversation_id(agents, streams, results),
        "agent": _agent(agents, results),
        "agents": agents,
        "agents_version": (text(main.last, "agents_version") if main else "") or None,
        "from": _number("from", streams, results),
        "to": _number("to", streams, results),
        "started_at": None if started_at is None else rfc3339(started_at),
        "ended_at": None if ended_at is None else rfc3339(ended_at),
        "duration_s": None if started_at is None or ended_at is None else round(ended_at - started_at, 3),
        **_ending(main, results),
        "turns": with_offsets(_turns(streams, results), started_at),
        "transfer": transfer_of(pieces),
        "analysis": next((result["analysis"] for result in reversed(results) if result.get("analysis")), None),
        "charges": _charges(results),
        "cost": None,
        "vendor_version": next((said for result in reversed(results) if (said := text(result, "version"))), None),
        "tools": [use for stream in streams for use in without_places(objects(stream.told, "tools"))],
        "commands": [one for stream in streams for one in without_places(objects(stream.told, "commands"))],
        **(main.looked_up if main else {"lookup": None, "tags": []}),
        "recording": recording_of(pieces, streams),
        "quality": (main.last.get("quality") if main else None) or None,
        "streams": sorted(pieces.streams, key=encode),
        "sources": sorted(
            {"relay" for _ in streams}
            | {"repair" for _ in pieces.closings}
            | {text(item, "source") for item in pieces.results}
        ),
    }
    if ended_at is not None and pieces.prices:
        record["cost"] = cost_of(record, pieces.prices[0])
    return record


def _results(pieces: Pieces) -> list[Document]:
    """The vendor's most complete account of each conversation, in the order in which the conversations began."""
    best: dict[str, Document] = {}
    for result in sorted(pieces.results, key=_fullness):
        best[text(result, "conversation_id")] = result
    return sorted(best.values(), key=lambda result: (text(result, "started_at"), text(result, "conversation_id")))


def _charges(results: list[Document]) -> list[Document]:
    """What the vendor charged for each conversation, where it said so."""
    charges = []
    for result in results:
        credits_taken, usd = number(result, "credits"), number(result, "usd")
        if credits_taken is not None or usd is not None:
            conversation_id = text(result, "conversation_id")
            charges.append({"conversation_id": conversation_id, "credits": credits_taken, "usd": usd})
    return charges


def _fullness(result: Document) -> tuple[bool, bool, str, bytes]:
    # Webhooks can be configured to leave transcripts out; then the fetched conversation has more.
    return bool(result.get("turns")), bool(result.get("analysis")), text(result, "at"), encode(result)


def _conversation_id(agents: list[Document], streams: list[Stream], results: list[Document]) -> str | None:
    by_trust = [*reversed(agents), *(stream.last for stream in reversed(streams)), *reversed(results)]
    return next((found for item in by_trust if (found := text(item, "conversation_id"))), None)


def _agent(agents: list[Document], results: list[Document]) -> Document | None:
    """The agent that had the call last."""
    if agents:
        return {name: agents[-1].get(name) for name in ("alias", "vendor", "id")}
    if results:
        return {"alias": None, "vendor": "elevenlabs", "id": text(results[-1], "agent_id") or None}
    return None


def _number(side: str, streams: list[Stream], results: list[Document]) -> str | None:
    for item in [*(stream.last for stream in streams), *results]:
        if number_given := text(item, side):
            return to_e164(number_given) or number_given
    return None


def _started_at(streams: list[Stream], results: list[Document]) -> float | None:
    if streams:
        return streams[0].started_at
    return min(filter(None, (to_unix(text(result, "started_at")) for result in results)), default=None)


def _ended_at(main: Stream | None, results: list[Document]) -> float | None:
    if main and main.ended:
        return to_unix(text(main.ended, "ended_at")) or to_unix(text(main.ended, "at"))
    ends = [at for at in map(result_end, results) if at is not None]
    if main is None:
        return max(ends, default=None)
    if main.closed:
        return max(ends, default=to_unix(text(main.closed, "ended_at")))
    return None


def result_end(result: Document) -> float | None:
    """Unix seconds at which the conversation ended, by the vendor's account."""
    started_at = to_unix(text(result, "started_at"))
    return None if started_at is None else moment(started_at + (number(result, "duration_s") or 0.0))


def _ending(main: Stream | None, results: list[Document]) -> Document:
    if main and main.ended:
        return {name: text(main.ended, name) for name in ("ended_by", "end_reason", "end_detail")}
    if main and main.closed:
        detail = "the relay never reported how the call ended"
        return {"ended_by": "relay", "end_reason": main.end_reason, "end_detail": detail}
    told = next((found for result in reversed(results) if (found := text(result, "end_detail"))), None)
    return {"ended_by": None, "end_reason": None, "end_detail": None if main else told}


def _turns(streams: list[Stream], results: list[Document]) -> list[Document]:
    """The turns of all conversations, one conversation after the other. Within each the order is kept: the vendor's
    times are whole seconds.
    """
    by_id = {text(result, "conversation_id"): result for result in results}
    blocks: list[tuple[float, list[Document]]] = []
    for stream in streams:
        for agent, live in _shares(stream):
            start = to_unix(text(agent, "started_at")) or stream.started_at
            result = by_id.pop(text(agent, "conversation_id"), None) if agent else None
            vendor = objects(result, "turns")
            turns = merged(vendor, live, start) if vendor else live
            if agent.get("keys_masked") is True:
                turns = [{**turn, "text": without_keys(text(turn, "text"))} for turn in turns]
            blocks.append((start, turns))
    for result in by_id.values():
        start = to_unix(text(result, "started_at")) or 0.0
        blocks.append((start, merged(objects(result, "turns"), [], start)))
    return [turn for _, turns in sorted(blocks, key=lambda block: block[0]) for turn in turns]


def _shares(stream: Stream) -> list[tuple[Document, list[Document]]]:
    """Each agent of the stream with the turns heard while it had the call."""
    live = objects(stream.told, "turns")
    agents = stream.agents
    if not agents:
        return [({}, live)] if live else []
    starts = [to_unix(text(agent, "started_at")) or stream.started_at for agent in agents]
    shares: list[list[Document]] = [[] for _ in agents]
    for turn in live:
        at = to_unix(text(turn, "at")) or stream.started_at
        holder = max((index for index, start in enumerate(starts) if start <= at), default=0)
        shares[holder].append(turn)
    return list(zip(agents, shares, strict=True))
