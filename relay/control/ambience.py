"""Changes the ambience of a running call: by the agent for its own call, by an operator over HTTP (design D10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.audio.ambience import AmbienceTrack


class InvalidChangeError(ValueError):
    """The change is invalid; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class AmbienceChange:
    """What to change; None leaves it as it is. `volume`: 0.0-1.0."""

    enabled: bool | None = None
    volume: float | None = None

    @classmethod
    def parse(cls, source: Mapping[str, Any]) -> "AmbienceChange":
        """Raises InvalidChangeError. Agents sometimes write booleans and numbers as text; that is accepted."""
        enabled, volume = source.get("enabled"), source.get("volume")
        if isinstance(enabled, str) and enabled.lower() in {"true", "false"}:
            enabled = enabled.lower() == "true"
        if isinstance(volume, str):
            try:
                volume = float(volume)
            except ValueError:
                raise InvalidChangeError("volume: expected a number from 0 to 1") from None
        if enabled is not None and not isinstance(enabled, bool):
            raise InvalidChangeError("enabled: expected true or false")
        if volume is not None and (isinstance(volume, bool) or not isinstance(volume, int | float)):
            raise InvalidChangeError("volume: expected a number from 0 to 1")
        if volume is not None and not 0 <= volume <= 1:
            raise InvalidChangeError("volume: expected a number from 0 to 1")
        if enabled is None and volume is None:
            raise InvalidChangeError("expected 'enabled' (true or false) or 'volume' (0 to 1) or both")
        return cls(enabled, None if volume is None else float(volume))

    def apply(self, track: AmbienceTrack) -> None:
        """Takes effect as a ramp, without a click."""
        if self.enabled is not None:
            track.enabled = self.enabled
        if self.volume is not None:
            track.volume = self.volume
