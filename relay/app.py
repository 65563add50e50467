"""The relay as an aiohttp application: routes, admission, lifecycle."""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import time
from typing import Final

import aiohttp
from aiohttp import web

from common.trace import enabled
from relay import echo
from relay.access import Gate
from relay.agent_updates import AgentUpdates
from relay.agents.roster import Roster
from relay.agents.telephony.rest import PATH as REST_PATH
from relay.agents.telephony.rest import RestCalls
from relay.agents_source import AgentsSource
from relay.aws.ecs import Ecs
from relay.aws.retirement import Retirement
from relay.aws.task_protection import TaskProtection
from relay.call.call import Call
from relay.call.lookup import Lookup
from relay.control.operating import Operating
from relay.events.delivery import Destination, Events, HttpDestination
from relay.events.folder import LOST_AFTER, FolderDestination
from relay.events.records import EndReason
from relay.events.tracing import CallTracing
from relay.line.ticker import Ticker
from relay.lineup import Lineup
from relay.logs import log
from relay.media import MediaSocket
from relay.metrics import Metrics
from relay.outgoing import outgoing
from relay.recording.recordings import Recordings
from relay.services import Services
from relay.settings import Settings
from relay.watch import Watch

_EVENTS_LAST: Final = 3.0  # part of that: for the events that report recordings
_SHUTDOWN_GRACE: Final = 9.0  # for hand-overs and their events: Cloud Run kills the process ten seconds after SIGTERM


class Relay:
    """One relay: its calls and what they share."""

    def __init__(self, settings: Settings, *, own_process: bool = False) -> None:
        """Raises SettingError or SoundFileError. `own_process`: this process is the relay's alone."""
        self.settings = settings
        self._own_process = own_process
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        """The time of day, for hours and holidays."""
        self.lineup = Lineup.configured(settings)
        """The agents for calls that begin now."""
        self.updates: AgentUpdates | None = None
        self.rest_calls = RestCalls()
        self.metrics = Metrics()
        self.gate = Gate(settings)
        self.calls: dict[str, Call] = {}
        self.draining = False
        self.ending = False
        self.streams = self.closed = 0
        self.leave = asyncio.Event()
        """Set when there is nothing left to do here."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._leave_by = 0.0
        metrics = self.metrics
        metrics.agents.info({"version": self.lineup.version})
        self._tracing = CallTracing(settings.environ) if enabled(settings.environ) else None
        metrics.watch("relay_calls", "Media sockets open now", lambda: self.streams)
        metrics.watch("relay_calls_max", "MAX_CALLS", lambda: settings.max_calls)
        metrics.watch("relay_draining", "1 while no new calls are taken", lambda: self.draining)
        metrics.watch("relay_events_pending", "Events not yet delivered", lambda: self.services.events.pending)
        metrics.watch(
            "relay_recordings_pending", "Recordings of calls that are over, not yet uploaded", self._recordings_pending
        )
        metrics.watch("relay_playout_queued_seconds", "Agent speech waiting to be played, all calls", self._queued_s)

    # --- lifecycle ---

    async def lifespan(self, _: web.Application) -> AsyncIterator[None]:
        """Sets up before the first call and cleans up after the last."""
        settings = self.settings
        ticker = Ticker()
        async with outgoing(ticker) as http, outgoing(ticker, public_only=True) as public:
            events = Events(await self._destination(http))
            echo_pool = echo.pool(settings, self.metrics, own_process=self._own_process)
            recordings = Recordings(http, events, settings.events_url, self.metrics)
            self.lineup.connect(http, public, self.rest_calls)
            self.services = Services(
                settings=settings,
                lineup=self.lineup,
                events=events,
                lookup=Lookup(http, settings),
                metrics=self.metrics,
                calls=self.calls,
                echo_pool=echo_pool,
                ticker=ticker,
                recordings=recordings,
                tracing=self._tracing,
            )
            self._protection = TaskProtection(http, settings.ecs_agent_uri)
            retire, leave = self._protection.retire, self.leave.set
            ecs = Ecs(http, settings.environ)
            self.retirement = Retirement(ecs, changed=retire, leave=leave, idle=self._idle.wait)
            others = [self.retirement.follow()] if ecs.there else []
            if settings.agents_url:
                self.updates = updates = self._updates(http, public)
                await updates.begin()
                others.append(updates.follow())
            async with Watch(self).running(*others):
                yield
            await self._protection.close()
            echo_pool.close()
            await recordings.drain(self._time_left(_EVENTS_LAST))
            await events.drain(self._time_left())
            if self._tracing is not None:
                await asyncio.to_thread(self._tracing.close)

    def _updates(self, http: aiohttp.ClientSession, public: aiohttp.ClientSession) -> AgentUpdates:
        settings = self.settings

        def serve(lineup: Lineup) -> None:
            lineup.connect(http, public, self.rest_calls)
            self.lineup, self.services = lineup, replace(self.services, lineup=lineup)
            self.metrics.agents.info({"version": lineup.version})

        source = AgentsSource(
            http, settings.agents_url, settings.events_secret, relay=_name(settings), every_s=settings.agents_every_s
        )
        return AgentUpdates(source, settings, self.metrics, self.lineup, serve)

    def _time_left(self, less: float = 0.0) -> float:
        return max(0.0, self._leave_by - less - asyncio.get_running_loop().time())

    async def _destination(self, http: aiohttp.ClientSession) -> Destination:
        settings = self.settings
        if settings.events_url:
            return HttpDestination(http, settings.events_url, settings.events_secret)
        folder = FolderDestination(settings.store)
        with suppress(OSError):  # a folder that can't be read can't be written either; the first event will report that
            if lost := await asyncio.to_thread(folder.close_lost, time() - LOST_AFTER):
                log.warning("wrote the records of %d calls whose relay had died", lost, extra={"event": "calls_closed"})
        return folder

    async def drain(self) -> None:
        """The deploy sequence (design D11). /health stays green, or the platform would kill us before the calls end.

        1. Refuse new calls: /ready answers 503, and so do upgrades.
        2. Let the calls finish, up to DRAIN_SECONDS; exit as soon as none is left.
        3. End the remaining calls and late arrivals: hand the callers over, deliver the events of all calls at once.
        """
        self.draining = True
        loop = asyncio.get_running_loop()
        self._leave_by = loop.time() + self.settings.drain_s + _SHUTDOWN_GRACE
        log.info("draining", extra={"event": "draining", "calls": self.streams})
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.drain_s):
                await self._idle.wait()
        self.ending = True  # an admitted socket may send its `start` only now
        for call in list(self.calls.values()):
            call.end(EndReason.SHUTDOWN, "the relay was stopped")
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._leave_by):
                await self._idle.wait()
        # no call is left before the limit: pending events get the rest of the time
        self._leave_by = min(self._leave_by, loop.time() + _SHUTDOWN_GRACE)
        log.info("drained", extra={"event": "drained", "calls": self.streams})

    @property
    def roster(self) -> Roster:
        """The agents that a call may ask for."""
        return self.lineup.roster

    @property
    def taking_calls(self) -> bool:
        """Whether this relay takes new calls: not while it drains or is retired. It may be full."""
        return not self.draining and not self.retirement.retired

    def _recordings_pending(self) -> int:
        return self.services.recordings.pending

    def _queued_s(self) -> float:
        return sum(call.sound.queued_s for call in self.calls.values())

    # --- for the media socket ---

    def count(self, change: int) -> None:
        """One media socket more, or one less."""
        self.streams += change
        self.closed += change < 0
        if self.streams:
            self._idle.clear()
        else:
            self._idle.set()
        self._protection.count_changed(self.streams)


RELAY: Final = web.AppKey("relay", Relay)


def create_app(settings: Settings, *, own_process: bool = False) -> web.Application:
    """The application, for an event loop. Raises SettingError or SoundFileError.

    `own_process`: this process is the relay's alone, and it may start another one, to judge echoes.
    """
    relay = Relay(settings, own_process=own_process)
    app = web.Application(client_max_size=64 * 1024)
    app[RELAY] = relay
    app.cleanup_ctx.append(relay.lifespan)
    media = MediaSocket(relay)
    app.router.add_routes(media.routes())
    app.on_shutdown.append(media.end)
    app.router.add_routes(Operating(relay).routes())
    app.router.add_post(REST_PATH, relay.rest_calls.update)
    if relay.gate.open:
        log.log(
            logging.WARNING,
            "anybody who can reach the port can open the media socket: set MEDIA_TOKEN or MEDIA_BASIC_AUTH",
            extra={"event": "open_to_anybody"},
        )
    return app


def _name(settings: Settings) -> str:
    """Name of this process: on some platforms all machines have the same host name."""
    host = re.sub("[^A-Za-z0-9._-]", "-", settings.instance)[:64]
    return f"{host}-{secrets.token_hex(4)}"
