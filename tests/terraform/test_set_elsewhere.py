"""What the deployment itself sets, or another variable, is refused in the maps of further settings, by name: it was
passed over in silence. Terraform plans the variables alone, without a provider.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.terraform import cannot_run
from tests.terraform.hcl import INFRA

ELSEWHERE = {
    "MAX_CALLS": "relay_max_calls",
    "METRICS_NAMESPACE": "name",
    "AUDIO_RETENTION_DAYS": "audio_retention_days",
    "INBOX_RETENTION_DAYS": "inbox_retention_days",
    "RECORDS_RETENTION_DAYS": "records_retention_days",
}
"""Settings that have a variable."""
GIVEN = {"project": "acme-voice", "transfer_targets": {"sales": "+918047100001"}, "elevenlabs_agent_id": "agent_front"}


def refused(folder: Path, cloud: str, **variables: object) -> str:
    """Terraform's errors; "" if it accepts the variables."""
    if shutil.which("terraform") is None:
        cannot_run("terraform is not installed")
    shutil.copy(INFRA / "modules" / cloud / "variables.tf", folder)
    own = {name: value for name, value in GIVEN.items() if cloud == "gcp" or name != "project"}
    (folder / "own.auto.tfvars.json").write_text(json.dumps({**own, **variables}))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        ["terraform", "plan", "-no-color", "-input=false"],
        cwd=folder,
        env={**environ, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == bool(done.stderr.strip()), done.stdout + done.stderr
    return " ".join(re.sub(r"[╷│╵]", " ", done.stderr).split())


def set_by_the_files(cloud: str) -> set[str]:
    """Of the relay: what comes after relay_environment, and so wins over it."""
    text = (INFRA / "modules" / cloud / "relay.tf").read_text()
    after = text.split("    var.relay_environment,\n    {\n", 1)[1].split("\n    },\n", 1)[0]
    return set(re.findall(r"^ +([A-Z_]+) += ", after, re.MULTILINE))


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_relays_settings_that_are_set_elsewhere_are_refused_by_name(tmp_path: Path, cloud: str):
    names = set_by_the_files(cloud)
    assert {"MAX_CALLS", "DRAIN_SECONDS"} <= names
    for name in names | {"PORT"}:
        said = refused(tmp_path, cloud, relay_environment={name: "7"})
        expected = f"{name} is set by the variable {ELSEWHERE[name]}" if name in ELSEWHERE else f"{name}.* be set"
        assert re.search(f"relay_environment: (PORT and )?{expected}", said), name


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("part", ["webhook_environment", "transfer_environment"])
@pytest.mark.parametrize("name", ["STORE", "THREADS"])
def test_a_function_keeps_its_bucket_and_its_threads(tmp_path: Path, cloud: str, part: str, name: str):
    said = refused(tmp_path, cloud, **{part: {name: "7"}})
    assert f"{part}: STORE and THREADS can't be set." in said


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("kind", ["AUDIO", "INBOX", "RECORDS"])
def test_what_is_deleted_when_is_the_buckets_business(tmp_path: Path, cloud: str, kind: str):
    """The function may not delete most of it: each sweep would have failed."""
    name = f"{kind}_RETENTION_DAYS"
    said = refused(tmp_path, cloud, webhook_environment={name: "7"})
    assert ELSEWHERE[name] in said
    assert name in said


@pytest.mark.parametrize(("seconds", "is_right"), [("1800", True), ("3540", True), ("3541", False), ("an hour", False)])
def test_on_google_a_call_ends_before_its_request(tmp_path: Path, seconds: str, is_right: bool):
    said = refused(tmp_path, "gcp", relay_environment={"MAX_CALL_SECONDS": seconds})
    assert ("MAX_CALL_SECONDS: expected 3540 or less" in said) is not is_right


@pytest.mark.parametrize(("seconds", "is_right"), [("20", True), ("21", False), ("", False)])
def test_on_aws_the_relays_say_often_how_full_they_are(tmp_path: Path, seconds: str, is_right: bool):
    """With a line a minute, a task more would have come a minute later."""
    said = refused(tmp_path, "aws", relay_environment={"STATS_SECONDS": seconds})
    assert ("STATS_SECONDS: expected 20 or less" in said) is not is_right


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_whatever_is_only_a_default_can_be_set(tmp_path: Path, cloud: str):
    further = {
        "relay_environment": {"STATS_SECONDS": "10", "EVENTS_URL": "https://mine.example.in/relay/events"},
        "webhook_environment": {"FETCH_AUDIO": "true"},
        "transfer_environment": {"TRANSFER_WAIT_SECONDS": "8"},
    }
    assert refused(tmp_path, cloud, **further) == ""
