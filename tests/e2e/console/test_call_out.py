"""`console call`, whole: typed command → Exotel's REST API → a phone that rings → relay → agent → record."""

import asyncio
import os
import sys

from sim.applets import Outcome, Person
from sim.caller import Step, When
from sim.exotel_rest import FakeExotelRest
from sim.processes import ROOT
from sim.serving import serving
from tests.support.relay_world import relay_world

ASHA, EXOPHONE = "+919876500001", "+918047100002"


async def test_a_person_is_called_hears_the_agent_and_there_is_a_record(tmp_path):
    exotel = FakeExotelRest(
        numbers=[{"phone_number": EXOPHONE}],
        people={ASHA: Person(Outcome.ANSWERED, ring_s=0.2)},
        scripts={ASHA: (Step(when=When.AT, ms=2500, hang_up=True),)},
    )
    async with relay_world(tmp_path, settings={"media_token": "t" * 24}) as world, serving(exotel.app()) as url:
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EXOTEL_")},
            "EXOTEL_SID": exotel.sid,
            "EXOTEL_API_KEY": exotel.api_key,
            "EXOTEL_API_TOKEN": exotel.api_token,
            "EXOTEL_BASE_URL": url,
            "EXOTEL_CALLER_ID": "08047100002",
            "EXOTEL_STREAM_URL": f"{world.media_url}/{'t' * 24}?sample-rate=8000",
        }
        typed = ("98765 00001", "--param", "name=Asha", "--record", "--env-file", os.devnull)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console", "call", *typed,
            cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, printed.decode()
        assert b"***0001 answered" in printed
        [call] = exotel.calls
        assert call.media.error == ""
        assert not call.media.violations
        assert call.media.first_sound_s is not None
        await world.until(lambda: (tmp_path / "logs" / f"{call.sid}.json").exists())
        record = world.record(call.sid)
        assert record["ended_by"] == "caller"
        assert record["turns"][0]["speaker"] == "agent"
        assert world.agents.conversations[0].variables["name"] == "Asha"
