"""`GET /exotel/connect`: whom to call, within Exotel's time limits (D7).

Exotel requests the primary URL and, if that fails or is too slow, the fallback URL; both lead here. While nothing is
decided, a request waits:

    first     up to TRANSFER_REQUEST_SECONDS, then 503: Exotel goes on to the fallback URL
    second    as long, but both together no longer than TRANSFER_WAIT_SECONDS, then "nobody": 200 with no numbers

An answer changes nothing: a retry gets the same number, or the next one if the last did not answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from common import layout
from common.documents import Document, encode, number, text
from functions.common import log
from functions.common.http import Request, Response, answer
from functions.common.pending import mark_call
from functions.common.pieces import Pieces, gather
from functions.common.store import Store
from functions.common.streams import main_stream, of_stream
from functions.common.transfers import OUTCOMES, TransferState, Verdict, Want, attempts_of, decide
from functions.transfer import exotel
from functions.transfer.answer import NOBODY, connect_answer
from functions.transfer.callers import adopt, call_of
from functions.transfer.settings import Settings
from functions.transfer.waiting import Waiting

FOLDED_AFTER_S = 300
_RELAY_TELLS_S = 3.0  # a relay that lives reports the end of a stream within this time


@dataclass(slots=True)
class Connect:
    """One request of the Connect applet. `clock` in Unix seconds, `sleep` in seconds."""

    request: Request
    store: Store
    settings: Settings
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    waiting: Waiting
    _seen: dict[str, Document] = field(default_factory=dict)

    def answer(self) -> Response:
        """200 with numbers or without, or 503 for "ask the fallback URL"."""
        said = exotel.parameters(self.request)
        began_at = self.clock()
        call_sid, pieces = self._look(said)
        want, undecided = self._want(pieces)
        if want or not undecided:
            return self._final(call_sid, pieces, want, began_at)
        deadline, may_ask_again = self._patience(call_sid, pieces, self.clock())
        with self.waiting.one_more():
            while (now := self.clock()) < deadline:
                self.sleep(min(self.waiting.pause_s, deadline - now))
                call_sid, pieces = self._look(said)
                want, undecided = self._want(pieces)
                if want or not undecided:
                    return self._final(call_sid, pieces, want, began_at)
        if not may_ask_again and (lost := self._relay_lost(pieces)):
            return self._final(call_sid, pieces, lost, began_at)
        return self._undecided(call_sid, pieces, may_ask_again, began_at)

    def _relay_lost(self, pieces: Pieces) -> Want | None:
        """Whether Exotel reported the end of the stream, and its relay didn't within the time limit: the call broke
        off.
        """
        stream = main_stream(pieces)
        if stream is None or stream.end_reason or not self.settings.on_failure:
            return None
        if self.settings.wait_s < _RELAY_TELLS_S:
            return None  # its report may still be on its way
        return Want(self.settings.on_failure, "relay_lost", "")

    def _look(self, said: dict[str, str]) -> tuple[str, Pieces]:
        """The call that is meant, and all that is known about it now."""
        call_sid = exotel.call_sid(said)
        caller, began_at = exotel.caller(said), exotel.began_at(said)
        if caller is None or began_at is None:  # the number alone must not find a call
            return call_sid, gather(self.store, call_sid, self._seen) if call_sid else Pieces()
        call_sid = call_sid or call_of(caller, began_at, self.store, self.clock())
        if not call_sid:
            return "", Pieces()
        pieces = gather(self.store, call_sid, self._seen)
        if not pieces.known and adopt(call_sid, caller, began_at, self.store, self.clock()):
            pieces = gather(self.store, call_sid, self._seen)
        return call_sid, pieces

    def _want(self, pieces: Pieces) -> tuple[Want | None, bool]:
        """Whom to call, and whether that may still change."""
        decision = decide(pieces)
        if decision.want:
            return decision.want, False
        if decision.failure and self.settings.on_failure:
            return Want(self.settings.on_failure, decision.failure, ""), False
        return None, decision.verdict is Verdict.UNDECIDED

    def _patience(self, call_sid: str, pieces: Pieces, now: float) -> tuple[float, bool]:
        """How long this request may wait, and whether Exotel may be sent to the fallback URL.

        The first request after a stream creates `connect/first-…`; without a CallSid the two can't be told apart.
        """
        limits = self.settings
        if not call_sid:
            return now + min(limits.request_s, limits.wait_s), False
        began_at = self._asked_first(pieces, now)
        if began_at is None:
            stream_sid = _ending(pieces)
            first = layout.piece(call_sid, "connect", f"first-{stream_sid}" if stream_sid else "first")
            if self.store.create(first, encode({"at": now, "stream_sid": stream_sid})):
                return now + min(limits.request_s, limits.wait_s), limits.wait_s > limits.request_s
            began_at = self._asked_first(gather(self.store, call_sid, self._seen), now) or now
        return min(now + limits.request_s, began_at + limits.wait_s), False

    def _asked_first(self, pieces: Pieces, now: float) -> float | None:
        """When Exotel first asked after this stream.

        A request from before the relay reported any stream counts within the waiting time: the flow can't have led back
        to the bot that quickly.
        """
        stream_sid, lasts_s = _ending(pieces), self.settings.wait_s + 2 * self.settings.request_s
        asked = [
            at
            for first in pieces.first_asked
            if (at := number(first, "at")) is not None
            and (text(first, "stream_sid") == stream_sid or (not text(first, "stream_sid") and at + lasts_s > now))
        ]
        return min(asked, default=None)

    def _undecided(self, call_sid: str, pieces: Pieces, may_ask_again: bool, began_at: float) -> Response:
        waited_s = round(self.clock() - began_at, 3)
        log.info(
            "connect_answered",
            "undecided, Exotel is sent to the fallback URL"
            if may_ask_again
            else "still undecided when the waiting time ended, nobody is called",
            call_sid=call_sid or None,
            outcome="undecided",
            waited_s=waited_s,
        )
        if may_ask_again:
            return answer(503, {"status": "error", "error": "not decided yet, ask the fallback URL"})
        if call_sid:
            stream_sid = _ending(pieces)
            name = f"empty-{stream_sid}" if stream_sid else "empty"
            self._keep(call_sid, name, encode({"waited_in_vain": True, "stream_sid": stream_sid}))
        return answer(200, NOBODY)

    def _final(self, call_sid: str, pieces: Pieces, want: Want | None, began_at: float) -> Response:
        numbers: list[str] = []
        if want:
            everyone = list(self.settings.targets.get(want.target, ()))
            numbers = self._still_to_try(everyone, of_stream(pieces, main_stream(pieces)))
            if not everyone:
                log.error("transfer_target_unknown", f"{want.target!r} is not in TRANSFER_TARGETS", call_sid=call_sid)
            if numbers:
                given = {"target": want.target, "reason": want.reason, "summary": want.summary}
                given["stream_sid"] = _ending(pieces)
                body = encode({**given, "numbers": numbers, "of": everyone})
                self._keep(call_sid, f"answer-{layout.digest(body)}", body)
        log.info(
            "connect_answered",
            f"numbers given: {len(numbers)}" if numbers else "nobody is called",
            call_sid=call_sid or None,
            outcome="numbers" if numbers else "empty",
            waited_s=round(self.clock() - began_at, 3),
        )
        if want and numbers:
            return answer(200, connect_answer(numbers, want, self.settings, self.request, _ending(pieces)))
        return answer(200, NOBODY)

    def _keep(self, call_sid: str, name: str, body: bytes) -> None:
        """Stores only the piece, because Exotel is waiting.

        The next event of the call, or the sweep, folds the record.
        """
        mark_call(self.store, call_sid, f"connect-{name}", self.clock(), FOLDED_AFTER_S)
        self.store.create(layout.piece(call_sid, "connect", name), body)

    def _still_to_try(self, everyone: list[str], pieces: Pieces) -> list[str]:
        """All numbers, or with `fetch_after_attempt` the next one that has not been tried."""
        if not self.settings.connect.fetch_after_attempt:
            return everyone
        states = {attempt["number"]: attempt["state"] for attempt in attempts_of(pieces)}
        if TransferState.ANSWERED in states.values():
            return []
        return [one for one in everyone if states.get(one) not in OUTCOMES][:1]


def _ending(pieces: Pieces) -> str:
    """The stream whose end Exotel asks about; empty if the relay has reported none."""
    stream = main_stream(pieces)
    return stream.stream_sid if stream else ""
