"""The repair sweep: run every few minutes, it finishes what a crash, a lost webhook or a dead relay left undone.

    1. archived webhooks that were not fully taken in, or not forwarded yet
    2. calls that are over: closed where the relay died, fetched where no webhook came
    3. once an hour, conversations that nobody ever told us of

Stops when its time is up; what is left is due again next time. Two sweeps at once share the work (`pending`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from common import layout
from common.documents import decode, encode, mapping, number, text
from functions.common import log
from functions.common.fetch import Fetch, FetchError
from functions.common.pending import Claim, claims
from functions.common.store import Store, StoreError
from functions.webhook.api import ApiError, ConversationsApi
from functions.webhook.post_call import take_in
from functions.webhook.repair import fetch_result, repair_call
from functions.webhook.settings import Settings

_LISTED = "pending/listed.json"
_LIST_EVERY_S = 3600
_LIST_BACK_S = 86_400
_OVERLAP_S = 7200  # a conversation is listed by its start, and may have been going on at the last look


@dataclass(slots=True)
class Counts:
    """What one run did."""

    repaired: int = 0
    closed: int = 0
    forwarded: int = 0
    failed: int = 0


class Sweep:
    """One run, over `store`, with `clock` in Unix seconds."""

    def __init__(self, store: Store, settings: Settings, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        key = settings.api_key
        self._api = ConversationsApi(settings.api_base, key, fetch) if key else None
        self._folded: set[str] = set()
        self.counts = Counts()

    def run(self) -> Counts:
        """Do what is due, until it is done or the time is up."""
        started_at = self._clock()
        self._deadline = started_at + self._settings.sweep_s
        self._each("pending/webhooks/", self._webhook, started_at)
        self._each("pending/calls/", self._call, started_at)
        if self._api:
            self._unheard_of(self._api, started_at)
        counts = self.counts
        log.info(
            "sweep_done",
            f"{counts.repaired} repaired, {counts.closed} closed, {counts.forwarded} forwarded, {counts.failed} failed",
            repaired=counts.repaired,
            closed=counts.closed,
            forwarded=counts.forwarded,
            failed=counts.failed,
            took_s=round(self._clock() - started_at, 3),
        )
        return counts

    def _each(self, prefix: str, work: Callable[[Claim], None], now: float) -> None:
        """Work on what is due below `prefix`; one that makes us stumble must not stop the others."""
        for claim in claims(self._store, prefix, now):
            try:
                work(claim)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001  # as above
                self.counts.failed += 1
                log.error("internal_error", f"{claim.key} can't be worked on", exc_info=True)
            if self._clock() > self._deadline:
                return

    def _webhook(self, claim: Claim) -> None:
        inbox = text(claim.marker, "inbox")
        archived = self._store.read(inbox) if inbox else None
        finished = forwarded = False
        if archived:
            finished = take_in(archived.body, claim.marker, self._store, self._settings).finished
            forwarded = self._forwarded(claim, inbox, archived.body)
        # Without its body the marker is all there is: whoever wrote it is still at work, or died and will send again.
        if (finished and forwarded) or claim.last:
            self._store.delete(claim.key)
        if claim.last and archived and not forwarded:
            log.error("forward_abandoned", f"{inbox} could not be forwarded to TICKET_SERVICE_URL for a day")

    def _forwarded(self, claim: Claim, inbox: str, body: bytes) -> bool:
        """Whether the ticket service has it, or need not. At least once: a crash right after the post repeats it."""
        done = inbox.removesuffix(".json") + ".forwarded.json"
        if not claim.marker.get("forward") or not self._settings.ticket_url or self._store.read(done):
            return True
        # The original's name of the header; a signature covers the bytes, so they go out as they came in.
        headers = {"content-type": "application/json", **mapping(claim.marker, "headers")}
        try:
            answer = self._fetch("POST", self._settings.ticket_url, headers=headers, body=body, timeout_s=10)
            problem = "" if 200 <= answer.status < 300 else f"it answers {answer.status}"
        except FetchError as error:
            problem = str(error)
        if problem:
            self.counts.failed += 1
            log.warning("forward_failed", f"{inbox} could not be forwarded to TICKET_SERVICE_URL: {problem}")
            return False
        self._store.create(done, encode({"at": self._clock()}))
        self.counts.forwarded += 1
        return True

    def _call(self, claim: Claim) -> None:
        call_sid = claim.key.split("/")[2]
        stream_sid = text(claim.marker, "stream_sid")
        if not stream_sid and call_sid in self._folded:  # a call leaves a handful of markers, one fold serves them all
            self._store.delete(claim.key)
            return
        try:
            done = repair_call(call_sid, stream_sid, self._store, self._api, self._settings, self._clock())
        except ApiError as error:
            self._api_failed(error)
            return
        self._folded.add(call_sid)
        self.counts.repaired += done.fetched
        self.counts.closed += done.closed
        if done.finished or claim.last:
            self._store.delete(claim.key)
        if claim.last and not done.finished:
            log.error("repair_abandoned", "the agent's vendor has nothing on this call after a day", call_sid=call_sid)

    def _unheard_of(self, api: ConversationsApi, now: float) -> None:
        """Once an hour, look through the vendor's list for calls whose relay and webhook both failed to tell."""
        self._store.create(_LISTED, encode({"next_at": 0, "until": now - _LIST_BACK_S}))
        stored = self._store.read(_LISTED)
        if stored is None:
            return
        state = decode(stored.body)
        if (number(state, "next_at") or 0) > now:
            return
        state["next_at"] = now + _LIST_EVERY_S
        if not self._store.swap(_LISTED, encode(state), stored.version):
            return
        after, before = (number(state, "until") or now) - _OVERLAP_S, now - self._settings.sweep_after_s
        try:
            complete = self._look_through(api, after, before)
        except ApiError as error:
            self._api_failed(error)
            return
        stored = self._store.read(_LISTED)
        if complete and stored:
            self._store.swap(_LISTED, encode({**state, "until": before}), stored.version)

    def _look_through(self, api: ConversationsApi, after: float, before: float) -> bool:
        """Whether the whole list was seen before the time was up."""
        cursor: str | None = None
        while True:
            page = api.finished(after, before, cursor)
            for conversation_id in filter(layout.is_id, page.conversation_ids):
                if self._clock() > self._deadline:
                    return False
                known = any(
                    key for key in self._store.keys(layout.conversation(conversation_id)) if key.endswith(".json")
                )
                if not known and fetch_result(conversation_id, "", self._store, api, self._settings):
                    self.counts.repaired += 1
            cursor = page.cursor
            if cursor is None:
                return True

    def _api_failed(self, error: ApiError) -> None:
        """Not asked again in this run; the markers are due again later."""
        self._api = None
        self.counts.failed += 1
        log.error("repair_failed", str(error))
