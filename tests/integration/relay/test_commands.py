"""What somebody wants done to a running call comes with the answer to a progress, and is done once."""

import asyncio
from typing import Any

import pytest
from msgspec import structs

from sim.agent_script import Reply
from sim.caller import Step, When
from sim.speech import ASSETS, spoken
from tests.support.relay_world import GREETING, World, relay_world
from tests.support.virtual import virtual

LONG = (Step(when=When.AT, ms=30_000, hang_up=True),)
TWO = structs.replace(GREETING, replies=(Reply(on="start", say=("agent_hours",)),))
AGENTS = f"""
[agents.front]
id = "agent_0"
[agents.back]
id = "agent_1"
[announcements]
sorry = "{ASSETS}/agent_transfer.wav"
"""


class Hand:
    """Answers each progress with what is wanted and has no outcome yet, as the functions do."""

    def __init__(self, *commands: dict[str, Any], from_number: int = 1, watched: bool = True) -> None:
        self.commands = [{"by": "asha", "left_s": 30.0, "what": {}, **one} for one in commands]
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.from_number = from_number
        self.watched = watched

    def told(self, event: dict[str, Any]) -> dict[str, Any]:
        self.outcomes |= {one["id"]: one for one in event["commands"] if one["outcome"] != "under way"}
        ready = event["number"] >= self.from_number
        waiting = [one for one in self.commands if one["id"] not in self.outcomes]
        return {"progress": event["number"], "watched": self.watched, "commands": waiting if ready else []}


def command(do: str, number: int = 1, **what: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "do": do, "what": what}


async def play(world: World, hand: Hand, script: Any = LONG) -> dict[str, Any]:
    world.sink.told = hand.told
    await world.call(script=script)
    await world.until(lambda: world.sink.of("ended"))
    [ended] = world.sink.of("ended")
    return ended


@virtual
async def test_the_call_is_ended_and_the_record_says_by_whom(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        ended = await play(world, Hand(command("end", reason="wrong number")))
        assert (ended["end_reason"], ended["ended_by"]) == ("operator_ended", "operator")
        assert ended["end_detail"] == "asha: wrong number"
        assert ended["duration_s"] < 15
        [done] = ended["commands"]
        assert (done["do"], done["by"], done["outcome"]) == ("end", "asha", "done")


@virtual
async def test_a_command_that_comes_again_is_done_once(tmp_path):
    """The answer is given until the outcome is known, and the outcome's own event may be lost."""
    async with relay_world(tmp_path, with_events_url=True) as world:
        hand = Hand()
        again = {"by": "asha", "left_s": 30.0, **command("note", text="the parcel is in Pune")}
        hand.told = lambda event: {"progress": event["number"], "watched": True, "commands": [again]}
        ended = await play(world, hand)
        assert len(world.sink.progress) > 10
        assert len(ended["commands"]) == 1
        assert len(notes(world)) == 1


def notes(world: World) -> list[str]:
    found = (message for one in world.agents.conversations for message in one.messages)
    return [message.text for message in found if message.kind == "contextual_update"]


@virtual
async def test_the_agent_is_told(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        ended = await play(world, Hand(command("note", text="the parcel is in Pune, call 9876543210")))
        assert notes(world) == ["the parcel is in Pune, call 9876543210"]
        [done] = ended["commands"]
        assert done["outcome"] == "done"
        assert "9876543210" not in done["arguments"]
        assert "Pune" in done["arguments"]


@virtual
async def test_the_caller_is_handed_to_a_human_with_a_summary(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        ended = await play(world, Hand(command("transfer", target="billing", summary="wants his money back")))
        [requested] = world.sink.of("transfer_requested")
        assert requested["transfer"] == {
            "target": "billing",
            "reason": "requested by asha",
            "summary": "wants his money back",
        }
        [asked] = [one.text for one in world.agents.conversations[0].messages if one.kind == "user_message"]
        assert "goodbye" in asked
        assert ended["end_reason"] == "transferred"
        assert ended["commands"][0]["outcome"] == "done"
        assert ended["duration_s"] < 25


@virtual
async def test_a_target_that_is_refused_leaves_the_call_as_it_is(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        world.sink.transfer = {"accepted": False, "target": None, "reason": "configured are: billing"}
        ended = await play(world, Hand(command("transfer", target="sales")))
        assert ended["end_reason"] == "caller_hung_up"
        [done] = ended["commands"]
        assert (done["outcome"], done["detail"]) == ("not done", "transfer refused: configured are: billing")


@virtual
async def test_another_agent_takes_over_at_once_and_knows_what_was_said(tmp_path):
    async with relay_world(tmp_path, GREETING, TWO, with_events_url=True, agents_toml=AGENTS) as world:
        ended = await play(world, Hand(command("agent", agent="back")))
        front, back = ended["agents"]
        assert (front["alias"], front["end_reason"], front["end_detail"]) == ("front", "switched", "asha")
        assert (back["alias"], back["end_reason"]) == ("back", "stopped")
        assert "agent:" in str(world.agents.conversations[1].variables["recent_history"])
        assert ended["turns"][-1]["heard_ms"] == len(spoken("agent_hours", 8000)) * 1000 // 8000
        assert ended["end_reason"] == "caller_hung_up"
        assert world.relay.metrics.total(world.relay.metrics.agent_failed) == 0


@virtual
async def test_a_recorded_announcement_is_heard_whole(tmp_path):
    async with relay_world(tmp_path, with_events_url=True, agents_toml=AGENTS) as world:
        ended = await play(world, Hand(command("say", announcement="sorry")))
        said = ended["turns"][-1]
        assert said["text"] == "[agent_transfer.wav]"
        assert said["heard_ms"] == len(spoken("agent_transfer", 8000)) * 1000 // 8000
        assert not said["interrupted"]


@virtual
async def test_the_ambience_is_changed(tmp_path):
    settings = {"ambience": "office"}
    async with relay_world(tmp_path, with_events_url=True, settings=settings) as world:
        await play(world, Hand(command("ambience", enabled=False)))
        states = [event["state"]["ambience"]["enabled"] for event in world.sink.progress]
        assert states[0] is True
        assert states[-1] is False


@pytest.mark.parametrize(
    ("wanted", "detail"),
    [
        (command("dance"), "expected one of ambience, end, transfer, agent, note, say"),
        (command("note"), "text: expected a text"),
        (command("note", text="  "), "text: expected a text"),
        (command("note", text=7), "text: expected a text"),
        (command("ambience"), "expected 'enabled' (true or false) or 'volume' (0 to 1) or both"),
        (command("ambience", volume=0.5), "this call has no ambience"),
        (command("agent", agent="nobody"), "no agent 'nobody': expected one of front, back"),
        (command("say", announcement="hello"), "no announcement 'hello': expected one of sorry"),
        (command("transfer", target=["x"]), "target: expected a text"),
    ],
)
@virtual
async def test_what_can_not_be_done_is_said_and_the_call_goes_on(tmp_path, wanted, detail):
    script = (Step(when=When.AT, ms=8_000, hang_up=True),)
    async with relay_world(tmp_path, GREETING, TWO, with_events_url=True, agents_toml=AGENTS) as world:
        ended = await play(world, Hand(wanted), script)
        assert ended["end_reason"] == "caller_hung_up"
        [done] = ended["commands"]
        assert (done["outcome"], done["detail"]) == ("not done", detail)


@virtual
async def test_one_that_comes_too_late_is_not_done(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        ended = await play(world, Hand({**command("end"), "left_s": 0}))
        assert ended["end_reason"] == "caller_hung_up"
        assert ended["commands"][0]["outcome"] == "too late"


@virtual
async def test_while_it_is_watched_a_command_is_done_within_two_seconds_and_told_of_within_two_more(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        hand = Hand()
        world.sink.told = hand.told
        calling = asyncio.create_task(world.call(script=LONG))
        await world.until(lambda: len(world.sink.progress) >= 5)
        loop = asyncio.get_running_loop()
        wanted_at = loop.time()
        hand.commands = [{"by": "asha", "left_s": 30.0, **command("note", text="hello")}]
        await world.until(lambda: notes(world))
        assert loop.time() - wanted_at <= 2.0
        done_at = loop.time()
        await world.until(lambda: hand.outcomes)
        assert loop.time() - done_at <= 2.0
        calling.cancel()


@virtual
async def test_without_a_watcher_a_command_is_done_with_the_next_progress(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        ended = await play(world, Hand(command("end"), from_number=3, watched=False))
        assert ended["end_reason"] == "operator_ended"


@virtual
async def test_an_agent_that_is_changed_in_the_middle_of_its_words_is_not_heard_any_more(tmp_path):
    long = structs.replace(GREETING, replies=(Reply(on="start", say=("agent_clinics",)),))
    settings = {"progress_s": 2.0}
    async with relay_world(tmp_path, long, TWO, with_events_url=True, settings=settings, agents_toml=AGENTS) as world:
        ended = await play(world, Hand(command("agent", agent="back")))
        first, second = ended["turns"]
        assert first["interrupted"]
        assert 1000 < first["heard_ms"] < 3000  # of fourteen seconds, most of which the line had been given
        assert not second["interrupted"]
        assert second["offset_ms"] < 4000
