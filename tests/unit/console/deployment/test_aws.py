"""make deploy-aws and destroy-aws: what they run and in which order, with Terraform and Docker replaced by scribes."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from console.deployment import aws, aws_image, public_checks, rollout
from console.deployment.installation import Installation
from console.deployment.steps import Problems, StepError
from tests.support.terminal import typed

REPOSITORY = "123456789012.dkr.ecr.ap-south-1.amazonaws.com/voice-bridge-relay"
BUCKET = "voice-bridge-records-123456789012-ap-south-1"
OUTPUTS = {
    "image_repository": REPOSITORY,
    "relay_cluster_name": "voice-bridge",
    "relay_service_name": "relay",
    "relay_target_group_arn": "arn:tg",
    "relay_url": "https://n",
    "media_url": "wss://n/media",
    "connect_url": "https://a/exotel/connect",
    "passthru_url": "https://a/exotel/passthru",
    "elevenlabs_webhook_url": "https://a/webhook/post-call",
    "dashboard_url": "https://d",
    "name": "voice-bridge",
    "region": "ap-south-1",
}
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}'
VARIABLES: dict[str, Any] = {
    **{"region": "ap-south-1", "name": "voice-bridge", "architecture": "arm64", "alarm_email": ""},
    **{"elevenlabs_agent_id": "agent_front", "elevenlabs_region": "default", "relay_secrets": {}},
    **{"relay_environment": {}, "webhook_environment": {}, "transfer_environment": {}},
    **{"lookup_url": "", "lookup_seconds": 1.0, "lookup_shape": "ours"},
    **{"transfer_targets": {}, "transfer_team_1_number": "+919876500001", "transfer_team_2_number": ""},
}
ENTRIES = {"media": "media-token-of-the-deployment", "exotel": "exotel-token-of-the-deployment,the-one-before"}
STATE = {
    "values": {
        "root_module": {
            "resources": [
                {"address": "module.bridge.aws_s3_bucket.records", "values": {"bucket": BUCKET, "region": "ap-south-1"}}
            ]
        }
    }
}
# Writes down what it is called with and plays back what a file of its name says.
SCRIBE = """#!/bin/sh
echo "$(basename "$0") $*" >> "{folder}/calls"
env | grep "^TF_VAR_" > "{folder}/variables"
case "$1 $2" in
  "show -json") if [ -n "$3" ]; then cat "{folder}/plan.json"; else cat "{folder}/state.json"; fi ;;
  "output -json") cat "{folder}/output.json" ;;
  "plan -json") cat "{folder}/planned"; exit "$(cat "{folder}/plan.status")" ;;
  "login --username") cat >> "{folder}/password" ;;
esac
"""


class Desk:
    """Where the scribes write, and what they are told to say."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root
        self.files = root / aws.FILES
        self.say("output.json", {name: {"value": value} for name, value in OUTPUTS.items()})
        self.plan(first=True)
        self.say("state.json", STATE)
        (folder / "planned").write_text("")
        (folder / "plan.status").write_text("0")
        for tool in ("terraform", "docker"):
            file = folder / tool
            file.write_text(SCRIBE.format(folder=folder))
            file.chmod(0o755)

    def make(self, *arguments: str) -> int:
        return aws.main(list(arguments), self.root)

    def plan(self, *, first: bool = False, **changes: list[str]) -> None:
        """What Terraform plans: address, with __ for dots, → actions."""
        planned = {"aws_ecr_repository.relay": ["create"] if first else ["no-op"]}
        planned |= {address.replace("__", "."): actions for address, actions in changes.items()}
        resources = [{"address": f"module.bridge.{one}", "change": {"actions": do}} for one, do in planned.items()]
        variables = {name: {"value": value} for name, value in VARIABLES.items()}
        self.say("plan.json", {"variables": variables, "resource_changes": resources})

    def say(self, name: str, document: Any) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def variables(self) -> dict[str, str]:
        """Terraform's, as it was given them last."""
        lines = (self.folder / "variables").read_text().splitlines()
        return {name.removeprefix("TF_VAR_"): value for name, _, value in (line.partition("=") for line in lines)}

    def calls(self) -> list[str]:
        """What was run so far."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder, root = tmp_path / "bin", tmp_path / "repo"
    folder.mkdir()
    (root / aws.FILES).mkdir(parents=True)
    (root / aws.FILES / "variables.tf").write_text('variable "name" {\n}\n')
    (root / "infra/terraform/modules/aws").mkdir(parents=True)
    for name in [
        name for name in os.environ if name.startswith(("AWS_", "TF_VAR_", "ELEVENLABS_", "TRANSFER_", "STATE_"))
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name="ap-south-1")
        for name, value in ENTRIES.items():
            secrets.create_secret(Name=f"voice-bridge/{name}", SecretString=value)
        yield Desk(folder, root)


@pytest.fixture
def ecr(desk: Desk) -> Any:
    client = boto3.client("ecr", region_name="ap-south-1")
    client.create_repository(repositoryName="voice-bridge-relay")
    return client


# --- Before -------------------------------------------------------------------------------------------------------


def test_malformed_settings_stop_before_anything_is_run(desk: Desk, monkeypatch, capsys):
    monkeypatch.setenv("TRANSFER_TARGETS", '{"a": "12"}')
    monkeypatch.setenv("TRANSFER_TEAM_2_NUMBER", "nobody")
    assert desk.make("deploy") == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("'")[0] for line in lines] == [
        "deploy-aws: TRANSFER_TARGETS: ",
        "deploy-aws: TRANSFER_TEAM_2_NUMBER: ",
    ]
    assert desk.calls() == []


def test_what_terraform_finds_wrong_is_a_line_each_and_nothing_is_applied(desk: Desk, capsys):
    wrong = [
        {"diagnostic": {"severity": "error", "summary": "Invalid value for variable", "detail": f"{name}: expected."}}
        for name in ("elevenlabs_agent_id", "transfer_targets")
    ]
    (desk.folder / "planned").write_text("\n".join(map(json.dumps, wrong)))
    (desk.folder / "plan.status").write_text("1")
    assert desk.make("deploy") == 2
    assert capsys.readouterr().err.splitlines() == [
        "deploy-aws: elevenlabs_agent_id: expected.",
        "deploy-aws: transfer_targets: expected.",
    ]
    assert not any(" apply" in call for call in desk.calls())


@pytest.mark.parametrize(
    ("command", "missing"), [("deploy", ["terraform", "docker"]), ("plan", ["terraform"]), ("destroy", ["terraform"])]
)
def test_each_missing_tool_has_its_line(desk: Desk, monkeypatch, capsys, command, missing):
    monkeypatch.setenv("PATH", "/nowhere")
    assert desk.make(command) == 2
    assert capsys.readouterr().err.splitlines() == [f"deploy-aws: {tool}: not installed" for tool in missing]


def test_credentials_that_are_not_there(desk: Desk, monkeypatch):
    def nobody(*_: Any, **__: Any) -> Any:
        raise aws.BotoCoreError

    monkeypatch.setattr(boto3, "client", nobody)
    with pytest.raises(Problems, match="^AWS credentials: .*set AWS_PROFILE"):
        aws.check_tools("docker")


@pytest.mark.parametrize("arguments", [[], ["apply"], ["deploy", "now"]])
def test_an_unknown_command(desk: Desk, arguments, capsys):
    assert desk.make(*arguments) == 2
    assert capsys.readouterr().err == "deploy-aws: expected one of plan, deploy, check and destroy\n"


def test_each_installation_has_a_state_of_its_own():
    where = Installation("123456789012", "eu-west-1", "staging")
    assert aws.backend({}, where) == {}
    assert aws.backend({"STATE_BUCKET": "acme-state"}, where) == {
        "bucket": "acme-state",
        "key": "voice-bridge/123456789012/eu-west-1/staging.tfstate",
        "region": "eu-west-1",
        "encrypt": "true",
        "use_lockfile": "true",
    }


def test_a_state_in_a_file_is_its_owners_alone_and_named_after_the_installation(desk: Desk):
    assert desk.make("plan") == 0
    (init,) = [call for call in desk.calls() if call.startswith("terraform init")]
    key = "voice-bridge/123456789012/ap-south-1/voice-bridge"
    assert init == f"terraform init -reconfigure -lockfile=readonly -backend-config=path=states/{key}.tfstate"
    assert (desk.files / f"states/{key}.tfstate").parent.stat().st_mode & 0o077 == 0


def test_an_environment_is_chosen_by_name(desk: Desk, monkeypatch, capsys):
    monkeypatch.setenv("ENV", "staging")
    assert desk.make("plan") == 2
    assert "aws/environments/staging.tfvars does not exist; existing: none yet" in capsys.readouterr().err

    file = desk.files / "environments/staging.tfvars"
    file.parent.mkdir()
    file.write_text("relay_min_tasks = 1\n")
    assert desk.make("plan") == 2
    assert 'staging.tfvars: expected a line name = "…"' in capsys.readouterr().err

    file.write_text('name = "staging"\n')
    monkeypatch.setitem(VARIABLES, "name", "staging")
    desk.plan()
    desk.say("state.json", {})
    assert desk.make("plan") == 0
    calls = [call for call in desk.calls() if call.startswith(("terraform init", "terraform plan"))]
    assert calls[-3].endswith("ap-south-1/staging.tfstate")
    assert all(call.endswith(f"-var-file={file}") for call in calls[-2:])


def test_the_state_of_another_installation_is_refused(desk: Desk, monkeypatch, capsys):
    """Another name and the same STATE_KEY: everything of the first was destroyed, in 46 s, unasked."""
    monkeypatch.setenv("TF_VAR_name", "staging")
    monkeypatch.setitem(VARIABLES, "name", "staging")
    desk.plan()
    assert desk.make("deploy") == 2
    said = capsys.readouterr().err
    assert "the state is that of voice-bridge in ap-south-1 (123456789012), and this is staging in" in said
    assert not any(" apply" in call for call in desk.calls())


def test_nothing_that_matters_is_destroyed_unasked(desk: Desk, ecr, monkeypatch, capsys):
    desk.plan(aws_s3_bucket__records=["delete", "create"], aws_lb__relay=["delete"])
    assert desk.make("deploy") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" would")[0] for line in said] == [
        "deploy-aws: aws_s3_bucket.records",
        "deploy-aws: aws_lb.relay",
    ]
    assert not any(" apply" in call for call in desk.calls())


# --- Image --------------------------------------------------------------------------------------------------------


def test_the_image_is_built_for_the_tasks_and_pushed(desk: Desk, ecr):
    aws_image.push("docker", REPOSITORY, "0123abcd", "arm64", "ap-south-1")
    build, login, push = desk.calls()
    assert build.startswith("docker build --platform linux/arm64 --file relay/Dockerfile --tag")
    assert build.endswith(f"{REPOSITORY}:0123abcd .")
    assert login == f"docker login --username AWS --password-stdin {REPOSITORY.partition('/')[0]}"
    assert push == f"docker push {REPOSITORY}:0123abcd"
    assert (desk.folder / "password").read_text(), "the password goes by standard input, where no process list shows it"


def test_an_image_that_is_there_is_not_built_again(desk: Desk, ecr, capsys):
    ecr.put_image(repositoryName="voice-bridge-relay", imageManifest=MANIFEST, imageTag="0123abcd")
    aws_image.push("docker", REPOSITORY, "0123abcd", "x86_64", "ap-south-1")
    assert desk.calls() == []
    assert "already exists" in capsys.readouterr().out


BUILDS = {"SUCCEEDED": "", "FAILED": "the build ended with FAILED"}


@pytest.mark.parametrize("ends", BUILDS)
def test_without_an_engine_the_image_is_built_on_aws(desk: Desk, ecr, monkeypatch, capsys, ends: str):
    """Of an archive of what the Dockerfile copies; the build's end is waited for."""
    s3, started, states = boto3.client("s3", region_name="ap-south-1"), [], ["IN_PROGRESS", ends]
    bucket = "voice-bridge-source-123456789012-ap-south-1"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})

    class CodeBuild:
        def start_build(self, **given: Any) -> dict[str, Any]:
            started.append(given)
            return {"build": {"id": "voice-bridge-image:1"}}

        def batch_get_builds(self, *, ids: list[str]) -> dict[str, Any]:
            assert ids == ["voice-bridge-image:1"]
            return {"builds": [{"buildStatus": states.pop(0), "currentPhase": "BUILD"}]}

    client = boto3.client
    monkeypatch.setattr(
        boto3, "client", lambda name, **how: CodeBuild() if name == "codebuild" else client(name, **how)
    )
    expected = pytest.raises(StepError, match=BUILDS[ends]) if BUILDS[ends] else nullcontext()
    with expected:
        aws_image.push("codebuild", REPOSITORY, "0123abcd", "x86_64", "ap-south-1", pause_s=0)
    (build,) = started
    assert build["projectName"] == "voice-bridge-image"
    assert build["sourceLocationOverride"] == f"{bucket}/0123abcd.zip"
    assert build["environmentVariablesOverride"] == [{"name": "TAG", "value": "0123abcd", "type": "PLAINTEXT"}]
    body = s3.get_object(Bucket=bucket, Key="0123abcd.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archived:
        assert {"relay/Dockerfile", "requirements/relay.txt", "relay/app.py"} <= set(archived.namelist())
    assert "waiting: CodeBuild: build" in capsys.readouterr().out
    assert desk.calls() == []


def test_a_deploy_without_an_engine_makes_the_builder_first(desk: Desk, ecr, checked, monkeypatch):
    monkeypatch.setenv("ENGINE", "codebuild")
    monkeypatch.setattr(aws_image, "push", lambda *given, **_: pushed.append(given[0]))
    pushed: list[str] = []
    (desk.folder / "docker").unlink()
    desk.plan(**{"aws_codebuild_project__image[0]": ["create"]})
    assert desk.make("deploy") == 0
    (only,) = [call for call in desk.calls() if "-target" in call]
    assert "-target=module.bridge.aws_codebuild_project.image -target=module.bridge.aws_iam_role_policy.image" in only
    assert (pushed, desk.variables()["codebuild"]) == (["codebuild"], "true")


# --- After --------------------------------------------------------------------------------------------------------


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(rollout, "state", lambda *_: "")
    monkeypatch.setattr(rollout, "still_running", lambda *_: "none is left")
    checked: list[str] = []
    for check in ("wait_until_ready", "check_upgrade", "check_refusals"):
        monkeypatch.setattr(public_checks, check, lambda *_, check=check, **__: checked.append(check))
    return checked


def test_a_first_deploy_makes_the_registry_before_the_image_and_the_image_before_the_service(
    desk: Desk, ecr, checked, capsys
):
    assert desk.make("deploy") == 0
    did = [" ".join(call.split()[:2]) for call in desk.calls()]
    shown, kept = ["terraform plan", "terraform show"], ["terraform plan", "terraform show", "terraform apply"]
    assert did == [
        *("terraform version", "docker info", "terraform init", *shown, "terraform show"),
        *(*shown, "terraform show"),  # the second for the person
        *(*kept, "docker build", "docker login", "docker push"),
        *(*kept, "terraform output"),
    ]
    targeted, whole = [call for call in desk.calls() if call.startswith("terraform apply")]
    assert (targeted.endswith("/plan"), whole.endswith("/plan")) == (True, True), "just the plan that was kept"
    (only,) = [call for call in desk.calls() if "-target" in call]
    assert only.endswith("-target=module.bridge.aws_ecr_repository.relay")
    assert checked == ["wait_until_ready", "check_upgrade", "check_refusals"]
    said = capsys.readouterr().out
    assert "wss://n/media/media-token-of-the-deployment\n" in said
    assert "https://a/exotel/connect?token=exotel-token-of-the-deployment\n" in said
    assert said.endswith(
        "*** NOBODY RECEIVES ALARMS: ALARM_EMAIL is not set. Put it into .env, and deploy again. ***\n"
    )


TYPED = {
    "an address": ("oncall@example.com\n", "oncall@example.com"),
    "a typing error, then an address": ("oncall\noncall@example.com\n", "oncall@example.com"),
    "nobody": ("\n", ""),
    "the end of the input": ("\x04", ""),
    "no address, however often": ("oncall\n" * 3, ""),
}


@pytest.mark.parametrize("what", TYPED)
def test_a_first_deploy_asks_who_receives_alarms_and_keeps_the_answer(
    desk: Desk, ecr, checked, monkeypatch, capsys, what: str
):
    """Kept, as the next deploy would take the address away again that it does not know of."""
    desk.say("state.json", {})
    (desk.root / ".env").write_text("TRANSFER_TEAM_1_NUMBER=+919876500001")  # without an end of line
    text, address = TYPED[what]
    with typed(text, monkeypatch):
        assert desk.make("deploy") == 0
    said = capsys.readouterr().out
    assert desk.variables()["alarm_email"] == address
    assert said.count("Which e-mail address") == max(1, text.count("\n"))
    # at once, while something can be done about it, and at the end, where it is read
    assert said.count("NOBODY RECEIVES ALARMS") == (0 if address else 2)
    line = f"\nALARM_EMAIL={address}\n" if address else ""
    assert (desk.root / ".env").read_text() == f"TRANSFER_TEAM_1_NUMBER=+919876500001{line}"


def test_the_answer_for_another_installation_stands_in_its_own_file(desk: Desk, ecr, checked, monkeypatch):
    (folder := desk.files / "environments").mkdir()
    (folder / "staging.tfvars").write_text('name = "staging"\n')
    monkeypatch.setenv("ENV", "staging")
    monkeypatch.setitem(VARIABLES, "name", "staging")
    desk.plan(first=True)
    desk.say("state.json", {})
    boto3.client("ecr", region_name="ap-south-1").create_repository(repositoryName="staging-relay")
    with typed("oncall@example.com\n", monkeypatch):
        assert desk.make("deploy") == 0
    assert (file := desk.root / ".env.staging").read_text() == "ALARM_EMAIL=oncall@example.com\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (desk.root / ".env").exists()


@pytest.mark.parametrize("said", ["before", "nobody by setting", "nobody by file", "address"])
def test_nobody_is_asked_again_or_for_what_is_said_already(desk: Desk, ecr, checked, monkeypatch, capsys, said: str):
    desk.say("state.json", STATE if said == "before" else {})
    if said == "nobody by setting":
        monkeypatch.setenv("ALARM_EMAIL", "")
    if said == "nobody by file":
        (desk.files / "variables.tf").write_text('variable "alarm_email" {\n}\n')
        (desk.files / "terraform.tfvars").write_text('alarm_email = ""\n')
    if said == "address":
        monkeypatch.setitem(VARIABLES, "alarm_email", "oncall@example.com")
        desk.plan(first=True)
    with typed("\x04", monkeypatch):
        assert desk.make("deploy") == 0
    printed = capsys.readouterr().out
    assert "Which e-mail address" not in printed
    assert ("NOBODY RECEIVES ALARMS" in printed) == (said != "address")


def test_a_domain_whose_zone_is_elsewhere_is_told_its_records_before_anything_waits_for_them(
    desk: Desk, ecr, checked, monkeypatch, capsys
):
    """The certificate waits for a record that only a person can make: told afterwards, it would never come."""
    proof = {"resource_record_name": "_1.calls.example.com.", "resource_record_type": "CNAME"}
    option = proof | {"resource_record_value": "_2.acm-validations.aws."}
    certificate = {
        "address": "module.bridge.aws_acm_certificate.relay[0]",
        "values": {"domain_validation_options": [option]},
    }
    desk.say("state.json", {"values": {"root_module": {"resources": [certificate]}}})
    records = {"calls.example.com": "CNAME balancer.amazonaws.com", "_1.calls.example.com.": "CNAME _2.acm"}
    outputs = OUTPUTS | {"dns_records": records}
    desk.say("output.json", {name: {"value": value} for name, value in outputs.items()})
    monkeypatch.setitem(VARIABLES, "domain_name", "calls.example.com")
    monkeypatch.setitem(VARIABLES, "hosted_zone_id", "")
    desk.plan(**{"aws_acm_certificate__relay[0]": ["create"]})
    assert desk.make("deploy") == 0
    (only,) = [call for call in desk.calls() if "-target" in call]
    assert only.endswith(
        "-target=module.bridge.aws_ecr_repository.relay -target=module.bridge.aws_acm_certificate.relay"
    )
    said = capsys.readouterr().out
    assert "   _1.calls.example.com. CNAME _2.acm-validations.aws.\n" in said
    assert "   calls.example.com CNAME balancer.amazonaws.com\n" in said


def test_a_later_deploy_applies_the_plan_that_was_shown(desk: Desk, ecr, checked):
    desk.plan()
    assert desk.make("deploy") == 0
    plans = [call for call in desk.calls() if call.startswith("terraform plan")]
    shown, applied = [
        [call.split()[-1] for call in desk.calls() if call.startswith(begin)][-1]
        for begin in ("terraform show /", "terraform apply")
    ]
    assert len(plans) == 2, "one to check the settings, one to apply"
    assert shown == applied == plans[-1].split("-out=")[1]


def test_a_token_is_rotated_beside_the_one_before_and_that_is_dropped_later(desk: Desk, ecr, checked, monkeypatch):
    """In two deploys, with calls running: both are good in between, and no other token changes."""
    desk.plan()
    secrets = boto3.client("secretsmanager", region_name="ap-south-1")
    assert desk.make("deploy") == 0
    before = desk.variables()
    for entry, name in (("control", "control_token"), ("events", "events_secret")):  # what Terraform has written
        secrets.create_secret(Name=f"voice-bridge/{entry}", SecretString=before[name])

    monkeypatch.setenv("ROTATE", "media_token")
    assert desk.make("deploy") == 0
    rotated = desk.variables()
    new, _, old = rotated["media_token"].partition(",")
    assert old == ENTRIES["media"] != new
    assert {name for name in before if rotated[name] != before[name]} == {"media_token", "secret_versions"}
    versions, earlier = json.loads(rotated["secret_versions"]), json.loads(before["secret_versions"])
    assert {name for name in versions if versions[name] != earlier[name]} == {"media_token"}

    secrets.put_secret_value(SecretId="voice-bridge/media", SecretString=rotated["media_token"])
    monkeypatch.delenv("ROTATE")
    monkeypatch.setenv("DROP", "media_token,exotel_token")
    assert desk.make("deploy") == 0
    assert desk.variables()["media_token"] == new
    assert desk.variables()["exotel_token"] == "exotel-token-of-the-deployment"

    monkeypatch.setenv("DROP", "api_key")
    assert desk.make("deploy") == 2


def test_what_is_to_be_pasted_is_said_even_when_the_name_does_not_answer_yet(desk: Desk, ecr, monkeypatch, capsys):
    def never(*_: Any, **__: Any) -> None:
        raise public_checks.CheckError("https://n/ready did not answer 200")

    monkeypatch.setattr(rollout, "state", lambda *_: "")
    monkeypatch.setattr(rollout, "still_running", lambda *_: "none is left")
    monkeypatch.setattr(public_checks, "wait_until_ready", never)
    assert desk.make("deploy") == 1
    said = capsys.readouterr()
    assert said.err == "deploy-aws: https://n/ready did not answer 200\n"
    assert "wss://n/media/media-token-of-the-deployment\n" in said.out


# --- Destroy ------------------------------------------------------------------------------------------------------


@pytest.fixture
def s3(desk: Desk) -> Any:
    client = boto3.client("s3", region_name="ap-south-1")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def with_a_record(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="logs/call.json", Body=b"{}")


def with_a_deleted_record(s3: Any) -> None:
    with_a_record(s3)
    s3.delete_object(Bucket=BUCKET, Key="logs/call.json")


@pytest.mark.parametrize("there_is", [with_a_record, with_a_deleted_record])
def test_destroy_refuses_while_there_are_records(desk: Desk, s3, capsys, there_is: Callable[[Any], None]):
    there_is(s3)
    assert desk.make("destroy") == 2
    assert capsys.readouterr().err == (
        f"deploy-aws: {BUCKET} holds records: save them, or DELETE_RECORDS=yes make destroy-aws\n"
    )
    assert [call.split()[1] for call in desk.calls()] == ["version", "init", "plan", "show", "show", "show"]


def test_destroy_deletes_records_when_asked(desk: Desk, s3, monkeypatch):
    with_a_record(s3)
    monkeypatch.setenv("DELETE_RECORDS", "yes")
    assert desk.make("destroy") == 0
    plan, _, apply, destroy = desk.calls()[-4:]
    assert plan.endswith("-target=module.bridge.aws_s3_bucket.records")
    assert apply.startswith("terraform apply /")
    assert destroy == "terraform destroy -auto-approve"
    assert not (desk.root / "infra/terraform/modules/aws/bucket_override.tf").exists()


def test_destroy_needs_no_word_when_there_are_no_records(desk: Desk, s3):
    assert desk.make("destroy") == 0
    assert not any(" apply" in call for call in desk.calls())


@pytest.mark.parametrize("state", [STATE, {}])
def test_destroy_after_a_deploy_that_made_no_bucket(desk: Desk, state):
    desk.say("state.json", state)
    assert desk.make("destroy") == 0
    assert desk.calls()[-1] == "terraform destroy -auto-approve"
