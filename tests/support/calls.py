"""What the outside world says of a call: relay events, webhooks, Exotel's requests, signed as it signs them."""

import json
from typing import Any

from common.proof import prove
from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, sign
from common.times import rfc3339
from functions.common.http import Request, Response, request
from functions.transfer.app import TransferApp
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings

NOW = 1_795_428_000.0  # 2026-11-23T10:00:00Z
STARTED = NOW - 120
ENDED = NOW - 5
CREATED = "Mon, 23 Nov 2026 15:28:00"  # STARTED as Exotel writes it, in Indian time
EVENTS_SECRET = "relay-secret-of-nobody"
WEBHOOK_SECRET = "wsec_of_nobody_at_all"
TOKEN = "exotel-token-of-nobody"
CALL = "b7a90e4c51d24f6a93be7c0d8f12197k"
STREAM = "6f1d0c2b9a7e4d35b8c1e0f2a3d418bl"
CONVERSATION = "conv_01"
CALLER = "09876500001"
EXOPHONE = "08047100002"
SALES = "+919876500010"
SUPPORT = "+919876500020"
SUPPORT_2 = "+919876500021"

ENVIRONMENT = {
    "EVENTS_SECRET": EVENTS_SECRET,
    "ELEVENLABS_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "EXOTEL_TOKEN": TOKEN,
    "TRANSFER_TARGETS": json.dumps({"support": f"{SUPPORT}, {SUPPORT_2}", "sales": SALES}),
    "TRANSFER_TEAM_1_NUMBER": "09876500030",
}


class Clock:
    """Time that passes only when somebody sleeps; `naps` are looked at by tests."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.naps: list[float] = []
        self.alarms: list[tuple[float, Any]] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        due = [alarm for alarm in self.alarms if alarm[0] <= self.now]
        self.alarms = [alarm for alarm in self.alarms if alarm[0] > self.now]
        for _, ring in due:
            ring()

    def at(self, when: float, ring: Any) -> None:
        """Call `ring` once a sleep has passed `when`."""
        self.alarms.append((when, ring))


def webhook_app(store: Any, clock: Any = lambda: NOW, fetch: Any = None, **environment: str) -> WebhookApp:
    settings = WebhookSettings.from_env({**ENVIRONMENT, **environment})
    return WebhookApp(settings, store, clock, **({"fetch": fetch} if fetch else {}))


def transfer_app(store: Any, clock: Clock | None = None, **environment: str) -> TransferApp:
    clock = clock or Clock()
    return TransferApp(TransferSettings.from_env({**ENVIRONMENT, **environment}), store, clock, clock.sleep)


def event(kind: str, number: int, at: float, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "event_id": f"{number:032x}",
        "call_sid": CALL,
        "stream_sid": STREAM,
        "at": rfc3339(at),
        "from": CALLER,
        "to": EXOPHONE,
        "agent": {"alias": "desk", "vendor": "elevenlabs", "id": "agent_1"},
        "conversation_id": CONVERSATION,
        **more,
    }


def started(number: int = 1, **more: Any) -> dict[str, Any]:
    return event("call.started", number, STARTED, **{"started_at": rfc3339(STARTED), "line": {"rate_hz": 8000}, **more})


def transfer_requested(target: str = "sales", number: int = 2, **more: Any) -> dict[str, Any]:
    wish = {"target": target, "reason": "wants a price", "summary": "Caller asks for a price of ten."}
    return event("call.transfer_requested", number, ENDED - 1, **{"transfer": wish, **more})


def upload_wanted(first: int = 0, count: int = 2, size: int = 1000, number: int = 7, **more: Any) -> dict[str, Any]:
    """The relay asks where to put the pieces of a recording."""
    return event("recording.upload", number, STARTED + 1, **{"first": first, "count": count, "bytes": size, **more})


def ended(end_reason: str = "agent_ended", number: int = 3, **more: Any) -> dict[str, Any]:
    ended_by = {"caller_hung_up": "caller", "agent_ended": "agent", "transferred": "agent"}.get(end_reason, "relay")
    agent = {
        "alias": "desk",
        "vendor": "elevenlabs",
        "id": "agent_1",
        "conversation_id": CONVERSATION,
        "started_at": rfc3339(STARTED),
        "ended_at": rfc3339(ENDED),
        "end_reason": end_reason,
        "end_detail": "",
    }
    body = {
        "started_at": rfc3339(STARTED),
        "ended_at": rfc3339(ENDED),
        "duration_s": ENDED - STARTED,
        "ended_by": ended_by,
        "end_reason": end_reason,
        "end_detail": "",
        "agents": [agent],
        "transfer": None,
        "turns": [
            turn("agent", "Good morning, how can I help?", 0.8, heard_ms=1900),
            turn("caller", "I'd like a price for ten.", 4.2),
            turn("agent", "Let me put you through to", 7.5, interrupted=True, heard_ms=700),
        ],
        "quality": {"first_audio_ms": 640, "gaps": 0, "interruptions": 1},
    }
    return event("call.ended", number, ENDED, **{**body, **more})


def turn(speaker: str, text: str, offset_s: float, *, interrupted: bool = False, heard_ms: int | None = None) -> dict:
    return {
        "speaker": speaker,
        "text": text,
        "at": rfc3339(STARTED + offset_s),
        "offset_ms": round(offset_s * 1000),
        "interrupted": interrupted,
        "heard_ms": heard_ms,
    }


def conversation(should_transfer: Any = None, *, call_sid: str | None = CALL, **more: Any) -> dict[str, Any]:
    """`data` of the webhook; the API answers with the same."""
    collected = (
        {} if should_transfer is None else {"should_transfer": {"value": should_transfer, "rationale": "said so"}}
    )
    variables = {"caller_number": CALLER, "called_number": EXOPHONE}
    if call_sid:
        variables |= {"call_sid": call_sid, "call_proof": prove(call_sid, STREAM, EVENTS_SECRET)}
    return {
        "agent_id": "agent_1",
        "conversation_id": CONVERSATION,
        "status": "done",
        "transcript": [
            {"role": "agent", "message": "Good morning! How can I help?", "time_in_call_secs": 0},
            {"role": "user", "message": "I'd like a price for ten.", "time_in_call_secs": 4},
            {"role": "agent", "message": "Let me put you through to a colleague.", "time_in_call_secs": 7},
        ],
        "metadata": {"start_time_unix_secs": int(STARTED), "call_duration_secs": int(ENDED - STARTED)},
        "analysis": {
            "data_collection_results": collected,
            "transcript_summary": "A price for ten.",
            "call_successful": "success",
        },
        "conversation_initiation_client_data": {"dynamic_variables": variables},
        "has_audio": True,
        **more,
    }


def post_call(data: dict[str, Any], kind: str = "post_call_transcription", at: float = NOW) -> dict[str, Any]:
    return {"type": kind, "event_timestamp": int(at), "data": data}


def signed_event(document: dict[str, Any] | bytes, secret: str = EVENTS_SECRET, now: float = NOW) -> Request:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {RELAY_HEADER: sign(body, secret, now), "Content-Type": "application/json"}
    return request("POST", "/relay/events", "", headers, body)


def signed_webhook(
    document: dict[str, Any] | bytes, secret: str = WEBHOOK_SECRET, now: float = NOW, **headers: str
) -> Request:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    all_headers = {ELEVENLABS_HEADER: sign(body, secret, now), "Content-Type": "application/json", **headers}
    return request("POST", "/webhook/post-call", "", all_headers, body)


def exotel(route: str, *, token: str = TOKEN, method: str = "GET", **said: str) -> Request:
    """A request of Exotel's; in names `__` stands for brackets: `Stream__Status` is `Stream[Status]`."""
    from urllib.parse import urlencode

    names = {
        f"{name.split('__')[0]}[{name.split('__')[1]}]" if "__" in name else name: value for name, value in said.items()
    }
    query = urlencode({"token": token, **names})
    return request(method, f"/exotel/{route}", query, {"Host": "calls.example.in", "X-Forwarded-Proto": "https"})


def connect(**said: str) -> Request:
    return exotel("connect", **{"CallSid": CALL, "CallFrom": CALLER, "CallTo": EXOPHONE, "Created": CREATED, **said})


def body_of(response: Response) -> dict[str, Any]:
    return json.loads(response.body)


def refusal(response: Response) -> tuple[int, str]:
    """The status and what the sender is told; everything that is refused looks alike."""
    body = body_of(response)
    assert body.keys() == {"status", "error"}
    assert body["status"] == "error"
    return response.status, body["error"]


def record_of(store: Any, call_sid: str = CALL) -> dict[str, Any]:
    stored = store.read(f"logs/{call_sid}.json")
    assert stored is not None, f"no record of {call_sid}"
    return json.loads(stored.body)
