"""Routes for operators: health and readiness checks, metrics, and control of calls."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from relay.access import may_operate
from relay.control.live_control import LiveControl
from relay.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from relay.app import Relay


class Operating:
    """The routes beside the media socket. Strangers learn whether the relay is alive and ready, and nothing else."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._settings = relay.settings

    def routes(self) -> list[web.RouteDef]:
        """All routes."""
        return [
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/balance", self.balance),
            web.get("/metrics", self.metrics),
            *LiveControl(self._settings.control_token, self._relay.calls).routes(),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Alive. Stays 200 while draining."""
        relay = self._relay
        details: dict[str, Any] = {"calls": relay.streams, "agents_version": relay.lineup.version}
        if relay.updates and relay.updates.problem:
            details["agents_refused"] = {"version": relay.updates.refused, "problem": relay.updates.problem}
        return self._answer(request, {"status": "ok"}, details)

    async def ready(self, request: web.Request) -> web.Response:
        """Whether it takes calls: 503 when draining, retired or full."""
        relay, limit = self._relay, self._settings.max_calls
        status = "draining" if relay.draining else "" if relay.taking_calls else "retired"
        status = status or ("full" if relay.streams >= limit else "ready")
        ready = {"status": "ready" if status == "ready" else "not ready"}
        details = {"status": status, "calls": relay.streams, "max_calls": limit}
        return self._answer(request, ready, details, 200 if status == "ready" else 503)

    async def balance(self, request: web.Request) -> web.Response:
        """For the load balancer: whether to send new calls. 503 when retired.

        200 when full or draining: ECS uses the same check, and would replace a relay that is only busy.
        """
        retired = self._relay.retirement.retired
        return self._answer(request, {"status": "retired" if retired else "ok"}, {}, 503 if retired else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """For Prometheus: with METRICS_TOKEN, or from this machine."""
        if not may_operate(request, self._settings):
            return _unauthorized()
        return web.Response(body=self._relay.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    def _answer(
        self, request: web.Request, said: dict[str, Any], details: dict[str, Any], status: int = 200
    ) -> web.Response:
        """`said` for everybody, `details` only for operators."""
        return web.json_response(said | (details if may_operate(request, self._settings) else {}), status=status)


def _unauthorized() -> web.Response:
    return web.json_response({"error": "unauthorized"}, status=401, headers={"WWW-Authenticate": "Bearer"})
