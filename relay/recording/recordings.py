"""The recordings of one relay: shared parts, and recordings of finished calls that are still being uploaded."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import aiohttp

from common.recording import PIECE_SECONDS
from relay.events.delivery import Event, Events
from relay.events.records import CallFacts
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.recording.recorder import Recorder
from relay.recording.uploads import AT_ONCE, Store, StreamUploads


class Recordings:
    """`http`: for the uploads; `events_url`: where to request permission for them."""

    def __init__(self, http: aiohttp.ClientSession, events: Events, events_url: str, metrics: Metrics) -> None:
        self._events = events
        self._metrics = metrics
        self._executor = ThreadPoolExecutor(1, "recording")
        self._store = Store(http, events.offer, events_url, metrics, asyncio.Semaphore(AT_ONCE))
        self._ending: dict[asyncio.Task[None], Recorder] = {}

    def begin(
        self,
        facts: CallFacts,
        rate_hz: int,
        mode: Literal["both", "agent"],
        log: CallLog,
    ) -> Recorder:
        """A recorder for one stream, without the caller's side yet."""

        def question(**more: Any) -> Event:
            return facts.event("recording.upload", **more)

        size = PIECE_SECONDS * rate_hz * (2 if mode == "both" else 1)
        return Recorder(
            rate_hz,
            mode,
            facts.began_at,
            executor=self._executor,
            uploads=StreamUploads(self._store, size, question, log),
            on_defect=lambda error: log.error("defect", exc_info=error, extra={"event": "defect"}),
        )

    def end(self, recorder: Recorder, facts: CallFacts, log: CallLog) -> None:
        """The call is over: finish its recording in the background, and report it as an event."""
        recorder.stop()
        task = asyncio.create_task(self._tell(recorder, facts, log))
        self._ending[task] = recorder
        task.add_done_callback(self._ending.pop)

    @property
    def pending(self) -> int:
        """Recordings of finished calls that are not fully uploaded yet."""
        return len(self._ending)

    async def drain(self, timeout_s: float) -> None:
        """Wait for work in progress; the rest is dropped, and reported as dropped."""
        if self._ending:
            await asyncio.wait(self._ending, timeout=timeout_s)
        for recorder in self._ending.values():
            recorder.give_up("the relay was stopped")
        if self._ending:
            await asyncio.wait(self._ending)
        self._executor.shutdown(wait=False)

    async def _tell(self, recorder: Recorder, facts: CallFacts, log: CallLog) -> None:
        recording = await recorder.result()
        dropped = len(recording["missing"])
        text = f"recorded {recording['duration_ms'] / 1000:.1f} s in {recording['pieces']} pieces"
        fields = {"pieces": recording["pieces"], "duration_ms": recording["duration_ms"], "missing": dropped}
        log.happened("recording_ended", text, **fields)
        self._events.submit(facts.event("recording.ended", recording=recording))
