"""Rolling back: relay and functions of one release together, and nothing at all where one of them is gone."""

import json
from pathlib import Path
from typing import Any

import pytest

from console.deployment.releases import Aws, roll_back_on_google
from console.deployment.steps import StepError

OUTPUTS = {"name": "voice-bridge", "relay_cluster_name": "voice-bridge", "relay_service_name": "relay"}
FAMILY = "arn:aws:ecs:ap-south-1:123456789012:task-definition/voice-bridge-relay"


class Ecs:
    """A service on revision 9 of release c; 8 was only another size of it, 7 and 6 are of releases b and a."""

    releases = {9: "c", 8: "c", 7: "b", 6: "a"}

    def __init__(self, current: int = 9) -> None:
        self.current = current
        self.updated: list[str] = []

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": [{"taskDefinition": f"{FAMILY}:{self.current}"}]}

    def describe_task_definition(self, *, taskDefinition: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        revision = int(taskDefinition.rpartition(":")[2])
        container = {"dockerLabels": {"release": self.releases[revision]}}
        found = {"family": "voice-bridge-relay", "revision": revision, "containerDefinitions": [container]}
        return {"taskDefinition": found}

    def list_task_definitions(self, **_: Any) -> dict[str, Any]:
        return {"taskDefinitionArns": [f"{FAMILY}:{revision}" for revision in self.releases]}

    def update_service(self, **given: str) -> None:
        self.updated.append(given["taskDefinition"])


class Lambda:
    """Versions of both functions: 1 and 2 of release a and b, 3 of c."""

    def __init__(self, releases: str = "abc") -> None:
        self.releases = releases
        self.did: list[tuple[str, str, str]] = []

    def get_paginator(self, _: str) -> "Lambda":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        versions = [
            {"Version": str(number), "Description": f"release {release}"}
            for number, release in enumerate(self.releases, start=1)
        ]
        return [{"Versions": [{"Version": "$LATEST", "Description": "release c"}, *versions]}]

    def update_alias(self, *, FunctionName: str, Name: str, FunctionVersion: str) -> None:  # noqa: N803  # boto3's names
        self.did.append((FunctionName, Name, FunctionVersion))


def test_relay_and_functions_go_back_together():
    """Not to another size of the same release, and not only the relay."""
    ecs, functions = Ecs(), Lambda()
    said = Aws(ecs, functions, OUTPUTS).roll_back()
    assert ecs.updated == [f"{FAMILY}:7"]
    assert functions.did == [
        ("voice-bridge-webhook", "live", "2"),
        ("voice-bridge-transfer", "live", "2"),
    ]
    assert said == (
        "Rolling back to release b: relay voice-bridge-relay:7, functions webhook version 2, transfer version 2"
    )


@pytest.mark.parametrize(
    ("ecs", "functions", "said"),
    [
        (Ecs(current=6), Lambda(), "there is no earlier release"),
        (Ecs(), Lambda("ac"), "voice-bridge-webhook has no version of release b any more"),
    ],
)
def test_where_a_part_is_gone_nothing_is_changed(ecs: Ecs, functions: Lambda, said: str):
    with pytest.raises(StepError, match=said):
        Aws(ecs, functions, OUTPUTS).roll_back()
    assert (ecs.updated, functions.did) == ([], [])


# --- Google Cloud -------------------------------------------------------------------------------------------------

GCLOUD = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$2 $3" in
  "revisions list") cat "{folder}/$(echo "$4" | cut -d= -f2).json" ;;
  "services describe") cat "{folder}/serving-$4.json" ;;
esac
"""


def revisions(folder: Path, service: str, **made: str) -> None:
    """The last one serves."""
    listed = [{"metadata": {"creationTimestamp": at, "name": f"{service}-{name}"}} for name, at in made.items()]
    (folder / f"{service}.json").write_text(json.dumps(listed))
    serving = {"status": {"traffic": [{"revisionName": f"{service}-{list(made)[-1]}", "percent": 100}]}}
    (folder / f"serving-{service}.json").write_text(json.dumps(serving))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    command = tmp_path / "gcloud"
    command.write_text(GCLOUD.format(folder=tmp_path))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    revisions(
        tmp_path, "voice-bridge-relay", a="2026-11-01T10:05:00Z", b="2026-11-08T10:05:00Z", c="2026-11-15T10:05:00Z"
    )
    for service in ("webhook", "sweep"):
        revisions(tmp_path, f"voice-bridge-{service}", a="2026-11-01T10:00:00Z", c="2026-11-15T10:00:00Z")
    revisions(tmp_path, "voice-bridge-transfer", a="2026-11-01T10:00:00Z", b="2026-11-08T10:00:00Z")
    return tmp_path


GOOGLE = {"name": "voice-bridge", "project": "acme-voice", "region": "asia-south1"}


def test_on_google_each_service_gets_the_revision_of_then(project: Path):
    """Functions are made before the relay of their release; one that did not change stays. The relay is last."""
    said = roll_back_on_google(GOOGLE)
    updates = [call for call in (project / "calls").read_text().splitlines() if "update-traffic" in call]
    assert [call.split()[4] for call in updates] == [
        "--to-revisions=voice-bridge-transfer-b=100",
        "--to-revisions=voice-bridge-sweep-a=100",
        "--to-revisions=voice-bridge-webhook-a=100",
        "--to-revisions=voice-bridge-relay-b=100",
    ]
    assert said.startswith("Back to voice-bridge-relay-b, ")


def test_on_google_a_second_rollback_goes_back_further(project: Path):
    serving = {"status": {"traffic": [{"revisionName": "voice-bridge-relay-b", "percent": 100}]}}
    (project / "serving-voice-bridge-relay.json").write_text(json.dumps(serving))
    assert roll_back_on_google(GOOGLE).startswith("Back to voice-bridge-relay-a, ")
    serving["status"]["traffic"][0]["revisionName"] = "voice-bridge-relay-a"
    (project / "serving-voice-bridge-relay.json").write_text(json.dumps(serving))
    with pytest.raises(StepError, match="there is no earlier release"):
        roll_back_on_google(GOOGLE)
