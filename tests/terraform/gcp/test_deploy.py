"""`make deploy-gcp` with the real Terraform, and a gcloud and a docker that only remember what they were told."""

import json
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.deployment import gcp, gcp_image, gcp_project, public_checks, relay_image
from console.deployment.addresses import Addresses, addresses
from tests.support.terminal import typed
from tests.terraform.gcp import fake_gcloud
from tests.terraform.gcp.deployed import Kept
from tests.terraform.gcp.workspace import Workspace

SETTINGS = {
    "GCP_PROJECT": "acme-voice",
    "ELEVENLABS_AGENT_ID": "agent_of_tests",
    "ELEVENLABS_API_KEY": "sk_secret_of_tests_0001",
    "TRANSFER_TARGETS": '{"sales": "080 4710 0001"}',
}


class World:
    """A machine with gcloud, terraform and our scripts, and a project at Google."""

    def __init__(self, workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspace = workspace
        self.folder = folder
        self.pauses: list[float] = []
        self.there = {
            "projects": ["acme-voice", "acme-shared"],
            "billing": True,
            "secrets_api": False,
            "images": [],
            "records": [],
            "fails": {},
        }
        commands = folder / "bin"
        commands.mkdir()
        for name in ("gcloud", "docker"):
            (commands / name).write_text(
                f'#!/bin/sh\nexec "{sys.executable}" "{fake_gcloud.__file__}" "{folder}" {name} "$@"\n'
            )
            (commands / name).chmod(0o755)
        os.symlink(str(shutil.which("terraform")), commands / "terraform")
        for name in list(os.environ):
            if name.startswith(("TF_", "GCP_", "GOOGLE_", "ELEVENLABS_", "TRANSFER_", "STATE_")):
                monkeypatch.delenv(name)
        for name, value in {**SETTINGS, **(workspace.standin or {}), "PATH": f"{commands}:/usr/bin:/bin"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TF_VAR_package_directory", "../modules/gcp/tests/packages")
        monkeypatch.setattr(gcp_image, "sleep", self.pauses.append)
        monkeypatch.setattr(public_checks, "wait_until_ready", lambda url, **_: self.checked.append(url))
        monkeypatch.setattr(public_checks, "check_upgrade", self._check)
        monkeypatch.setattr(
            public_checks, "check_refusals", lambda webhook, connect: self.checked.extend([webhook, connect])
        )
        self.checked: list[str] = []
        self.upgrade_fails = ""

    def prepare(self) -> None:
        (self.folder / "there.json").write_text(json.dumps(self.there))

    def run(self, command: str) -> int:
        self.prepare()
        status = gcp.main([command], self.workspace.directory, self.folder)
        self.there = json.loads((self.folder / "there.json").read_text())
        return status

    def calls(self, *beginning: str) -> list[list[str]]:
        """What the commands were told since the last look."""
        log = self.folder / "calls.jsonl"
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [call for call in calls if call[: len(beginning)] == list(beginning)]

    @property
    def secrets(self) -> dict[str, str]:
        """What Secret Manager has."""
        return {file.name: file.read_text() for file in Path(os.environ["GCP_SECRETS"]).iterdir()}

    def pasted(self) -> Addresses:
        """What is to be pasted, by what Secret Manager keeps."""
        outputs = {name: str(value) for name, value in self.workspace.outputs().items()}
        return addresses(outputs, Kept(self.workspace))

    def _check(self, url: str) -> None:
        self.checked.append(url)
        if self.upgrade_fails:
            raise public_checks.CheckError(self.upgrade_fails)


@contextmanager
def changed(environ: dict[str, str]) -> Iterator[None]:
    os.environ.update(environ)
    try:
        yield
    finally:
        for name in environ:
            del os.environ[name]


@pytest.fixture
def world(applying: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for file in Path((applying.standin or {})["GCP_SECRETS"]).iterdir():
        file.unlink()  # of another test's project
    return World(applying, tmp_path, monkeypatch)


def test_deploy_builds_applies_checks_and_says_what_to_paste(world: World, capfd: pytest.CaptureFixture[str]):
    image = f"asia-south1-docker.pkg.dev/acme-voice/voice-bridge/relay:{relay_image.tag()}"
    assert world.run("deploy") == 0
    said = capfd.readouterr().out
    outputs = world.workspace.outputs()
    pasted = world.pasted()
    for place, address in (
        ("Voicebot", pasted.voicebot),
        ("primary", pasted.connect),
        ("post-call", pasted.webhook),
    ):
        assert place in said
        assert address in said
    assert "ELEVENLABS_WEBHOOK_SECRET" in said
    assert "*** NOBODY RECEIVES ALARMS" in said
    assert world.there["images"] == [image]
    built = world.there["built"]
    assert built["build"]["serviceAccount"].endswith("/voice-bridge-build@acme-voice.iam.gserviceaccount.com")
    assert built["bytes"] > 10_000
    assert world.checked == [outputs["relay_url"], pasted.voicebot, pasted.webhook, pasted.connect]
    relay = next(
        resource
        for resource in world.workspace.resources()
        if resource["address"] == "google_cloud_run_v2_service.relay"
    )
    assert relay["values"]["template"][0]["containers"][0]["image"] == image

    # Again: the tokens of the first time, no new image, nothing to change. A rollback between would have left the
    # functions at their earlier revisions, about which Terraform knows nothing.
    del world.there["traffic"]
    assert world.run("deploy") == 0
    assert world.there["traffic"] == {f"voice-bridge-{name}": True for name in ("webhook", "sweep", "transfer")}
    assert world.workspace.outputs() == outputs
    assert world.pasted() == pasted
    assert len(world.calls("gcloud", "builds")) == 1
    assert "No changes." in capfd.readouterr().out

    # A plan is a plan with those tokens, not with new ones.
    assert world.run("plan") == 0
    assert "No changes." in capfd.readouterr().out

    # Down again, but not with records in the bucket.
    world.there["records"] = ["gs://acme-voice-voice-bridge-records/logs/a.json#1"]
    assert world.run("destroy") == 2
    assert "holds records" in capfd.readouterr().err
    assert world.workspace.resources() != []
    with changed({"DELETE_RECORDS": "yes"}):
        assert world.run("destroy") == 0
    assert world.workspace.resources() == []


def test_plan_creates_nothing(world: World, capfd: pytest.CaptureFixture[str]):
    assert world.run("plan") == 0
    assert "module.bridge.google_cloud_run_v2_service.relay will be created" in re.sub(
        r"\x1b\[[0-9;]*m", "", capfd.readouterr().out
    )
    assert world.workspace.resources() == []
    assert world.calls("gcloud", "services") == world.calls("gcloud", "builds") == []


def test_a_token_is_rotated_beside_the_one_before_and_that_is_dropped_later(world: World):
    """One at a time, and only by name: the pasted address of another token stays what it was."""
    assert world.run("deploy") == 0
    before = world.secrets
    with changed({"ROTATE": "media_token"}):
        assert world.run("deploy") == 0
    after = world.secrets
    assert {name for name in after if after[name] != before[name]} == {"voice-bridge-media-token"}
    new, _, old = after["voice-bridge-media-token"].partition(",")
    assert old == before["voice-bridge-media-token"] != new

    with changed({"DROP": "media_token"}):
        assert world.run("deploy") == 0
    assert world.secrets == before | {"voice-bridge-media-token": new}

    with changed({"ROTATE": "api_key"}):
        assert world.run("deploy") == 2


def test_two_installations_are_made_one_is_destroyed_and_the_other_untouched(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """As a person does it: a file of variables, ENV=staging, the same commands. In one project, where names are one."""
    staging = world.workspace.directory / "environments/staging.tfvars"
    staging.write_text('name = "staging"\nlog_retention_days = 7\n')
    (world.folder / ".env").write_text("ELEVENLABS_AGENT_ID=agent_of_tests\n")
    (world.folder / ".env.staging").write_text("ELEVENLABS_AGENT_ID=agent_of_staging\n")
    monkeypatch.delenv("ELEVENLABS_AGENT_ID")
    monkeypatch.setenv("GCP_PROJECT", "acme-shared")
    assert world.run("deploy") == 0
    first, secrets = world.workspace.resources(), world.secrets
    with changed({"ENV": "staging"}):
        assert world.run("deploy") == 0
        assert "agent_of_staging" in json.dumps(world.workspace.resources())
        kept = sorted(world.workspace.directory.glob("states/voice-bridge/acme-shared/*/*.tfstate"))
        assert [file.stem for file in kept] == ["staging", "voice-bridge"]
        assert {f"{file.stat().st_mode & 0o777:o}" for file in kept} == {"600"}
        assert world.run("destroy") == 0
        assert world.workspace.resources() == []
    capfd.readouterr()
    assert world.run("plan") == 0
    assert "No changes." in capfd.readouterr().out
    assert world.workspace.resources() == first
    assert {name: value for name, value in world.secrets.items() if name in secrets} == secrets


def test_docker_builds_where_it_is_asked_to(world: World):
    world.prepare()
    project = gcp_project.Project("acme-voice", "asia-south1", "voice-bridge")
    gcp_image.push(project, "0123abcd", "docker")
    assert world.calls("gcloud", "builds") == []
    (build,) = world.calls("docker", "build")
    assert build[build.index("--platform") + 1] == "linux/amd64"
    there = json.loads((world.folder / "there.json").read_text())
    assert there["password"] == "ya29.of-tests"
    assert there["images"] == ["asia-south1-docker.pkg.dev/acme-voice/voice-bridge/relay:0123abcd"]


def test_a_failed_build_stops_before_the_service(world: World, capfd: pytest.CaptureFixture[str]):
    """Not at the first failure: a service account that was made a moment ago may not be known everywhere yet."""
    world.there["fails"] = {"gcloud builds submit": "ERROR: the build ended with FAILURE"}
    assert world.run("deploy") == 1
    assert "gcloud builds ended with status 1" in capfd.readouterr().err
    assert len(world.calls("gcloud", "builds")) == 3
    assert world.pauses == [60, 60]
    assert not any(resource["type"] == "google_cloud_run_v2_service" for resource in world.workspace.resources())


def test_a_failed_check_still_says_what_to_paste(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """A certificate may take an hour; what must be pasted is known before. So is who hears of alarms: it was asked."""
    world.upgrade_fails = "relay: the media socket's upgrade was answered 502, expected 101"
    with typed("oncall@example.in\n", monkeypatch):
        assert world.run("deploy") == 1
    channels = [one["values"] for one in world.workspace.resources() if one["type"].endswith("notification_channel")]
    assert [one["labels"]["email_address"] for one in channels] == ["oncall@example.in"]
    assert (world.folder / ".env").read_text() == "ALARM_EMAIL=oncall@example.in\n"
    said = capfd.readouterr()
    assert "NOBODY HEARS" not in said.out
    assert "Voicebot" in said.out
    assert "answered 502" in said.err

    # Meanwhile no secret was on a command line, where every process of the machine can read it.
    told = json.dumps(world.calls())
    assert SETTINGS["ELEVENLABS_API_KEY"] not in told
    assert world.pasted().media_token not in told


WRONG = {
    "nothing set": (
        dict.fromkeys(SETTINGS, ""),
        ["GCP_PROJECT is not set", "elevenlabs_agent_id: expected the id"],
    ),
    "display name": ({"GCP_PROJECT": "Acme Voice"}, ["project: expected the project's id"]),
    "several": (
        {"ELEVENLABS_API_KEY": "short", "DOMAIN_NAME": "https://calls.example.in", "ALARM_EMAIL": "oncall"},
        ["elevenlabs_api_key: expected", "domain_name: expected", "alarm_email: expected"],
    ),
    "no number": ({"TRANSFER_TARGETS": '{"sales": "12"}'}, ["TRANSFER_TARGETS: '12' can't be made E.164"]),
    "nobody to transfer to": ({"TRANSFER_TARGETS": ""}, ["transfer_targets: expected at least one"]),
    "no such project": ({"GCP_PROJECT": "someone-elses"}, ["GCP_PROJECT=someone-elses: there is no such project"]),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_settings_stop_before_anything_is_created(
    world: World, mistake: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    changes, lines = WRONG[mistake]
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert world.run("deploy") == 2
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("deploy-gcp: ")]
    for line in lines:
        assert any(line in one for one in said), (line, said)
    assert world.workspace.resources() == []
    assert world.calls("gcloud", "services") == world.calls("gcloud", "builds") == []


FAILING = {
    "not logged in": ({"gcloud auth": "ERROR: no active account"}, 2, "run `gcloud auth login`"),
    "gcloud broken": ({"gcloud version": "Traceback"}, 2, "gcloud: installed, but"),
    "tokens hidden": ({"gcloud secrets": "ERROR: PERMISSION_DENIED: no"}, 1, "voice-bridge-media-token can't be read"),
}


@pytest.mark.parametrize("failure", FAILING)
def test_what_google_refuses_is_said_in_one_line(world: World, failure: str, capfd: pytest.CaptureFixture[str]):
    """Tokens that exist but can't be read must not be generated again: the URLs in Exotel would stop working."""
    world.there["fails"], status, line = FAILING[failure]
    world.there["secrets_api"] = True
    assert world.run("deploy") == status
    assert line in capfd.readouterr().err
    assert world.workspace.resources() == []


def test_no_billing(world: World, capfd: pytest.CaptureFixture[str]):
    world.there["billing"] = False
    assert world.run("deploy") == 2
    assert "has no billing account" in capfd.readouterr().err


def test_archive_holds_what_the_dockerfile_copies(tmp_path: Path):
    relay_image.archive(tmp_path / "source.tgz")
    with tarfile.open(tmp_path / "source.tgz") as tar:
        names = tar.getnames()
    assert sorted(names) == sorted(file.as_posix() for file in relay_image.files())
    assert {"requirements/relay.txt", "requirements/tracing.txt", "scripts/image_root.py"} <= set(names)
    assert {"relay/__main__.py", "common/layout.py", "examples/bots/echo.py"} <= set(names)
    assert not any(name.startswith(("tests/", "infra/", "functions/")) for name in names)
