"""When a running call is reported, and what each report has: told by a receiver that does as a test says."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest

from relay.audio.voice import VoiceActivity
from relay.call.progress import LATELY, MOST_TEXT, PATIENCE, SOONEST, Progress
from relay.call.transcript import Transcript
from relay.events.delivery import DeliveryError
from relay.events.records import CallFacts
from relay.line.answers import Answer, Answers
from relay.line.ticker import Ticker
from relay.logs import CallLog
from relay.tasks import Tasks
from tests.support.virtual import virtual


class Receiver:
    """Stands where Events does. `answers` are given one after another, the last one again and again."""

    def __init__(self, *answers):
        self.answers = list(answers) or [{}]
        self.told = []

    async def offer(self, event):
        self.told.append((asyncio.get_running_loop().time(), event))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = {}
        return {"progress": event["number"], **answer}

    @property
    def at(self):
        return [round(at, 3) for at, _ in self.told]

    def texts(self):
        return [[turn["text"] for turn in event["turns"]] for _, event in self.told]


class World:
    """A running call without agent or line, and a receiver that answers with `answers`."""

    def __init__(self, *answers, every_s=10.0):
        loop = asyncio.get_running_loop()
        self.facts = CallFacts("c", "s", "", "", datetime.now(UTC), loop.time)
        self.transcript = Transcript(self.facts.started_at)
        self.receiver = Receiver(*answers)
        self.taken = []
        self.commands = []
        self.defects = []
        self.progress = Progress(
            self.facts,
            self.transcript,
            Answers(VoiceActivity(8000), 8000),
            events=self.receiver,
            every_s=every_s,
            state=lambda: {"relay": "r1"},
            log=CallLog("c", "s"),
            take=self.taken.append,
            commands=lambda: self.commands,
        )

    async def run_for(self, seconds):
        tasks = Tasks(self.defects.append)
        self.progress.begin(Ticker(), tasks.spawn)
        await asyncio.sleep(seconds)
        self.progress.stop()
        await tasks.stop()
        assert not self.defects

    def said(self, text):
        self.transcript.caller_said(text, self.facts.now())
        self.progress.news()

    def later(self, at, do, *arguments):
        asyncio.get_running_loop().call_at(at, do, *arguments)


# --- when ---


@virtual
async def test_a_quiet_call_is_reported_at_every_interval():
    world = World(every_s=10)
    await world.run_for(35)
    assert world.receiver.at == [10, 20, 30]
    assert [event["number"] for _, event in world.receiver.told] == [1, 2, 3]


@virtual
async def test_an_interval_that_is_too_short_is_not_followed():
    world = World(every_s=0.5)
    await world.run_for(7)
    assert world.receiver.at == [SOONEST, 2 * SOONEST, 3 * SOONEST]


@virtual
async def test_without_an_interval_nothing_is_reported():
    world = World(every_s=0)
    world.said("Hello")
    await world.run_for(100)
    assert not world.receiver.told


@pytest.mark.parametrize(("every_s", "first"), [(3, 2.0), (10, 5.0), (20, 10.0)])
@virtual
async def test_news_are_told_soon_but_not_at_once(every_s, first):
    """Half of the interval: who wants few requests gets few in a lively call, too."""
    world = World(every_s=every_s)
    world.later(0.1, world.said, "Hello")
    await world.run_for(first + 0.1)
    assert world.receiver.at == [first]


@virtual
async def test_news_that_come_late_do_not_wait_again():
    world = World(every_s=10)
    world.later(7.5, world.said, "Hello")
    await world.run_for(8)
    assert world.receiver.at == [7.5]


@virtual
async def test_a_watched_call_is_reported_every_second_until_nobody_watches():
    world = World({"watched": True}, {"watched": True}, {})
    await world.run_for(25)
    assert world.receiver.at == [10, 11, 12, 22]


@pytest.mark.parametrize("failure", [DeliveryError("HTTP 500"), PATIENCE + 1.0])
@virtual
async def test_a_receiver_that_fails_gets_no_further_requests_for_news(failure):
    world = World({"watched": True}, failure, {})
    for at in range(11, 60):
        world.later(at, world.said, f"{at}")
    await world.run_for(36)
    assert world.receiver.at[:3] == [10, 11, 21]
    assert world.receiver.texts()[-1], "what it missed comes with the next"


@virtual
async def test_a_receiver_of_an_earlier_release_is_asked_once():
    world = World({"progress": None})
    world.later(11, world.said, "Hello")
    await world.run_for(40)
    assert world.receiver.at == [10]


@virtual
async def test_after_the_end_nothing_is_reported():
    world = World()
    await world.run_for(5)
    world.said("Hello")
    await asyncio.sleep(100)
    assert not world.receiver.told


# --- what ---


@virtual
async def test_each_report_has_what_is_new_since_the_last_that_was_stored():
    world = World()
    for at, text in ((1, "one"), (11, "two"), (12, "")):
        world.later(at, world.said, text)
    await world.run_for(40)
    told = world.receiver.told
    assert world.receiver.texts()[:3] == [["one"], ["two"], []]
    assert [turn["index"] for _, event in told for turn in event["turns"]] == [0, 1]
    assert [event["after"] for _, event in told][:4] == [0, 1, 2, 2]
    assert {event["state"]["relay"] for _, event in told} == {"r1"}


@virtual
async def test_what_changes_in_a_turn_is_told_again():
    world = World()
    world.transcript.agent_says("Hello", "u1", world.facts.now())
    world.later(11, lambda: world.transcript.heard("u1", 400, interrupted=True))
    await world.run_for(35)
    assert [[turn["heard_ms"] for turn in event["turns"]] for _, event in world.receiver.told] == [[None], [400], []]


@virtual
async def test_a_receiver_that_lost_what_it_had_gets_everything_again():
    world = World({}, {"progress": 0}, {})
    world.said("one")
    await world.run_for(30)
    texts = world.receiver.texts()
    assert (texts[0], texts[1], texts[2]) == (["one"], [], ["one"])
    assert world.receiver.told[2][1]["after"] == 0


@virtual
async def test_of_a_long_call_only_the_latest_turns_are_looked_at_again():
    """A thousand turns an hour would be kept twice, and compared with every report."""
    world = World()
    for number in range(LATELY + 50):
        world.transcript.agent_says(f"{number}", f"u{number}", world.facts.now())
    for at, utterance in ((11, "u0"), (11, "u60"), (12, f"u{LATELY + 49}")):
        world.later(at, partial(world.transcript.heard, utterance, 400, interrupted=True))
    await world.run_for(25)
    first, second = world.receiver.told
    assert len(first[1]["turns"]) == LATELY + 50
    assert [turn["index"] for turn in second[1]["turns"]] == [60, LATELY + 49]
    told = world.progress._told["turns"]
    assert (told.settled, len(told._seen)) == (50, LATELY)


@virtual
async def test_a_receiver_that_lost_what_it_had_gets_the_first_turns_of_a_long_call_again():
    world = World({}, {"progress": 0}, {})
    for number in range(LATELY + 50):
        world.transcript.agent_says(f"{number}", f"u{number}", world.facts.now())
    await world.run_for(35)
    assert [len(event["turns"]) for _, event in world.receiver.told] == [LATELY + 50, 0, LATELY + 50]


@virtual
async def test_a_long_call_that_goes_in_parts_is_told_whole():
    world, count = World(), 3 * LATELY
    for number in range(count):
        world.transcript.agent_says(f"{number} " * 200, f"u{number}", world.facts.now())
    await world.run_for(60)
    told = [turn["index"] for _, event in world.receiver.told for turn in event["turns"]]
    assert len(world.receiver.told[0][1]["turns"]) < count - LATELY, "not in one"
    assert told == list(range(count))


@virtual
async def test_a_turn_is_told_with_how_long_the_caller_waited_for_it():
    """It is known only a moment after the turn began, and the turn's text may come later still."""
    world, waits = World(), {f"u{number}": Answer("speech", 100, number) for number in range(LATELY + 1)}
    world.progress._answers = SimpleNamespace(found=lambda now: waits)
    last = f"u{LATELY}"
    world.later(11, world.transcript.agent_says, "Hello", last, world.facts.now())
    await world.run_for(25)
    assert [turn["answer_ms"] for _, event in world.receiver.told for turn in event["turns"]] == [100 + LATELY]


@virtual
async def test_tools_and_commands_are_told_with_their_outcome_once():
    world = World()
    use = world.facts.note_tool("order_status", {})
    world.commands.append({"id": "c1", "outcome": "waiting"})
    world.later(11, lambda: use.done(world.facts.now(), "200"))
    world.later(21, lambda: world.commands.__setitem__(0, {"id": "c1", "outcome": "done"}))
    await world.run_for(45)
    told = [event for _, event in world.receiver.told]
    assert [[one["status"] for one in event["tools"]] for event in told] == [[""], ["200"], [], []]
    assert [[one["outcome"] for one in event["commands"]] for event in told] == [["waiting"], [], ["done"], []]
    assert told[0]["commands"] == [{"index": 0, "id": "c1", "outcome": "waiting"}]


@virtual
async def test_a_long_text_goes_in_parts_one_soon_after_another():
    """Its end is not forgotten, and the first part does not grow without bound."""
    world = World()
    for number in range(4):
        world.said(f"{number}" * (MOST_TEXT // 2))
    await world.run_for(11)
    assert [[text[0] for text in texts] for texts in world.receiver.texts()] == [["0", "1"], ["2", "3"]]
    assert world.receiver.at == [5, 10]


@virtual
async def test_commands_of_an_answer_are_taken():
    world = World({"commands": [{"id": "c1", "do": "note", "left_s": 5}]}, {})
    await world.run_for(25)
    assert [[command.id for command in commands] for commands in world.taken] == [["c1"], []]
