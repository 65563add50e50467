"""Recorded calls, whole: what the store holds when the caller has hung up, and what it holds when things go wrong."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web

from relay.recording import recordings
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.heard import find_line
from sim.serving import serving
from tests.integration.relay.recording_desk import recording_desk
from tests.support.relay_world import EVENTS_SECRET, relay_world
from tests.support.virtual import virtual
from tests.unit.relay.recording.studio import AtOnce, as_kept

AGENT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_hours", say=("agent_hours",)),
    ),
    input_format="pcm_8000",
    output_format="pcm_8000",
)
SCRIPT = (
    Step(when=When.AT, ms=9000, say="caller_hours"),
    Step(when=When.AT, ms=20_000, hang_up=True),
)
TOML = '[agents.desk]\nid = "agent_0"\nambience = "office"\nambience_volume = 0.05\n'


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch):
    """Virtual minutes pass before a thread has had its turn."""
    monkeypatch.setattr(recordings, "ThreadPoolExecutor", lambda *_: AtOnce())


@asynccontextmanager
async def recording_world(folder, agent: str = 'record = "both"', *scripts, **settings):
    async with (
        recording_desk() as desk,
        relay_world(
            folder,
            *(scripts or (AGENT,)),
            agents_toml=TOML + agent,
            settings={"events_url": desk.events_url, "events_secret": EVENTS_SECRET, **settings},
        ) as world,
    ):
        yield world, desk


async def all_told(world) -> None:
    services = world.relay.services
    await world.until(lambda: not services.recordings.pending and not services.events.pending, timeout=300)


@virtual
async def test_a_call_is_in_the_store_as_it_was_heard(tmp_path):
    async with recording_world(tmp_path) as (world, desk):
        result = await world.call(script=SCRIPT)
        await all_told(world)
        left, right = desk.sides(result.call_sid)
        for side, line in ((left, "caller_hours"), (right, "agent_greeting"), (right, "agent_hours")):
            assert find_line(side, 8000, line).is_whole
        heard = as_kept(result.heard[: 19 * 8000])
        assert np.array_equal(right[: len(heard)], heard)  # ambience, cuts and padding with it
        told = desk.told(result.call_sid)
        assert (told["pieces"], told["channels"], told["missing"], told["paused"]) == (3, 2, [], [])
        assert told["duration_ms"] == pytest.approx(20_000, abs=40)
        assert [len(body) for body in desk.pieces(result.call_sid).values()] == [128_058] * 3


@virtual
async def test_pieces_are_written_as_the_call_goes(tmp_path):
    """A relay that is killed loses at most ten seconds."""
    async with recording_world(tmp_path) as (world, desk):
        kept = []

        async def look():
            while True:
                await asyncio.sleep(1)
                kept.append(sum(key.startswith("recordings/") for key in desk.store.objects))

        looking = asyncio.create_task(look())
        await world.call(script=SCRIPT)
        looking.cancel()
        assert kept[9] == 1  # at 10 s
        assert kept[17] == 2  # at 18 s


@virtual
async def test_a_recording_ends_with_the_line_and_not_with_what_is_told_of_it(tmp_path):
    """The caller has hung up, and the functions take their time over the event."""
    async with recording_world(tmp_path) as (world, desk):
        desk.takes_s = 1.5
        result = await world.call(script=SCRIPT)
        await all_told(world)
        assert desk.told(result.call_sid)["duration_ms"] == pytest.approx(20_000, abs=40)


@virtual
async def test_upload_urls_are_requested_once_a_minute(tmp_path):
    async with recording_world(tmp_path) as (world, desk):
        result = await world.call(script=(Step(when=When.AT, ms=100_000, hang_up=True),))
        await all_told(world)
        assert [(event["first"], event["count"], event["bytes"]) for event in desk.asked] == [
            (0, 8, 128_058),
            (8, 8, 128_058),
        ]
        assert desk.told(result.call_sid)["pieces"] == 13


@pytest.mark.parametrize(("entry", "answer"), [("off", "both"), ("both", "off"), ("agent", "both")])
@virtual
async def test_the_answer_of_a_look_up_counts_before_the_entry(tmp_path, entry, answer):
    """What was recorded until it came is dropped where it should not be, or should be otherwise."""

    async def who(request):
        await asyncio.sleep(0.2)
        return web.json_response({"record": answer})

    crm = web.Application()
    crm.router.add_post("/", who)
    async with serving(crm) as url, recording_world(tmp_path, f'record = "{entry}"', lookup_url=url) as (world, desk):
        result = await world.call(script=SCRIPT)
        await all_told(world)
        if answer == "off":
            assert desk.pieces(result.call_sid) == {}
        else:
            left, right = desk.sides(result.call_sid)
            assert find_line(left, 8000, "caller_hours").is_whole
            assert find_line(right, 8000, "agent_greeting").is_whole


@virtual
async def test_nothing_is_recorded_unless_asked(tmp_path):
    async with recording_world(tmp_path, "") as (world, desk):
        result = await world.call(script=SCRIPT)
        await all_told(world)
        assert desk.pieces(result.call_sid) == {}
        assert desk.asked == []


@pytest.mark.parametrize(
    ("statuses", "uploads"), [([503, 500], 5), ([403], 4), ([412], 3)], ids=["503", "expired", "there already"]
)
@virtual
async def test_an_upload_that_fails_is_tried_again(statuses, uploads, tmp_path):
    """But for one that says that an attempt before it has done it, though its answer was lost."""
    async with recording_world(tmp_path) as (world, desk):
        desk.statuses = list(statuses)
        result = await world.call(script=SCRIPT)
        await all_told(world)
        told = desk.told(result.call_sid)
        assert (told["pieces"], told["missing"]) == (3, [])
        assert desk.uploads == uploads


@virtual
async def test_a_store_that_refuses_uploads_loses_the_recording_but_not_the_call(tmp_path):
    async with recording_world(tmp_path) as (world, desk):
        desk.statuses = [503] * 1000
        result = await world.call(script=SCRIPT)
        await all_told(world)
        told = desk.told(result.call_sid)
        assert told["pieces"] == 0
        assert told["missing"] == [{"from_ms": 0, "to_ms": 24_000, "why": "HTTP 503"}]
        assert find_line(result.heard, 8000, "agent_hours").is_whole
        assert desk.uploads <= 15
        _, metrics = await world.get("/metrics")
        assert 'relay_recording_pieces_total{outcome="dropped"} 3.0' in metrics


@virtual
async def test_functions_of_an_earlier_release_are_asked_once(tmp_path):
    """They keep the question as any event of the call, and say nothing of uploads."""
    async with recording_world(tmp_path) as (world, desk):
        desk.old = True
        result = await world.call(script=SCRIPT)
        await all_told(world)
        why = "upload not granted: the functions gave no permission"
        assert desk.told(result.call_sid)["missing"] == [{"from_ms": 0, "to_ms": 24_000, "why": why}]
        assert len(desk.asked) == 1


@virtual
async def test_functions_that_grant_no_upload_lose_the_recording_but_not_the_call(tmp_path):
    async with recording_world(tmp_path) as (world, desk):
        desk.deaf = True
        result = await world.call(script=SCRIPT)
        await all_told(world)
        assert [one["why"] for one in desk.told(result.call_sid)["missing"]] == ["upload not granted: HTTP 503"]
        assert desk.uploads == 0


@virtual
async def test_a_store_that_never_answers_holds_up_nothing(tmp_path):
    """The pieces of half a minute wait on the disk; later ones are dropped, and the relay can stop."""
    async with recording_world(tmp_path) as (world, desk):
        desk.silent = True
        result = await world.call(script=(Step(when=When.AT, ms=70_000, hang_up=True),))
        assert world.relay.services.recordings.pending == 1
        await all_told(world)
        told = desk.told(result.call_sid)
        assert told["pieces"] == 0
        assert (told["missing"][0]["from_ms"], told["missing"][-1]["to_ms"]) == (0, 72_000)


@virtual
async def test_a_relay_that_stops_says_what_it_could_not_upload(tmp_path):
    async with recording_desk() as desk:
        settings = {"events_url": desk.events_url, "events_secret": EVENTS_SECRET}
        toml = TOML + 'record = "both"'
        async with relay_world(tmp_path, AGENT, agents_toml=toml, settings=settings) as world:
            desk.silent = True
            result = await world.call(script=SCRIPT)
            await world.relay.drain()
        told = desk.told(result.call_sid)
        assert told["missing"] == [{"from_ms": 0, "to_ms": 24_000, "why": "the relay was stopped"}]


@virtual
async def test_a_call_that_is_not_to_be_recorded_after_all(tmp_path):
    """As a look-up says it, before the agent has spoken; and one that is, though its agent's calls are not."""
    for agent, mode in (('record = "both"', "off"), ("", "both")):
        async with recording_world(tmp_path, agent) as (world, desk):
            calling = asyncio.create_task(world.call(script=SCRIPT))
            await world.until(lambda: world.relay.calls)
            [call] = world.relay.calls.values()
            call.recording.follow(next(iter(world.relay.roster)), mode)
            result = await calling
            await all_told(world)
            assert len(desk.pieces(result.call_sid)) == (0 if mode == "off" else 3)


@virtual
async def test_the_agent_alone(tmp_path):
    async with recording_world(tmp_path, 'record = "agent"') as (world, desk):
        result = await world.call(script=SCRIPT)
        await all_told(world)
        (only,) = desk.sides(result.call_sid)
        assert find_line(only, 8000, "agent_hours").is_whole
        assert desk.told(result.call_sid)["mode"] == "agent"


@virtual
async def test_keys_that_pause_a_recording_and_are_masked(tmp_path):
    agent = 'record = "both"\nrecord_pause_on_keys = true\nmask_keys = true\n'
    async with recording_world(tmp_path, agent) as (world, desk):
        script = (
            Step(when=When.AT, ms=5000, press="4"),
            Step(when=When.AT, ms=6000, press="#"),
            Step(when=When.AT, ms=12_000, hang_up=True),
        )
        result = await world.call(script=script)
        await all_told(world)
        [pause] = desk.told(result.call_sid)["paused"]
        assert (pause["why"], pause["to_ms"] - pause["from_ms"]) == ("keys", pytest.approx(1300, abs=60))
        _, right = desk.sides(result.call_sid)
        assert not right[pause["from_ms"] * 8 + 400 : pause["to_ms"] * 8 - 400].any()
