"""Records of calls that never were: as many as wanted, the same ones each time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

NEWEST = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
CHANGED = datetime(2026, 11, 12, 6, 0, tzinfo=UTC)
"""From then on calls have another version of the agent."""
AGENTS = (("reception", 60), ("billing", 25), ("bookings", 15))
ENDS = (("agent_ended", 45), ("caller_hung_up", 30), ("transferred", 18), ("agent_failed", 4), ("line_lost", 3))
OUTCOMES = (("answered", 70), ("no_answer", 15), ("busy", 10), ("failed", 5))
ENDED_BY = {"caller_hung_up": "caller", "agent_failed": "relay", "line_lost": "line"}
TOPICS = {
    "opening hours": ("Hello, when are you open on Saturday?", "On Saturday we are open until two in the afternoon."),
    "appointment": (
        "I want to move my appointment to Friday.",
        "Of course. Friday at ten o'clock is free, shall I book it?",
    ),
    "bill": (
        "My last bill was wrong, I was charged twice.",
        "I am sorry to hear that. Let me look at your last two bills.",
    ),
    "clinics": (
        "Which clinics do you have near the station?",
        "We have three clinics in the city. The first one is near the railway station and open every day of the week.",
    ),
    "report": (
        "Is my blood report ready? My number is 98765 43210.",
        "Your report is ready. I have sent you a link to it.",
    ),
    "directions": ("How do I get to Lake Road from the airport?", "Take the metro to the library, we are next to it."),
}
GREETING = "Good morning, this is Asha at Acme Health. How can I help you?"
MS_A_LETTER = 62


def _one_of(random: Random, weighted: tuple[tuple[str, int], ...]) -> str:
    names, weights = zip(*weighted, strict=True)
    return random.choices(names, weights)[0]


def _turns(random: Random, started: datetime, topic: str) -> list[dict[str, Any]]:
    question, answer = TOPICS[topic]
    said = [("agent", GREETING), ("caller", question), ("agent", answer)]
    said += [
        pair
        for _ in range(random.randint(0, 3))
        for pair in (("caller", "And what does that cost?"), ("agent", answer))
    ]
    said += [("caller", "That was all, thank you."), ("agent", "Thank you for calling Acme Health. Goodbye.")]
    turns, at_ms = [], 180
    for speaker, words in said:
        length_ms = len(words) * MS_A_LETTER
        cut = speaker == "agent" and at_ms > 1000 and random.random() < 0.15
        heard_ms = round(length_ms * random.uniform(0.3, 0.8)) if cut else length_ms
        turns.append(
            {
                "speaker": speaker,
                "text": words,
                "at": _time(started + timedelta(milliseconds=at_ms)),
                "offset_ms": at_ms,
                "interrupted": cut,
                "heard_ms": heard_ms if speaker == "agent" else None,
            }
        )
        at_ms += heard_ms + random.randint(300, 900)
    return turns


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(number: int, random: Random, started: datetime) -> dict[str, Any]:
    """One record of docs/contracts.md."""
    topic = random.choice(list(TOPICS))
    agent, end_reason = _one_of(random, AGENTS), _one_of(random, ENDS)
    turns = _turns(random, started, topic)
    last = turns[-1]
    duration_s = round((last["offset_ms"] + (last["heard_ms"] or 2000)) / 1000 + random.uniform(0.2, 2), 3)
    state = _one_of(random, OUTCOMES)
    target = f"+9180471{random.randint(0, 99999):05}"
    transfer = {
        "state": state,
        "target": "front-desk",
        "reason": "asked for a person",
        "summary": f"The caller asked about: {topic}.",
        "attempts": [
            {"number": target, "state": state, "duration_s": 42.0 if state == "answered" else 0, "recording_url": ""}
        ],
    }
    ended = _time(started + timedelta(seconds=duration_s))
    who = {"alias": agent, "vendor": "elevenlabs", "id": f"agent_{agent}"}
    conversation_id = f"conv_{number:08}"
    return {
        "schema": 1,
        "call_sid": f"{number:032x}",
        "stream_sid": f"{number + 1:032x}",
        "conversation_id": conversation_id,
        "agent": who,
        "agents": [
            {
                **who,
                "conversation_id": conversation_id,
                "started_at": _time(started),
                "ended_at": ended,
                "end_reason": "stopped",
                "end_detail": "",
            }
        ],
        "from": f"+9198{random.randint(0, 99999999):08}",
        "to": "+918047100002",
        "started_at": _time(started),
        "ended_at": ended,
        "duration_s": duration_s,
        "ended_by": ENDED_BY.get(end_reason, "agent"),
        "end_reason": end_reason,
        "end_detail": "",
        "turns": turns,
        "transfer": transfer if end_reason == "transferred" else None,
        "analysis": {
            "call_successful": "success",
            "transcript_summary": f"The caller asked about: {topic}.",
            "call_summary_title": f"Question about {topic}",
            "evaluation_criteria_results": {"answered": {"result": "failure" if number % 9 == 4 else "success"}},
        },
        "vendor_version": "agtvrsn_8" if started >= CHANGED else "agtvrsn_7",
        "lookup": {"ms": 80 + number % 90, "outcome": "timeout" if number % 40 == 7 else "ok", "problem": ""},
        "tags": [*(["vip"] if number % 6 == 1 else []), *(["hindi"] if number % 4 == 1 else [])],
        "quality": {
            "first_audio_ms": round(random.lognormvariate(5.6, 0.35)),
            "agent_connect_ms": random.randint(120, 300),
            "frames_in": round(duration_s * 50),
            "frames_out": round(duration_s * 10),
            "gaps": random.choice((0, 0, 0, 0, 0, 0, 0, 1, 2)),
            "gap_ms": 0,
            "interruptions": sum(turn["interrupted"] for turn in turns),
            "clear_ms_max": 2.0,
            "late_audio_dropped_ms": 0,
            "malformed": 0,
            "unknown_events": 0,
            "dtmf": 0,
            "marks_lost": 0,
        },
        "streams": [],
        "sources": ["relay", "webhook"],
    }


def records(count: int, *, days: int = 30) -> Iterator[dict[str, Any]]:
    """`count` calls of the last `days` days before NEWEST, the newest first."""
    random = Random(11)
    step = timedelta(days=days) / count
    for number in range(count):
        yield record(
            number, random, NEWEST - step * number - timedelta(seconds=random.uniform(0, step.total_seconds()))
        )


def write_records(store: Path, count: int) -> None:
    """Into logs/ of the store."""
    logs = store / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for one in records(count):
        (logs / f"{one['call_sid']}.json").write_text(json.dumps(one))
