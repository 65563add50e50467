"""What a fake agent says and does, and how it may fail."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

DEFAULT_EVENTS = frozenset(
    {"audio", "interruption", "agent_response", "agent_response_correction", "user_transcript", "client_tool_call"}
    | {"agent_tool_response", "agent_response_complete", "client_error", "ping", "conversation_initiation_metadata"}
)
"""The set recommended for a telephone relay (elevenlabs.md A2.4)."""


class FaultKind(StrEnum):
    """How an agent fails."""

    CLOSE = "close"  # an error event if there is one, then a close frame
    VANISH = "vanish"  # the TCP connection is cut
    STALL = "stall"  # stays connected and reads, but sends nothing any more, not even pings
    DEAF = "deaf"  # stops reading: the sender's buffers fill up
    FLOOD = "flood"  # sends messages of the kind in `reason`, as many as the client accepts (sim.flood)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after_s` counts from the metadata, or from the reply's beginning for a reply's own fault.

    Codes and error types that go together are in elevenlabs.md A3.6."""

    kind: FaultKind = FaultKind.CLOSE
    after_s: float = 0.0
    code: int = 1011
    reason: str = ""
    error_type: str = ""


class ToolUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client tool the agent calls after it has spoken; it waits for the result.

    `early`: announced when the reply begins, and withdrawn if the caller cuts in, if the vendor can do that.
    """

    name: str
    parameters: Mapping[str, Any] = {}
    early: bool = False


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on`: when: `start`; `heard:LINE`; `unclear` (speech that matches no line); `keys:DIGITS`; `tool:NAME` and
    `tool_failed:NAME` (its result arrived); `asked` (the client asks it to speak). Each reply is given once, in order,
    unless `repeat`. `fails`: nothing is said, because the vendor could not make this turn; the vendor's reason for it.
    """

    on: str
    say: tuple[str, ...] = ()
    tool: ToolUse | None = None
    end_call: bool = False
    fault: Fault | None = None
    fails: str = ""
    repeat: bool = False


class AgentScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One agent. Durations in the unit in their names; `chunk_ms`: the range of lengths of audio messages."""

    replies: tuple[Reply, ...] = ()
    input_format: str = "pcm_16000"
    output_format: str = "pcm_16000"
    client_events: frozenset[str] = DEFAULT_EVENTS
    private: bool = False
    required_variables: tuple[str, ...] = ()
    allowed_overrides: tuple[str, ...] = ()
    data_collection: Mapping[str, Any] = {}
    summary: str = ""

    burst_speed: float = 5.0
    chunk_ms: tuple[int, int] = (60, 400)
    reply_after_ms: int = 300
    speech_db: float = -40.0
    speech_after_ms: int = 300
    quiet_after_ms: int = 600
    late_chunk: bool = True
    interruption_carries_next_id: bool = False
    ping_every_s: float = 2.0
    pong_within_s: float = 1.0

    signed_url_after_s: float = 0.02
    signed_url_status: int = 200
    upgrade_status: int = 101
    upgrade_after_s: float = 0.0
    metadata_after_s: float | None = 0.05
    queue: tuple[tuple[float, str], ...] = ()
    fault: Fault | None = None

    def lines_to_say(self) -> tuple[str, ...]:
        """The agent's own lines."""
        return tuple(dict.fromkeys(name for reply in self.replies for name in reply.say))

    def lines_to_expect(self) -> tuple[str, ...]:
        """The caller's lines that this agent can recognise."""
        return tuple(dict.fromkeys(reply.on[6:] for reply in self.replies if reply.on.startswith("heard:")))
