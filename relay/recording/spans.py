"""Parts of a recording that are missing, and why: paused, or lost. Times in milliseconds since the call began."""

from dataclasses import dataclass, field
from typing import Any, Final

_MOST: Final = 200  # further spans are left out, and counted


@dataclass(slots=True)
class Spans:
    """In the order they began. `left_out`: those above the limit."""

    found: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0

    def add(self, from_ms: int, to_ms: int, why: str) -> None:
        """A finished span. It is merged with the previous one if both are of the same kind, without a gap."""
        last = self.found[-1] if self.found else None
        if last and last["why"] == why and last["from_ms"] <= from_ms <= last["to_ms"] + 1:
            last["to_ms"] = max(last["to_ms"], to_ms)
        elif len(self.found) >= _MOST:
            self.left_out += 1
        else:
            self.found.append({"from_ms": from_ms, "to_ms": to_ms, "why": why})

    def as_json(self) -> list[dict[str, Any]]:
        """`from_ms`, `to_ms`, `why`, in the order of time."""
        return sorted(self.found, key=lambda span: (span["from_ms"], span["to_ms"]))


def ms(seconds: float) -> int:
    """As spans count."""
    return round(seconds * 1000)
