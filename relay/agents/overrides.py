"""What a look-up overrides for one call: words, voice, language. Each vendor supports some of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Overrides:
    """Empty or None: the agent's own settings. `language`: ISO 639-1 or a BCP 47 tag; `voice`: the vendor's name for
    it.

    `initiation`: further keys of ElevenLabs' first message, from a webhook that was written for ElevenLabs.
    """

    first_message: str = ""
    prompt: str = ""
    language: str = ""
    voice: str = ""
    speed: float | None = None
    initiation: Mapping[str, Any] = field(default_factory=dict)

    def given(self) -> dict[str, str | float]:
        """The requested ones, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) not in {"", None}}

    def refused(self, taken: Iterable[str]) -> list[str]:
        """Names of requested ones that are not in `taken`."""
        return [name for name in self.given() if name not in taken]


NAMES = tuple(one.name for one in fields(Overrides) if one.name != "initiation")
"""What can be overridden, for any vendor."""
