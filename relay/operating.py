"""What operators ask a relay: is it alive, does it take calls, its metrics, and the ambience of its calls."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from common.credentials import bearer_matches
from relay.access import may_operate
from relay.control import AmbienceChange
from relay.metrics import CONTENT_TYPE
from relay.server import REQUEST_PATIENCE

if TYPE_CHECKING:
    from relay.app import Relay


class Operating:
    """The routes beside the media socket. Strangers learn whether the relay is alive and ready, and nothing else."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._settings = relay.settings

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/balance", self.balance),
            web.get("/metrics", self.metrics),
            web.get("/bg-sound", self.bg_sound),
            web.post("/bg-sound", self.bg_sound),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Alive. Stays 200 while draining."""
        return self._answer(request, {"status": "ok"}, {"calls": self._relay.streams})

    async def ready(self, request: web.Request) -> web.Response:
        """Takes calls: 503 when draining, retired or full."""
        relay, limit = self._relay, self._settings.max_calls
        status = "draining" if relay.draining else "" if relay.taking_calls else "retired"
        status = status or ("full" if relay.streams >= limit else "ready")
        ready = {"status": "ready" if status == "ready" else "not ready"}
        details = {"status": status, "calls": relay.streams, "max_calls": limit}
        return self._answer(request, ready, details, 200 if status == "ready" else 503)

    async def balance(self, request: web.Request) -> web.Response:
        """For the load balancer: new calls may come. 503 when retired. 200 when full or draining: ECS looks at the same
        check, and would replace a relay that has only much to do."""
        retired = self._relay.retirement.retired
        return self._answer(request, {"status": "retired" if retired else "ok"}, {}, 503 if retired else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """For Prometheus: with METRICS_TOKEN, or from this machine."""
        if not may_operate(request, self._settings):
            return _unauthorized()
        return web.Response(body=self._relay.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def bg_sound(self, request: web.Request) -> web.Response:
        """The ambience of one call by `call_sid`, or of all calls on this relay (design D10)."""
        if not self._settings.control_token:
            return web.json_response({"error": "control is off: set CONTROL_TOKEN"}, status=403)
        if not bearer_matches(request.headers.get("Authorization"), self._settings.control_token):
            return _unauthorized()
        calls = self._relay.calls
        if request.method == "GET":
            return web.json_response({"active_calls": len(calls), "calls": self._ambiences()})
        try:
            async with asyncio.timeout(REQUEST_PATIENCE):
                body = await request.json(loads=json.loads)
            change = AmbienceChange.parse(body if isinstance(body, dict) else {})
        except TimeoutError:
            return web.json_response({"error": f"expected the body within {REQUEST_PATIENCE:g} s"}, status=408)
        except (ValueError, RecursionError) as error:
            return web.json_response({"error": f"expected a JSON object: {error}"}, status=400)
        call_sid = body.get("call_sid")
        if call_sid is not None and not isinstance(call_sid, str):
            return web.json_response({"error": "call_sid: expected a string"}, status=400)
        if call_sid is not None and call_sid not in calls:
            return web.json_response({"error": "no such call on this relay"}, status=404)
        chosen = [calls[call_sid]] if call_sid is not None else list(calls.values())
        for call in chosen:
            call.change_ambience(change)
        return web.json_response({"updated_calls": len(chosen)})

    def _ambiences(self) -> dict[str, Any]:
        return {
            call_sid: {"enabled": track.enabled, "volume": track.volume} if track else None
            for call_sid, call in self._relay.calls.items()
            for track in (call.playout.ambience,)
        }

    def _answer(
        self, request: web.Request, said: dict[str, Any], details: dict[str, Any], status: int = 200
    ) -> web.Response:
        """`said` to anybody, `details` to operators as well."""
        return web.json_response(said | (details if may_operate(request, self._settings) else {}), status=status)


def _unauthorized() -> web.Response:
    return web.json_response({"error": "unauthorized"}, status=401, headers={"WWW-Authenticate": "Bearer"})
