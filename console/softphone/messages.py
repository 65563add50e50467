"""Messages between page and console on their socket.

Sound is binary frames, s16le at the line's rate, FRAME_MS each; everything else is JSON: the page's requests in `do`,
events in `is`.
"""

from typing import Any, Literal

import msgspec

from console.softphone.line import Cleared, Echoed, LineEvent, Marked, Queued
from console.softphone.talk import BargeIn, FirstAudio


class Dial(msgspec.Struct, tag_field="do", tag="dial", forbid_unknown_fields=True):
    """Place the call."""

    rate_hz: Literal[8000, 16000]


class Press(msgspec.Struct, tag_field="do", tag="press", forbid_unknown_fields=True):
    """Press a key of the keypad."""

    digit: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class Mute(msgspec.Struct, tag_field="do", tag="mute", forbid_unknown_fields=True):
    """Mute or unmute the microphone."""

    on: bool


class Network(msgspec.Struct, tag_field="do", tag="network", forbid_unknown_fields=True):
    """Quality of the caller's network, each way. `loss`: 0.0 to 0.5."""

    delay_ms: float
    loss: float

    def __post_init__(self) -> None:
        if not (0 <= self.delay_ms <= 2000 and 0 <= self.loss <= 0.5):
            raise ValueError("expected a delay of 0 to 2000 ms and a loss of 0 to 0.5")


class HangUp(msgspec.Struct, tag_field="do", tag="hang_up", forbid_unknown_fields=True):
    """End the call with `stop`."""


class Drop(msgspec.Struct, tag_field="do", tag="drop", forbid_unknown_fields=True):
    """Drop the connection."""


Wish = Dial | Press | Mute | Network | HangUp | Drop

PROBE = "probe-"
"""Marks with which the relay learns how far away the line is (relay/line/heard.py): one a second, not for people."""

read_wish = msgspec.json.Decoder(Wish).decode


def happened(what: LineEvent | FirstAudio | BargeIn, at_ms: float) -> dict[str, Any] | None:
    """An event for the page; None if the page gets it with the levels anyway."""
    match what:
        case Queued():
            return None
        case Marked(name) | Echoed(name) if name.startswith(PROBE):
            return None
        case Marked(name):
            return {"is": "mark", "at_ms": at_ms, "name": name}
        case Echoed(name, cleared):
            return {"is": "echo", "at_ms": at_ms, "name": name, "cleared": cleared}
        case Cleared(cleared_ms, dropped_ms):
            return {"is": "clear", "at_ms": cleared_ms, "dropped_ms": dropped_ms}
        case FirstAudio(first_ms):
            return {"is": "first_audio", "at_ms": first_ms}
        case BargeIn(began_ms, kept_ms, clear_ms):
            return {"is": "barge_in", "at_ms": began_ms, "kept_ms": kept_ms, "clear_ms": clear_ms}
