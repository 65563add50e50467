"""What `make demo AGENT=name` plays comes out right for every vendor; here in one process and in virtual time."""

import json

import pytest

from relay.agents import HOSTED
from relay.app import create_app
from relay.settings import Settings
from sim.agents import HEARS, STEPS, entry, fake
from sim.bots import KEY, failures
from sim.exotel import CallPlan, FakeExotel
from sim.heard import find_line
from sim.serving import serving
from sim.toml import agents_file
from tests.support.virtual import virtual


@pytest.mark.parametrize("vendor", HOSTED)
@virtual
async def test_every_vendor_can_be_tried_without_a_key(tmp_path, vendor):
    served = fake(vendor)
    async with serving(served.app()) as url:
        (tmp_path / "agents.toml").write_text(agents_file({"front": entry(vendor, url)}))
        keys = {HOSTED[vendor].key_env: KEY}
        settings = Settings(
            agents_file=str(tmp_path / "agents.toml"), store=tmp_path, environ=keys, elevenlabs_api_key=KEY
        )
        async with serving(create_app(settings)) as relay:
            media = relay.replace("http", "ws", 1) + "/media"
            call = await FakeExotel().call(CallPlan(url=media, script=STEPS, max_s=60))
    record = json.loads((tmp_path / "logs" / f"{call.call_sid}.json").read_text())
    assert failures("agent_ended", HEARS, call, record) == []
    assert not find_line(call.heard, call.rate_hz, "agent_clinics").is_whole
    assert [turn["interrupted"] for turn in record["turns"]] == [False, False, True, False, False]
    (conversation,) = served.conversations
    assert not conversation.violations
