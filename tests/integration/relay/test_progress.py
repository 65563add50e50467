"""A call tells how far it is while it goes on: words in time, each once, whatever becomes of the receiver."""

import asyncio
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import structs

from common import layout
from common.live import so_far
from common.times import to_unix
from sim.agent_script import Reply
from sim.caller import Step, When
from tests.support import calls
from tests.support.memory_store import MemoryStore
from tests.support.relay_world import GREETING, relay_world
from tests.support.virtual import virtual

TALK = structs.replace(
    GREETING,
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_hours", say=("agent_hours",)),
        Reply(on="heard:caller_bill", say=("agent_transfer",)),
    ),
)
ASKS = (
    Step(when=When.AGENT_FINISHED, ms=300, say="caller_hours"),
    Step(when=When.AGENT_FINISHED, ms=6000, say="caller_bill"),
)


def for_s(seconds: float) -> tuple[Step, ...]:
    return (*ASKS, Step(when=When.AT, ms=round(seconds * 1000), hang_up=True))


def folded(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a receiver has that took in all of them."""
    turns: dict[int, dict[str, Any]] = {}
    for event in events:
        turns |= {turn["index"]: turn for turn in event["turns"]}
    return [{key: value for key, value in turns[index].items() if key != "index"} for index in sorted(turns)]


def moment(event: dict[str, Any]) -> float:
    at = to_unix(event["at"])
    assert at
    return at


@virtual
async def test_a_call_tells_its_words_while_it_goes_on(tmp_path):
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        await world.call(script=for_s(45))
        told, [ended] = world.sink.progress, world.sink.of("ended")
        assert [event["number"] for event in told] == list(range(1, len(told) + 1))
        assert 4 <= len(told) <= 8  # every ten seconds, and when somebody is done
        assert folded(told) == ended["turns"]
        assert sum(len(event["turns"]) for event in told) <= 2 * len(ended["turns"])  # each when said, and when heard
        assert told[-1]["after"] < told[-1]["number"]
        assert [one["alias"] for one in told[-1]["agents"]] == ["default"]
        assert told[-1]["state"]["relay"]
        assert told[-1]["state"]["transfer"] is None


@virtual
async def test_one_is_under_way_at_a_time(tmp_path):
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        world.sink.answer_after_s = 5.0  # slower than they would come
        await world.call(script=for_s(40))
        at = [moment(event) for event in world.sink.progress]
        assert len(at) >= 3
        assert min(later - earlier for earlier, later in pairwise(at)) >= 5.0


@virtual
async def test_what_was_not_taken_in_comes_with_the_next(tmp_path):
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        world.sink.statuses = [200, 500, 500]  # call.started, and then two that are lost
        await world.call(script=for_s(60))
        [ended] = world.sink.of("ended")
        assert folded(world.sink.progress) == ended["turns"]
        assert world.sink.progress[0]["number"] == 3
        assert world.sink.progress[0]["after"] == 0


@virtual
async def test_a_receiver_that_lost_everything_gets_everything(tmp_path):
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        world.sink.told = lambda event: {"progress": 0 if event["number"] == 2 else event["number"]}
        await world.call(script=for_s(60))
        [ended] = world.sink.of("ended")
        assert folded(world.sink.progress[2:]) == ended["turns"]
        assert world.sink.progress[2]["after"] == 0


@virtual
async def test_the_last_release_gets_progress_once_and_no_more(tmp_path):
    """It keeps every event as a piece of the call, and reads all of them for each: dozens would be a burden."""
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        world.sink.told = lambda event: {"duplicate": False}
        await world.call(script=for_s(60))
        assert len(world.sink.progress) == 1
        assert len(world.sink.of("ended")) == 1


@virtual
async def test_it_can_be_turned_off(tmp_path):
    async with relay_world(tmp_path, TALK, settings={"progress_s": 0.0}, with_events_url=True) as world:
        await world.call(script=for_s(30))
        assert world.sink.progress == []


@virtual
async def test_a_watched_call_reports_every_second(tmp_path):
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        world.sink.told = lambda event: {"progress": event["number"], "watched": event["number"] < 20}
        await world.call(script=for_s(45))
        at = [moment(event) for event in world.sink.progress]
        assert max(later - earlier for earlier, later in pairwise(at[1:20])) <= 1.1
        assert len(at) > 20


@virtual
async def test_a_receiver_that_hangs_does_not_keep_the_call(tmp_path):
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        calling = asyncio.create_task(world.call(script=(Step(when=When.AT, ms=9000, hang_up=True),)))
        await world.until(lambda: world.sink.events)
        world.sink.answer_after_s = 60.0
        await world.until(lambda: len(world.sink.verdicts) == 2)  # a progress is under way now
        world.sink.answer_after_s = 0.0
        await calling
        await world.until(lambda: world.sink.of("ended"), timeout=1.0)
        assert world.sink.progress == []


@virtual
async def test_a_folder_knows_what_goes_on_and_forgets_it_at_the_end(tmp_path):
    async with relay_world(tmp_path, TALK) as world:
        calling = asyncio.create_task(world.call(script=for_s(20)))
        await world.until(lambda: list(tmp_path.glob("pending/live/*/*.json")))
        [path] = tmp_path.glob("pending/live/*/*.json")
        await world.until(lambda: so_far(path.read_bytes())["turns"])
        live = so_far(path.read_bytes())
        result = await calling
        assert live["turns"][0]["speaker"] == "agent"
        assert (live["call_sid"], live["from"]) == (result.call_sid, "09876500001")
        assert path == tmp_path / layout.live(result.call_sid, result.stream_sid)
        assert not path.exists()
        assert world.record(result.call_sid)["turns"]


@virtual
async def test_a_long_text_is_sent_in_parts(tmp_path):
    """An event stays below a limit; what is beyond it comes with the next."""
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        calling = asyncio.create_task(world.call(script=for_s(30)))
        await world.until(lambda: world.relay.calls)
        [call] = world.relay.calls.values()
        for number in range(40):
            call.transcript.caller_said(f"{number} " + "long " * 1000, call.facts.now())
        await calling
        [ended] = world.sink.of("ended")
        assert folded(world.sink.progress) == ended["turns"]
        assert max(len(json.dumps(event)) for event in world.sink.progress) < 100_000


@virtual
async def test_a_relay_that_is_killed_loses_at_most_ten_seconds_of_words(tmp_path):
    """Its `call.ended` never comes: the functions make the record of what it had told."""
    store = MemoryStore()
    functions = calls.webhook_app(store)

    def take(event: dict[str, Any]) -> dict[str, Any]:
        return calls.body_of(functions.handle(calls.signed_event(event)))

    async with relay_world(tmp_path, TALK, with_events_url=True) as world:
        world.sink.told = take
        calling = asyncio.create_task(world.call(script=for_s(60)))
        await world.until(lambda: len(world.sink.progress) >= 3 and asyncio.get_running_loop().time() > 25)
        [call] = world.relay.calls.values()
        said, killed_at = call.transcript.as_json(), call.facts.elapsed_s
        call_sid = call.facts.call_sid
        calling.cancel()
    last = moment(world.sink.progress[-1])
    later = calls.webhook_app(store, lambda: last + 400)
    assert later.sweep().closed == 1
    record = json.loads(store.objects[layout.record(call_sid)])
    assert (record["end_reason"], record["ended_at"]) == ("relay_lost", world.sink.progress[-1]["at"])
    lost = [turn for turn in said if turn["text"] not in [kept["text"] for kept in record["turns"]]]
    assert len(record["turns"]) >= 3
    assert all(turn["offset_ms"] > (killed_at - 10) * 1000 for turn in lost)


@virtual
async def test_a_folder_gets_the_record_when_a_relay_starts_there_again(tmp_path):
    async with relay_world(tmp_path, TALK) as world:
        calling = asyncio.create_task(world.call(script=for_s(60)))
        await world.until(lambda: any(len(so_far(path.read_bytes())["turns"]) > 1 for path in running(tmp_path)))
        [path] = running(tmp_path)
        told = path.read_bytes()
        calling.cancel()
    for left in (*tmp_path.glob("logs/*"), *running(tmp_path)):
        left.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(told)  # as a relay leaves it that is killed
    async with relay_world(tmp_path, TALK) as world:
        assert path.exists()  # it may be another relay's, and alive
    os.utime(path, (0, 0))
    async with relay_world(tmp_path, TALK) as world:
        record = world.record(path.parent.name)
    assert (record["end_reason"], record["ended_at"]) == ("relay_lost", so_far(told)["at"])
    assert [turn["text"] for turn in record["turns"]] == [turn["text"] for turn in so_far(told)["turns"]]
    assert not path.exists()


def running(folder: Path) -> list[Path]:
    return list(folder.glob("pending/live/*/*.json"))


@virtual
async def test_through_the_functions_a_watched_call_tells_no_word_again_and_again(tmp_path):
    """They don't write what says nothing new, and still know which progress the next one builds on."""
    store = MemoryStore()
    functions = calls.webhook_app(store)
    async with relay_world(tmp_path, TALK, with_events_url=True) as world:

        def take(event: dict[str, Any]) -> dict[str, Any]:
            hand = layout.hand(event["call_sid"], event["stream_sid"])
            store.create(hand, json.dumps({"watched_until": calls.NOW + 10}).encode())
            return calls.body_of(functions.handle(calls.signed_event(event)))

        world.sink.told = take
        await world.call(script=for_s(45))
        [ended] = world.sink.of("ended")
    told = world.sink.progress
    assert len(told) > 30
    assert sum(len(event["turns"]) for event in told) <= 3 * len(ended["turns"])
    live = json.loads(store.objects[layout.live(ended["call_sid"], ended["stream_sid"])])
    assert folded([live]) == ended["turns"]
