"""Voicebot → Connect, nobody answers → Voicebot again: a real relay and real functions, one CallSid, two streams."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from msgspec import structs

from functions.local import application as functions_application
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.app import create_app
from relay.settings import Settings
from sim.agent_script import Reply, ToolUse
from sim.applets import Connect, Outcome, Person, Voicebot
from sim.exotel import CallPlan, FakeExotel
from sim.run import API_KEY, EVENTS_SECRET, EXOTEL_TOKEN
from sim.serving import serving
from tests.support.relay_world import GREETING, listening
from tests.support.virtual import virtual

SALES, SUPPORT = "+919876500010", "+919876500020"
PEOPLE = {SALES: Person(Outcome.NO_ANSWER, ring_s=20), SUPPORT: Person(talk_s=30)}
AGENTS = """
[agents.asks_for_sales]
id = "agent_sales"
[agents.asks_for_support]
id = "agent_support"
[agents.says_goodbye]
id = "agent_goodbye"
"""


def asks_for(target):
    wish = ToolUse("transfer_to_human", {"target": target, "reason": "a price", "summary": ""})
    return structs.replace(GREETING, replies=(Reply(on="start", say=("agent_greeting",), tool=wish),))


SCRIPTS = {
    "agent_sales": asks_for("sales"),
    "agent_support": asks_for("support"),
    "agent_goodbye": structs.replace(GREETING, replies=(Reply(on="start", say=("agent_goodbye",), end_call=True),)),
}


@asynccontextmanager
async def stack(folder):
    """(the media socket's URL, the functions' URL)."""
    environment = {
        "STORE": f"file:{folder / 'data'}",
        "EVENTS_SECRET": EVENTS_SECRET,
        "EXOTEL_TOKEN": EXOTEL_TOKEN,
        "TRANSFER_TARGETS": json.dumps({"sales": SALES, "support": SUPPORT}),
        "TRANSFER_WAIT_SECONDS": "0",
        "TRANSFER_ON_FAILURE": "none",
        "SWEEP_EVERY_SECONDS": "0",
    }
    (folder / "agents.toml").write_text(AGENTS)
    fake = FakeElevenLabs(SCRIPTS, api_key=API_KEY)
    async with serving(fake.app()) as agents_url, serving(functions_application(environment)) as functions_url:
        settings = replace(
            Settings(),
            agents_file=str(folder / "agents.toml"),
            elevenlabs_api_key=API_KEY,
            elevenlabs_base_url=agents_url,
            events_url=f"{functions_url}/relay/events",
            events_secret=EVENTS_SECRET,
        )
        async with listening(create_app(settings)) as url:
            yield f"{url.replace('http', 'ws', 1)}/media", functions_url


@pytest.mark.parametrize(
    ("second", "dialled", "transfer"),
    [
        ("says_goodbye", [SALES], "not_dialled"),
        ("asks_for_support", [SALES, SUPPORT], "answered"),
        ("asks_for_sales", [SALES, SALES], "nobody"),
    ],
)
@virtual
async def test_each_stream_gets_what_was_asked_for_on_it(tmp_path, second, dialled, transfer):
    """What the first stream had asked for moved the caller again when the second had said goodbye."""
    async with stack(tmp_path) as (media, functions):
        url = f"{functions}/exotel/connect?token={EXOTEL_TOKEN}"
        again = Connect(url, url, PEOPLE)
        flow = Connect(url, url, PEOPLE, if_nobody=Voicebot(url=f"{media}/{second}", then=again))
        call = await FakeExotel().call(CallPlan(url=f"{media}/asks_for_sales", flow=flow, max_s=60))
    assert not call.flow.violations
    assert [attempt.number for attempt in call.flow.attempts] == dialled
    assert call.flow.transfer == transfer
    record = json.loads((tmp_path / "data" / "logs" / f"{call.call_sid}.json").read_text())
    assert [agent["alias"] for agent in record["agents"]] == ["asks_for_sales", second]
    assert record["end_reason"] == ("agent_ended" if second == "says_goodbye" else "transferred")
