"""What is wanted of an agent, without anybody to ask."""

import pytest

from common.env import SettingError
from console.checks.finding import Verdict
from console.elevenlabs.configured import Wishes, chosen_agent, configured_agents
from console.elevenlabs.observation import Put, patched
from console.elevenlabs.tools import observe_tools
from console.elevenlabs.wanted import EVENTS, observe
from console.elevenlabs.webhook import assigned, observe_assignment
from console.setup.newcomer import Newcomer
from relay.agents.elevenlabs import codec
from relay.agents.elevenlabs.fake_rest import new_agent

ONE_TEAM = Wishes()
TWO_TEAMS = Wishes(targets=("sales", "support"))


def seen(agent, check, wishes=ONE_TEAM):
    (found,) = [one for one in observe(agent, wishes) if one.check == check]
    return found


def mended(agent, wishes=ONE_TEAM):
    return patched(agent, [one.mend for one in observe(agent, wishes) if isinstance(one.mend, Put)])


def test_exactly_the_events_that_the_relay_reads_are_wanted():
    unasked = {"error", "queue_status"}  # an error of the socket's own, and the queue before the conversation has begun
    spared = {"agent_tool_response_full_payload", "tentative_user_transcript", "guardrail_triggered"}  # do no harm
    assert set(EVENTS) == set(codec.READERS) - unasked - spared


def test_fixing_an_agent_fixes_everything_and_changes_nothing_else():
    agent = new_agent("one")
    agent["conversation_config"]["agent"]["prompt"]["prompt"] = "Be kind."
    once = mended(agent)
    assert mended(once) == once
    assert once["conversation_config"]["agent"]["prompt"]["prompt"] == "Be kind."
    assert once["conversation_config"]["turn"] == agent["conversation_config"]["turn"]
    assert agent["conversation_config"]["asr"]["user_input_audio_format"] == "pcm_16000"  # it is a copy


def test_events_are_added_behind_those_that_are_there():
    agent = new_agent("one")
    agent["conversation_config"]["conversation"]["client_events"] = ["vad_score", "interruption"]
    events = mended(agent)["conversation_config"]["conversation"]["client_events"]
    assert events[:2] == ["vad_score", "interruption"]
    assert set(EVENTS) < set(events)
    assert len(events) == len(set(events))


def test_fields_and_system_tools_of_others_stay():
    agent = new_agent("one")
    agent["platform_settings"]["data_collection"] = {"mood": {"type": "string", "description": "The caller's mood."}}
    agent["conversation_config"]["agent"]["prompt"]["built_in_tools"] = {"skip_turn": {"name": "skip_turn"}}
    after = mended(agent)
    assert list(after["platform_settings"]["data_collection"]) == ["mood", "should_transfer"]
    assert list(after["conversation_config"]["agent"]["prompt"]["built_in_tools"]) == ["skip_turn", "end_call"]


@pytest.mark.parametrize(
    ("line_hz", "there", "verdict", "wanted"),
    [
        (8000, "pcm_8000", Verdict.PASS, ""),
        (8000, "ulaw_8000", Verdict.PASS, ""),
        (8000, None, Verdict.WARN, "pcm_8000"),
        (16000, "pcm_16000", Verdict.PASS, ""),
        (16000, "pcm_8000", Verdict.WARN, "pcm_16000"),
        (24000, "pcm_16000", Verdict.WARN, "pcm_24000"),
        (8000, "mp3_44100", Verdict.FAIL, "pcm_8000"),
    ],
)
def test_the_format_is_that_of_the_line(line_hz, there, verdict, wanted):
    agent = new_agent("one")
    agent["conversation_config"]["asr"]["user_input_audio_format"] = there
    found = seen(agent, "agent.input_format", Wishes(line_hz=line_hz))
    assert (found.verdict, found.wanted) == (verdict, wanted)


@pytest.mark.parametrize(
    ("limit_s", "max_call_s", "verdict"),
    [
        (None, 3540, Verdict.WARN),
        (600, 3540, Verdict.WARN),
        (600, 600, Verdict.PASS),
        (900, 3540, Verdict.PASS),
        (3480, 3540, Verdict.PASS),
        (3600, 3540, Verdict.WARN),
        (3600, 7200, Verdict.PASS),
        (7200, 7200, Verdict.WARN),
    ],
)
def test_the_agent_ends_the_call_before_anybody_cuts_it(limit_s, max_call_s, verdict):
    agent = new_agent("one")
    agent["conversation_config"]["conversation"]["max_duration_seconds"] = limit_s
    wishes = Wishes(max_call_s=max_call_s)
    assert seen(agent, "agent.max_duration", wishes).verdict is verdict
    assert seen(mended(agent, wishes), "agent.max_duration", wishes).verdict is Verdict.PASS


def test_an_empty_agent_is_answered_for_too():
    """Nothing of the API's answer is relied on: what is missing counts as not set."""
    for agent in ({}, {"conversation_config": None, "platform_settings": []}):
        assert {one.check for one in observe(agent, Wishes())} == {
            one.check for one in observe(new_agent("x"), Wishes())
        }
        assert len(observe_tools(agent, [], Wishes())) == 2


def test_the_data_collection_asks_for_a_team_where_there_are_several():
    field = mended({}, TWO_TEAMS)["platform_settings"]["data_collection"]["should_transfer"]
    assert (field["type"], field["enum"]) == ("string", ["sales", "support", "no"])
    assert mended({})["platform_settings"]["data_collection"]["should_transfer"]["type"] == "boolean"


def test_a_newcomer_uses_only_variables_that_the_relay_sends():
    agent = Newcomer("Reception").document()
    assert seen(agent, "agent.variables").verdict is Verdict.PASS
    assert seen(agent, "agent.first_message").verdict is Verdict.PASS
    assert seen(agent, "agent.auth").verdict is Verdict.PASS


@pytest.mark.parametrize("text", ["Hi {{ customer }}", "{{caller_number}} {{customer}}"])
def test_variables_are_found_in_prompt_and_first_message(text):
    for place in ({"first_message": text}, {"prompt": {"prompt": text}}):
        found = seen({"conversation_config": {"agent": place}}, "agent.variables")
        assert found.found == "text with customer"


def test_the_vendors_own_variables_are_no_concern():
    place = {"prompt": {"prompt": "{{system__time_utc}} {{ secret__key }}"}}
    assert seen({"conversation_config": {"agent": place}}, "agent.variables").verdict is Verdict.PASS


def test_overrides_of_a_private_agent_are_its_owners_matter():
    agent = new_agent("one")
    agent["platform_settings"]["auth"]["enable_auth"] = True
    agent["platform_settings"]["overrides"]["conversation_config_override"] = {"tts": {"voice_id": True}}
    found = seen(agent, "agent.overrides")
    assert found.verdict is Verdict.PASS
    assert "tts.voice_id" in found.found


def test_audio_is_wanted_only_where_it_is_fetched():
    agent = new_agent("one")
    agent["platform_settings"]["privacy"]["record_voice"] = False
    assert seen(agent, "agent.retention").verdict is Verdict.PASS
    assert seen(agent, "agent.retention", Wishes(fetch_audio=True)).verdict is Verdict.WARN


# Tools --------------------------------------------------------------------------------------------------------------


def transfer(agent, workspace, wishes=ONE_TEAM):
    return observe_tools(agent, workspace, wishes)[0]


def test_a_tool_of_the_workspace_is_taken_rather_than_made_again():
    made = {"id": "tool_1", "tool_config": transfer({}, []).mend.config}
    found = transfer({}, [made])
    assert found.verdict is Verdict.FAIL
    assert (found.mend.tool_id, found.mend.attached, found.mend.in_shape) == ("tool_1", False, True)


def test_what_somebody_has_worded_in_a_tool_stays():
    config = transfer({}, []).mend.config
    config["description"] = "Fetch a person."
    config["parameters"]["properties"]["reason"]["description"] = "Why?"
    config["parameters"]["properties"]["mood"] = {"type": "string", "description": "The caller's mood."}
    config["expects_response"] = False
    config["response_timeout_secs"] = 12
    agent = patched({}, [Put(("conversation_config", "agent", "prompt", "tool_ids"), ["tool_1"])])
    found = transfer(agent, [{"id": "tool_1", "tool_config": config}], TWO_TEAMS)
    assert found.verdict is Verdict.FAIL
    assert found.mend.attached
    assert found.mend.config["expects_response"] is True
    assert found.mend.config["description"] == "Fetch a person."
    assert found.mend.config["response_timeout_secs"] == 12
    properties = found.mend.config["parameters"]["properties"]
    assert properties["reason"]["description"] == "Why?"
    assert properties["mood"]["type"] == "string"
    assert properties["target"]["enum"] == ["sales", "support"]


def test_spellings_of_a_team_are_the_same_team():
    agent = patched({}, [Put(("conversation_config", "agent", "prompt", "tool_ids"), ["tool_1"])])
    config = transfer({}, [], TWO_TEAMS).mend.config
    config["parameters"]["properties"]["target"]["enum"] = ["Sales", "SUPPORT"]
    assert transfer(agent, [{"id": "tool_1", "tool_config": config}], TWO_TEAMS).verdict is Verdict.PASS


def test_an_agent_that_carries_its_tools_in_itself_is_judged_but_not_changed():
    config = transfer({}, []).mend.config
    agent = {"conversation_config": {"agent": {"prompt": {"tools": [config]}}}}
    assert transfer(agent, []).verdict is Verdict.PASS
    config["expects_response"] = False
    found = transfer(agent, [])
    assert found.verdict is Verdict.FAIL
    assert found.mend is None


# Webhook ------------------------------------------------------------------------------------------------------------


def test_an_agents_own_webhook_goes_before_the_workspaces():
    settings = {"webhooks": {"post_call_webhook_id": "w_all", "events": ["transcript"]}}
    own = {"platform_settings": {"workspace_overrides": {"webhooks": {"post_call_webhook_id": "w_own"}}}}
    assert assigned(own, settings).webhook_id == "w_own"
    assert assigned({}, settings).webhook_id == "w_all"
    assert assigned({}, {}).webhook_id == ""


def test_a_slash_at_the_end_makes_no_other_url():
    webhook = {"webhook_id": "w", "webhook_url": "https://a.example.com/hook/"}
    which = assigned({}, {"webhooks": {"post_call_webhook_id": "w"}})
    found = observe_assignment(which, webhook, "https://a.example.com/hook")
    assert {one.verdict for one in found} == {Verdict.PASS}


# Which agents -------------------------------------------------------------------------------------------------------


def test_agents_are_found_as_the_relay_finds_them(tmp_path):
    file = tmp_path / "agents.toml"
    file.write_text(
        'default = "night"\n[agents.day]\nid = "agent_day"\n[agents.robot]\nvendor = "echo"\n'
        '[agents.night]\nid = "agent_night"\noptions = { region = "india", api_key_env = "INDIAN_KEY" }\n'
    )
    environ = {"AGENTS_FILE": str(file), "ELEVENLABS_API_KEY": "sk_1", "INDIAN_KEY": "sk_2", "CHUNK_SIZE": "1"}
    night, day = configured_agents(environ)
    assert (night.alias, night.agent.api_key) == ("night", "sk_2")
    assert night.agent.rest_url == "https://api.in.residency.elevenlabs.io"
    assert (day.alias, day.agent.api_key, day.agent.rest_url) == ("day", "sk_1", "https://api.elevenlabs.io")
    assert chosen_agent(environ, "").alias == "night"
    assert chosen_agent(environ, "agent_day").alias == "day"
    assert chosen_agent(environ, "agent_elsewhere").agent.api_key == "sk_1"
    with pytest.raises(SettingError, match=r"night, day"):
        chosen_agent(environ, "evening")


def test_without_any_agent_it_is_said_what_to_name():
    with pytest.raises(SettingError, match="--create"):
        chosen_agent({}, "")
    with pytest.raises(SettingError, match="ELEVENLABS_BASE_URL"):
        configured_agents({"ELEVENLABS_BASE_URL": "ftp://x", "ELEVENLABS_AGENT_ID": "agent_1"})


# --- tools of the user's ---

ENTRY = """
[agents.desk]
id = "agent_1"
[agents.desk.tools.order_status]
description = "Look an order up."
url = "https://shop.example/orders/{number}"
parameters = { properties = { number = { type = "string", description = "Its number." } }, required = ["number"] }
[agents.night]
id = "agent_2"
"""


def order_status(agent, workspace, wishes):
    (found,) = [one for one in observe_tools(agent, workspace, wishes) if one.check == "agent.order_status"]
    return found


def test_an_http_tool_of_an_entry_has_to_be_a_client_tool_of_that_agent(tmp_path):
    """The relay runs it, and the model can only call what ElevenLabs knows of."""
    (tmp_path / "agents.toml").write_text(ENTRY)
    desk, night = configured_agents({"AGENTS_FILE": str(tmp_path / "agents.toml"), "ELEVENLABS_API_KEY": "k" * 20})
    assert [one.check for one in observe_tools({}, [], Wishes().of(night)) if "order" in one.check] == []
    wishes = Wishes().of(desk)
    found = order_status({}, [], wishes)
    assert (found.verdict, found.found) == (Verdict.FAIL, "without order_status")
    config = found.mend.config
    assert (config["type"], config["name"], config["expects_response"]) == ("client", "order_status", True)
    assert config["description"] == "Look an order up."
    assert config["parameters"]["required"] == ["number"]
    attached = patched({}, [Put(("conversation_config", "agent", "prompt", "tool_ids"), ["tool_9"])])
    workspace = [{"id": "tool_9", "tool_config": config}]
    assert order_status(attached, workspace, wishes).verdict is Verdict.PASS
    del config["parameters"]["properties"]["number"]
    lacking = order_status(attached, workspace, wishes)
    assert (lacking.verdict, lacking.found) == (Verdict.WARN, "parameter number missing")
    assert lacking.mend.config["parameters"]["properties"]["number"]["type"] == "string"


OVERRIDES = {
    "agent": {"first_message": True, "language": True, "prompt": {"prompt": True}},
    "tts": {"speed": True, "voice_id": True},
}


def test_with_a_look_up_a_private_agent_is_to_allow_what_an_answer_may_override():
    agent = new_agent("one")
    agent["platform_settings"]["auth"] = {"enable_auth": True}
    agent["platform_settings"]["overrides"]["conversation_config_override"] = {"tts": {"voice_id": True, "x": True}}
    asked = Wishes(looked_up=True)
    found = seen(agent, "agent.overrides", asked)
    assert found.verdict is Verdict.WARN
    assert "agent.prompt.prompt" in found.wanted
    assert "tts.voice_id" not in found.wanted
    after = mended(agent, asked)["platform_settings"]["overrides"]["conversation_config_override"]
    assert after == {**OVERRIDES, "tts": {**OVERRIDES["tts"], "x": True}}
    assert seen(mended(agent, asked), "agent.overrides", asked).verdict is Verdict.PASS


def test_a_public_agent_is_not_opened_to_overrides():
    agent = new_agent("one")
    found = seen(agent, "agent.overrides", Wishes(looked_up=True))
    assert found.verdict is Verdict.WARN
    assert found.mend is None
    assert "make it private first" in found.why


def test_which_agents_a_look_up_is_asked_for(tmp_path):
    file = tmp_path / "agents.toml"
    file.write_text(
        '[agents.a]\nid = "1"\n[agents.b]\nid = "2"\nlookup_url = ""\n[agents.c]\nid = "3"\nlookup_url = "https://x.example"\n'
    )
    for url, expected in (("https://crm.example", [True, False, True]), ("", [False, False, True])):
        environ = {"AGENTS_FILE": str(file), "LOOKUP_URL": url, "ELEVENLABS_API_KEY": "k"}
        assert [one.looked_up for one in configured_agents(environ)] == expected
        assert [Wishes().of(one).looked_up for one in configured_agents(environ)] == expected


def test_an_agent_whose_calls_are_recorded_is_to_have_the_tools_to_pause(tmp_path):
    file = tmp_path / "agents.toml"
    file.write_text('[agents.a]\nid = "1"\nrecord = "both"\n[agents.b]\nid = "2"\n')
    recorded, other = configured_agents({"AGENTS_FILE": str(file), "ELEVENLABS_API_KEY": "k"})
    tools = [one for one in observe_tools({}, [], Wishes().of(recorded)) if "recording" in one.check]
    assert [one.check for one in tools] == ["agent.pause_recording", "agent.resume_recording"]
    for one in tools:
        assert one.verdict is Verdict.WARN
        assert one.mend.config["name"] == one.check.removeprefix("agent.")
        assert (one.mend.config["expects_response"], one.mend.config["parameters"]["properties"]) == (True, {})
    assert [one.check for one in observe_tools({}, [], Wishes().of(other)) if "recording" in one.check] == []
