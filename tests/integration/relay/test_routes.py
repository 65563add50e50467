"""Calls that get their agent by number, hour and day."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

INDIA = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=INDIA)
HANG_UP = (Step(when=When.AGENT_FINISHED, ms=500, hang_up=True),)
GREETING = AgentScript(
    replies=(Reply(on="start", say=("agent_greeting",)),), input_format="pcm_8000", output_format="pcm_8000"
)
TOML = """
default = "night"
timezone = "Asia/Kolkata"
[holidays]
india = ["2026-11-24"]
[[routes]]
holidays = "india"
agent = "closed"
[[routes]]
to = "+9180*"
hours = "Mon-Sat 09:00-18:30"
agent = "day"
[agents.day]
id = "agent_0"
[agents.night]
id = "agent_1"
[agents.closed]
id = "agent_2"
"""


@pytest.mark.parametrize(
    ("hour", "day", "more", "alias"),
    [
        (12, 23, {}, "day"),
        (20, 23, {}, "night"),  # the default: no route fits
        (12, 24, {}, "closed"),
        (12, 23, {"to": "+442079460000"}, "night"),
    ],
)
@virtual
async def test_a_call_is_routed_when_it_names_no_agent(tmp_path, hour, day, more, alias):
    async with relay_world(tmp_path, *[GREETING] * 3, agents_toml=TOML) as world:
        world.relay.now = lambda: NOON.replace(hour=hour, day=day)
        call = await world.call(script=HANG_UP, **more)
        (agent,) = world.record(call.call_sid)["agents"]
        assert agent["alias"] == alias


@virtual
async def test_a_call_that_names_its_agent_is_not_routed(tmp_path):
    async with relay_world(tmp_path, *[GREETING] * 3, agents_toml=TOML) as world:
        world.relay.now = lambda: NOON
        for url in (f"{world.media_url}/closed", f"{world.media_url}?agent_id=agent_2"):
            call = await world.call(script=HANG_UP, url=url)
            assert world.record(call.call_sid)["agents"][0]["alias"] == "closed"


@virtual
async def test_the_agent_that_the_last_call_got_is_made_ready_before_the_numbers_are_known(tmp_path):
    """The first call asks for two signed URLs, the default's for nothing; the next ones for one."""
    async with relay_world(tmp_path, *[GREETING] * 3, agents_toml=TOML) as world:
        world.relay.now = lambda: NOON
        asked = []
        for _ in range(3):
            await world.call(script=HANG_UP)
            asked.append([signature.agent_id for signature in world.agents._signatures.values()])
        assert asked[0] == ["agent_1", "agent_0"]
        assert asked[2][2:] == ["agent_0", "agent_0"]
