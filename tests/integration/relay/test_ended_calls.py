"""However a call ends, what it consisted of is freed by reference counts, and not only when Python looks for cycles.

That look goes through all running calls, which stand still for it.
"""

import asyncio
import gc
import itertools
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from relay.agents.bot import Bot, Wrapper
from relay.audio.playout import Frame, Playout
from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.caller import Step, When
from sim.exotel_stream import LineFaults
from sim.seam.world import TALKING, Entry, world
from tests.support.relay_world import GREETING, relay_world
from tests.support.virtual import virtual

OURS = re.compile(r"relay\.(?!agents\.\w+\.fake)")
PATIENCE_S = 20.0  # after a call: the relay's timers, and connections that wait 15 s for another request

BYE = replace(GREETING, replies=(Reply(on="start", say=("agent_greeting",), end_call=True),))
FOR_A_HUMAN = ToolUse("transfer_to_human", {"reason": "x"})
TRANSFERRING = replace(GREETING, replies=(Reply(on="start", say=("agent_greeting",), tool=FOR_A_HUMAN),))
SILENT = replace(GREETING, metadata_after_s=None)
DYING = replace(GREETING, replies=(), fault=Fault(FaultKind.CLOSE, 1.0, 1011, "planted"))
GREETS = AgentScript(replies=(Reply(on="start", say=("agent_goodbye",)),))
LOST = replace(DYING, fault=Fault(FaultKind.VANISH, 1.0))
DEAF = replace(GREETING, fault=Fault(FaultKind.DEAF, 1.0))
REFUSING = replace(GREETING, upgrade_status=503)
TWO_AGENTS = '[agents.front]\nid = "agent_0"\nfallback = "backup"\n[agents.backup]\nid = "agent_1"\n'
RECORDED = '[agents.front]\nid = "agent_0"\nrecord = "both"\n'
NOBODY_THERE = "http://127.0.0.1:9"
GUARDED = '[agents.front]\nid = "agent_0"\necho_guard = "on"\n'
HANGS_UP = Step(when=When.AT, ms=4000, hang_up=True)
PRESSES_KEYS = Step(when=When.AT, ms=3500, press="12")


@dataclass(frozen=True)
class Ending:
    """How to come to `end_reason`."""

    end_reason: str
    agents: tuple[AgentScript, ...] = (GREETING,)
    script: tuple[Step, ...] = ()
    agents_toml: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    faults: LineFaults = LineFaults()
    query: str = ""
    with_events_url: bool = False
    commands: tuple[dict[str, Any], ...] = ()
    """An operator's, with each answer to a report."""


END = {"id": "k1", "do": "end", "by": "asha", "left_s": 30, "what": {}}
NOTE = {"id": "k1", "do": "note", "by": "asha", "left_s": 30, "what": {"text": "They called before."}}

ENDINGS = {
    "the caller hangs up": Ending("caller_hung_up", script=(HANGS_UP,)),
    "… while the agent connects": Ending("caller_hung_up", (SILENT,), (HANGS_UP,)),
    "… while keys are collected": Ending("caller_hung_up", script=(PRESSES_KEYS, HANGS_UP)),
    "… guarded from an echo": Ending("caller_hung_up", script=(HANGS_UP,), agents_toml=GUARDED),
    "… with a receiver of events": Ending("caller_hung_up", script=(HANGS_UP,), with_events_url=True),
    "… recorded": Ending("caller_hung_up", script=(HANGS_UP,), agents_toml=RECORDED, with_events_url=True),
    "… after a look-up that failed": Ending(
        "caller_hung_up", script=(HANGS_UP,), settings={"lookup_url": NOBODY_THERE, "lookup_secret": "s" * 16}
    ),
    "the agent ends": Ending("agent_ended", (BYE,)),
    "a hand-over": Ending("transferred", (TRANSFERRING,)),
    "failover": Ending("agent_ended", (DYING, BYE), agents_toml=TWO_AGENTS),
    "… from an agent that is mute": Ending("agent_ended", (SILENT, BYE), agents_toml=TWO_AGENTS),
    "the agent is lost": Ending("agent_failed", (LOST,)),
    "the agent does not read": Ending("agent_failed", (DEAF,)),
    "no agent can be had": Ending("agent_failed", (REFUSING,)),
    "no agent can be reached": Ending("agent_failed", settings={"elevenlabs_base_url": NOBODY_THERE}),
    "no agent can be reached, without a key": Ending(
        "agent_failed", settings={"elevenlabs_base_url": NOBODY_THERE, "elevenlabs_api_key": ""}
    ),
    "an agent that nobody configured": Ending("unknown_agent", query="?agent_id=nobody"),
    "the line is lost": Ending("line_lost", faults=LineFaults(vanish_s=3.0)),
    "the line falls silent": Ending("line_stalled", settings={"ambience": ""}, faults=LineFaults(stop_sending_s=3.0)),
    "an operator ends it": Ending(
        "operator_ended", settings={"progress_s": 2.0}, with_events_url=True, commands=(END,)
    ),
    "… or only leaves a note": Ending(
        "caller_hung_up",
        script=(HANGS_UP,),
        settings={"progress_s": 2.0},
        with_events_url=True,
        commands=(NOTE,),
    ),
    "time is over": Ending("time_limit", settings={"max_call_s": 5.0}),
    "the relay is full": Ending("agent_failed", settings={"max_calls": 0}),
}


@contextmanager
def nothing_stays():
    """Everything of the relay that is made in here is gone at the end, without a collection."""
    gc.collect()
    gc.disable()
    try:
        before = there()
        yield
        stayed = there() - before
    finally:
        gc.enable()
    assert not stayed, f"still there: {dict(stayed)}"


def there() -> Counter[str]:
    """The relay's objects by class, without the fakes'."""
    kinds = Counter(map(type, gc.get_objects()))
    named = {kind: f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
    return Counter({name: kinds[kind] for kind, name in named.items() if OURS.match(name)})


@pytest.mark.parametrize("name", ENDINGS)
@virtual
async def test_nothing_of_an_ended_call_waits_for_the_garbage_collector(name, tmp_path):
    ending = ENDINGS[name]
    settings = {"ambience": "office", **ending.settings}
    more = {"agents_toml": ending.agents_toml, "with_events_url": ending.with_events_url}
    async with relay_world(tmp_path, *ending.agents, settings=settings, **more) as at:
        at.sink.told = lambda event: {"progress": event["number"], "commands": list(ending.commands)}

        async def call() -> str:
            result = await at.call(
                url=at.media_url + ending.query, script=ending.script, faults=ending.faults, max_s=60
            )
            await at.until(lambda: not at.relay.streams)
            await asyncio.sleep(PATIENCE_S)
            await at.relay.services.echo_pool.start([])  # its thread keeps what it did last until it gets the next
            return result.call_sid

        await call()  # makes what is made once
        with nothing_stays():
            call_sid = await call()
        ended = at.sink.of("ended")[-1] if ending.with_events_url else at.record(call_sid)
        assert ended["end_reason"] == ending.end_reason


@virtual
async def test_nothing_of_a_stream_that_a_second_one_replaces_does(tmp_path):
    """Exotel's retry of a handshake: both are one call."""
    async with relay_world(tmp_path, settings={"ambience": "office"}) as at:

        async def call(call_sid: str) -> None:
            first = asyncio.create_task(at.call(call_sid=call_sid, max_s=60))
            await at.until(lambda: call_sid in at.relay.calls)
            await at.call(call_sid=call_sid, script=(HANGS_UP,))
            assert (await first).ended_by == "bot"
            await at.until(lambda: not at.relay.streams)
            await asyncio.sleep(PATIENCE_S)

        await call("call-1")
        with nothing_stays():
            await call("call-2")


@virtual
async def test_nothing_of_a_call_with_a_defect_of_ours_does(tmp_path, monkeypatch, caplog):
    """Whoever waits for a frame that can't be made keeps the error."""
    caplog.set_level("CRITICAL", logger="relay")  # pytest would keep the errors that are logged
    pulled, pull = itertools.count(1), Playout.pull

    def broken(self: Playout, *args: Any, **more: Any) -> Frame:
        if next(pulled) % 40 == 0:
            raise ZeroDivisionError
        return pull(self, *args, **more)

    monkeypatch.setattr(Playout, "pull", broken)
    async with relay_world(tmp_path, settings={"ambience": "office"}) as at:

        async def call() -> str:
            result = await at.call(max_s=60)
            await at.until(lambda: not at.relay.streams)
            await asyncio.sleep(PATIENCE_S)
            return result.call_sid

        await call()
        with nothing_stays():
            call_sid = await call()
        assert "ZeroDivisionError" in at.record(call_sid)["end_detail"]


class Wrapped(Wrapper):
    """Changes nothing."""


class Broken(Bot):
    """A user's code that fails in the call."""

    def on_audio(self, pcm: bytes) -> None:
        raise ZeroDivisionError


INNER = Entry("inner", "openai", GREETS)
OWN_CODE = {
    "a wrapper": (Entry("front", "bot", id=f"{__name__}:Wrapped", options={"agent": "inner"}), INNER),
    "a defect": (Entry("front", "bot", id=f"{__name__}:Broken", more={"fallback": "inner"}), INNER),
}


@pytest.mark.parametrize(
    "entries",
    [*((Entry("front", vendor, GREETS),) for vendor in TALKING), *OWN_CODE.values()],
    ids=[*TALKING, *OWN_CODE],
)
@virtual
async def test_nothing_of_any_vendors_session_does(entries, tmp_path, caplog):
    caplog.set_level("CRITICAL", logger="relay")  # pytest would keep the errors that are logged
    async with world(tmp_path, *entries) as at:

        async def call() -> None:
            await at.call(script=(HANGS_UP,))
            await at.until(lambda: not at.relay.streams)
            await asyncio.sleep(PATIENCE_S)

        await call()
        with nothing_stays():
            await call()
