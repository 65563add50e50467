"""make deploy-aws and destroy-aws: what they run and in which order, with Terraform and Docker replaced by scribes."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from console.deployment import aws, public_checks
from console.deployment.steps import Problems, StepError

REPOSITORY = "123456789012.dkr.ecr.ap-south-1.amazonaws.com/voice-bridge-relay"
BUCKET = "voice-bridge-records-123456789012-ap-south-1"
OUTPUTS = {
    "image_repository": REPOSITORY,
    "relay_cluster_name": "voice-bridge",
    "relay_service_name": "relay",
    "relay_target_group_arn": "arn:tg",
    "relay_url": "https://n",
    "voicebot_url": "wss://n/media/t",
    "connect_primary_url": "https://a/exotel/connect?token=u",
    "connect_fallback_url": "https://a/exotel/connect?token=u",
    "passthru_url": "https://a/exotel/passthru?token=u",
    "elevenlabs_webhook_url": "https://a/webhook/post-call",
    "dashboard_url": "https://d",
}
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}'
VARIABLES = {"region": "ap-south-1", "architecture": "arm64", "elevenlabs_webhook_secret": ""}
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
        self.say("plan.json", {"variables": {name: {"value": value} for name, value in VARIABLES.items()}})
        self.say("state.json", STATE)
        (folder / "planned").write_text("")
        (folder / "plan.status").write_text("0")
        for tool in ("terraform", "docker"):
            file = folder / tool
            file.write_text(SCRIBE.format(folder=folder))
            file.chmod(0o755)

    def make(self, *arguments: str) -> int:
        return aws.main(list(arguments), self.root)

    def say(self, name: str, document: Any) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def calls(self) -> list[str]:
        """What was run so far."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder, root = tmp_path / "bin", tmp_path / "repo"
    folder.mkdir()
    (root / aws.FILES).mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith(("AWS_", "TF_VAR_", "ELEVENLABS_", "TRANSFER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
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
    missing = [
        {
            "diagnostic": {
                "severity": "error",
                "summary": "No value for required variable",
                "detail": f'The root module input variable "{name}" is not set.',
            }
        }
        for name in ("elevenlabs_agent_id", "elevenlabs_api_key")
    ]
    (desk.folder / "planned").write_text("\n".join(map(json.dumps, missing)))
    (desk.folder / "plan.status").write_text("1")
    assert desk.make("deploy") == 2
    assert capsys.readouterr().err.splitlines() == [
        "deploy-aws: ELEVENLABS_AGENT_ID is not set, neither in the environment nor in .env",
        "deploy-aws: ELEVENLABS_API_KEY is not set, neither in the environment nor in .env",
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


def test_the_state_is_a_file_or_in_a_bucket():
    assert aws.backend({"AWS_REGION": "eu-west-1"}) == {}
    assert aws.backend({"STATE_BUCKET": "acme-state", "AWS_REGION": "eu-west-1"}) == {
        "bucket": "acme-state",
        "key": "voice-bridge/terraform.tfstate",
        "region": "eu-west-1",
        "encrypt": "true",
        "use_lockfile": "true",
    }


# --- Image --------------------------------------------------------------------------------------------------------


def test_the_image_is_built_for_the_tasks_and_pushed(desk: Desk, ecr):
    aws.push_image("docker", REPOSITORY, "0123abcd", "arm64", "ap-south-1")
    build, login, push = desk.calls()
    assert build.startswith("docker build --platform linux/arm64 --file relay/Dockerfile --tag")
    assert build.endswith(f"{REPOSITORY}:0123abcd .")
    assert login == f"docker login --username AWS --password-stdin {REPOSITORY.partition('/')[0]}"
    assert push == f"docker push {REPOSITORY}:0123abcd"
    assert (desk.folder / "password").read_text(), "the password goes by standard input, where no process list shows it"


def test_an_image_that_is_there_is_not_built_again(desk: Desk, ecr, capsys):
    ecr.put_image(repositoryName="voice-bridge-relay", imageManifest=MANIFEST, imageTag="0123abcd")
    aws.push_image("docker", REPOSITORY, "0123abcd", "x86_64", "ap-south-1")
    assert desk.calls() == []
    assert "there already" in capsys.readouterr().out


# --- After --------------------------------------------------------------------------------------------------------


class Ecs:
    """A service in the middle of a deployment."""

    def __init__(self, *, running: int = 2, rollout: str = "IN_PROGRESS", image: str = "0123abcd") -> None:
        self.rollouts = [
            {
                "status": "PRIMARY",
                "rolloutState": rollout,
                "taskDefinition": "new",
                "runningCount": running,
                "desiredCount": 2,
            },
            {
                "status": "ACTIVE",
                "rolloutState": "COMPLETED",
                "taskDefinition": "old",
                "runningCount": 2,
                "desiredCount": 2,
            },
        ]
        self.image = image

    def describe_services(self, **_: Any) -> dict[str, Any]:
        events = [{"message": f"event {number}"} for number in range(9)]
        return {"services": [{"deployments": self.rollouts, "events": events}]}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        return {"taskDefinition": {"containerDefinitions": [{"image": f"{REPOSITORY}:{self.image}"}]}}


class Balancer:
    def __init__(self, *states: str) -> None:
        self.states = states

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        return {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in self.states]}


def test_a_deploy_is_through_when_the_new_tasks_are_healthy():
    """The old ones may stay for an hour, protected and draining: nobody waits for them."""
    balancer = Balancer("healthy", "healthy", "draining", "draining")
    assert aws.service_state(Ecs(), balancer, OUTPUTS, "0123abcd") == ""


@pytest.mark.parametrize(
    ("ecs", "balancer", "state"),
    [
        (Ecs(running=1), Balancer("healthy", "healthy"), "1 of 2 new tasks run, 2 healthy"),
        (Ecs(), Balancer("healthy", "initial"), "2 of 2 new tasks run, 1 healthy"),
    ],
)
def test_how_far_a_deploy_is(ecs, balancer, state):
    assert aws.service_state(ecs, balancer, OUTPUTS, "0123abcd") == state


@pytest.mark.parametrize("ecs", [Ecs(rollout="FAILED"), Ecs(image="the-one-before")])
def test_a_deploy_that_was_rolled_back_ends_with_what_ecs_says(ecs):
    with pytest.raises(StepError, match="ECS .*event 0; event 1; event 2$"):
        aws.service_state(ecs, Balancer("healthy", "healthy"), OUTPUTS, "0123abcd")


def test_a_deploy_from_beginning_to_end(desk: Desk, ecr, monkeypatch, capsys):
    monkeypatch.setattr(aws, "service_state", lambda *_: "")
    checked: list[str] = []
    for check in ("wait_until_ready", "check_upgrade", "check_refusals"):
        monkeypatch.setattr(public_checks, check, lambda *_, check=check, **__: checked.append(check))
    assert desk.make("deploy") == 0
    steps = [" ".join(call.split()[:2]) for call in desk.calls()]
    assert steps == [
        *("terraform version", "docker info", "terraform init", "terraform plan", "terraform show"),
        *("terraform apply", "terraform output", "docker build", "docker login", "docker push"),
        *("terraform apply", "terraform output"),
    ]
    targeted, whole = [call for call in desk.calls() if call.startswith("terraform apply")]
    assert targeted.endswith("-target=module.bridge.aws_ecr_repository.relay")
    assert "-target" not in whole
    assert checked == ["wait_until_ready", "check_upgrade", "check_refusals"]
    assert OUTPUTS["voicebot_url"] in capsys.readouterr().out


def test_what_is_to_be_pasted_is_said_even_when_the_name_does_not_answer_yet(desk: Desk, ecr, monkeypatch, capsys):
    def never(*_: Any, **__: Any) -> None:
        raise public_checks.CheckError("https://n/ready did not answer 200")

    monkeypatch.setattr(aws, "service_state", lambda *_: "")
    monkeypatch.setattr(public_checks, "wait_until_ready", never)
    assert desk.make("deploy") == 1
    said = capsys.readouterr()
    assert said.err == "deploy-aws: https://n/ready did not answer 200\n"
    assert OUTPUTS["voicebot_url"] in said.out


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
    assert [call.split()[1] for call in desk.calls()] == ["version", "init", "show"]


def test_destroy_deletes_records_when_told_so(desk: Desk, s3, monkeypatch):
    with_a_record(s3)
    monkeypatch.setenv("DELETE_RECORDS", "yes")
    assert desk.make("destroy") == 0
    assert desk.calls()[3:] == [
        "terraform apply -auto-approve -target=module.bridge.aws_s3_bucket.records -var=delete_records=true",
        "terraform destroy -auto-approve",
    ]


def test_destroy_needs_no_word_when_there_are_no_records(desk: Desk, s3):
    assert desk.make("destroy") == 0
    assert desk.calls()[3:] == ["terraform destroy -auto-approve"]


@pytest.mark.parametrize("state", [STATE, {}])
def test_destroy_after_a_deploy_that_made_no_bucket(desk: Desk, state):
    desk.say("state.json", state)
    assert desk.make("destroy") == 0
    assert desk.calls()[-1] == "terraform destroy -auto-approve"
