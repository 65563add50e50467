"""The media streams of a call, from the relay's events. Usually there is one; a retried handshake makes a second."""

from dataclasses import dataclass, replace

from common.documents import Document, number, objects, text
from common.times import to_unix
from functions.common.pieces import Pieces, mentioned


@dataclass(frozen=True, slots=True)
class Stream:
    """One socket. `ended` is the relay's `call.ended`; `closed` is written by the sweep if the relay died before it
    sent one. `progress`: the last that a relay reported before it died (common.live).
    """

    stream_sid: str
    first: Document
    ended: Document | None
    closed: Document | None
    progress: Document | None = None
    conversation_ids: frozenset[str] = frozenset()

    @property
    def started_at(self) -> float:
        """Unix seconds."""
        return to_unix(text(self.first, "started_at")) or to_unix(text(self.first, "at")) or 0.0

    @property
    def end_reason(self) -> str:
        """Empty while the stream lasts."""
        if self.ended:
            return text(self.ended, "end_reason")
        return "relay_lost" if self.closed else ""

    @property
    def told(self) -> Document | None:
        """The event or progress that holds its words, agents and tools; None if there is none yet."""
        return self.ended or self.progress

    @property
    def last(self) -> Document:
        """The event with the most information."""
        return self.told or self.first

    @property
    def looked_up(self) -> Document:
        """What the look-up before the greeting returned: `lookup` and `tags`."""
        said = next((one for one in (self.ended, self.first) if one and one.get("lookup")), {})
        return {"lookup": said.get("lookup"), "tags": [tag for tag in said.get("tags") or [] if isinstance(tag, str)]}

    @property
    def agents(self) -> list[Document]:
        """All agents of the stream, in order."""
        if self.told:
            return objects(self.told, "agents")
        agent = self.first.get("agent")
        if not isinstance(agent, dict):
            return []
        known = {name: self.first.get(name) for name in ("conversation_id", "started_at")}
        return [{**agent, **known}]


_LATE = {"call.transfer_requested", "recording.ended", ""}


def streams_of(pieces: Pieces) -> list[Stream]:
    """The streams of a call, in the order they began."""
    closed = {text(closing, "stream_sid"): closing for closing in pieces.closings}
    by_stream: dict[str, list[Document]] = {}
    for event in (*pieces.events, *pieces.progress):
        by_stream.setdefault(text(event, "stream_sid"), []).append(event)
    furthest = {text(one, "stream_sid"): one for one in sorted(pieces.progress, key=_how_far)}
    streams = []
    for stream_sid, events in by_stream.items():
        ended = max((event for event in events if text(event, "type") == "call.ended"), key=_when, default=None)
        # call.ended repeats what call.started says of the start; these two know least.
        first = min(events, key=lambda event: (text(event, "type") in _LATE, _when(event)))
        conversation_ids = frozenset(one for event in events for one in mentioned(event))
        progress = furthest.get(stream_sid)
        streams.append(Stream(stream_sid, first, ended, closed.get(stream_sid), progress, conversation_ids))
    return sorted(streams, key=lambda stream: (stream.started_at, stream.stream_sid))


def main_stream(pieces: Pieces) -> Stream | None:
    """The stream that decides how the call ended: the last one that was not replaced by another."""
    streams = streams_of(pieces)
    lasting = [stream for stream in streams if stream.end_reason != "replaced"] or streams
    return lasting[-1] if lasting else None


def of_stream(pieces: Pieces, stream: Stream | None) -> Pieces:
    """The pieces that concern `stream`. A flow can lead back to the bot, and then one call has several streams one
    after the other. A request on an earlier stream was dealt with when that stream ended. Pieces without a stream, and
    conversations that belong to none of the relay's streams, apply to every stream.
    """
    others = [other for other in streams_of(pieces) if stream and other.stream_sid != stream.stream_sid]
    if stream is None or not others:
        return pieces
    theirs = frozenset[str]().union(*(other.conversation_ids for other in others)) - stream.conversation_ids

    def ours(items: tuple[Document, ...]) -> tuple[Document, ...]:
        return tuple(item for item in items if text(item, "stream_sid") in {"", stream.stream_sid})

    return replace(
        pieces,
        events=ours(pieces.events),
        requests=ours(pieces.requests),
        answers=ours(pieces.answers),
        empties=ours(pieces.empties),
        dials=ours(pieces.dials),
        streams=ours(pieces.streams),
        closings=ours(pieces.closings),
        progress=ours(pieces.progress),
        results=tuple(one for one in pieces.results if text(one, "conversation_id") not in theirs),
        conversation_ids=pieces.conversation_ids - theirs,
    )


def _how_far(progress: Document) -> tuple[float, tuple[str, str]]:
    return number(progress, "number") or 0.0, _when(progress)


def _when(event: Document) -> tuple[str, str]:
    return text(event, "at"), text(event, "event_id")
