"""What is known of one conversation with the fake agent, for tests, the picture and the API's answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.agent_rules import ClientViolation, Initiation, Message, ToolResult
from sim.agent_script import AgentScript


@dataclass(slots=True)
class Turn:
    """One thing said, `at` loop time. `text` of an interrupted agent is cut to what may have been heard, `original` is
    the whole. `line`: which of the scenario's lines it was; `likeness`: how well the agent recognised it, 0 to 1.
    """

    role: str
    text: str
    at: float
    line: str = ""
    interrupted: bool = False
    original: str = ""
    likeness: float = 0.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """An `interruption` event, sent `at`."""

    at: float
    event_id: int


@dataclass(frozen=True, slots=True)
class SentAudio:
    """One audio message: sent `at`, belongs to `event_id`, plays for `length_s`."""

    at: float
    event_id: int
    length_s: float


@dataclass(slots=True)
class ConversationRecord:
    """Filled while the conversation runs. Times are loop time; `received` is the caller's audio as it came, in the
    script's input format, and `received_at` pairs a time with the place in it where the audio of that moment begins."""

    conversation_id: str
    agent_id: str
    script: AgentScript
    authorization: str
    started_at: float
    started_unix: float
    initiation: Mapping[str, Any] = field(default_factory=dict)
    metadata_at: float | None = None
    turns: list[Turn] = field(default_factory=list)
    interruptions: list[Interruption] = field(default_factory=list)
    sent_audio: list[SentAudio] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    received_at: list[tuple[float, int]] = field(default_factory=list)
    tool_results: list[tuple[str, ToolResult]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    pong_delays: list[float] = field(default_factory=list)
    violations: list[ClientViolation] = field(default_factory=list)
    ended_at: float | None = None
    ended_by: str = ""
    close_code: int | None = None
    close_reason: str = ""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The dynamic variables the client gave."""
        return Initiation(self.initiation).variables

    def end(self, at: float, by: str, code: int | None, reason: str) -> bool:
        """Note who ended it and how; only the first call counts, and only that one returns True."""
        if self.ended_at is not None:
            return False
        self.ended_at, self.ended_by, self.close_code, self.close_reason = at, by, code, reason
        return True
