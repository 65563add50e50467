"""Routes a request to its handler by path and method, and turns exceptions into a status, here and nowhere else."""

import time
from collections.abc import Callable, Mapping

from functions.common import log
from functions.common.http import Request, Response, answer
from functions.common.store import StoreError
from functions.common.tracing import RequestTracing

Handler = Callable[[Request], Response]
Routes = Mapping[tuple[str, str], Handler]
"""(method, path) → handler."""


def serve(routes: Routes, request: Request, tracing: RequestTracing | None = None) -> Response:
    """404, 405, the handler's answer, or 503 for an exception: retry, nothing was lost."""
    if tracing is None:
        return _serve(routes, request)
    began_ns = time.time_ns()
    response = _serve(routes, request)
    tracing.answered(request, response, began_ns)
    return response


def _serve(routes: Routes, request: Request) -> Response:
    if handler := routes.get((request.method, request.path)):
        try:
            return handler(request)
        except StoreError as error:
            log.error("store_failed", str(error), path=request.path)
        except Exception:  # noqa: BLE001  # after a bug of ours the sender must get an answer and retry
            log.error("internal_error", f"{request.method} {request.path} failed", path=request.path, exc_info=True)
        return answer(503, {"status": "error", "error": "temporarily unavailable, try again"})
    methods = sorted(method for method, path in routes if path == request.path)
    if not methods:
        return answer(404, {"status": "error", "error": "no such route"})
    refusal = answer(405, {"status": "error", "error": "method not allowed"})
    return Response(405, refusal.body, {**refusal.headers, "allow": ", ".join(methods)})
