"""A release that is gone back to finds its own secrets, also when two rotations were between."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from console.deployment import kept_secrets

OUTPUTS = {"name": "voice-bridge"}


class Account:
    """A secret, and task definitions of releases that name its versions."""

    def __init__(self) -> None:
        self.ecs, self.secrets = (boto3.client(one, region_name="ap-south-1") for one in ("ecs", "secretsmanager"))
        self.arn = self.secrets.create_secret(Name="voice-bridge/media")["ARN"]

    def deploy(self, value: str = "") -> str:
        """A release, with another secret or that of the one before; the version's id."""
        if value:
            self.secrets.put_secret_value(SecretId=self.arn, SecretString=value)
        stages = self.stages()
        (current,) = [version for version, labels in stages.items() if "AWSCURRENT" in labels]
        own = {"name": "OPENAI_API_KEY", "valueFrom": "arn:aws:secretsmanager:ap-south-1:123456789012:secret:openai"}
        named = [{"name": "MEDIA_TOKEN", "valueFrom": f"{self.arn}:::{current}"}, own]
        for family in ("voice-bridge-relay", "another"):
            container = {"name": "relay", "image": "relay", "memory": 512, "secrets": named}
            self.ecs.register_task_definition(family=family, containerDefinitions=[container])
        self.said = kept_secrets.keep(self.ecs, self.secrets, OUTPUTS)
        return current

    def stages(self) -> dict[str, list[str]]:
        described: dict[str, Any] = self.secrets.describe_secret(SecretId=self.arn)
        found: dict[str, list[str]] = described.get("VersionIdsToStages", {})
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield Account()


def test_what_an_earlier_release_needs_is_kept_while_there_is_that_release(account: Account):
    """Secrets Manager deletes a version without a label when it likes; then its tasks could not start."""
    first = account.deploy("first")
    assert account.stages()[first] == ["AWSCURRENT"]
    second = account.deploy("second")
    third = account.deploy("third")
    assert account.said == "", "a secret of one's own, which names no version, is nobody's business here"
    assert account.stages()[first] == [f"kept-{first}"]
    assert f"kept-{second}" in account.stages()[second]
    assert account.stages()[third] == ["AWSCURRENT"]
    read: Any = account.secrets.get_secret_value(SecretId=account.arn, VersionId=first)
    assert read["SecretString"] == "first"
    for _ in range(kept_secrets.RELEASES - 2):
        account.deploy()
    assert account.stages().get(first, []) == [], "no release names it any more"
    assert f"kept-{second}" in account.stages()[second]


def test_who_may_not_label_deploys_all_the_same(account: Account, monkeypatch: pytest.MonkeyPatch):
    def refused(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateSecretVersionStage")

    account.deploy("first")
    monkeypatch.setattr(account.secrets, "update_secret_version_stage", refused)
    account.deploy("second")
    assert "are not kept" in account.said
    assert "AccessDenied" in account.said


def test_before_the_first_release_there_is_nothing_to_keep(account: Account):
    assert kept_secrets.keep(account.ecs, account.secrets, OUTPUTS) == ""
    assert account.stages() == {}
