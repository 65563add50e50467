"""One call in a store as the explorer likes it best: words, sound, a barge-in, a tool, a transfer in two attempts."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sim.speech import LINE_HZ, line, spoken, write_wav
from tests.support.many_calls import records

CALL_SID = "c0ffee" + "0" * 26
LENGTH_S = 20
SAID = (  # (speaker, line, when its words became known, after how long it was cut off), in ms
    ("agent", "agent_greeting", 100, None),
    ("caller", "caller_clinics", 7000, None),
    ("agent", "agent_clinics", 7600, 5900),
    ("caller", "caller_interrupts", 15_900, None),
    ("agent", "agent_transfer", 16_300, None),
)
WISH = {"target": "billing", "reason": "question about a bill", "summary": "Wants Saturday's hours."}
ATTEMPTS = [
    {"number": "+918047100010", "state": "no_answer", "duration_s": 0, "recording_url": ""},
    {"number": "+918047100011", "state": "answered", "duration_s": 95, "recording_url": ""},
]


def call_to_hear(store: Path) -> str:
    """Write it; returns its CallSid."""
    [record] = records(1)
    record |= {
        "call_sid": CALL_SID,
        "started_at": "2026-11-22T14:05:00.000Z",
        "from": "+919876543210",
        "duration_s": float(LENGTH_S),
        "end_reason": "transferred",
        "transfer": {"state": "answered", **WISH, "attempts": ATTEMPTS},
        "turns": [_turn(*said) for said in SAID],
        "analysis": {"call_successful": "success", "call_summary_title": "Clinics, and hours on Saturday"},
        "quality": {**record["quality"], "first_audio_ms": 231, "interruptions": 1, "gaps": 0},
    }
    at = "2026-11-22T14:05:18.000Z"
    requested = {"type": "call.transfer_requested", "event_id": "e1", "at": at, "transfer": WISH}
    for key, body in ((f"logs/{CALL_SID}.json", record), (f"calls/{CALL_SID}/events/e1.json", requested)):
        (store / key).parent.mkdir(parents=True, exist_ok=True)
        (store / key).write_text(json.dumps(body))
    (store / "audio").mkdir()
    write_wav(store / "audio" / f"{CALL_SID}.wav", LINE_HZ, _track("caller"), _track("agent"))
    return CALL_SID


def _turn(speaker: str, name: str, at_ms: int, cut_ms: int | None) -> dict[str, Any]:
    heard_ms = cut_ms or spoken(name).size * 1000 // LINE_HZ
    return {
        "speaker": speaker,
        "text": line(name).text,
        "at": None,
        "offset_ms": at_ms,
        "interrupted": cut_ms is not None,
        "heard_ms": heard_ms if speaker == "agent" else None,
    }


def _track(of: str) -> "np.ndarray[Any, np.dtype[np.int16]]":
    track = np.zeros(LINE_HZ * LENGTH_S, np.int16)
    for speaker, name, at_ms, cut_ms in SAID:
        if speaker == of:
            sound = spoken(name)[: None if cut_ms is None else cut_ms * LINE_HZ // 1000]
            begin = at_ms * LINE_HZ // 1000 - (sound.size if speaker == "caller" else 0)
            track[begin : begin + sound.size] = sound
    return track
