"""`console setup elevenlabs`, against a workspace that replaces every list and map it is sent."""

import copy
import stat

import pytest

from common.env import SettingError
from console.checks.finding import Verdict
from console.elevenlabs.client import ApiError
from console.setup.elevenlabs import DONE, FAILED, REFUSED, SetupError
from relay.agents.elevenlabs.fake_rest import Trouble
from tests.support.elevenlabs_workspace import AGENT_ID, amiss, elevenlabs_world, make_good
from tests.support.virtual import virtual

TEAMS = '{"sales": "+919876500010", "support": "+919876500011"}'
OURS = {"transfer_to_human", "control_background_sound"}


def changes(world):
    """Requests that change something."""
    return [(method, path) for method, path in world.workspace.asked if method != "GET"]


@virtual
async def test_a_new_agent_is_made_and_the_doctor_has_nothing_to_say():
    async with elevenlabs_world(TRANSFER_TARGETS=TEAMS) as world:
        world.workspace.tells_retries = True
        status, output = await world.setup("--create", "Reception", "--webhook-url", world.webhook_url)
        assert status == DONE, output
        (agent_id,) = [key for key, agent in world.workspace.agents.items() if agent["name"] == "Reception"]
        (secret,) = world.workspace.secrets.values()
        assert agent_id in output
        assert output.count(secret) == 1
        assert {config["name"] for config in world.workspace.tools.values()} == OURS
        world.environ |= {"ELEVENLABS_AGENT_ID": agent_id, "ELEVENLABS_WEBHOOK_SECRET": secret}
        world.functions["ELEVENLABS_WEBHOOK_SECRET"] = secret
        findings = await world.doctor()
        assert {one.verdict for one in findings} == {Verdict.PASS}, amiss(findings)
        again, output = await world.setup("--create", "Reception", "--webhook-url", world.webhook_url)
        assert again == DONE
        assert "Nothing to do" in output
        assert "Reception already exists" in output
        assert len(world.workspace.agents) == 2
        assert len(world.workspace.webhooks) == 1


@virtual
async def test_a_new_agent_is_what_was_said_of_it(tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Sell tea.")
    async with elevenlabs_world() as world:
        status, output = await world.setup(
            *("--create", "Chai", "--prompt-file", str(prompt), "--first-message", "Namaste!"),
            *("--language", "hi", "--voice", "voice_1", "--line-rate", "16000"),
        )
        assert status == DONE, output
        (agent,) = [agent for agent in world.workspace.agents.values() if agent["name"] == "Chai"]
        config = agent["conversation_config"]
        assert config["agent"]["prompt"]["prompt"] == "Sell tea."
        assert (config["agent"]["first_message"], config["agent"]["language"]) == ("Namaste!", "hi")
        assert (config["tts"]["voice_id"], config["tts"]["model_id"]) == ("voice_1", "eleven_flash_v2_5")
        assert config["tts"]["agent_output_audio_format"] == "pcm_16000"
        assert agent["platform_settings"]["auth"]["enable_auth"] is True


@virtual
async def test_an_agent_is_changed_and_then_there_is_nothing_to_do():
    async with elevenlabs_world() as world:
        status, output = await world.setup()
        assert status == DONE, output
        assert "is       pcm_16000" in output
        assert "will be  pcm_8000" in output
        assert len(world.questions) == 1
        world.workspace.asked.clear()
        status, output = await world.setup()
        assert status == DONE
        assert "Nothing to do" in output
        assert len(world.questions) == 1
        assert changes(world) == []


@virtual
async def test_everything_else_of_the_agent_stays():
    async with elevenlabs_world() as world:
        world.workspace.tools["tool_weather"] = {
            "type": "webhook",
            "name": "weather",
            "description": "",
            "api_schema": {},
        }
        world.config["agent"]["prompt"] |= {"prompt": "Be kind.", "tool_ids": ["tool_weather"], "llm": "some-model"}
        world.config["agent"]["prompt"]["built_in_tools"] = {
            "skip_turn": {"type": "system", "name": "skip_turn", "params": {"system_tool_type": "skip_turn"}}
        }
        world.config["conversation"]["client_events"] = ["vad_score", "audio"]
        settings = world.agent["platform_settings"]
        settings["data_collection"] = {"mood": {"type": "string", "description": "The caller's mood."}}
        settings["workspace_overrides"]["conversation_initiation_client_data_webhook"] = {
            "url": "https://x.example.com"
        }
        settings["auth"]["allowlist"] = [{"hostname": "example.com"}]
        before = copy.deepcopy(world.agent)
        status, output = await world.setup("--webhook-url", world.webhook_url)
        assert status == DONE, output
        after = world.agent
        prompt = after["conversation_config"]["agent"]["prompt"]
        assert (prompt["prompt"], prompt["llm"]) == ("Be kind.", "some-model")
        assert prompt["tool_ids"][0] == "tool_weather"
        assert len(prompt["tool_ids"]) == 3
        assert set(prompt["built_in_tools"]) == {"skip_turn", "end_call"}
        assert after["conversation_config"]["conversation"]["client_events"][:2] == ["vad_score", "audio"]
        assert set(after["platform_settings"]["data_collection"]) == {"mood", "should_transfer"}
        overrides = after["platform_settings"]["workspace_overrides"]
        assert overrides["conversation_initiation_client_data_webhook"] == {"url": "https://x.example.com"}
        assert after["platform_settings"]["auth"] == before["platform_settings"]["auth"]
        assert after["platform_settings"]["privacy"] == before["platform_settings"]["privacy"]
        assert after["conversation_config"]["turn"] == before["conversation_config"]["turn"]
        assert (after["name"], after["tags"]) == (before["name"], before["tags"])
        assert "look at this" not in output


@virtual
async def test_anything_but_yes_stops_the_setup():
    for answer in ("", "n", "what?"):
        async with elevenlabs_world() as world:
            before = copy.deepcopy(world.agent)
            status, output = await world.setup("--webhook-url", world.webhook_url, answer=answer)
            assert status == REFUSED
            assert "Nothing was changed" in output
            assert world.agent == before
            assert changes(world) == []


@virtual
async def test_end_of_input_stops_the_setup():
    async with elevenlabs_world() as world:
        status, output = await world.setup(answer=EOFError)
        assert status == REFUSED
        assert changes(world) == []


@virtual
async def test_where_nobody_can_answer_yes_must_be_given():
    async with elevenlabs_world() as world:
        with pytest.raises(SetupError, match="--yes"):
            await world.setup(answer=None)
        assert changes(world) == []
        assert (await world.setup("--yes", answer=None))[0] == DONE


@virtual
async def test_a_dry_run_only_shows():
    async with elevenlabs_world() as world:
        status, output = await world.setup("--webhook-url", world.webhook_url, "--dry-run", answer=None)
        assert status == DONE
        assert "agent.input_format" in output
        assert world.webhook_url in output
        assert changes(world) == []


STUMBLES = {
    "first tool": ("POST", "/v1/convai/tools", 0),
    "webhook": ("POST", "/v1/workspace/webhooks", 2),
    "retries": ("PATCH", "/v1/workspace/webhooks", 3),
    "agent": ("PATCH", "/v1/convai/agents", 4),
}


@pytest.mark.parametrize("stumble", STUMBLES)
@virtual
async def test_a_run_that_is_cut_short_is_finished_by_the_next(stumble):
    method, path, done = STUMBLES[stumble]
    async with elevenlabs_world() as world:
        world.workspace.troubles.append(Trouble(method, path, 422, [{"loc": ["body"], "msg": "not today"}]))
        status, output = await world.setup("--webhook-url", world.webhook_url)
        assert status == FAILED
        assert "not today" in output
        assert output.count("\ndone: ") == done
        assert "not done: " in output
        status, output = await world.setup("--webhook-url", world.webhook_url)
        assert status == DONE, output
        assert world.only_webhook()["retry_enabled"] is True
        assert len(world.workspace.tools) == 2
        assert len(world.config["agent"]["prompt"]["tool_ids"]) == 2
        assert (await world.setup("--webhook-url", world.webhook_url))[1].count("Nothing to do") == 1


@virtual
async def test_an_agent_that_was_cut_short_in_the_making_is_made_by_the_next_run():
    async with elevenlabs_world() as world:
        world.workspace.troubles.append(Trouble("POST", "/v1/convai/agents/create", 503, "down"))
        assert (await world.setup("--create", "Reception"))[0] == FAILED
        assert len(world.workspace.agents) == 1
        assert (await world.setup("--create", "Reception"))[0] == DONE
        assert len(world.workspace.agents) == 2
        assert len(world.workspace.tools) == 2


@virtual
async def test_two_of_the_same_name_are_not_guessed_between():
    async with elevenlabs_world() as world:
        world.workspace.agents["agent_2"] = world.agent
        with pytest.raises(SetupError, match="agent_2"):
            await world.setup("--create", AGENT_ID)


# Secrets ------------------------------------------------------------------------------------------------------------


@virtual
async def test_a_secret_goes_into_a_file_for_its_owner_only(tmp_path):
    file = tmp_path / "secret.env"
    async with elevenlabs_world() as world:
        arguments = ("--webhook-url", world.webhook_url, "--secret-file", str(file))
        assert (await world.setup(*arguments, answer="n"))[0] == REFUSED
        assert not file.exists()
        status, output = await world.setup(*arguments, "--yes", shows_secrets=False)
        assert status == DONE
        (secret,) = world.workspace.secrets.values()
        assert file.read_text() == f"ELEVENLABS_WEBHOOK_SECRET={secret}\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert secret not in output


@virtual
async def test_a_secret_is_neither_logged_nor_written_over_a_file(tmp_path):
    async with elevenlabs_world() as world:
        with pytest.raises(SetupError, match="--secret-file"):
            await world.setup("--webhook-url", world.webhook_url, "--yes", shows_secrets=False)
        (tmp_path / "there").write_text("precious")
        with pytest.raises(SetupError, match="already exists"):
            await world.setup("--webhook-url", world.webhook_url, "--yes", "--secret-file", str(tmp_path / "there"))
        assert (tmp_path / "there").read_text() == "precious"
        assert changes(world) == []


@virtual
async def test_a_secret_is_kept_even_if_what_comes_after_it_fails(tmp_path):
    """The webhook is there, its retries are not: without the secret it would have to be deleted by hand."""
    file = tmp_path / "secret.env"
    async with elevenlabs_world() as world:
        world.workspace.troubles.append(Trouble("PATCH", "/v1/workspace/webhooks", 422, "no"))
        assert (await world.setup("--webhook-url", world.webhook_url, "--secret-file", str(file)))[0] == FAILED
        assert file.read_text().startswith("ELEVENLABS_WEBHOOK_SECRET=wsec_")
        assert (await world.setup("--webhook-url", world.webhook_url))[0] == DONE  # no secret to keep any more


# Webhooks -----------------------------------------------------------------------------------------------------------


@virtual
async def test_a_webhook_that_is_there_is_used():
    async with elevenlabs_world() as world:
        made = world.workspace.add_webhook(world.webhook_url, is_disabled=True, is_auto_disabled=True)
        status, output = await world.setup("--webhook-url", world.webhook_url)
        assert status == DONE, output
        webhook = world.only_webhook()
        assert (webhook["is_disabled"], webhook["is_auto_disabled"], webhook["retry_enabled"]) == (False, False, True)
        own = world.agent["platform_settings"]["workspace_overrides"]["webhooks"]
        assert (own["post_call_webhook_id"], own["events"]) == (made["webhook_id"], ["transcript"])


@virtual
async def test_the_workspaces_webhook_stays_with_the_other_agents():
    async with elevenlabs_world() as world:
        other = world.workspace.add_webhook("https://crm.example.com/hook", "CRM")["webhook_id"]
        world.workspace.settings["webhooks"]["post_call_webhook_id"] = other
        status, output = await world.setup("--webhook-url", world.webhook_url)
        assert status == DONE, output
        assert "for this agent alone" in output
        assert world.workspace.settings["webhooks"]["post_call_webhook_id"] == other
        assert world.workspace.webhooks[other]["webhook_url"] == "https://crm.example.com/hook"


@virtual
async def test_options_of_the_agents_own_webhook_are_kept_but_for_those_that_lose_transcripts():
    async with elevenlabs_world() as world:
        made = world.workspace.add_webhook(world.webhook_url)["webhook_id"]
        world.agent["platform_settings"]["workspace_overrides"]["webhooks"] = {
            "post_call_webhook_id": made,
            "events": ["call_initiation_failure"],
            "transcript_format": "opentelemetry",
            "exclude_transcript": True,
        }
        assert (await world.setup())[0] == DONE
        assert world.agent["platform_settings"]["workspace_overrides"]["webhooks"] == {
            "post_call_webhook_id": made,
            "events": ["call_initiation_failure", "transcript"],
            "transcript_format": "json",
            "exclude_transcript": False,
        }


@virtual
async def test_retries_are_switched_on_unseen_only_when_asked_for():
    """The API may not tell whether they are on; done each time, a second run would never have nothing to do."""
    async with elevenlabs_world() as world:
        await make_good(world)
        world.workspace.tells_retries = False
        world.only_webhook()["retry_enabled"] = False
        status, output = await world.setup("--webhook-url", world.webhook_url)
        assert (status, "Nothing to do" in output, "--retries" in output) == (DONE, True, True)
        assert (await world.setup("--webhook-url", world.webhook_url, "--retries"))[0] == DONE
        assert world.only_webhook()["retry_enabled"] is True
        assert changes(world) == [("PATCH", f"/v1/workspace/webhooks/{world.only_webhook()['webhook_id']}")]


@virtual
async def test_without_an_administrators_key_all_but_the_webhook_can_be_set_up():
    no = Trouble("GET", "/v1/workspace/webhooks", 401, {"status": "missing_permissions", "message": "admins only"})
    async with elevenlabs_world() as world:
        world.workspace.troubles.append(no)
        with pytest.raises(SetupError, match="administrator"):
            await world.setup("--webhook-url", world.webhook_url)
        world.workspace.troubles += [no, no]
        status, output = await world.setup()
        assert status == DONE, output


# Options ------------------------------------------------------------------------------------------------------------


@virtual
async def test_what_is_to_be_left_is_left():
    async with elevenlabs_world() as world:
        status, output = await world.setup("--leave", "agent.max_duration", "--leave", "agent.transfer_to_human")
        assert status == DONE
        assert world.config["conversation"]["max_duration_seconds"] == 600
        assert {config["name"] for config in world.workspace.tools.values()} == {"control_background_sound"}
        assert output.index("What is left") < output.index("agent.max_duration")


@virtual
async def test_an_agent_is_made_private_only_when_asked_for():
    async with elevenlabs_world() as world:
        await world.setup()
        assert world.agent["platform_settings"]["auth"]["enable_auth"] is False
        await world.setup("--private")
        assert world.agent["platform_settings"]["auth"]["enable_auth"] is True


@virtual
async def test_a_tool_out_of_shape_is_changed_in_place():
    async with elevenlabs_world(TRANSFER_TARGETS=TEAMS) as world:
        await make_good(world)
        world.tool("transfer_to_human")["expects_response"] = False
        before = dict(world.workspace.tools)
        assert (await world.setup())[0] == DONE
        assert world.tool("transfer_to_human")["expects_response"] is True
        assert list(world.workspace.tools) == list(before)
        assert [path for _, path in changes(world)] == [f"/v1/convai/tools/{next(iter(before))}"]


@virtual
async def test_what_the_vendor_does_beyond_what_was_asked_is_said():
    async with elevenlabs_world() as world:

        def meddle(agent):
            agent["conversation_config"]["turn"]["turn_timeout"] = 1.0
            agent["conversation_config"]["conversation"]["max_duration_seconds"] = 600

        world.workspace.meddle = meddle
        status, output = await world.setup()
        assert status == FAILED
        assert "conversation_config.turn.turn_timeout has changed, too" in output
        assert "still not as wanted: agent.max_duration" in output


@virtual
async def test_what_can_not_be_begun_is_one_sentence():
    async with elevenlabs_world() as world:
        with pytest.raises(ApiError, match="does not know agent agent_gone"):
            await world.setup("--agent", "agent_gone")
        world.environ["ELEVENLABS_API_KEY"] = ""
        with pytest.raises(SettingError, match="ELEVENLABS_API_KEY is not set"):
            await world.setup()
        world.environ |= {"ELEVENLABS_API_KEY": "sk_other", "TRANSFER_TARGETS": ""}
        with pytest.raises(ApiError, match="does not know this API key"):
            await world.setup("--create", "Reception")
        world.environ["TRANSFER_TARGETS"] = "nobody"
        with pytest.raises(SettingError, match="TRANSFER_TARGETS"):
            await world.setup()
