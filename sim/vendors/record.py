"""What is known of one conversation with a fake vendor, and the rules its client broke."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
class VendorViolation:
    """A rule of the vendor's that the client broke at `at` (loop time)."""

    at: float
    rule: str
    detail: str
    is_tolerated: bool = False
    """The vendor tolerates it, and other software does it: only a warning. Our relay does none of it."""


@dataclass(slots=True)
class VendorRecord:
    """Filled while the conversation runs. Times are loop time.

    `setup`: the client's settings. `received`: the caller's sound as it came, in `input_format`. `sent`: seconds of
    agent sound by the time they were sent. `told`: texts from the client. `history`: earlier conversation that the
    client sent. `notes`: notes besides that. `tools_done`: names of tools whose results were no errors.
    `truncations`: items and milliseconds that the client reported as heard.
    """

    script: AgentScript
    started_at: float
    setup: Mapping[str, Any] = field(default_factory=dict)
    input_format: str = ""
    output_format: str = ""
    ready_at: float | None = None
    sockets: int = 0
    turns: list[Turn] = field(default_factory=list)
    interruptions: list[float] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    received_at: list[tuple[float, int]] = field(default_factory=list)
    sent: list[tuple[float, float]] = field(default_factory=list)
    tool_results: list[tuple[str, str]] = field(default_factory=list)
    tools_done: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    truncations: list[tuple[str, int]] = field(default_factory=list)
    keep_alives: int = 0
    violations: list[VendorViolation] = field(default_factory=list)
    ended_at: float | None = None
    ended_by: str = ""
    close_code: int | None = None
    close_reason: str = ""

    def last_of_agent(self) -> Turn | None:
        """What the agent said last."""
        return next((turn for turn in reversed(self.turns) if turn.role == "agent"), None)


class BrokenRuleError(Exception):
    """The client broke a rule and gets an error; `fatal` ends the conversation, `tolerated` is only a warning."""

    def __init__(self, rule: str, detail: str, *, fatal: bool = True, tolerated: bool = False) -> None:
        self.rule, self.detail, self.fatal, self.tolerated = rule, detail, fatal and not tolerated, tolerated
        super().__init__(f"{rule}: {detail}")
