"""Play a scenario: the fakes around a relay that runs anywhere, in virtual or in real time."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from sim.agent_script import AgentScript
from sim.applets import Applet, Connect, Encoding, Passthru
from sim.caller import Caller, Doing, ScriptedCaller
from sim.exotel import CallPlan, FakeExotel
from sim.outcome import Outcome, judge
from sim.scenario import Scenario
from sim.sound import Pcm
from sim.speech import ASSETS
from sim.timeline import Timeline

FRONT, BACKUP = "agent_front", "agent_backup"
API_KEY = "sk_of_nobody"
EVENTS_SECRET = "events-secret-of-nobody"
WEBHOOK_SECRET = "wsec_of_nobody_at_all"
EXOTEL_TOKEN = "exotel-token-of-nobody"
RECORD_PATIENCE_S = 10.0


Overhear = Callable[[float, Pcm, Doing], None]
"""Called with the time in ms since the start, the sound just heard, and what the caller does."""


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is. `media_url`: as in the Voicebot applet, without a query; `functions_url`: empty for no
    functions, so nobody is dialled; `folder`: holds logs/, the store of the relay or of the functions. `overhear` gets
    what the caller hears and does, frame by frame."""

    media_url: str
    agents: FakeElevenLabs
    folder: Path
    functions_url: str = ""
    timeline: Timeline = field(default_factory=Timeline)
    overhear: Overhear | None = None


def agent_scripts(scenario: Scenario) -> dict[str, AgentScript]:
    """The agents of a scenario, by the ids the relay is configured with."""
    backup = {BACKUP: scenario.backup} if scenario.backup else {}
    return {FRONT: scenario.agent, **backup}


def post_call_webhook(scenario: Scenario, functions_url: str) -> Webhook:
    """Where the fake ElevenLabs sends the results."""
    return Webhook(f"{functions_url}/webhook/post-call", WEBHOOK_SECRET, delay_s=scenario.webhook_delay_s)


def relay_environment(
    scenario: Scenario, *, elevenlabs_url: str, folder: Path, functions_url: str = ""
) -> dict[str, str]:
    """The variables a relay needs to play this scenario; writes its AGENTS_FILE into `folder`."""
    agents = {"front": {"id": FRONT, **({"fallback": "backup"} if scenario.backup else {})}}
    if scenario.backup:
        agents["backup"] = {"id": BACKUP}
    if scenario.fallback_speech:
        for agent in agents.values():
            agent["fallback_speech"] = str(ASSETS / f"{scenario.fallback_speech}.wav")
    # JSON's strings are TOML's basic strings.
    tables = [
        f"[agents.{alias}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in agent.items())
        for alias, agent in agents.items()
    ]
    agents_file = folder / "agents.toml"
    agents_file.write_text('default = "front"\n\n' + "\n".join(tables), encoding="utf-8")
    events = {"EVENTS_URL": f"{functions_url}/relay/events", "EVENTS_SECRET": EVENTS_SECRET} if functions_url else {}
    return {
        "HOST": "127.0.0.1",
        "AGENTS_FILE": str(agents_file),
        "ELEVENLABS_API_KEY": API_KEY,
        "ELEVENLABS_BASE_URL": elevenlabs_url,
        "BACKGROUND_SOUND_FILE": "office",
        "STORE": f"file:{folder}",
        **events,
        **scenario.relay,
    }


def functions_environment(
    scenario: Scenario, *, elevenlabs_url: str, folder: Path, functions_url: str
) -> dict[str, str]:
    """The variables the functions need; `functions_url` is their own address."""
    transfer = scenario.transfer
    return {
        "STORE": f"file:{folder}",
        "EVENTS_SECRET": EVENTS_SECRET,
        "ELEVENLABS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "ELEVENLABS_API_KEY": API_KEY,
        "ELEVENLABS_BASE_URL": elevenlabs_url,
        "EXOTEL_TOKEN": EXOTEL_TOKEN,
        "CONNECT_EVENTS_URL": f"{functions_url}/exotel/dial-events?token={EXOTEL_TOKEN}",  # no TLS on this machine
        "TRANSFER_TARGETS": json.dumps(dict(transfer.targets) if transfer else {}),
        **(transfer.settings if transfer else {}),
    }


async def play(scenario: Scenario, world: World) -> Outcome:
    """Place the scenario's call and wait until everything is done: the flow, the webhook, the record."""
    query = f"?{scenario.line.query}" if scenario.line.query else ""
    plan = CallPlan(
        url=world.media_url + query,
        caller=lambda rate_hz: _Overheard(ScriptedCaller(scenario.caller, rate_hz), world.overhear),
        from_=scenario.line.from_,
        to=scenario.line.to,
        spelling=scenario.line.spelling,
        max_s=scenario.line.max_s,
        flow=_flow(scenario, world.functions_url) if world.functions_url else None,
    )
    call = await FakeExotel(timeline=world.timeline).call(plan)
    await world.agents.settled()
    record: Mapping[str, Any] = {}
    if call.ended_by != "nobody":  # a call that never came has none to wait for
        record = await _record(world.folder / "logs" / f"{call.call_sid}.json", scenario.expect.record)
    mine = [one for one in world.agents.conversations if one.variables.get("call_sid", call.call_sid) == call.call_sid]
    return judge(scenario, call, mine, record, world.timeline.happenings)


@dataclass(slots=True)
class _Overheard:
    """A caller with somebody listening in."""

    caller: Caller
    overhear: Overhear | None

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        doing = self.caller.frame(at_ms, heard, size)
        if self.overhear:
            self.overhear(at_ms, heard, doing)
        return doing


def _flow(scenario: Scenario, functions_url: str) -> Applet:
    """Voicebot, then Passthru for the stream's result, then Connect if wanted, then Passthru for the dial's result."""

    def url(path: str) -> str:
        return f"{functions_url}/exotel/{path}?token={EXOTEL_TOKEN}"

    if scenario.transfer is None:
        return Passthru(url("passthru"))
    afterwards = Passthru(url("passthru"), encoding=Encoding.JSON)
    connect = Connect(
        url("connect"),
        fallback_url=url("connect"),
        people=scenario.transfer.people,
        if_answered=afterwards,
        if_nobody=afterwards,
    )
    return Passthru(url("passthru"), waits=False, if_200=connect)


async def _record(path: Path, awaited: Mapping[str, Any]) -> Mapping[str, Any]:
    """The complete record; an incomplete one if that takes too long, empty if there is none."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + RECORD_PATIENCE_S
    state = awaited.get("transfer.state")
    while True:
        record = _read(path)
        complete = record.get("ended_at") and state in {None, (record.get("transfer") or {}).get("state")}
        if complete or loop.time() >= give_up_at:
            return record
        await asyncio.sleep(0.05)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        record: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return record
