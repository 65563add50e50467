"""The agents' file is changed while calls run: new calls get another version, running ones keep theirs."""

import asyncio
import gc
import io
import json
import logging
import weakref
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import soundfile
from msgspec import structs

from functions.common.agent_versions import AgentVersions
from functions.common.relays_seen import relays
from functions.common.store.folder import FolderStore
from functions.local import application as functions_application
from sim.agent_script import AgentScript, Fault, FaultKind, Reply
from sim.caller import Step, When
from sim.serving import serving
from tests.support.relay_world import EVENTS_SECRET, GREETING, relay_world
from tests.support.virtual import virtual

EVERY_S = 30.0
LONG = AgentScript(
    replies=(Reply(on="start", say=("agent_greeting",)),),
    input_format="pcm_8000",
    output_format="pcm_8000",
    fault=Fault(FaultKind.VANISH, 90.0),
)
GOODBYE = structs.replace(GREETING, replies=(Reply(on="start", say=("agent_greeting",), end_call=True),))
OLD = '[agents.front]\nid = "agent_0"\nfallback = "backup"\n[agents.backup]\nid = "agent_1"\n'
NEW = '[agents.front]\nid = "agent_1"\n'
WAIT = ()


def wav(level: int, seconds: float = 1.0) -> bytes:
    """A sound whose every sample is `level`."""
    file = io.BytesIO()
    soundfile.write(file, np.full(int(8000 * seconds), level, dtype=np.int16), 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()


@asynccontextmanager
async def worlds(folder: Path, *agents: AgentScript, relays: int = 1, **more):
    """Relays with OLD as their own file, in front of functions over one store."""
    store = FolderStore(folder / "store")
    environment = {"STORE": f"file:{folder}/store", "EVENTS_SECRET": EVENTS_SECRET, "SWEEP_EVERY_SECONDS": "0"}
    functions = functions_application({**environment, "EXOTEL_TOKEN": "exotel-token-of-nobody"})
    async with serving(functions) as url:
        settings = {"agents_url": f"{url}/relay/agents", "events_secret": EVENTS_SECRET, "agents_every_s": EVERY_S}
        settings |= more.pop("settings", {})
        async with relay_world(folder, *agents, agents_toml=OLD, settings=settings, **more) as world:
            yield world, AgentVersions(store), store


def push(versions: AgentVersions, text: str, files: dict[str, bytes] | None = None):
    return versions.push(text, files or {}, by="somebody", note="", after=versions.pointer())


def logged(caplog, event: str):
    return [record for record in caplog.records if getattr(record, "event", "") == event]


@virtual
async def test_a_running_call_keeps_its_agents_with_their_fallback_and_the_next_call_gets_the_new_ones(tmp_path):
    async with worlds(tmp_path, LONG, GOODBYE) as (world, versions, store):
        running = asyncio.create_task(world.call(script=WAIT))
        await asyncio.sleep(10)
        pushed = push(versions, NEW)
        await asyncio.sleep(EVERY_S + 1)
        assert world.relay.lineup.version == pushed.name
        assert [one.serving for one in relays(store, 0)] == [pushed.name], "said at once, not half a minute later"
        after = world.record((await world.call(script=WAIT)).call_sid)
        before = world.record((await running).call_sid)
        assert (after["agents_version"], [one["id"] for one in after["agents"]]) == (pushed.name, ["agent_1"])
        assert before["agents_version"].startswith("file-")
        assert [(one["alias"], one["id"]) for one in before["agents"]] == [("front", "agent_0"), ("backup", "agent_1")]


@virtual
async def test_a_call_whose_socket_was_open_before_keeps_what_it_was_prepared_with(tmp_path):
    """Exotel opens the socket a moment before `start`, and the agent is connected then: its alias may have changed."""
    start = {"call_sid": "c1", "from": "09876500001", "to": "08047100002", "media_format": {"sample_rate": "8000"}}
    async with worlds(tmp_path, LONG, GOODBYE, settings={"agents_every_s": 2.0}) as (world, versions, _):
        async with world.http.ws_connect(world.media_url) as line:
            await line.send_json({"event": "connected"})
            pushed = push(versions, NEW)
            await asyncio.sleep(4)
            assert world.relay.lineup.version == pushed.name
            await line.send_json({"event": "start", "stream_sid": "s1", "start": start})
            await asyncio.sleep(4)
            await line.send_json({"event": "stop", "stream_sid": "s1", "stop": {"call_sid": "c1"}})
            await world.until(lambda: (world.folder / "logs" / "c1.json").exists())
        record = world.record("c1")
        assert record["agents_version"].startswith("file-")
        assert [one["id"] for one in record["agents"]] == ["agent_0"]


@virtual
async def test_a_relay_that_starts_serves_what_was_pushed_and_not_its_own_file(tmp_path):
    pushed = push(AgentVersions(FolderStore(tmp_path / "store")), NEW)
    async with worlds(tmp_path, LONG, GOODBYE) as (world, _, _):
        assert world.relay.lineup.version == pushed.name
        status, health = await world.get("/health")
        assert (status, health["agents_version"]) == (200, pushed.name)
        assert f'relay_agents_info{{version="{pushed.name}"}} 1.0' in (await world.get("/metrics"))[1]


@virtual
async def test_without_a_store_the_relays_own_file_serves_and_what_is_pushed_later_is_taken(tmp_path, caplog):
    async with worlds(tmp_path, LONG, GOODBYE) as (world, versions, _):
        assert world.relay.lineup.version.startswith("file-")
        await asyncio.sleep(3 * EVERY_S)
        assert world.relay.lineup.version.startswith("file-")
        pushed = push(versions, NEW)
        await asyncio.sleep(EVERY_S + 1)
        assert world.relay.lineup.version == pushed.name
        [changed] = logged(caplog, "agents_changed")
        assert (changed.agents_version, changed.by) == (pushed.name, "somebody")
    assert not logged(caplog, "agents_refused")


@virtual
async def test_a_version_that_cant_be_used_is_refused_once_and_taken_back_by_a_rollback(tmp_path, caplog):
    """It wants a variable that this relay does not have: its name is said here, in the log and to who pushed it."""
    text = NEW + 'vendor = "openai"\n[agents.front.options]\napi_key_env = "KEY_OF_NOBODY"\n'
    async with worlds(tmp_path, LONG, GOODBYE) as (world, versions, store):
        good = push(versions, NEW)
        await asyncio.sleep(EVERY_S + 1)
        bad = push(versions, text)
        await asyncio.sleep(4 * EVERY_S)
        assert world.relay.lineup.version == good.name
        [refused] = logged(caplog, "agents_refused")
        assert refused.levelno == logging.ERROR
        assert refused.agents_version == bad.name
        assert "KEY_OF_NOBODY is not set" in refused.problem
        [seen] = relays(store, 0)
        assert (seen.serving, seen.refused, seen.problem) == (good.name, bad.name, refused.problem)
        assert (await world.get("/health"))[1]["agents_refused"] == {"version": bad.name, "problem": refused.problem}
        assert "relay_agents_refused_total 1.0" in (await world.get("/metrics"))[1]
        result = await world.call(script=WAIT)
        assert world.record(result.call_sid)["agents_version"] == good.name

        versions.move(good, by="somebody", note="", after=versions.pointer())
        await asyncio.sleep(EVERY_S + 1)
        assert "agents_refused" not in (await world.get("/health"))[1]
    assert len(logged(caplog, "agents_refused")) == 1


@virtual
async def test_sounds_come_with_a_version_and_only_once(tmp_path):
    text = '[agents.front]\nid = "agent_0"\nambience = "sounds/room.wav"\nfallback_speech = "sounds/sorry.wav"\n'
    files = {"sounds/room.wav": wav(1000), "sounds/sorry.wav": wav(-2000)}
    refused = structs.replace(GREETING, upgrade_status=403)
    async with worlds(tmp_path, refused) as (world, versions, _):
        push(versions, text, files)
        await asyncio.sleep(EVERY_S + 1)
        first = world.relay.lineup
        push(versions, text + "# a word\n", files)
        await asyncio.sleep(EVERY_S + 1)
        second = world.relay.lineup
        assert first.version != second.version
        spec = second.roster.find("front")
        assert second.sounds.apology(spec, 8000) is first.sounds.apology(spec, 8000), "not read again"
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert record["turns"][-1]["text"] == "[sorry.wav]"
        assert record["turns"][-1]["heard_ms"] == 1000

        push(versions, text, {**files, "sounds/sorry.wav": wav(-2000, 2.0)})
        await asyncio.sleep(EVERY_S + 1)
        result = await world.call(script=WAIT)
        assert world.record(result.call_sid)["turns"][-1]["heard_ms"] == 2000


@virtual
async def test_sounds_that_would_fill_the_memory_are_refused(tmp_path, caplog):
    """Silence packs well: a small file can be an hour long."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000 * 1000, dtype=np.int16), 8000, format="FLAC")
    async with worlds(tmp_path, LONG) as (world, versions, _):
        push(versions, NEW + 'ambience = "long.flac"\n', {"long.flac": file.getvalue()})
        await asyncio.sleep(EVERY_S + 1)
        assert world.relay.lineup.version.startswith("file-")
        assert "expected 900 s at most together, got 1000" in logged(caplog, "agents_refused")[0].problem


@virtual
async def test_a_version_goes_with_its_last_call(tmp_path):
    """Its sounds are what a lineup costs."""
    async with worlds(tmp_path, LONG, GOODBYE) as (world, versions, _):
        first = weakref.ref(world.relay.lineup)
        running = asyncio.create_task(world.call(script=(Step(when=When.AT, ms=60_000, hang_up=True),)))
        await asyncio.sleep(10)
        push(versions, NEW)
        await asyncio.sleep(EVERY_S + 1)
        assert first() is not None
        assert world.relay.lineup is not first()
        await running
        await asyncio.sleep(5)
        gc.collect()
        assert first() is None


@virtual
async def test_functions_that_cant_be_reached_change_nothing_and_are_said_once(tmp_path, caplog):
    async with worlds(tmp_path, LONG, GOODBYE, settings={"agents_url": "http://127.0.0.1:9/relay/agents"}) as (
        world,
        versions,
        _,
    ):
        push(versions, NEW)
        await asyncio.sleep(5 * EVERY_S)
        assert world.relay.lineup.version.startswith("file-")
    assert len(logged(caplog, "agents_unknown")) == 1


@virtual
async def test_a_version_that_somebody_changed_in_the_store_reaches_no_relay(tmp_path, caplog):
    async with worlds(tmp_path, LONG, GOODBYE) as (world, versions, store):
        pushed = push(versions, NEW)
        path = tmp_path / "store" / "config/agents/versions/000000001.json"
        changed = json.loads(path.read_bytes())
        path.write_text(json.dumps({**changed, "agents": OLD}))  # somebody else's hand in the bucket
        await asyncio.sleep(2 * EVERY_S)
        assert world.relay.lineup.version.startswith("file-")
        assert "HTTP 503" in logged(caplog, "agents_unknown")[0].problem
        assert pushed.name not in [one.serving for one in relays(store, 0)]
