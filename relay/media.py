"""The media socket: admits calls, chooses the agent, and runs the call to its end."""

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from relay.access import Refusal, socket_url
from relay.agents.roster import AgentSpec, Roster
from relay.agents.seam import AgentSession
from relay.arrivals import IncomingSocket
from relay.call.call import Call
from relay.events.records import EndReason
from relay.handshake import forget_request, leave_handler
from relay.line import exotel
from relay.line.socket import UNSENT_LIMIT, Line
from relay.line.start_and_end import await_start
from relay.lineup import Lineup
from relay.logs import LineLimit, log
from relay.tasks import Tasks

if TYPE_CHECKING:
    from relay.app import Relay

MEDIA_PATHS: Final = ("/v1/convai/conversation/exotel", "/media")  # both paths of the original bridge
# Extra sockets above MAX_CALLS, for Exotel's retries of a handshake: which call one replaces is known at `start`.
_RETRY_PLACES: Final = 1
_END_LIMIT: Final = 1.0
_REFUSAL_LINES: Final = 10  # per second and reason: guessing tokens must not fill the log


class MediaSocket:
    """Admits calls and runs them."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._refusal_lines = LineLimit(_REFUSAL_LINES)
        self._last_routed = ""
        self._calls = Tasks(_defect)

    def routes(self) -> list[web.RouteDef]:
        """Both paths, alone and followed by token and alias."""
        return [web.get(path + tail, self.answer) for path in MEDIA_PATHS for tail in ("", "/{tail:.*}")]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A call, or for a plain GET the URL of the socket (exotel.md 1.12)."""
        relay = self._relay
        tail = request.match_info.get("tail", "")
        segments = [part for part in tail.split("/") if part]
        verdict = relay.gate.judge(segments, request.headers.get("Authorization"), relay.roster)
        if isinstance(verdict, Refusal):
            return self._refuse(verdict)
        ws = IncomingSocket(
            compress=False,
            max_msg_size=exotel.MAX_MESSAGE,
            decode_text=False,
            timeout=2.0,
            writer_limit=UNSENT_LIMIT,
        )
        if not ws.can_prepare(request):
            return web.json_response(
                {"url": socket_url(request, relay.settings)}, headers={"Cache-Control": "no-store"}
            )
        if relay.draining:
            return self._refuse(Refusal(503, "draining"))
        if relay.streams >= relay.settings.max_calls + _RETRY_PLACES:
            return self._refuse(Refusal(503, "full"))
        relay.count(+1)
        try:
            await ws.prepare(request)
            forget_request(request, ws)
            wish = verdict.alias or request.query.get("agent_id") or request.query.get("agentId") or ""
        except BaseException:
            relay.count(-1)
            raise
        carrying = self._calls.spawn(self._carry(ws, request.transport, wish))
        if not leave_handler(request, ws):
            await asyncio.wait([carrying])
        return ws

    async def end(self, _: web.Application) -> None:
        """Of the process: calls that were not drained."""
        await self._calls.end(_END_LIMIT)

    async def _carry(self, ws: IncomingSocket, transport: asyncio.Transport | None, wish: str) -> None:
        relay = self._relay
        services = relay.services  # the current lineup: the call keeps it, whatever comes later
        lineup = services.lineup
        try:  # here and not in another coroutine, which would wait as long as the call
            line = Line(ws, transport, ws.arrivals)
            # most calls get the agent of the URL or the default: prepare it before `start` arrives
            sessions = _Sessions(lineup, lineup.roster.find(wish or self._usual(lineup.roster)))
            start = await await_start(line, relay.settings.start_timeout_s)
            if start is None:
                relay.metrics.refused.labels("no_start").inc()
            else:
                name = wish or start.custom_parameters.get("agent_id") or start.custom_parameters.get("agentId") or ""
                asked_for = name or self._routed(lineup.roster, start)
                spec = lineup.roster.find(asked_for)
                call = Call(line, start, services, asked_for=asked_for, spec=spec, new_session=sessions)
                self._admit(call, start.call_sid)
                await call.run()
            if sessions.prepared is not None:
                await sessions.prepared.close()
            await line.close()
        finally:
            relay.count(-1)
            if transport is not None:
                transport.close()

    def _usual(self, roster: Roster) -> str:
        """The agent for a call whose numbers are not known yet: the last call's."""
        return self._last_routed if roster.routes and self._last_routed else roster.default

    def _routed(self, roster: Roster, start: exotel.Start) -> str:
        """The agent of a call that names none."""
        found = roster.routes.find(start.from_number, start.to_number, self._relay.now())
        if found is None:
            return roster.default
        route, self._last_routed = found
        extra = {"event": "routed", "call_sid": start.call_sid, "route": route, "agent": self._last_routed}
        log.info("route %d: agent %s", route, self._last_routed, extra=extra)
        return self._last_routed

    def _admit(self, call: Call, call_sid: str) -> None:
        """End a call at once that is too late or exceeds the limit; it is reported like any other."""
        relay = self._relay
        if relay.ending:
            call.end(EndReason.SHUTDOWN, "the relay was stopped")
        elif relay.streams > relay.settings.max_calls and call_sid not in relay.calls:
            self._note_refusal("full")
            call.end(EndReason.AGENT_FAILED, f"the relay is full: MAX_CALLS is {relay.settings.max_calls}")

    def _note_refusal(self, reason: str) -> None:
        relay = self._relay
        relay.metrics.refused.labels(reason).inc()
        unlogged = self._refusal_lines.take(reason)
        if unlogged is not None:
            log.warning("call refused", extra={"event": "call_refused", "reason": reason, "unlogged": unlogged})

    def _refuse(self, refusal: Refusal) -> web.Response:
        self._note_refusal(refusal.reason)
        headers = {"WWW-Authenticate": "Basic"} if refusal.status == 401 else {}
        return web.json_response({"error": refusal.reason}, status=refusal.status, headers=headers)


class _Sessions:
    """Of one call, with its agents. Called, it makes the next. The one with `presumed` is there before the call is."""

    __slots__ = ("_lineup", "_presumed", "prepared")

    def __init__(self, lineup: Lineup, presumed: AgentSpec | None) -> None:
        self._lineup = lineup
        self._presumed = presumed
        self.prepared = _prepared(lineup, presumed) if presumed else None
        """Nobody has taken it yet."""

    def __call__(self, agent: AgentSpec) -> AgentSession:
        if self.prepared is not None and agent == self._presumed:
            session, self.prepared = self.prepared, None
            return session
        return self._lineup.new_session(agent.alias)


def _defect(error: BaseException) -> None:
    log.error("a socket failed", exc_info=error, extra={"event": "defect"})


def _prepared(lineup: Lineup, agent: AgentSpec) -> AgentSession | None:
    try:
        session = lineup.new_session(agent.alias)
        session.prepare()
    except Exception as error:  # noqa: BLE001 - a bot is the user's code
        log.error("%s could not be prepared", agent.alias, exc_info=error, extra={"event": "defect"})
        return None  # the call will get the same error, and has fallbacks
    return session
