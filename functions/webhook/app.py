"""The webhook function without a cloud: requests in, answers out, state in the store."""

import time
from collections.abc import Callable

from common.recording import LARGEST_PIECE
from common.relay_request import AGENTS, AGENTS_FILE
from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, Verdict, verify_head
from functions.common import log
from functions.common.door import Door, Doors, Judge
from functions.common.fetch import Fetch, fetch
from functions.common.http import Request, Response, answer
from functions.common.routes import Routes, serve
from functions.common.store import Grants, Store
from functions.common.tracing import RequestTracing
from functions.webhook import agents, post_call, relay_events, uploads
from functions.webhook.settings import Settings
from functions.webhook.sweep import Counts, Sweep

LARGEST_WEBHOOK = 32 * 1024 * 1024  # a call's audio comes as base64 in JSON; this is also the limit of Cloud Functions
LARGEST_EVENT = 8 * 1024 * 1024
EVENT_MAX_AGE_S = 1800.0


class WebhookApp:
    """Keeps nothing between requests: any number of instances may share one store. `clock`: Unix seconds."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], float] = time.time,
        fetch: Fetch = fetch,
        tracing: RequestTracing | None = None,
    ) -> None:
        self._settings = settings
        self._tracing = tracing
        self._store = store
        self._clock = clock
        self._fetch = fetch
        self.routes: Routes = {
            ("POST", "/webhook/post-call"): lambda request: post_call.receive(request, store, settings, clock()),
            ("POST", "/relay/events"): lambda request: relay_events.receive(request, store, settings, clock()),
            ("GET", AGENTS): lambda request: agents.current(request, store, settings, clock()),
            ("GET", AGENTS_FILE): lambda request: agents.file(request, store, settings, clock()),
        }
        secrets = settings.events_secrets
        own_uploads = {("PUT", uploads.ROUTE): lambda request: uploads.receive(request, store, secrets, clock())}
        self.doors: Doors = {
            ("POST", "/webhook/post-call"): Door(
                self._signed(ELEVENLABS_HEADER, settings.webhook_max_age_s), LARGEST_WEBHOOK, packed=True
            ),
            ("POST", "/relay/events"): Door(self._signed(RELAY_HEADER, EVENT_MAX_AGE_S), LARGEST_EVENT),
            **{("GET", path): Door(self._signed(RELAY_HEADER, EVENT_MAX_AGE_S), 0) for path in (AGENTS, AGENTS_FILE)},
        }
        if not isinstance(store, Grants):  # if the store takes uploads itself, none are accepted here
            self.routes = {**self.routes, **own_uploads}
            upload = Door(lambda head: uploads.judge(head, secrets, clock()), LARGEST_PIECE)
            self.doors = {**self.doors, ("PUT", uploads.ROUTE): upload}

    def _signed(self, header: str, max_age_s: float) -> Judge:
        """Refuses by the head a signature that is missing, unreadable or too old."""

        def judge(head: Request) -> Response | None:
            verdict = verify_head(head.headers.get(header.lower()), now=self._clock(), max_age_s=max_age_s)
            if verdict is Verdict.VALID:
                return None
            log.warning("webhook_refused", f"the signature of {head.path} is {verdict}", reason=verdict)
            return answer(401, {"status": "error", "error": "bad signature"})

        return judge

    def handle(self, request: Request) -> Response:
        """Never raises."""
        return serve(self.routes, request, self._tracing)

    def sweep(self) -> Counts:
        """One run of the repair sweep. Raises StoreError."""
        return Sweep(self._store, self._settings, self._fetch, self._clock).run()
