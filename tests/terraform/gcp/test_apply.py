"""Apply, apply again, change, destroy: what a person's first day with the files looks like."""

from tests.terraform.gcp.workspace import MODULE, SECRETS, Workspace

EVERYTHING = {
    "domain_name": "calls.example.in",
    "dns_zone": "example-in",
    "alarm_email": "oncall@example.in",
    "elevenlabs_webhook_secret": "wsec_of_tests",
}


def test_life_of_a_deployment(applying: Workspace):
    """A first apply without the webhook's secret, as the numbered list has it; then everything; then nothing."""
    applying.apply()
    assert _pending(applying) == {}
    outputs = applying.outputs()
    assert outputs["voicebot_url"] == f"wss://voice-bridge-relay-fake.a.run.app/media/{SECRETS['media_token']}"
    connect = f"https://voice-bridge-transfer-fake.a.run.app/exotel/connect?token={SECRETS['exotel_token']}"
    assert outputs["connect_primary_url"] == outputs["connect_fallback_url"] == connect
    assert outputs["passthru_url"] == connect.replace("/connect", "/passthru")
    assert outputs["elevenlabs_webhook_url"] == "https://voice-bridge-webhook-fake.a.run.app/webhook/post-call"

    added = _pending(applying, **EVERYTHING)
    assert {change for address, change in added.items() if "create" not in change} <= {"update"}
    assert 'google_secret_manager_secret.secret["elevenlabs-webhook-secret"]' in added
    applying.apply(**EVERYTHING)
    assert _pending(applying, **EVERYTHING) == {}
    assert applying.outputs()["relay_url"] == "https://calls.example.in"

    applying.terraform("destroy", "-input=false", "-auto-approve", "-var-file=test.tfvars.json")
    assert applying.resources() == []


def test_a_change_touches_what_it_must(applying: Workspace):
    """A new image the relay alone; a new secret its own version; a function's new code that function alone."""
    applying.apply()
    assert _pending(applying, relay_image_tag="4567cdef") == {"google_cloud_run_v2_service.relay": "update"}

    pending = _pending(applying, events_secret="another_secret_of_tests_0006")
    assert 'google_secret_manager_secret_version.secret["events-secret"]' in pending
    assert not [address for address in pending if "media-token" in address]

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
        "media-token": {"relay"},
        "control-token": {"relay"},
        "exotel-token": {"transfer"},
        "events-secret": {"relay", "webhook", "sweep"},
        "elevenlabs-api-key": {"relay", "webhook", "sweep"},
        "elevenlabs-webhook-secret": {"webhook", "sweep"},
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
    changes = workspace.plan(**variables)["resource_changes"]
    return {
        change["address"].removeprefix("module.bridge."): "/".join(change["change"]["actions"])
        for change in changes
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }
