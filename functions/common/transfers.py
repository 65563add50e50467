"""Whether a caller is to be connected to a human, and how far that got. Computed from the pieces and never stored.

    requested ──► fetched ──► ringing ──► answered
        │            │           └──────► busy | no_answer | failed ──► next number, while there is one
        └► none      └► failed (Exotel came too early and gave up, or could not dial)

The state is the furthest one that any piece proves. So the order in which pieces arrive does not matter, and a late
piece (ringing after answered) or an impossible one (dialling a number nobody gave) changes nothing.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from common.documents import Document, mapping, objects, text
from functions.common.pieces import Pieces
from functions.common.streams import Stream, main_stream, of_stream, streams_of


class TransferState(StrEnum):
    """In the record: `transfer.state`, and `state` of each attempt."""

    NONE = "none"
    REQUESTED = "requested"
    FETCHED = "fetched"
    RINGING = "ringing"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    ANSWERED = "answered"


# Each proves more than those before it. Of two outcomes of one attempt the later in this list is kept.
_FURTHEST = list(TransferState)
OUTCOMES = frozenset(_FURTHEST[_FURTHEST.index(TransferState.FAILED) :])

# The call ended although neither side wanted it to: the caller may still be there and want a human (D3, D6).
_FAILURES = frozenset(
    {
        "agent_failed",
        "unknown_agent",
        "unsupported_format",
        "time_limit",
        "shutdown",
        "line_lost",
        "line_stalled",
        "relay_lost",
    }
)

_NO_STREAM = "stream_failed"  # Exotel could not reach the relay at all


@dataclass(frozen=True, slots=True)
class Want:
    """A request to connect the caller to a human. `target`: a name from TRANSFER_TARGETS."""

    target: str
    reason: str
    summary: str


class Verdict(Enum):
    """What is known about a transfer now."""

    WANTED = "wanted"
    NOT_WANTED = "not_wanted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Decision:
    """`want` is set only with WANTED. `failure`: the reason if the call broke off; empty if it ended as intended."""

    verdict: Verdict
    want: Want | None = None
    failure: str = ""


def decide(pieces: Pieces, stream_sid: str = "") -> Decision:
    """The decision about the stream that ended last, or about the one that Exotel names, if the relay has reported it.

    UNDECIDED: the relay, or the vendor's webhook, has not reported yet and may still ask for a human. A webhook alone
    does not settle it while the relay has not said how the stream ended: the relay's request may still be on its way.
    """
    stream = next((one for one in streams_of(pieces) if one.stream_sid == stream_sid), main_stream(pieces))
    pieces = of_stream(pieces, stream)
    if want := wanted(pieces):
        return Decision(Verdict.WANTED, want)
    failure = _failure(pieces, stream)
    if stream and stream.end_reason in {"caller_hung_up", "rejected", "caller_silent"}:
        return Decision(Verdict.NOT_WANTED)
    if failure == _NO_STREAM:
        return Decision(Verdict.NOT_WANTED, failure=failure)
    heard_of = {text(result, "conversation_id") for result in pieces.results}
    over = stream is None or bool(stream.end_reason)
    if heard_of and heard_of >= pieces.conversation_ids and over:
        return Decision(Verdict.NOT_WANTED, failure=failure)
    if stream and stream.ended and not _webhook_expected(pieces, stream, heard_of):
        return Decision(Verdict.NOT_WANTED, failure=failure)
    return Decision(Verdict.UNDECIDED, failure=failure)


def wanted(pieces: Pieces) -> Want | None:
    """The agent's own request (its last, if there are several), else the one in the vendor's analysis."""
    requests = [request for request in pieces.requests if text(request, "target")]
    results = [result for result in pieces.results if text(result, "transfer", "target")]
    if requests:
        return _want(max(requests, key=lambda request: (text(request, "at"), text(request, "event_id"))))
    if results:
        latest = max(results, key=lambda result: (text(result, "at"), text(result, "conversation_id")))
        return _want(latest["transfer"])
    return None


def transfer_of(pieces: Pieces) -> Document | None:
    """`transfer` of the record, for the last stream that asked for one; None if none did."""
    streams = streams_of(pieces)
    if len(streams) < 2:
        return _transfer_of(pieces)
    found = (_transfer_of(of_stream(pieces, stream)) for stream in reversed(streams))
    return next(filter(None, found), None)


def _transfer_of(pieces: Pieces) -> Document | None:
    want = wanted(pieces)
    if pieces.answers and (want is None or want.target not in {text(answer, "target") for answer in pieces.answers}):
        # TRANSFER_ON_FAILURE acted before any request, or without one: report what happened.
        want = _want(max(pieces.answers, key=lambda answer: text(answer, "target")))
    if want:
        attempts = attempts_of(pieces)
        return _transfer(_overall(pieces, attempts), want, attempts)
    asked = [*pieces.requests, *(mapping(result, "transfer") for result in pieces.results)]
    refused = max(filter(None, asked), key=lambda request: (text(request, "at"), text(request, "asked")), default=None)
    if refused is None:
        return None
    unknown = Want(text(refused, "asked"), text(refused, "reason"), text(refused, "summary"))
    return {**_transfer(TransferState.NONE, unknown, []), "refusal": text(refused, "refusal") or "not configured"}


def attempts_of(pieces: Pieces) -> list[Document]:
    """One attempt for each number that was given to Exotel, in dialling order, with what is known of it."""
    given = {number for answer in pieces.answers for number in answer.get("numbers", ())}
    order = {number: None for answer in pieces.answers for number in answer.get("of", ()) if number in given}
    attempts: list[Document] = []
    for number in order:
        # Without a number it concerns the only attempt, or all of them (`_overall`).
        named = {number, ""} if len(order) == 1 else {number}
        about = [dial for dial in pieces.dials if text(dial, "number") in named]
        furthest = max(about, key=_rank, default=None)
        attempts.append(
            {
                "number": number,
                "state": _state(furthest) if furthest else TransferState.FETCHED,
                "duration_s": max((dial.get("duration_s") or 0 for dial in about), default=0),
                "recording_url": max((text(dial, "recording_url") for dial in about), default=""),
            }
        )
    return attempts


def _overall(pieces: Pieces, attempts: list[Document]) -> TransferState:
    if not attempts:
        return TransferState.FAILED if pieces.empties else TransferState.REQUESTED
    states = [TransferState(attempt["state"]) for attempt in attempts]
    of_all = [_state(dial) for dial in pieces.dials if not text(dial, "number")]
    for state in (TransferState.ANSWERED, TransferState.RINGING):
        if state in states or state in of_all:
            return state
    if of_all:
        return max(of_all, key=_FURTHEST.index)
    tried = [state for state in states if state in OUTCOMES]
    return tried[-1] if tried else TransferState.FETCHED


def _transfer(state: TransferState, want: Want, attempts: list[Document]) -> Document:
    return {
        "state": state,
        "target": want.target or None,
        "reason": want.reason,
        "summary": want.summary,
        "attempts": attempts,
        "refusal": None,
    }


def _want(piece: Document) -> Want:
    return Want(text(piece, "target"), text(piece, "reason"), text(piece, "summary"))


def _state(dial: Document) -> TransferState:
    return TransferState(text(dial, "state"))


def _rank(dial: Document) -> int:
    return _FURTHEST.index(_state(dial))


def _failure(pieces: Pieces, stream: Stream | None) -> str:
    if stream and stream.end_reason in _FAILURES:
        return stream.end_reason
    if stream and stream.end_reason == "transferred":
        return "unknown_target"  # connected to a human whose number we don't have
    if not stream and any(text(result, "status") == "failed" for result in pieces.streams):
        return _NO_STREAM
    return ""


def _webhook_expected(pieces: Pieces, stream: Stream, heard_of: set[str]) -> bool:
    """Only ElevenLabs sends post-call webhooks, and only for conversations that began."""
    agents = objects(stream.ended, "agents") if stream.ended else []
    silent = {text(agent, "conversation_id") for agent in agents if text(agent, "vendor") not in {"", "elevenlabs"}}
    return bool(pieces.conversation_ids - silent - heard_of)
