"""Commands in the answers to events: each once, none too late, and each with an outcome."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from relay.agents.roster import AgentSpec, Roster
from relay.control.commands import MOST, Commands
from relay.events.answer import Command
from relay.events.records import ARGUMENTS_KEPT, CallFacts, EndReason
from relay.logs import CallLog
from tests.support.virtual import virtual

ROSTER = Roster({"desk": AgentSpec("desk", "echo", ""), "night": AgentSpec("night", "echo", "")}, default="desk")


class World:
    """A call that keeps what is done to it. `note`: what becomes of a note, None while nobody takes it."""

    def __init__(self, *, switches=True, ambience=True):
        loop = asyncio.get_running_loop()
        self.done, self.news = [], 0
        self.told = loop.create_future()
        call = SimpleNamespace(
            end=lambda reason, detail: self.done.append((reason, detail)),
            lineup=SimpleNamespace(roster=ROSTER),
            conversation=SimpleNamespace(switch=lambda chain, by: self.done.append((chain[0].alias, by)) or switches),
            parts=SimpleNamespace(outbox=SimpleNamespace(note=self._note)),
            sound=SimpleNamespace(
                playout=SimpleNamespace(ambience=object() if ambience else None), change_ambience=self.done.append
            ),
        )
        facts = CallFacts("c", "s", "", "", datetime.now(UTC), loop.time)
        self._tasks = []
        self.commands = Commands(
            call,
            facts,
            CallLog("c", "s"),
            spawn=lambda work: self._tasks.append(loop.create_task(work)),
            settled=self._settled,
        )

    def _note(self, text, *, reply):
        self.done.append((text, reply))
        return self.told

    def _settled(self):
        self.news += 1

    async def take(self, *commands):
        self.commands.take(commands)
        await asyncio.gather(*self._tasks)
        return [(one["outcome"], one["detail"]) for one in self.commands.as_json()]


def end(number=1, left_s=5.0, **what):
    return Command(f"c{number}", "end", "asha", left_s, what)


@virtual
async def test_a_command_is_done_once_however_often_it_comes():
    world = World()
    for _ in range(3):
        said = await world.take(end(reason="done"))
    assert said == [("done", "")]
    assert world.done == [(EndReason.OPERATOR_ENDED, "asha: done")]
    assert world.news == 1


@pytest.mark.parametrize(("left_s", "done"), [(0.1, True), (0.0, False), (-1.0, False)])
@virtual
async def test_a_command_that_is_late_is_not_done(left_s, done):
    world = World()
    [(outcome, detail)] = await world.take(end(left_s=left_s))
    assert (outcome, detail) == (("done", "") if done else ("too late", "it arrived after its time limit"))
    assert bool(world.done) == done
    assert world.news == 1


@virtual
async def test_while_it_is_being_done_it_is_under_way():
    world = World()
    world.commands.take([Command("c1", "note", "asha", 5.0, {"text": "hello"})])
    assert [(one["outcome"], one["at"] != "") for one in world.commands.as_json()] == [("under way", True)]
    world.told.set_result(True)
    assert await world.take() == [("done", "")]


@pytest.mark.parametrize(
    ("do", "what", "detail"),
    [
        ("dance", {}, "expected one of ambience, end, transfer, agent, note, say"),
        ("note", {}, "text: expected a text"),
        ("note", {"text": "  "}, "text: expected a text"),
        ("agent", {"agent": "nobody"}, "no agent 'nobody': expected one of desk, night"),
        ("ambience", {"volume": 7}, "volume: expected a number from 0 to 1"),
    ],
)
@virtual
async def test_what_cannot_be_done_says_what_was_expected(logged, do, what, detail):
    world = World()
    assert await world.take(Command("c1", do, "", 5.0, what)) == [("not done", detail)]
    [line] = [record for record in logged.records if record.event == "control"]
    assert (line.levelname, line.action, line.outcome) == ("WARNING", do, "not done")
    assert line.message == f"somebody requested {do}: not done {detail}"
    assert world.done == []


@virtual
async def test_what_the_call_cannot_do_now_says_why():
    world = World(switches=False, ambience=False)
    said = await world.take(
        Command("c1", "agent", "asha", 5.0, {"agent": "night"}), Command("c2", "ambience", "asha", 5.0, {"volume": 0.5})
    )
    assert said == [
        ("not done", "no agent could be reached: the call is handed over"),
        ("not done", "this call has no ambience"),
    ]
    assert world.done == [("night", "asha")]


@pytest.mark.parametrize(
    ("taken", "outcome"),
    [
        (True, ("done", "")),
        (False, ("not done", "this agent accepts nothing but the caller's speech")),
        (None, ("done", "no agent is ready: the next agent gets it")),
    ],
)
@virtual
async def test_a_note_is_waited_for_and_not_for_long(taken, outcome):
    world = World()
    if taken is not None:
        world.told.set_result(taken)
    assert await world.take(Command("c1", "note", "asha", 5.0, {"text": " hello ", "reply": True})) == [outcome]
    assert world.done == [("hello", True)]
    assert asyncio.get_running_loop().time() == (5.0 if taken is None else 0.0)


@virtual
async def test_what_is_kept_is_bounded_and_shows_no_whole_number():
    world = World()
    await world.take(*(end(number) for number in range(MOST + 5)))
    assert len(world.commands.as_json()) == len(world.done) == MOST
    world = World()
    await world.take(end(reason="call 9876500001 " + "x" * 5000))
    [kept] = world.commands.as_json()
    assert len(kept["arguments"]) == ARGUMENTS_KEPT
    assert "9876500001" not in json.dumps(kept["arguments"])
    assert {"id": "c1", "do": "end", "by": "asha"}.items() <= kept.items()
