"""Who said what, when, and how much of it was heard."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from relay.agents.seam import Said


def timestamp(at: datetime) -> str:
    """RFC 3339, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Turn:
    """One utterance of either side. `heard_ms`: how much of the agent's sound the caller was played."""

    speaker: Literal["caller", "agent"]
    text: str
    at: datetime
    utterance: str = ""
    interrupted: bool = False
    heard_ms: int | None = None


@dataclass(slots=True)
class Transcript:
    """The turns of one stream, in the order in which they became known."""

    started_at: datetime
    turns: list[Turn] = field(default_factory=list)

    def caller_spoke(self, utterance: str, at: datetime) -> None:
        """A turn of the caller's whose text is yet to come; without one it does not count."""
        self.turns.append(Turn("caller", "", at, utterance))

    def caller_said(self, text: str, at: datetime, utterance: str = "") -> None:
        """A turn of the caller's, in the place kept for `utterance` if there is one."""
        kept = self._last(utterance) if utterance else None
        if kept is not None:
            kept.text = text
        elif text:
            self.turns.append(Turn("caller", text, at))

    def agent_says(self, text: str, utterance: str, at: datetime) -> None:
        """A turn of the agent's; sent again with the same words it is the same turn (elevenlabs.md A2.3)."""
        if text and not any(turn.utterance == utterance and turn.text == text for turn in self.turns):
            self.turns.append(Turn("agent", text, at, utterance))

    def corrected(self, text: str, utterance: str) -> None:
        """The agent takes its last turn of `utterance` to have been this, after an interruption."""
        turn = self._last(utterance)
        if turn is not None and text:
            turn.text = text

    def heard(self, utterance: str, heard_ms: int, *, interrupted: bool) -> None:
        """How far `utterance` was heard before it ended or was cut short."""
        turn = self._last(utterance)
        if turn is not None:
            turn.heard_ms = heard_ms
            turn.interrupted = turn.interrupted or interrupted

    def so_far(self) -> tuple[Said, ...]:
        """What was said so far: context for an agent that takes over."""
        return tuple(Said(turn.speaker, turn.text) for turn in self.turns if turn.text)

    def as_json(self) -> list[dict[str, Any]]:
        """The `turns` of events and records (docs/contracts.md)."""
        return [
            {
                "speaker": turn.speaker,
                "text": turn.text,
                "at": timestamp(turn.at),
                "offset_ms": round((turn.at - self.started_at).total_seconds() * 1000),
                "interrupted": turn.interrupted,
                "heard_ms": turn.heard_ms,
            }
            for turn in self.turns
            if turn.text
        ]

    def _last(self, utterance: str) -> Turn | None:
        return next((turn for turn in reversed(self.turns) if turn.utterance == utterance), None)
