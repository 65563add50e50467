"""What the guarded calls of a relay share: the gates that judge their callers' sound, and a number of places."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

from relay.line.echo_gates import Gates, Job, Judges, Verdict

ROUND_SECONDS: Final = 0.01
_BEHIND_SECONDS: Final = 1.0  # for so long, and not for a moment
_APART_SECONDS: Final = 0.5  # frames that could not be judged


class Asks(Protocol):
    """One call that has something to be judged."""

    def job(self) -> Job | None:
        """What is to be done; None if there is nothing any more. Called by the event loop."""
        ...

    def done(self, verdict: Verdict) -> None:
        """What came of it. Called by the event loop."""
        ...


@dataclass(slots=True)
class EchoPool:
    """Places for guarded calls, at most `calls` at the same time. `unguarded`: those that found none, or whose guard
    failed; `unjudged`: frames that were passed on as they came, because `judges` had fallen behind. While they are, no
    more calls are guarded: all of them would hear themselves now and then, and cost what others need.

    They judge in rounds, for all calls that ask at once: what a round takes of the event loop's time is mostly the same
    for one call and for twenty.
    """

    calls: int
    judges: Judges = field(default_factory=Gates)
    guarded: int = 0
    unguarded: int = 0
    unjudged: int = 0
    _thread: ThreadPoolExecutor = field(init=False)  # it waits for the answers, or works itself
    _numbers: "count[int]" = field(init=False, default_factory=lambda: count(1))
    _asking: list[Asks] = field(init=False, default_factory=list)
    _over: list[Job] = field(init=False, default_factory=list)
    _busy: bool = field(init=False, default=False)  # a round is planned or goes on
    _began: float = field(init=False, default=float("-inf"))
    _behind_since: float = field(init=False, default=float("inf"))
    _behind_at: float = field(init=False, default=float("-inf"))
    _closed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "echo")

    def enter(self) -> int:
        """The number of a new gate; 0 if there is no free place, or too little CPU."""
        if self.guarded >= self.calls or self.behind:
            self.unguarded += 1
            return 0
        self.guarded += 1
        return next(self._numbers)

    @property
    def refusal(self) -> str:
        """Why there is no place."""
        return "other guards have too little CPU" if self.behind else "all places are taken (ECHO_CALLS)"

    @property
    def behind(self) -> bool:
        """Whether frames have gone unjudged for a second."""
        now = asyncio.get_running_loop().time()
        return now - self._behind_at < _APART_SECONDS and now - self._behind_since >= _BEHIND_SECONDS

    def fell_behind(self, frames: int) -> None:
        """So many could not be judged in time."""
        now = asyncio.get_running_loop().time()
        self.unjudged += frames
        if now - self._behind_at >= _APART_SECONDS:
            self._behind_since = now
        self._behind_at = now

    def leave(self, gate: int) -> None:
        """A guarded call is over."""
        self.guarded -= 1
        self._over.append(Job(gate, over=True))
        if not self._busy and not self._closed:
            self._plan()

    def ask(self, who: Asks) -> None:
        """Have a job of `who` done in the next round. Not again before that is done."""
        self._asking.append(who)
        if not self._busy:
            self._plan()

    def start(self, jobs: list[Job]) -> "asyncio.Future[list[Verdict]]":
        """Have `jobs` done."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self.judges.do, jobs)

    def close(self) -> None:
        """No call is left."""
        self._closed = True
        self.judges.close()
        self._thread.shutdown(wait=False)

    def _plan(self) -> None:
        self._busy = True
        loop = asyncio.get_running_loop()
        due = self._began + ROUND_SECONDS
        if due > loop.time():
            loop.call_at(due, self._begin)
        else:
            loop.call_soon(self._begin)

    def _begin(self) -> None:
        asking, self._asking = self._asking, []
        jobs, self._over = self._over, []
        self._began = asyncio.get_running_loop().time()
        asked: list[Asks | None] = [None] * len(jobs)
        for who in asking:
            if (job := who.job()) is not None:
                asked.append(who)
                jobs.append(job)
        if not jobs or self._closed:
            self._busy = False
            return
        self.start(jobs).add_done_callback(lambda round_: self._done(asked, round_))

    def _done(self, asked: list[Asks | None], round_: "asyncio.Future[list[Verdict]]") -> None:
        self._busy = False
        if round_.cancelled():
            return
        error = round_.exception()
        verdicts = [Verdict(error=str(error))] * len(asked) if error is not None else round_.result()
        loop = asyncio.get_running_loop()
        for who, verdict in zip(asked, verdicts, strict=True):
            if who is not None:
                loop.call_soon(who.done, verdict)  # if one fails, the others are told all the same
        if self._asking or self._over:
            self._plan()
