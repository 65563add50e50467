"""The answer to Exotel's Connect applet (exotel.md 3.2): HTTP 200, JSON, E.164. With any other answer Exotel dials
nobody.
"""

import re
from urllib.parse import quote, urlencode

from common.documents import Document
from common.forwarded import secure
from functions.common.http import Request
from functions.common.transfers import Want
from functions.transfer.settings import Settings

NOBODY: Document = {"destination": {"numbers": []}}

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
_LONGEST_SUMMARY = 400  # characters; about half a minute of speech before the human hears the caller


def connect_answer(
    numbers: list[str], want: Want, settings: Settings, request: Request, stream_sid: str = ""
) -> Document:
    """All documented fields that the settings ask for; those that are off are left out."""
    fields = settings.connect
    answer: Document = {
        "fetch_after_attempt": fields.fetch_after_attempt,
        "destination": {"numbers": numbers},
        "record": fields.record,
        "max_ringing_duration": fields.ringing_s,
        "max_conversation_duration": fields.conversation_s,
        "music_on_hold": _music(fields.music_on_hold),
    }
    if fields.record:
        answer["recording_channels"] = fields.recording_channels
    if fields.outgoing_number:
        answer["outgoing_phone_number"] = fields.outgoing_number
    if fields.parallel > 1 and len(numbers) > 1:
        answer["parallel_ringing"] = {"activate": True, "max_parallel_attempts": fields.parallel}
    if playback := _playback(fields.playback, want):
        answer["start_call_playback"] = {"playback_to": fields.playback_to, **playback}
    if url := events_url(settings, request, stream_sid):
        answer["dial_passthru_event_url"] = url
    return answer


def events_url(settings: Settings, request: Request, stream_sid: str = "") -> str:
    """Where Exotel reports dial events: this function, at the address of the request, with the same credentials.

    It includes the stream that the dialling belongs to: Exotel does not report it, and a call may have several.
    """
    wanted = settings.connect.events_url
    if wanted not in {"auto", "off"}:
        return wanted
    host = request.headers.get("host", "")
    if wanted == "off" or not _HOST.fullmatch(host):
        return ""
    scheme = "https" if secure(request.headers, default=True) else "http"
    path = request.path.removesuffix("/connect") + "/dial-events"
    userinfo = settings.basic_auth.userinfo if settings.basic_auth else ""
    query = {"token": settings.tokens[0]} if settings.tokens else {}
    query |= {"stream_sid": stream_sid} if stream_sid else {}
    return f"{scheme}://{userinfo}{host}{path}{'?' if query else ''}{urlencode(query, quote_via=quote, safe='')}"


def _music(setting: str) -> Document:
    return {"type": "custom_tone", "value": setting} if "://" in setting else {"type": setting}


def _playback(setting: str, want: Want) -> Document | None:
    if setting == "off":
        return None
    if "://" in setting:
        return {"type": "audio_url", "value": setting}
    words = " ".join((want.summary or want.reason).split())
    return {"type": "text", "value": words[:_LONGEST_SUMMARY]} if words else None
