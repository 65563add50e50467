"""One stream's recording: where the sound of both sides belongs, and what of it is not to be kept.

The event loop only does arithmetic and holds less than half a second of sound; another thread encodes and writes it
(relay.recording.tape). Nothing here may raise into a call, or delay it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import wraps
from typing import Any, Concatenate, Final, Literal, ParamSpec

from common.recording import PIECE_SECONDS
from relay.agents.keypad import END_KEY, PAUSE
from relay.audio.pcm import SAMPLE_BYTES
from relay.recording.placing import PAUSE_S, CallerPlace, HeardPlace
from relay.recording.spans import Spans, ms
from relay.recording.tape import Tape
from relay.recording.uploads import StreamUploads

_BATCH_S: Final = 0.4
_SILENT_S: Final = 1.0
_HOLD_S: Final = 1.5  # for this long the content of a piece may still be moved
_DOUBT_S: Final = 6.0  # … and for this long during and just after a network stall
_KEY_BEFORE_S: Final = 0.3  # a key's tone can be heard in the caller's sound before its event, and after it
_KEY_AFTER_S: Final = 0.3

_P = ParamSpec("_P")


def _harmless(method: "Callable[Concatenate[Recorder, _P], None]") -> "Callable[Concatenate[Recorder, _P], None]":
    """An exception ends the recording, not the call."""

    @wraps(method)
    def guarded(self: "Recorder", /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the call goes on, even if its recording fails
            self._broke(error)

    return guarded


class Recorder:
    """`began_at`: when the call began, by the event loop's clock. `executor`: one thread, which works in order.

    The caller's side is silent until `let_caller_in`.
    """

    def __init__(
        self,
        rate_hz: int,
        mode: Literal["both", "agent"],
        began_at: float,
        *,
        executor: Executor,
        uploads: StreamUploads,
        mask_keys: bool = False,
        pause_on_keys: bool = False,
        on_defect: Callable[[BaseException], None],
    ) -> None:
        self.mode = mode
        self._rate_hz = rate_hz
        self._began_at = began_at
        self._uploads = uploads
        self.mask_keys = mask_keys
        self.pause_on_keys = pause_on_keys
        self._on_defect = on_defect
        self._loop = asyncio.get_running_loop()
        self._caller = CallerPlace(rate_hz)
        self._heard = HeardPlace(rate_hz)
        self._channels = 2 if mode == "both" else 1
        self._right = self._channels - 1
        self._tape = Tape(rate_hz, self._channels, executor=executor, uploads=uploads, on_error=self._broke)
        self._next_look = 0.0
        self._in_doubt_until = 0.0
        self._caller_from: float | None = None
        self._caller_silent_until = float("inf")
        self._key_timer: asyncio.TimerHandle | None = None
        self._pauses: dict[str, float] = {}
        self._paused, self._masked = Spans(), Spans()
        self._broken, self._broken_at = "", 0.0
        self._end: int | None = None

    # --- events of the call ---

    @_harmless
    def caller(self, sound: bytes, missing: int, now: float) -> None:
        """A frame of the caller's, as it arrived; `missing`: samples known to be lost before it."""
        at = now - self._began_at
        first, shift = self._caller.arrived(len(sound) // SAMPLE_BYTES, missing, at)
        if shift is not None and self._channels == 2:
            self._tape.move(0, shift)
        if at >= self._caller_silent_until and not self._pauses and self._channels == 2:
            self._tape.add(0, first, sound)
        if at >= self._next_look:
            self._look(at)

    @_harmless
    def heard(self, sound: bytes, starts_at: float) -> None:
        """A frame was sent that the line begins to play at `starts_at` by its clock."""
        at = starts_at - self._began_at
        first = self._heard.sent(len(sound) // SAMPLE_BYTES, at, self._late_s)
        if not self._pauses:
            self._tape.add(self._right, first, sound)
        if at >= self._next_look + _SILENT_S:  # usually the caller's frames trigger this, but none arrive
            self._look(self._at)

    @_harmless
    def cut(self, samples: int) -> None:
        """The line dropped the last `samples` that it was sent."""
        end = self._heard.end
        self._tape.wipe(self._right, self._heard.cut(samples), end)

    @_harmless
    def echoed(self, delay_s: float, moved_s: float, way_s: float, lead_s: float, *, stalled: bool) -> None:
        """As HeardPlace.echoed; `lead_s`: what the line holds ahead of real time."""
        at, paused_at = self._at, self._caller.paused_at
        stood_still = self._channels == 2 and paused_at is not None and at - paused_at < 3 * _DOUBT_S
        dry_at = paused_at + lead_s if stood_still and paused_at is not None else None
        shifts, in_doubt = self._heard.echoed(delay_s, moved_s, way_s, at, self._late_s, dry_at, stalled=stalled)
        if in_doubt:
            self._in_doubt_until = at + _DOUBT_S
        for shift in shifts:
            self._tape.move(self._right, shift)

    def let_caller_in(self) -> None:
        """From now on record the caller, too: the notice before it has been played."""
        if self._caller_from is None:
            self._caller_from = self._caller_silent_until = self._at

    @_harmless
    def pause(self, why: str) -> None:
        """Record nothing of either side, until no pause is requested any more."""
        at = self._at
        if not self._pauses:
            self._tape.wipe(self._right, self._place(at), self._heard.end)  # sent ahead, and still to be heard
        self._pauses.setdefault(why, at)

    @_harmless
    def resume(self, why: str) -> None:
        """The pause for `why` is over."""
        since = self._pauses.pop(why, None)
        if since is not None:
            self._paused.add(ms(since), ms(self._at), why)

    @_harmless
    def key(self, key: str) -> None:
        """The caller has pressed a key, whose tone may be in the caller's sound."""
        at = self._at
        caller_kept = self._channels == 2
        if caller_kept and (self.mask_keys or self.pause_on_keys):
            self._tape.wipe(0, self._place(at - _KEY_BEFORE_S), self._caller.end)
        if caller_kept and self.mask_keys and self._caller_from is not None:
            self._caller_silent_until = at + _KEY_AFTER_S
            self._masked.add(ms(max(0.0, at - _KEY_BEFORE_S)), ms(at + _KEY_AFTER_S), "key")
        if self.pause_on_keys:
            self.pause("keys")
            if self._key_timer is not None:
                self._key_timer.cancel()
            pause_s = _KEY_AFTER_S + (0.0 if key == END_KEY else PAUSE)
            self._key_timer = self._loop.call_later(pause_s, self.resume, "keys")

    @_harmless
    def stop(self) -> None:
        """The call is over: what arrived until now is the recording."""
        if self._end is not None:
            return
        at = self._at
        for why in list(self._pauses):
            self.resume(why)
        if self._key_timer is not None:
            self._key_timer.cancel()
        self._end = end = max(0, self._place(at))
        if self._broken:
            self._uploads.missing.add(ms(self._broken_at), ms(at), self._broken)
        for channel, side in ((0, self._caller.end), (self._right, self._heard.end)):
            self._tape.flush(channel)
            self._tape.wipe(channel, end, side)  # sent ahead, and never heard
        self._tape.stop(end)

    @_harmless
    def discard(self) -> None:
        """Record nothing after all: keep nothing, upload nothing."""
        self._tape.discard()

    def give_up(self, why: str) -> None:
        """Drop everything that is not uploaded yet."""
        self._uploads.give_up(why)

    async def result(self) -> dict[str, Any]:
        """The event's `recording` of a stopped call, once everything is uploaded or given up."""
        self.stop()
        kept, missing = await self._uploads.close()
        piece_ms = PIECE_SECONDS * 1000
        for number, problem in self._tape.lost.items():
            missing.add(number * piece_ms, (number + 1) * piece_ms, f"disk: {problem}")
        return {
            "mode": self.mode,
            "rate_hz": self._rate_hz,
            "channels": self._channels,
            "duration_ms": ms((self._end or 0) / self._rate_hz),
            "caller_from_ms": None if self._caller_from is None or self.mode == "agent" else ms(self._caller_from),
            "pieces": kept,
            "paused": self._paused.as_json(),
            "masked": self._masked.as_json(),
            "missing": missing.as_json(),
        }

    # --- placing ---

    @property
    def _at(self) -> float:
        return self._loop.time() - self._began_at

    @property
    def _late_s(self) -> float:
        return self._caller.late_s if self._right else 0.0

    def _place(self, at: float) -> int:
        return round((at - self._late_s) * self._rate_hz)

    def _look(self, at: float) -> None:
        """Periodically: write collected sound, and finish pieces that will not change any more."""
        self._next_look = at + _BATCH_S
        self._tape.flush(*range(self._channels))
        last_at = self._caller.last_at
        if self._channels == 2 and last_at is not None and at - last_at > PAUSE_S:
            self._in_doubt_until = at + _DOUBT_S
        hold_s = _DOUBT_S if at < self._in_doubt_until else _HOLD_S
        self._tape.finish_before(self._place(at - hold_s))

    def _broke(self, error: BaseException) -> None:
        """The recording ends here, the call does not."""
        if not self._tape.closed:
            self._tape.closed = True
            self._broken, self._broken_at = f"defect: {type(error).__name__}", self._at
            unfinished = self._tape.next_piece * PIECE_SECONDS
            self._uploads.missing.add(ms(min(unfinished, self._broken_at)), ms(self._broken_at), self._broken)
            self._on_defect(error)
