"""An HTTP error with the body ElevenLabs' API gives it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web


def refusal(status: int, detail: Any, headers: Mapping[str, str] | None = None) -> web.HTTPException:
    """`detail`: `{status, message}`, or the list of a 422."""

    class Refusal(web.HTTPException):
        status_code = status

    body = web.json_response({"detail": detail}).text
    return Refusal(text=body, content_type="application/json", headers=headers)
