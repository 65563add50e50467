"""What Exotel's `start` tells about a call, in the forms that its events and its agents need."""

from collections.abc import Callable
from datetime import UTC, datetime

from common.proof import prove
from common.trace import trace_id, traceparent
from relay.agents.seam import CallInfo
from relay.audio.convert import AudioFormat
from relay.audio.pcm import LINE_RATES
from relay.events.records import CallFacts
from relay.line import exotel
from relay.logs import CallLog
from relay.services import Services


def rate_of(start: exotel.Start) -> int:
    """Samples a second of the call's sound. A call at any other rate gets no agent, and is handed over at 8000."""
    return start.rate_hz if start.rate_hz in LINE_RATES else 8000


def log_of(start: exotel.Start, services: Services) -> CallLog:
    """Log lines with the call's ids, and its trace id where calls are traced."""
    return CallLog(start.call_sid, start.stream_sid, trace_id(start.call_sid) if services.tracing else "")


def facts_of(start: exotel.Start, services: Services, clock: Callable[[], float]) -> CallFacts:
    """The call begins now. `clock`: the event loop's."""
    return CallFacts(
        start.call_sid,
        start.stream_sid,
        start.from_number,
        start.to_number,
        datetime.now(UTC),
        clock,
        services.lineup.version,
        traceparent=traceparent(start.call_sid) if services.tracing else "",
    )


def info_of(start: exotel.Start, line: AudioFormat, secret: str) -> CallInfo:
    """What an agent learns of the call. `secret`: EVENTS_SECRET; without it there is no proof for the functions."""
    return CallInfo(
        start.call_sid,
        start.stream_sid,
        start.from_number,
        start.to_number,
        line,
        start.custom_parameters,
        proof=prove(start.call_sid, start.stream_sid, secret) if secret else "",
    )
