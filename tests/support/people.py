"""Calls of several people in one store, told to the functions as the outside world tells them."""

import base64
import json
from typing import Any

from common import layout
from common.proof import prove
from functions.common.pending import mark_call
from tests.support import calls

NUMBERS = ("+919876543210", "+919811184210", "+447700900123")


def tell(
    store: Any, call_sid: str, caller: str, mentioning: str = "", *, indexed: bool = True, **environment: str
) -> None:
    """One whole call of `caller`'s, in which somebody says `mentioning`: all there can be of a call is there of it.

    Without `indexed` its raw webhooks lie where releases before 0.2 left them, with nothing that says where.
    `environment`: further settings of the webhook function.
    """
    conversation_id, stream = f"conv_{call_sid}", f"stream-{call_sid}"
    common: dict[str, Any] = {
        "call_sid": call_sid,
        "stream_sid": stream,
        "from": caller,
        "conversation_id": conversation_id,
    }
    started = calls.started(**{**common, "event_id": f"1-{call_sid}"})
    wish = calls.transfer_requested(**{**common, "event_id": f"2-{call_sid}"})
    end = calls.ended("transferred", **{**common, "event_id": f"3-{call_sid}"})
    end["agents"][0]["conversation_id"] = conversation_id
    end["turns"].append(calls.turn("caller", f"or ask my friend, {mentioning}", 9))
    variables = {"caller_number": caller, "called_number": calls.EXOPHONE, "call_sid": call_sid}
    variables["call_proof"] = prove(call_sid, stream, calls.EVENTS_SECRET)
    data = calls.conversation(conversation_id=conversation_id)
    data["conversation_initiation_client_data"] = {"dynamic_variables": variables}
    data["transcript"][1]["message"] = f"My friend's number is {mentioning}."
    sound = {"conversation_id": conversation_id, "full_audio": base64.b64encode(call_sid.encode()).decode()}
    webhook = calls.webhook_app(store, **environment)
    for event in (started, wish, end):
        assert webhook.handle(calls.signed_event(event)).status == 200
    for document in (calls.post_call(data), calls.post_call(sound, "post_call_audio")):
        assert webhook.handle(calls.signed_webhook(document)).status == 200
    transfer = calls.transfer_app(store)
    assert transfer.handle(calls.connect(CallSid=call_sid, CallFrom=caller)).status == 200
    dialled = calls.exotel("dial-events", CallSid=call_sid, DialWhomNumber=calls.SALES, DialCallStatus="completed")
    assert transfer.handle(dialled).status == 200
    store.create(layout.recording(call_sid), b"RIFF" + call_sid.encode())
    store.create(layout.recording_piece(call_sid, stream, 0), b"RIFF piece of " + call_sid.encode())
    mark_call(store, call_sid, "test", calls.NOW, 60)
    if not indexed:
        for key in list(store.keys(layout.raw_of(conversation_id))):
            store.purge(key)


def told(people: dict[str, str], **options: Any) -> Any:
    """A store with a call for each CallSid of `people`, which is its caller. Each call mentions all other numbers."""
    from tests.support.memory_store import MemoryStore

    store = MemoryStore(**options)
    for call_sid, caller in people.items():
        tell(store, call_sid, caller, " ".join(number for number in NUMBERS if number != caller))
    return store


def contents(store: Any) -> dict[str, bytes]:
    """What is there, without what only says when somebody looked."""
    return {key: body for key, body in store.objects.items() if key != "pending/listed.json"}


def parsed(body: bytes) -> Any:
    return json.loads(body)
