"""Every fault there can be at ElevenLabs, planted one at a time: it is named, and nothing else is."""

import time

import msgspec
import pytest

from common.documents import encode
from console.checks.finding import Verdict
from relay.agents.elevenlabs.fake_rest import Trouble
from tests.support.elevenlabs_workspace import AGENT_ID, amiss, elevenlabs_world, make_good
from tests.support.virtual import virtual

WARN, FAIL = Verdict.WARN, Verdict.FAIL


def event_missing(name):
    return lambda world: world.config["conversation"]["client_events"].remove(name)


def privacy(**changes):
    return lambda world: world.agent["platform_settings"]["privacy"].update(changes)


def webhook(**changes):
    return lambda world: world.only_webhook().update(changes)


def assigned(**changes):
    return lambda world: world.agent["platform_settings"]["workspace_overrides"]["webhooks"].update(changes)


def environ(**changes):
    return lambda world: world.environ.update(changes)


def setting(section, **changes):
    return lambda world: world.config[section].update(changes)


def tool(name, **changes):
    return lambda world: world.tool(name).update(changes)


def remove_tool(name):
    def remove(world):
        (tool_id,) = [one for one, config in world.workspace.tools.items() if config["name"] == name]
        del world.workspace.tools[tool_id]
        world.config["agent"]["prompt"]["tool_ids"].remove(tool_id)

    return remove


def detach_tool(name):
    def detach(world):
        (tool_id,) = [one for one, config in world.workspace.tools.items() if config["name"] == name]
        world.config["agent"]["prompt"]["tool_ids"].remove(tool_id)

    return detach


def forget_parameter(world):
    del world.tool("transfer_to_human")["parameters"]["properties"]["reason"]


def offer_unknown_target(world):
    world.environ["TRANSFER_TARGETS"] = encode({"sales": "+919876500010"}).decode()
    world.tool("transfer_to_human")["parameters"]["properties"]["target"]["enum"] = ["sales", "marketing"]


def hide_a_team(world):
    world.environ["TRANSFER_TARGETS"] = encode({"sales": "+919876500010", "support": "+919876500011"}).decode()


def allow(hostname, *, strict):
    def change(world):
        world.agent["platform_settings"]["auth"] |= {
            "allowlist": [{"hostname": hostname}],
            "require_origin_header": strict,
        }

    return change


def allow_overrides_of_a_public_agent(world):
    overrides = world.agent["platform_settings"]["overrides"]["conversation_config_override"]
    overrides["agent"]["prompt"] = {"prompt": True}
    world.agent["platform_settings"]["auth"]["enable_auth"] = False


def point_nowhere(world):
    world.agent["platform_settings"]["workspace_overrides"]["webhooks"] = None


def point_to_a_deleted_one(world):
    world.workspace.webhooks.clear()


def use_a_variable(world):
    world.config["agent"]["first_message"] = "Hello {{customer_name}}!"


FAULTS = {
    "input format": (setting("asr", user_input_audio_format="pcm_16000"), {"agent.input_format": WARN}),
    "input format unknown": (setting("asr", user_input_audio_format="opus_48000"), {"agent.input_format": FAIL}),
    "output format": (setting("tts", agent_output_audio_format="pcm_24000"), {"agent.output_format": WARN}),
    "no interruption": (event_missing("interruption"), {"agent.client_events": FAIL}),
    "no audio": (event_missing("audio"), {"agent.client_events": FAIL}),
    "no tool calls": (event_missing("client_tool_call"), {"agent.client_events": FAIL}),
    "no correction": (event_missing("agent_response_correction"), {"agent.client_events": WARN}),
    "no events at all": (setting("conversation", client_events=None), {"agent.client_events": FAIL}),
    "text only": (setting("conversation", text_only=True), {"agent.text_only": FAIL}),
    "ten minutes": (setting("conversation", max_duration_seconds=600), {"agent.max_duration": WARN}),
    "two hours": (setting("conversation", max_duration_seconds=7200), {"agent.max_duration": WARN}),
    "no end_call": (
        lambda world: world.config["agent"]["prompt"].update(built_in_tools={"end_call": None}),
        {"agent.end_call": WARN},
    ),
    "no transfer": (remove_tool("transfer_to_human"), {"agent.transfer_to_human": FAIL}),
    "transfer not attached": (detach_tool("transfer_to_human"), {"agent.transfer_to_human": FAIL}),
    "transfer not waited for": (tool("transfer_to_human", expects_response=False), {"agent.transfer_to_human": FAIL}),
    "transfer without a reason": (forget_parameter, {"agent.transfer_to_human": WARN}),
    "transfer to an unknown team": (offer_unknown_target, {"agent.transfer_to_human": FAIL}),
    "transfer to unnamed teams": (hide_a_team, {"agent.transfer_to_human": WARN}),
    "no ambience": (remove_tool("control_background_sound"), {"agent.control_background_sound": WARN}),
    "ambience not waited for": (
        tool("control_background_sound", expects_response=False),
        {"agent.control_background_sound": WARN},
    ),
    "a webhook tool of that name": (
        tool("transfer_to_human", type="webhook"),
        {"agent.transfer_to_human": FAIL},
    ),
    "nothing collected": (
        lambda world: world.agent["platform_settings"].update(data_collection={}),
        {"agent.data_collection": WARN},
    ),
    "collected under another name": (environ(TRANSFER_FIELD="wants_human"), {"agent.data_collection": WARN}),
    "collected as a number": (
        lambda world: world.agent["platform_settings"]["data_collection"]["should_transfer"].update(type="integer"),
        {"agent.data_collection": WARN},
    ),
    "no first message": (setting("agent", first_message=" "), {"agent.first_message": WARN}),
    "a variable that is not sent": (use_a_variable, {"agent.variables": WARN}),
    "public": (
        lambda world: world.agent["platform_settings"]["auth"].update(enable_auth=False),
        {"agent.auth": WARN},
    ),
    "allowlist": (allow("example.com", strict=False), {"agent.allowlist": WARN}),
    "allowlist, strict": (allow("example.com", strict=True), {"agent.allowlist": FAIL}),
    "overrides of a public agent": (
        allow_overrides_of_a_public_agent,
        {"agent.auth": WARN, "agent.overrides": WARN},
    ),
    "zero retention": (privacy(zero_retention_mode=True), {"agent.retention": WARN}),
    "kept for no day": (privacy(retention_days=0), {"agent.retention": WARN}),
    "agent unknown": (
        lambda world: world.workspace.agents.pop(AGENT_ID),
        {"agent.exists": FAIL},
    ),
    "no key": (environ(ELEVENLABS_API_KEY=""), {"elevenlabs.key": WARN}),
    "wrong key": (environ(ELEVENLABS_API_KEY="sk_of_somebody_else"), {"elevenlabs.key": FAIL}),
    "nobody there": (environ(ELEVENLABS_BASE_URL="http://127.0.0.1:1"), {"elevenlabs.reachable": FAIL}),
    "not a region": (environ(ELEVENLABS_REGION="mars"), {"elevenlabs.settings": FAIL}),
    "no agent named": (environ(ELEVENLABS_AGENT_ID=""), {"elevenlabs.settings": FAIL}),
    "webhook not set": (point_nowhere, {"webhook.configured": FAIL}),
    "webhook deleted": (point_to_a_deleted_one, {"webhook.configured": FAIL}),
    "webhook to elsewhere": (webhook(webhook_url="https://old.example.com/hook"), {"webhook.url": FAIL}),
    "webhook without transcripts": (assigned(events=["audio"]), {"webhook.events": FAIL}),
    "webhook with audio": (assigned(events=["transcript", "audio"]), {"webhook.events": WARN}),
    "webhook as traces": (assigned(transcript_format="opentelemetry"), {"webhook.format": WARN}),
    "webhook without words": (assigned(exclude_transcript=True), {"webhook.format": WARN}),
    "webhook disabled": (webhook(is_disabled=True), {"webhook.enabled": FAIL}),
    "webhook given up": (
        webhook(is_auto_disabled=True, most_recent_failure_error_code=503),
        {"webhook.auto_disabled": FAIL},
    ),
    "webhook once": (webhook(retry_enabled=False), {"webhook.retries": WARN}),
    "webhook unsigned": (webhook(auth_type="none"), {"webhook.auth": FAIL}),
    "webhook failed": (
        webhook(most_recent_failure_error_code=500, most_recent_failure_timestamp=int(time.time()) - 3600),
        {"webhook.failures": WARN},
    ),
}


@virtual
async def test_what_is_set_up_well_is_found_so():
    async with elevenlabs_world() as world:
        await make_good(world)
        findings = await world.doctor()
        assert {one.verdict for one in findings} == {Verdict.PASS}, findings
        assert {"elevenlabs.key", "agent.exists", "agent.signed_url", "webhook.url", "webhook.refuses"} <= {
            one.check for one in findings
        }


@pytest.mark.parametrize("fault", FAULTS)
@virtual
async def test_a_fault_is_named_and_nothing_else_is(fault):
    plant, expected = FAULTS[fault]
    async with elevenlabs_world() as world:
        await make_good(world)
        plant(world)
        assert amiss(await world.doctor()) == expected


TROUBLES = {
    "another region's key": (
        Trouble(
            "GET",
            "/v1/convai/tools",
            401,
            {
                "status": "invalid_api_key",
                "message": "The key is for a data residency stack, but this server is a global one.",
            },
        ),
        "elevenlabs.region",
    ),
    "another address": (Trouble("GET", "/v1/convai/tools", 403, ""), "elevenlabs.address"),
    "no permission": (
        Trouble("GET", "/v1/convai/tools", 401, {"status": "missing_permissions", "message": "needs convai_read"}),
        "elevenlabs.permissions",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@virtual
async def test_reasons_for_a_refused_key_are_distinguished(trouble):
    planted, check = TROUBLES[trouble]
    async with elevenlabs_world() as world:
        await make_good(world)
        world.workspace.troubles.append(planted)
        found = amiss(await world.doctor())
        assert {name for name in found if name.startswith("elevenlabs.")} == {check}


@virtual
async def test_a_key_that_may_not_see_webhooks_leaves_the_rest_of_the_report():
    async with elevenlabs_world() as world:
        await make_good(world)
        no = {"status": "missing_permissions", "message": "needs workspace_admin"}
        world.workspace.troubles.append(Trouble("GET", "/v1/workspace/webhooks", 401, no))
        findings = {one.check: one for one in await world.doctor()}
        assert findings["agent.signed_url"].verdict is Verdict.PASS
        assert findings["webhook.configured"].verdict is Verdict.SKIPPED
        assert "administrator" in findings["webhook.configured"].found


@virtual
async def test_retries_that_the_api_does_not_tell_of_are_not_guessed():
    """The published list of webhooks has no `retry_enabled`, though PATCH takes one: neither a pass nor a warning."""
    async with elevenlabs_world() as world:
        await make_good(world)
        world.workspace.tells_retries = False
        findings = {one.check: one for one in await world.doctor()}
        assert findings["webhook.retries"].verdict is Verdict.SKIPPED
        assert "--retries" in findings["webhook.retries"].advice


@virtual
async def test_each_agent_of_the_file_is_looked_at_under_its_own_name(tmp_path):
    async with elevenlabs_world() as world:
        await make_good(world)
        file = tmp_path / "agents.toml"
        file.write_text(
            f'[agents.day]\nid = "{AGENT_ID}"\n[agents.night]\nid = "agent_gone"\n'
            '[agents.blank]\n[agents.robot]\nvendor = "echo"\n'
        )
        world.environ["AGENTS_FILE"] = str(file)
        exists = [one for one in await world.doctor() if one.check == "agent.exists"]
        assert [one.verdict for one in exists] == [Verdict.PASS, FAIL, FAIL]
        assert [one.found.split()[0] for one in exists] == ["day", "night", "blank"]


@virtual
async def test_a_signed_url_that_is_refused_is_what_every_call_would_meet():
    async with elevenlabs_world() as world:
        await make_good(world)
        world.scripts[AGENT_ID] = msgspec.structs.replace(world.scripts[AGENT_ID], signed_url_status=422)
        assert amiss(await world.doctor()) == {"agent.signed_url": FAIL}
