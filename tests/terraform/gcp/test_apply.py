"""Apply, apply again, change, destroy: what a person's first day with the files looks like."""

import json
import re

from console.deployment import gcp
from tests.support.terraform import planned
from tests.terraform.gcp.workspace import MODULE, SECRETS, Workspace

EVERYTHING = {
    "domain_name": "calls.example.in",
    "dns_zone": "example-in",
    "alarm_email": "oncall@example.in",
    "elevenlabs_webhook_secret": "wsec_of_tests",
    "secret_versions": dict.fromkeys([*SECRETS, "elevenlabs_webhook_secret"], 1),
}


def test_life_of_a_deployment(applying: Workspace):
    """A first apply without the webhook's secret, as the numbered list has it; then everything; then nothing."""
    applying.apply()
    assert _pending(applying) == {}
    outputs = applying.outputs()
    assert outputs["media_url"] == "wss://voice-bridge-relay-fake.a.run.app/media"
    assert outputs["connect_url"] == "https://voice-bridge-transfer-fake.a.run.app/exotel/connect"
    assert outputs["passthru_url"] == "https://voice-bridge-transfer-fake.a.run.app/exotel/passthru"
    assert outputs["elevenlabs_webhook_url"] == "https://voice-bridge-webhook-fake.a.run.app/webhook/post-call"

    added = _pending(applying, **EVERYTHING)
    assert set(added.values()) <= {"create", "replace", "update"}
    assert 'google_secret_manager_secret.secret["elevenlabs_webhook_secret"]' in added
    applying.apply(**EVERYTHING)
    assert _pending(applying, **EVERYTHING) == {}
    assert applying.outputs()["relay_url"] == "https://calls.example.in"

    refused = applying.terraform("destroy", "-input=false", "-auto-approve", "-var-file=test.tfvars.json", expect=1)
    assert "prevent_destroy" in refused.stderr
    with gcp.bucket_may_go(applying.directory, True):
        applying.terraform("destroy", "-input=false", "-auto-approve", "-var-file=test.tfvars.json")
    assert applying.resources() == []


def test_the_agents_file_is_put_there_once(applying: Workspace):
    """Whatever the file says later: from then on agents are pushed, to other keys."""
    file = applying.directory / "agents.toml"
    file.write_text('[agents.front]\nid = "agent_front"\n')
    applying.apply(agents_file=str(file))
    [seed] = [one for one in applying.resources() if one["address"].startswith("google_storage_bucket_object.agents")]
    assert (seed["values"]["name"], seed["values"]["content"]) == ("config/agents/seed.toml", file.read_text())
    file.write_text("# another")
    assert _pending(applying, agents_file=str(file)) == {}


def test_no_secret_is_in_state_plan_or_outputs(applying: Workspace):
    """The state is a file that is shared, outputs are printed by CI: neither may open a call or a webhook."""
    planned = applying.plan(**EVERYTHING)
    applying.apply(**EVERYTHING)
    state = (applying.directory / "terraform.tfstate").read_text()
    plan = json.dumps(planned) + (applying.directory / "plan.bin").read_bytes().decode(errors="replace")
    told = json.dumps(applying.outputs())
    for name, value in (SECRETS | {"elevenlabs_webhook_secret": str(EVERYTHING["elevenlabs_webhook_secret"])}).items():
        assert applying.secret(f"voice-bridge-{name.replace('_', '-')}") == value
        for place in (state, plan, told):
            assert value not in place, name


def test_a_state_from_before_the_module_is_taken_over(applying: Workspace):
    """By moved blocks: what was in the root, its secrets under other keys, is in the module; nothing is made anew.

    What is younger than the module never was in the root: it is created, and the proxy gets its TLS policy.
    """
    moved = set(re.findall(r"from = ([\w.]+)", (applying.directory / "moved.tf").read_text()))
    applying.apply(**EVERYTHING)
    file = applying.directory / "terraform.tfstate"
    state = json.loads(file.read_text())
    state["resources"] = [one for one in state["resources"] if f"{one['type']}.{one['name']}" in moved]
    for resource in state["resources"]:
        del resource["module"]
        for instance in resource["instances"]:
            if resource["type"].startswith("google_secret_manager_secret") and resource["name"] == "secret":
                instance["index_key"] = instance["index_key"].replace("_", "-")
            instance.pop("dependencies", None)
    state["serial"] += 1
    file.write_text(json.dumps(state))
    pending = _pending(applying, **EVERYTHING)
    gone = {change for change in pending.values() if change in {"delete", "replace"}}
    # whose rights to a secret are named after its key
    renamed = {address for address in pending if address.startswith("google_secret_manager_secret_iam_member.reader")}
    younger = {
        address for address, change in pending.items() if address.split("[")[0] not in moved and change == "create"
    }
    assert younger
    assert pending.keys() - renamed - younger == {'google_compute_target_https_proxy.relay["calls.example.in"]'}
    assert gone <= {"delete"}


def test_a_change_touches_what_it_must(applying: Workspace):
    """A new image the relay alone; a new secret its own version; a function's new code that function alone."""
    applying.apply()
    assert _pending(applying, relay_image_tag="4567cdef") == {"google_cloud_run_v2_service.relay": "update"}

    versions = dict.fromkeys(SECRETS, 1) | {"events_secret": 2}
    pending = _pending(applying, events_secret="another_secret_of_tests_0006", secret_versions=versions)
    assert 'google_secret_manager_secret_version.secret["events_secret"]' in pending
    assert not [address for address in pending if "media_token" in address]

    (applying.files / MODULE / "tests/packages/transfer-gcp.zip").write_text("other code")
    pending = _pending(applying)
    assert 'google_cloudfunctions2_function.function["transfer"]' in pending
    assert 'google_cloudfunctions2_function.function["webhook"]' not in pending


def test_secrets_are_read_by_those_who_need_them_alone(plan: dict):
    """Whether a grant's member is the part it is named after, deployment.tftest.hcl asks."""
    readers: dict[str, set[str]] = {}
    for change in plan["resource_changes"]:
        if change["type"] == "google_secret_manager_secret_iam_member":
            part, _, secret = change["index"].partition("/")
            readers.setdefault(secret, set()).add(part)
    assert readers == {
        "media_token": {"relay"},
        "control_token": {"relay"},
        "exotel_token": {"transfer"},
        "events_secret": {"relay", "webhook", "sweep"},
        "elevenlabs_api_key": {"relay", "webhook", "sweep"},
        "elevenlabs_webhook_secret": {"webhook", "sweep"},
    }


def test_a_half_failed_apply_is_run_again(applying: Workspace):
    """A first apply can stop half-way (an API that was not on yet, a quota): the second finishes it."""
    applying.write_variables({})
    applying.terraform(
        "apply",
        "-input=false",
        "-auto-approve",
        "-var-file=test.tfvars.json",
        "-target=module.bridge.google_cloudfunctions2_function.function",
    )
    applying.apply()
    assert _pending(applying) == {}


def _pending(workspace: Workspace, **variables: object) -> dict[str, str]:
    """Address → what a plan would do, for everything that it would touch."""
    workspace.write_variables(variables)
    return planned(workspace.terraform("plan", "-input=false", "-json", "-var-file=test.tfvars.json").stdout)
