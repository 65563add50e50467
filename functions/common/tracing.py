"""Requests to the functions as spans of the call they belong to; off unless tracing is set up (common/trace)."""

import re
import time
from collections.abc import Mapping
from typing import Final

from common.trace import Tracing, enabled
from functions.common.http import Request, Response

_SID: Final = re.compile(rb'"call_sid"\s*:\s*"([A-Za-z0-9._-]{1,128})"')
_FLUSH_S: Final = 2.0
_REFUSED: Final = frozenset({400, 401, 403, 404, 405, 408, 413, 415, 429})


class RequestTracing:
    """`frozen`: the platform may freeze this process after its answer, so spans are sent before it."""

    def __init__(self, environ: Mapping[str, str], *, frozen: bool) -> None:
        self._tracing = Tracing(environ, "voice-bridge-functions")
        self._frozen = frozen

    def answered(self, request: Request, response: Response, began_ns: int) -> None:
        """Adds a span for a request that names a call. Refused requests get none: strangers can name calls too."""
        call_sid = "" if response.status in _REFUSED else self._call_sid(request)
        if not call_sid:
            return
        self._tracing.span(
            f"{request.method} {request.path}",
            began_ns,
            time.time_ns(),
            parent=Tracing.of_call(call_sid),
            error=f"HTTP {response.status}" if response.status >= 500 else "",
            attributes={
                "http.request.method": request.method,
                "http.route": request.path,
                "http.response.status_code": response.status,
                "call.sid": call_sid,
            },
        )
        if self._frozen:
            self._tracing.flush(_FLUSH_S)

    def close(self) -> None:
        """Send what is waiting, at the end of the process."""
        self._tracing.close()

    @staticmethod
    def _call_sid(request: Request) -> str:
        """From Exotel's parameters, or from anywhere in the JSON of the relay or the vendor."""
        if request.path.startswith("/exotel/"):
            return request.parameters().get("CallSid", "")
        found = _SID.search(request.body)
        return found[1].decode() if found else ""


def set_up(environ: Mapping[str, str], *, frozen: bool) -> RequestTracing | None:
    """None if tracing is off. Raises SettingError."""
    return RequestTracing(environ, frozen=frozen) if enabled(environ) else None
