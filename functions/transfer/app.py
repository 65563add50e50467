"""The transfer function without a cloud: answers Exotel's applets while a caller is connected to a human."""

import time
from collections.abc import Callable

from common import layout
from common.credentials import same
from common.documents import Document, encode, text
from functions.common import log
from functions.common.calls import write_record
from functions.common.door import Door, Doors
from functions.common.http import Request, Response, answer
from functions.common.pending import mark_call
from functions.common.pieces import gather
from functions.common.routes import Handler, Routes, serve
from functions.common.store import Store
from functions.common.streams import main_stream
from functions.common.tracing import RequestTracing
from functions.common.transfers import OUTCOMES, Verdict, decide, transfer_of
from functions.transfer import exotel
from functions.transfer.connect import FOLDED_AFTER_S, Connect
from functions.transfer.settings import Settings
from functions.transfer.waiting import Waiting

LARGEST_FORM = 64 * 1024  # Exotel's parameters of a call take a kilobyte or two


class TransferApp:
    """Keeps nothing between requests. `clock` in Unix seconds, `sleep` in seconds; tests pass their own."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        tracing: RequestTracing | None = None,
    ) -> None:
        self._settings = settings
        self._tracing = tracing
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._waiting = Waiting()
        self.routes: Routes = {
            ("GET", "/exotel/connect"): self._admitted(self._connect),
            ("GET", "/exotel/passthru"): self._admitted(self._passthru),
            ("POST", "/exotel/passthru"): self._admitted(self._passthru),
            ("GET", "/exotel/dial-events"): self._admitted(self._dial_events),
            ("POST", "/exotel/dial-events"): self._admitted(self._dial_events),
        }

        self.doors: Doors = {route: Door(self._refusal, LARGEST_FORM) for route in self.routes}

    def handle(self, request: Request) -> Response:
        """Never raises."""
        return serve(self.routes, request, self._tracing)

    def _admitted(self, handler: Handler) -> Handler:
        """Exotel signs nothing (D9): without the token or the password there is no answer, and no number."""

        def checked(request: Request) -> Response:
            return self._refusal(request) or handler(request)

        return checked

    def _refusal(self, request: Request) -> Response | None:
        """By the head alone; None if the request is allowed."""
        if self._may_enter(request):
            return None
        log.warning("exotel_refused", "a request without the right token or password", path=request.path)
        refusal = answer(401, {"status": "error", "error": "token or password is wrong"})
        return Response(401, refusal.body, {**refusal.headers, "www-authenticate": 'Basic realm="exotel"'})

    def _may_enter(self, request: Request) -> bool:
        """If token and password are both set, both are needed: a URL with its token appears in many logs."""
        tokens, basic = self._settings.tokens, self._settings.basic_auth
        given = request.query.get("token", "")
        by_token = not tokens or any(same(given, valid) for valid in tokens)
        by_password = basic is None or basic.matches(request.headers.get("authorization"))
        return by_token and by_password and bool(tokens or basic)

    def _connect(self, request: Request) -> Response:
        said = exotel.parameters(request)
        if "dialwhomnumber" in said:  # with fetch_after_attempt it reports the last attempt
            self._store_dial(exotel.call_sid(said), said)
        return Connect(request, self._store, self._settings, self._clock, self._sleep, self._waiting).answer()

    def _passthru(self, request: Request) -> Response:
        """302 sends the caller on to a human (branch B), 200 does not. Never 404: Exotel may retry for ever."""
        said = exotel.parameters(request)
        call_sid = exotel.call_sid(said)
        if not call_sid:
            log.warning("passthru_without_call", "a Passthru request without a usable CallSid")
            return answer(200, {"status": "ok"})
        result = exotel.stream_result(said)
        if result:
            self._keep(call_sid, "streams", result)
        if (not result or "dialwhomnumber" in said) and self._store_dial(call_sid, said):
            return answer(200, {"status": "ok"})
        stream_sid = text(result, "stream_sid")
        return answer(302 if self._goes_on(call_sid, stream_sid) else 200, {"status": "ok"})

    def _dial_events(self, request: Request) -> Response:
        said = exotel.parameters(request)
        if not self._store_dial(exotel.call_sid(said), said):
            log.warning("dial_event_unreadable", "a dial event without CallSid or state", names=sorted(said))
        return answer(200, {"status": "ok"})

    def _goes_on(self, call_sid: str, stream_sid: str) -> bool:
        """Also when undecided: the Connect applet is the place to wait."""
        pieces = gather(self._store, call_sid)
        decision = decide(pieces, stream_sid)
        if decision.want:
            return bool(self._settings.targets.get(decision.want.target))
        if decision.failure and self._settings.on_failure:
            return True
        return decision.verdict is Verdict.UNDECIDED and pieces.known and self._settings.wait_s > 0

    def _store_dial(self, call_sid: str, said: dict[str, str]) -> bool:
        """Store the progress of a dialled number. Returns False if the request doesn't report any."""
        result = exotel.dial_result(said)
        if not call_sid or result is None:
            return False
        # from the URL that we gave Exotel; without one it concerns the stream that ended last
        stream_sid = said.get("stream_sid", "")
        if not layout.is_id(stream_sid):
            stream = main_stream(gather(self._store, call_sid))
            stream_sid = stream.stream_sid if stream else ""
        if self._keep(call_sid, "dial", {**result, "stream_sid": stream_sid}) and result["state"] in OUTCOMES:
            transfer = transfer_of(gather(self._store, call_sid))
            log.info(
                "transfer_outcome",
                f"a dialled number: {result['state']}",
                call_sid=call_sid,
                target=text(transfer, "target") or None,
                state=result["state"],
            )
        return True

    def _keep(self, call_sid: str, kind: str, piece: Document) -> bool:
        """Create a piece and fold the record. Returns True if it was new. If this process dies, the marker has the
        sweep finish.
        """
        body = encode(piece)
        name = layout.digest(body)
        mark_call(self._store, call_sid, f"{kind}-{name}", self._clock(), FOLDED_AFTER_S)
        fresh = self._store.create(layout.piece(call_sid, kind, name), body)
        write_record(self._store, call_sid)
        return fresh
