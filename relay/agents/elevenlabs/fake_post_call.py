"""After the conversation: its record as the API gives it, and the post-call webhook (elevenlabs.md A5, A6)."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from common.signature import ELEVENLABS_HEADER, sign
from relay.agents.elevenlabs.fake_record import ConversationRecord
from sim.sound import AudioFormat

RETRY_GAPS_S = (30.0, 120.0, 480.0, 1800.0)
RETRYABLE = frozenset({408, 429}) | frozenset(range(500, 600))
REQUEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the result of a conversation is posted. `delay_s`: time for the analysis. Retries are off by default, like
    the real ones; `copies` sends the same body several times.
    """

    url: str
    secret: str
    delay_s: float = 2.5
    retry: bool = False
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt. `status` 0: no answer."""

    at: float
    conversation_id: str
    status: int


def conversation_model(record: ConversationRecord, status: str = "done") -> dict[str, Any]:
    """A conversation as `GET …/conversations/{id}` and the webhook's `data` show it."""
    ended_at = record.ended_at if record.ended_at is not None else asyncio.get_running_loop().time()
    length_s = max(0, round(ended_at - (record.ready_at or record.started_at)))
    failed = record.ended_by == "agent" and record.close_code != 1000
    error = {"code": record.close_code, "reason": record.close_reason} if failed else None
    return {
        "agent_id": record.agent_id,
        "agent_name": "fake agent",
        "conversation_id": record.conversation_id,
        "status": "failed" if failed and status == "done" else status,
        "user_id": None,
        "transcript": [_turn(record, index) for index in range(len(record.turns))],
        "metadata": {
            "start_time_unix_secs": int(record.started_unix),
            "accepted_time_unix_secs": int(record.started_unix),
            "call_duration_secs": length_s,
            "cost": 0,
            "authorization_method": record.authorization,
            "phone_call": None,
            "termination_reason": _termination(record),
            "error": error,
            "main_language": "en",
            "conversation_initiation_source": "unknown",
            "timezone": None,
        },
        "analysis": _analysis(record) if status == "done" else None,
        "conversation_initiation_client_data": dict(record.setup),
        "has_audio": bool(record.received),
        "has_user_audio": bool(record.received),
        "has_response_audio": bool(record.sent),
    }


def _turn(record: ConversationRecord, index: int) -> dict[str, Any]:
    turn = record.turns[index]
    since = record.ready_at or record.started_at
    return {
        "role": turn.role,
        "message": turn.text,
        "time_in_call_secs": max(0, int(turn.at - since)),
        "interrupted": turn.interrupted,
        "original_message": turn.original or None,
        "tool_calls": [],
        "tool_results": [],
        "source_medium": "audio" if turn.line else None,
    }


def _analysis(record: ConversationRecord) -> dict[str, Any]:
    collected = {
        name: {
            "data_collection_id": name,
            "name": name,
            "value": value,
            "json_schema": {"type": "boolean" if isinstance(value, bool) else "string"},
            "rationale": "As the scenario says.",
        }
        for name, value in record.script.data_collection.items()
    }
    return {
        "evaluation_criteria_results": {},
        "data_collection_results": collected,
        "call_successful": "success" if record.close_code in {None, 1000} else "failure",
        "transcript_summary": record.script.summary,
        "call_summary_title": record.script.summary[:60],
    }


def _termination(record: ConversationRecord) -> str:
    if record.ended_by == "agent":
        return "end_call tool was called." if record.close_code == 1000 else record.close_reason
    return f"Client disconnected: {record.close_code}" if record.ended_by else ""


def post_call_body(record: ConversationRecord) -> bytes:
    """The webhook's body: exactly these bytes are signed."""
    envelope = {
        "type": "post_call_transcription",
        "event_timestamp": int(time.time()),
        "data": conversation_model(record),
    }
    return msgspec.json.encode(envelope)


async def deliver(
    session: aiohttp.ClientSession, webhook: Webhook, record: ConversationRecord, note: Callable[[Delivery], None]
) -> None:
    """Send one conversation's webhook, with retries after 30 s, 2, 8 and 30 min (plus up to 10 %) if enabled."""
    await asyncio.sleep(webhook.delay_s)
    body = post_call_body(record)
    for _ in range(webhook.copies):
        for gap_s in (0.0, *(RETRY_GAPS_S if webhook.retry else ())):
            await asyncio.sleep(gap_s * random.uniform(1.0, 1.1))
            status = await _post(session, webhook, body)
            note(Delivery(asyncio.get_running_loop().time(), record.conversation_id, status))
            if status and status not in RETRYABLE:
                break


async def _post(session: aiohttp.ClientSession, webhook: Webhook, body: bytes) -> int:
    headers = {ELEVENLABS_HEADER: sign(body, webhook.secret), "Content-Type": "application/json"}
    try:
        async with asyncio.timeout(REQUEST_S):
            async with session.post(webhook.url, data=body, headers=headers) as response:
                return response.status
    except (TimeoutError, aiohttp.ClientError):
        return 0


def call_audio(record: ConversationRecord) -> bytes:
    """An MP3 as long as the call, silent: MPEG-1 layer III frames at 32 kbit/s and 48 kHz, whose body is zeros."""
    header = bytes((0xFF, 0xFB, 0x14, 0xC4))
    frame = header + bytes(144 * 32_000 // 48_000 - len(header))
    caller = AudioFormat(record.script.input_format)
    length_s = len(record.received) / (caller.rate_hz * caller.sample_bytes)
    return frame * max(1, round(length_s * 48_000 / 1152))
