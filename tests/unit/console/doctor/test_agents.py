"""The doctor opens a session with every hosted agent, through the seam: one check for all vendors."""

import aiohttp
import pytest

from console.checks.subject import Subject
from console.doctor.agents import examine
from relay.agents import HOSTED
from sim.agent_script import AgentScript
from sim.serving import serving
from sim.toml import agents_file
from sim.vendors.registry import FAKES
from tests.support.virtual import virtual

KEY = "key_of_nobody"


async def findings(folder, tables, *, environ=None, place_call=True):
    (folder / "agents.toml").write_text(agents_file(tables))
    keys = {vendor.key_env: KEY for vendor in HOSTED.values()}
    given = {
        **keys,
        "MEDIA_OPEN": "1",
        "ELEVENLABS_AGENT_ID": "agent_1",
        "AGENTS_FILE": str(folder / "agents.toml"),
        **(environ or {}),
    }
    async with aiohttp.ClientSession() as http:
        subject = Subject(environ=given, session=http, place_call=place_call)
        return [(one.check, one.verdict.value, one.found) async for one in examine(subject)]


@pytest.mark.parametrize("vendor", sorted({*FAKES} - {"elevenlabs"}))  # which the doctor has a part of its own for
@virtual
async def test_an_agent_that_is_available(tmp_path, vendor):
    fake = FAKES[vendor](AgentScript())
    async with serving(fake.app()) as url:
        entry = {"vendor": vendor, "id": "", "options": {**HOSTED[vendor].needs, "base_url": url}}
        model, session = await findings(tmp_path, {"front": entry})
    assert model[:2] == ("agents.model", "pass")
    assert session[:2] == ("agents.session", "pass")
    assert f"agent front ({HOSTED[vendor].title}) hears" in session[2]
    (record,) = fake.conversations
    assert not record.violations
    assert record.close_code == 1000


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (AgentScript(upgrade_status=403), "http_403: upgrade answered with HTTP 403"),
        (AgentScript(metadata_after_s=None), "silent: connected, but no"),
    ],
)
@virtual
async def test_one_that_is_not_available(tmp_path, script, found):
    async with serving(FAKES["deepgram"](script).app()) as url:
        options = {"base_url": url}
        _, (check, verdict, said) = await findings(tmp_path, {"front": {"vendor": "deepgram", "options": options}})
    assert (check, verdict) == ("agents.session", "fail")
    assert found in said


@virtual
async def test_what_is_not_set_up_names_its_setting(tmp_path):
    tables = {"front": {"vendor": "openai", "options": {}}}
    _, (_, verdict, said) = await findings(tmp_path, tables, environ={"OPENAI_API_KEY": ""})
    assert verdict == "fail"
    assert "OPENAI_API_KEY is not set" in said


@virtual
async def test_a_model_that_will_be_shut_down_is_named_with_its_day(tmp_path):
    tables = {"front": {"vendor": "openai", "options": {"transcription_model": "whisper-1"}}}
    (check, verdict, said), session = await findings(tmp_path, tables, place_call=False)
    assert (check, verdict) == ("agents.model", "warn")
    assert "whisper-1 on 2027-02-26" in said
    assert session[:2] == ("agents.session", "skipped")


@pytest.mark.parametrize("tables", [{"front": {"vendor": "elevenlabs", "id": "a"}}, {"front": {"vendor": "nobody"}}])
@virtual
async def test_nothing_to_look_at_is_no_silent_pass(tmp_path, tables):
    ((check, verdict, _),) = await findings(tmp_path, tables)
    assert (check, verdict) == ("agents.settings", "skipped")
