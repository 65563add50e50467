"""Keeps the versions of secrets that earlier releases of the relay name, so that a rollback can start their tasks.

Secrets Manager keeps the current and the previous version of a secret, and deletes others when it likes, unless they
have a label.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import ClientError

RELEASES: Final = 10  # a secret may have 20 labels
_LABEL: Final = "kept-"
_CURRENT: Final = "AWSCURRENT"


def keep(ecs: Any, secrets: Any, outputs: Mapping[str, str]) -> str:
    """Labels what the last releases name, and takes the labels from what no release names any more. Returns a line if
    AWS refused that: the release itself is not affected.

    `ecs`, `secrets`: clients of ECS and Secrets Manager.
    """
    try:
        _keep(ecs, secrets, f"{outputs['name']}-relay")
    except ClientError as error:
        return f"Secrets of earlier releases are not kept, so a rollback over two rotations may not start: {error}"
    return ""


def _keep(ecs: Any, secrets: Any, family: str) -> None:
    for arn, named in _named(ecs, family).items():
        there = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        for version in named:
            if not {_CURRENT, _LABEL + version} & set(there.get(version, ())):
                with suppress(secrets.exceptions.ResourceNotFoundException, secrets.exceptions.InvalidRequestException):
                    secrets.update_secret_version_stage(
                        SecretId=arn, VersionStage=_LABEL + version, MoveToVersionId=version
                    )
        for version in there.keys() - named:
            for label in there[version]:
                if label.startswith(_LABEL):
                    secrets.update_secret_version_stage(SecretId=arn, VersionStage=label, RemoveFromVersionId=version)


def _named(ecs: Any, family: str) -> dict[str, set[str]]:
    """Secret → the versions that the newest task definitions name. Secrets of your own have no version there."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE")
    definitions = [arn for page in pages for arn in page["taskDefinitionArns"]]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for definition in sorted(definitions, key=lambda arn: int(arn.rpartition(":")[2]))[-RELEASES:]:
        task = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        for secret in task["containerDefinitions"][0].get("secrets", []):
            arn, separator, version = secret["valueFrom"].partition(":::")
            if separator:
                found[arn].add(version)
    return found
