"""The webhook function without a cloud: requests in, answers out, state in the store."""

import time
from collections.abc import Callable

from functions.common.fetch import Fetch, fetch
from functions.common.http import Request, Response
from functions.common.routes import Routes, serve
from functions.common.store import Store
from functions.webhook import post_call, relay_events
from functions.webhook.settings import Settings
from functions.webhook.sweep import Counts, Sweep


class WebhookApp:
    """Keeps nothing between requests: any number of them, anywhere, over one store. `clock`: Unix seconds."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], float] = time.time, fetch: Fetch = fetch
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._fetch = fetch
        self.routes: Routes = {
            ("POST", "/webhook/post-call"): lambda request: post_call.receive(request, store, settings, clock()),
            ("POST", "/relay/events"): lambda request: relay_events.receive(request, store, settings, clock()),
        }

    def handle(self, request: Request) -> Response:
        """Never raises."""
        return serve(self.routes, request)

    def sweep(self) -> Counts:
        """One run of the repair sweep. Raises StoreError."""
        return Sweep(self._store, self._settings, self._fetch, self._clock).run()
