"""Where the relay uploads the pieces of a recording: permission to write a few keys, returned in the answer to an
event.

A store with signed uploads gives permission itself, and the sound never passes through here. A folder can't, so there
is a route for it: the same permission, signed by us, for one key and one length, valid for a quarter of an hour.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import urlencode

from common import layout
from common.documents import Document, text
from common.recording import LARGEST_PIECE, MOST_PIECES
from functions.common import log
from functions.common.http import Request, Response, answer
from functions.common.pending import mark_recording
from functions.common.store import Grants, Store, Upload
from functions.webhook.settings import Settings

UPLOAD = "recording.upload"
ROUTE = "/relay/recording"
MOST_AT_ONCE = 16
EXPIRES_S = 900


def grant(event: Document, store: Store, settings: Settings, now: float) -> Document:
    """The answer to `recording.upload`: permission for `count` pieces from number `first` on, each of `bytes`.

    Raises ValueError for a request that a relay can't have sent, StoreError.
    """
    call_sid, stream_sid = text(event, "call_sid"), text(event, "stream_sid")
    first = _whole(event, "first", 0, MOST_PIECES - 1)
    count = _whole(event, "count", 1, MOST_AT_ONCE)
    size = _whole(event, "bytes", 1, LARGEST_PIECE)
    if first == 0:  # before there is anything to join: if the relay dies, the sweep must still find the pieces
        mark_recording(store, call_sid, f"begun-{stream_sid}", now, settings.sweep_after_s)
    uploads = []
    for number in range(first, min(first + count, MOST_PIECES)):
        key = layout.recording_piece(call_sid, stream_sid, number)
        if isinstance(store, Grants):
            leave = store.grant(key, size, EXPIRES_S)
        else:
            leave = _own(call_sid, stream_sid, number, size, settings.events_secrets[0], now)
        uploads.append({"piece": number, "method": leave.method, "url": leave.url, "headers": dict(leave.headers)})
    return {"status": "ok", "duplicate": False, "uploads": uploads}


def judge(head: Request, secrets: Sequence[str], now: float) -> Response | None:
    """The refusal of a PUT; None if it was permitted."""
    given = head.query.get("signature", "").encode(errors="surrogatepass")
    fields = [head.query.get(name, "") for name in ("call_sid", "stream_sid", "piece", "bytes", "expires")]
    matched = [hmac.compare_digest(given, _signature(fields, secret).encode()) for secret in secrets]
    if not any(matched):
        log.warning("upload_refused", "refused a piece of a recording: its permission has no valid signature")
        return answer(403, {"status": "error", "error": "bad signature"})
    if int(fields[-1]) < now:
        return answer(403, {"status": "error", "error": "the permission has expired"})
    return None


def receive(request: Request, store: Store, secrets: Sequence[str], now: float) -> Response:
    """`PUT /relay/recording`: 412 if the piece exists already, like the clouds."""
    if refused := judge(request, secrets, now):
        return refused
    if len(request.body) != int(request.query["bytes"]):
        return answer(400, {"status": "error", "error": f"expected {request.query['bytes']} bytes"})
    query = request.query
    key = layout.recording_piece(query["call_sid"], query["stream_sid"], int(query["piece"]))
    if not store.create(key, request.body):
        return answer(412, {"status": "error", "error": "there already"})
    return answer(200, {"status": "ok"})


def _own(call_sid: str, stream_sid: str, number: int, size: int, secret: str, now: float) -> Upload:
    """Relative to the address that the event was posted to: the only address of ours that is known to work."""
    names = ("call_sid", "stream_sid", "piece", "bytes", "expires")
    fields = [call_sid, stream_sid, str(number), str(size), str(int(now) + EXPIRES_S)]
    query = dict(zip(names, fields, strict=True)) | {"signature": _signature(fields, secret)}
    return Upload("PUT", f"{ROUTE.rpartition('/')[2]}?{urlencode(query)}", {"content-type": "audio/wav"})


def _signature(fields: Sequence[str], secret: str) -> str:
    key = hmac.new(secret.encode(), b"leave to put a piece of a recording", sha256).digest()
    return hmac.new(key, "\n".join(fields).encode(errors="surrogatepass"), sha256).hexdigest()


def _whole(event: Document, name: str, low: int, high: int) -> int:
    value = event.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}={value!r:.40}: expected a whole number from {low} to {high}")
    return value
