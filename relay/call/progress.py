"""Reports a running call with `call.progress` events (docs/live.md).

Each contains what is new since the last one that was stored, so lost and duplicate events change nothing. Only one is
in flight at a time. Its answer may ask for more of them, because somebody is watching, and may contain commands.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from relay.call.transcript import Transcript
from relay.events.answer import Command, read_answer
from relay.events.delivery import DeliveryError, Events
from relay.events.records import CallFacts, timestamp
from relay.line.answers import Answers
from relay.line.ticker import Moment, Ticker
from relay.logs import CallLog
from relay.tasks import Spawn

SOONEST: Final = 2.0  # seconds between two, at least
SHARE: Final = 0.5  # … and this share of PROGRESS_SECONDS: each is a request to the functions
WATCHED: Final = 1.0  # … and while somebody watches
PATIENCE: Final = 10.0  # seconds until one must be stored
MOST_TEXT: Final = 64_000  # characters of turns in one; the rest goes with the next
LATELY: Final = 100  # turns: in what was said before those nothing changes any more

LISTS: Final = ("turns", "tools", "commands")

Seen = int
"""A hash of what may change in an entry: 8 bytes, where the values took 88, and a call keeps up to a hundred."""


class _Told:
    """What the receiver has of a list, by place."""

    __slots__ = ("_seen", "settled")

    def __init__(self) -> None:
        self._seen = array("q")
        self.settled = 0
        """Entries from the first on that the receiver has, and that change no more: nothing is kept of them."""

    def has(self, index: int, seen: Seen) -> bool:
        """Whether the receiver has the entry as it is now."""
        place = index - self.settled
        return place < len(self._seen) and self._seen[place] == seen

    def note(self, index: int, seen: Seen) -> None:
        """The receiver has it."""
        place = index - self.settled
        self._seen.extend([0] * (place + 1 - len(self._seen)))  # those in between have no words yet
        self._seen[place] = seen

    def settle(self, until: int) -> None:
        """Entries before `until` change no more."""
        if until > self.settled:
            del self._seen[: until - self.settled]
            self.settled = until


_NOTHING: Final = _Told()
"""In place of those of the tools and commands that most calls don't have. It is only looked at."""


class Progress:
    """The progress of one call. `state`: returns all but the words; `take`: gets commands; `commands`: returns their
    outcomes, with their places; `every_s`: 0 for no progress.
    """

    def __init__(
        self,
        facts: CallFacts,
        transcript: Transcript,
        answers: Answers,
        *,
        events: Events,
        every_s: float,
        state: Callable[[], Mapping[str, Any]],
        log: CallLog,
        take: Callable[[Sequence[Command]], None] = lambda _: None,
        commands: Callable[[], Sequence[Mapping[str, Any]]] = list,
    ) -> None:
        self._facts = facts
        self._transcript = transcript
        self._answers = answers
        self._events = events
        self._every_s = max(every_s, SOONEST) if every_s else 0.0
        self._state = state
        self._take = take
        self._commands = commands
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._news = False
        self._spawn: Spawn | None = None
        self._ticker: Ticker | None = None
        self._next: Moment | None = None
        self._told_at = 0.0
        self._number = 0
        self._after = 0
        self._told: dict[str, _Told] = {}
        """What the receiver has, by list: enough of each entry to see that it has changed."""
        self._watched = False
        self._failing = False

    def news(self) -> None:
        """A turn is complete, or a command is done: report soon."""
        if not self._news:
            self._news = True
            if self._next is not None and not self._failing:
                self._wait()

    def begin(self, ticker: Ticker, spawn: Spawn) -> None:
        """Report until `stop`, or until the receiver turns out not to support progress. `spawn` starts a task for each
        report; between two there is only a moment of `ticker`.
        """
        if self._every_s:
            self._ticker, self._spawn, self._told_at = ticker, spawn, self._loop.time()
            self._transcript.turn_ended = self.news
            self._wait()

    def stop(self) -> None:
        """Begin no more reports."""
        self._spawn, self._transcript.turn_ended = None, _nobody
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _wait(self) -> None:
        """To the end of the interval, or less with news; a failing receiver gets no extra requests for news."""
        wait_s = WATCHED if self._watched else self._every_s
        if self._news and not self._failing:
            wait_s = min(wait_s, max(SOONEST, self._every_s * SHARE))
        if self._next is not None:
            self._next.cancel()
        if self._ticker is not None:
            self._next = self._ticker.at(self._told_at + wait_s, self)

    def tick(self, when: float, now: float) -> None:
        """See Ticking: a report is due."""
        self._next = None
        if self._spawn is not None:
            self._spawn(self._report())

    async def _report(self) -> None:
        self._told_at = self._loop.time()
        supported = await self._tell()
        if not supported:
            self._log.happened(
                "progress_unknown", "the receiver of events is older than this relay: progress is not sent"
            )
        elif self._spawn is not None:
            self._wait()

    async def _tell(self) -> bool:
        """False: the receiver doesn't support progress."""
        self._news = False
        self._number += 1
        news, lists, more = self._what_is_new()
        settled = 0 if more else len(self._transcript.turns) - LATELY
        event = self._facts.event(
            "progress",
            number=self._number,
            after=self._after,
            started_at=timestamp(self._facts.started_at),
            state=self._state(),
            agents=[entry.as_json() for entry in self._facts.agents],
            **lists,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                answer = read_answer(await self._events.offer(event))
        except (DeliveryError, TimeoutError):
            self._failing, self._watched = True, False
            return True
        self._failing, self._watched = False, answer.watched
        if answer.progress is None:
            return False
        if answer.progress == self._number:
            self._after = self._number if any(news.values()) else self._after
            for name, entries in news.items():
                for index, seen in entries.items():
                    self._told.setdefault(name, _Told()).note(index, seen)
            if "turns" in self._told:
                self._told["turns"].settle(settled)
            if more:
                self.news()
        else:  # it has lost what was stored
            self._after = 0
            self._told = {}
        self._take(answer.commands)
        return True

    def _what_is_new(self) -> tuple[dict[str, dict[int, Seen]], dict[str, list[dict[str, Any]]], bool]:
        """What the receiver lacks: in the form to remember, in the form to send, and whether more is left."""
        found = self._answers.found(self._loop.time())
        for utterance, answer in islice(found.items(), max(0, len(found) - LATELY), None):
            self._transcript.answered(utterance, answer)  # again, as its text may have come only now
        news: dict[str, dict[int, Seen]] = {name: {} for name in LISTS}
        lists: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
        room = MOST_TEXT
        for name, index, seen, entry in self._changed():
            if room <= 0:
                return news, lists, True
            said = {"index": index, **entry()}
            room -= sum(len(value) for value in said.values() if isinstance(value, str))
            news[name][index] = seen
            lists[name].append(said)
        return news, lists, False

    def _changed(self) -> Iterator[tuple[str, int, Seen, Callable[[], Mapping[str, Any]]]]:
        """For each changed entry: its place, what may still change in it, and the form to send.

        An hour has hundreds of turns, hardly any of them new: the others are skipped, or looked at for a moment.
        """
        seen: Seen
        told = self._told.get("commands", _NOTHING)
        for index, command in enumerate(self._commands()):
            if not told.has(index, seen := hash(command["outcome"])):
                yield "commands", index, seen, partial(dict, command)
        told = self._told.get("turns", _NOTHING)
        turns = self._transcript.turns
        for index in range(told.settled, len(turns)):
            turn = turns[index]
            seen = hash((turn.text, turn.interrupted, turn.heard_ms, turn.answer))
            if turn.text and not told.has(index, seen):
                yield "turns", index, seen, partial(self._transcript.turn_json, turn)
        told = self._told.get("tools", _NOTHING)
        for index, use in enumerate(self._facts.tools):
            if not told.has(index, seen := hash(use.status)):
                yield "tools", index, seen, use.as_json


def _nobody() -> None:
    """Hears that a turn has ended once the call is over."""
