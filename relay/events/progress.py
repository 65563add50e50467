"""How far a call is, told while it goes on: `call.progress` events (docs/live.md).

Each carries what is new since the last one that was taken in, so one that is lost or comes twice changes nothing. One
is under way at a time. Its answer may ask for more of them, because somebody watches, and bring commands.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from relay.call.answers import Answers
from relay.call.transcript import Transcript, timestamp
from relay.events.answer import Command, read_answer
from relay.events.delivery import DeliveryError, Events
from relay.events.records import CallFacts
from relay.logs import CallLog

SOONEST: Final = 2.0  # seconds between two, whatever happens
SHARE: Final = 0.2  # … and of PROGRESS_SECONDS: who wants fewer gets fewer in a lively call, too
WATCHED: Final = 1.0  # … and while somebody watches
PATIENCE: Final = 10.0  # for one to be taken in
MOST_TEXT: Final = 64_000  # characters of turns in one; what is beyond goes with the next

LISTS: Final = ("turns", "tools", "commands")

Seen = tuple[object, ...]


class Progress:
    """Of one call. `state`: what there is to say besides words; `take`: gets the commands; `commands`: what became of
    those so far, with their places; `every_s`: 0 for no progress at all."""

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
        self._news = asyncio.Event()
        self._number = 0
        self._after = 0
        self._told: dict[str, dict[int, Seen]] = {name: {} for name in LISTS}
        """What the receiver has, by list and place: enough of each entry to see that it has changed."""
        self._watched = False
        self._failing = False

    def news(self) -> None:
        """Somebody is done speaking, or a command is done: worth telling soon."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled, or until it turns out that the receiver takes no progress."""
        told_at = self._loop.time()
        while self._every_s:
            await self._until_due(told_at)
            told_at = self._loop.time()
            if not await self._tell():
                self._log.happened(
                    "progress_unknown", "the receiver of events is older than this relay: progress is not sent"
                )
                return

    async def _until_due(self, told_at: float) -> None:
        """Every so often; sooner with news, but not at once; a receiver that fails is not asked more often for it."""
        latest = told_at + (WATCHED if self._watched else self._every_s)
        if not self._failing:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(latest):
                    await self._news.wait()
            latest = min(latest, told_at + max(SOONEST, self._every_s * SHARE))
        await asyncio.sleep(latest - self._loop.time())

    async def _tell(self) -> bool:
        """False: nobody there knows what progress is."""
        self._news.clear()
        self._number += 1
        news, lists, more = self._what_is_new()
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
                self._told[name].update(entries)
            if more:
                self.news()
        else:  # it has lost what it was told
            self._after = 0
            self._told = {name: {} for name in LISTS}
        self._take(answer.commands)
        return True

    def _what_is_new(self) -> tuple[dict[str, dict[int, Seen]], dict[str, list[dict[str, Any]]], bool]:
        """What the receiver does not have yet: to remember it by, to send it, and whether there is more than fits."""
        for utterance, answer in self._answers.found(self._loop.time()).items():
            self._transcript.answered(utterance, answer)
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
        """Where an entry belongs that is not known as it is, what of it may change, and how it is told.

        An hour has hundreds of turns, of which hardly any is new: to pass over the others must cost next to nothing.
        """
        seen: Seen
        told = self._told["commands"]
        for index, command in enumerate(self._commands()):
            if told.get(index) != (seen := (command["outcome"],)):
                yield "commands", index, seen, partial(dict, command)
        told = self._told["turns"]
        for index, turn in enumerate(self._transcript.turns):
            seen = (turn.text, turn.interrupted, turn.heard_ms, turn.answer)
            if turn.text and told.get(index) != seen:
                yield "turns", index, seen, partial(self._transcript.turn_json, turn)
        told = self._told["tools"]
        for index, use in enumerate(self._facts.tools):
            if told.get(index) != (seen := (use.status,)):
                yield "tools", index, seen, use.as_json
