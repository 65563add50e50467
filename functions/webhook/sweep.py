"""The repair sweep: every few minutes it finishes what a crash, a lost webhook or a dead relay left undone.

    1. archived webhooks that were not fully processed, or not forwarded yet
    2. calls that are over: closed if the relay died, fetched if no webhook came;
       calls whose relay reported progress and then fell silent: closed with the last report
    3. recordings whose calls are over: their pieces are joined
    4. once an hour, conversations that were never reported
    5. once an hour, what has been kept long enough (`retention`)

Each of these has a marker below `pending/`, which is deleted after success, or after a day, independently of the
others. A sweep stops when its time is up; the rest is due in the next run. Two sweeps at once share the work
(`pending`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from common import layout
from common.documents import encode, mapping, text
from common.live import so_far
from common.times import to_unix
from functions.common import log
from functions.common.fetch import Fetch, FetchError
from functions.common.pending import Claim, claims, put_back
from functions.common.relays_seen import forget_gone
from functions.common.sealed import SealedError
from functions.common.store import Store, StoreError, document
from functions.webhook.api import ConversationsApi
from functions.webhook.joining import join
from functions.webhook.listing import is_known, look_through
from functions.webhook.live import LONGEST_WAIT_S, WAITING, forget, last_heard_at
from functions.webhook.post_call import settle_raw, take_in
from functions.webhook.repair import fetch_result, repair_call, silent_for
from functions.webhook.retention import expire
from functions.webhook.settings import Settings
from functions.webhook.vendor import Outage, Tried, Vendor


@dataclass(slots=True)
class Counts:
    """What one run did."""

    repaired: int = 0
    closed: int = 0
    forwarded: int = 0
    failed: int = 0
    expired: int = 0


class Sweep:
    """One run, over `store`, with `clock` in Unix seconds."""

    def __init__(self, store: Store, settings: Settings, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        key = settings.api_key
        self._vendor = Vendor(ConversationsApi(settings.api_base, key, fetch)) if key else None
        self._tickets = Outage()
        self._bucket = Outage()
        self._folded: set[str] = set()
        self.counts = Counts()

    def run(self) -> Counts:
        """Do what is due, until it is done or the time is up."""
        started_at = self._clock()
        self._deadline = started_at + self._settings.sweep_s
        self._each("pending/webhooks/", self._webhook, started_at)
        self._each("pending/calls/", self._call, started_at)
        self._look_at_running(started_at)
        self._each("pending/recordings/", self._recording, started_at)
        if self._vendor:
            newest = started_at - self._settings.sweep_after_s
            look_through(self._store, self._vendor, newest, started_at, self._time_is_up)
            self._each("pending/conversations/", partial(self._conversation, self._vendor), started_at)
            self.counts.failed += self._vendor.outage.failed
        forget_gone(self._store, started_at)
        self.counts.expired = expire(self._store, self._settings, started_at, self._time_is_up)
        self.counts.failed += self._tickets.failed
        self._report(self._clock() - started_at)
        return self.counts

    def _report(self, took_s: float) -> None:
        counts = self.counts
        log.info(
            "sweep_done",
            f"{counts.repaired} repaired, {counts.closed} closed, {counts.forwarded} forwarded, {counts.failed} failed",
            repaired=counts.repaired,
            closed=counts.closed,
            forwarded=counts.forwarded,
            failed=counts.failed,
            expired=counts.expired,
            took_s=round(took_s, 3),
        )

    def _time_is_up(self) -> bool:
        return self._clock() > self._deadline

    def _each(self, prefix: str, work: Callable[[Claim], None], now: float) -> None:
        """Work on what is due below `prefix`; one failure must not stop the others.

        Raises StoreError if the bucket fails three times in a row: then the items are not the cause.
        """
        for claim in claims(self._store, prefix, now):
            try:
                work(claim)
                self._bucket.worked()
            except StoreError as error:
                self._bucket.failure()
                if self._bucket.lasts:
                    raise
                self._failed(claim, "store_failed", str(error))
            except SealedError as error:
                self._failed(claim, "webhook_sealed", str(error))
            except Exception:  # noqa: BLE001  # as above
                self._failed(claim, "internal_error", f"{claim.key} could not be processed", exc_info=True)
            if self._time_is_up():
                return

    def _failed(self, claim: Claim, event: str, message: str, *, exc_info: bool = False) -> None:
        self.counts.failed += 1
        log.error(event, message, exc_info=exc_info)
        if claim.last:
            self._store.delete(claim.key)
            log.error("repair_abandoned", f"{claim.key} could not be processed for a day")

    def _webhook(self, claim: Claim) -> None:
        inbox = text(claim.marker, "inbox")
        archived = self._store.read(inbox) if inbox else None
        finished, forwarded = False, Tried.NOT_YET
        if archived:
            body = self._settings.sealing.open(inbox, archived.body)
            finished = take_in(body, claim.marker, self._store, self._settings).finished
            forwarded = self._forward(claim, inbox, body)
        # There is a marker and no body: its writer is still at work, or died and the sender will retry.
        if (finished and forwarded is Tried.HAD) or claim.last:
            if finished:
                settle_raw(inbox, self._store, self._settings)
            self._store.delete(claim.key)
        elif forwarded is Tried.NOT_TRIED:
            put_back(self._store, claim, self._clock())
        if claim.last and archived and forwarded is not Tried.HAD:
            log.error("forward_abandoned", f"{inbox} could not be forwarded to TICKET_SERVICE_URL for a day")

    def _forward(self, claim: Claim, inbox: str, body: bytes) -> Tried:
        """HAD: the ticket service has it, or doesn't need it.

        At least once: a crash right after the post repeats it.
        """
        done = inbox.removesuffix(".json") + ".forwarded.json"
        if not claim.marker.get("forward") or not self._settings.ticket_url or self._store.read(done):
            return Tried.HAD
        if self._tickets.lasts:
            return Tried.NOT_TRIED
        # The original's name of the header; a signature covers the bytes, so they go out as they came in.
        headers = {"content-type": "application/json", **mapping(claim.marker, "headers")}
        try:
            answer = self._fetch("POST", self._settings.ticket_url, headers=headers, body=body, timeout_s=10)
            problem = "" if 200 <= answer.status < 300 else f"it answered with HTTP {answer.status}"
        except FetchError as error:
            problem = str(error)
        if problem:
            self._tickets.failure()
            log.warning("forward_failed", f"{inbox} could not be forwarded to TICKET_SERVICE_URL: {problem}")
            return Tried.NOT_YET
        self._tickets.worked()
        self._store.create(done, encode({"at": self._clock()}))
        self.counts.forwarded += 1
        return Tried.HAD

    def _call(self, claim: Claim) -> None:
        call_sid = claim.key.split("/")[2]
        stream_sid = text(claim.marker, "stream_sid")
        if not stream_sid and call_sid in self._folded:  # a call leaves a handful of markers; one fold covers them all
            self._store.delete(claim.key)
            return
        done = repair_call(call_sid, stream_sid, self._store, self._vendor, self._settings, self._clock())
        self._folded.add(call_sid)
        self.counts.repaired += done.fetched
        self.counts.closed += done.closed
        if done.finished or claim.last:
            self._store.delete(claim.key)
        elif not done.tried:
            put_back(self._store, claim, self._clock())
        if claim.last and not done.finished:
            log.error("repair_abandoned", "the agent's vendor has nothing on this call after a day", call_sid=call_sid)

    def _recording(self, claim: Claim) -> None:
        """A recording whose call may be over now."""
        call_sid = claim.key.split("/")[2]
        after_s, kind = self._settings.sweep_after_s, self._settings.recording_format
        if join(call_sid, self._store, self._clock(), after_s, anyhow=claim.last, kind=kind):
            self._store.delete(claim.key)

    def _look_at_running(self, now: float) -> None:
        """Close calls whose relay fell silent before their marker is due, and drop callers who no longer wait."""
        for key, _, written_at in self._store.versions(layout.HANDS):
            if written_at + LONGEST_WAIT_S < now:  # written just as the call ended
                self._store.delete(key)
        for key, _, written_at in self._store.versions(layout.LIVE):
            call_sid, _, name = key.removeprefix(layout.LIVE).partition("/")
            if self._time_is_up() or written_at + silent_for(self._settings) > now:
                continue
            stored = self._store.read(key)
            stream_sid, live = name.removesuffix(".json"), so_far(stored.body) if stored else {}
            if live.get("over"):
                record = self._store.read(layout.record(call_sid))
                state = text(document(record), "transfer", "state")
                if state not in WAITING or (to_unix(text(live, "at")) or 0.0) + LONGEST_WAIT_S < now:
                    forget(call_sid, stream_sid, self._store)
            elif last_heard_at(live) is not None:
                done = repair_call(call_sid, stream_sid, self._store, self._vendor, self._settings, now)
                self.counts.closed += done.closed

    def _conversation(self, vendor: Vendor, claim: Claim) -> None:
        """A conversation that only the vendor's list named."""
        conversation_id = claim.key.removesuffix(".json").rpartition("/")[2]
        tried = Tried.HAD
        if not is_known(conversation_id, self._store):
            tried, call_sid = vendor.attempt(partial(fetch_result, conversation_id, "", self._store, self._settings))
            self.counts.repaired += bool(call_sid)
        if tried is Tried.HAD or claim.last:
            self._store.delete(claim.key)
        elif tried is Tried.NOT_TRIED:
            put_back(self._store, claim, self._clock())
        if claim.last and tried is not Tried.HAD:
            log.error("repair_abandoned", f"{conversation_id} could not be fetched for a day")
