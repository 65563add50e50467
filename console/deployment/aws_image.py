"""The relay's image in the installation's registry on AWS: built here by a container engine, or there by CodeBuild."""

import base64
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

from console.deployment import relay_image, steps
from console.deployment.steps import StepError

CODEBUILD = "codebuild"
"""ENGINE=codebuild: nothing that can build is needed here."""
PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
REGISTRY = "module.bridge.aws_ecr_repository.relay"
BUILDER = (
    "module.bridge.aws_codebuild_project.image",
    "module.bridge.aws_iam_role_policy.image",
    "module.bridge.aws_s3_bucket.source",
    "module.bridge.aws_s3_bucket_public_access_block.source",
)
PATIENCE_S = 1200.0


def needs(engine: str) -> tuple[str, ...]:
    """What is needed to build and push an image."""
    return (REGISTRY, *BUILDER) if engine == CODEBUILD else (REGISTRY,)


def push(engine: str, repository: str, tag: str, architecture: str, region: str, pause_s: float = 10) -> None:
    """Build and push the relay's image, unless the repository already has this content. Raises StepError."""
    registry, name = repository.split("/", 1)
    ecr = boto3.client("ecr", region_name=region)
    with suppress(ecr.exceptions.ImageNotFoundException):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": tag}])
        print(f"Image {tag} already exists")
        return
    if engine == CODEBUILD:
        _build_there(registry.split(".")[0], name.removesuffix("-relay"), tag, region, pause_s)
        return
    image = f"{repository}:{tag}"
    build = [engine, "build", "--platform", PLATFORMS[architecture], "--file", "relay/Dockerfile", "--tag", image, "."]
    steps.run(build)
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    steps.run([engine, "login", "--username", user, "--password-stdin", registry], text=password)
    steps.run([engine, "push", image])


def _build_there(account: str, name: str, tag: str, region: str, pause_s: float) -> None:
    """With the CodeBuild project that Terraform created, from an archive of the image's files only."""
    bucket, key = f"{name}-source-{account}-{region}", f"{tag}.zip"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / key
        relay_image.zipped(source)
        boto3.client("s3", region_name=region).upload_file(str(source), bucket, key)
    codebuild = boto3.client("codebuild", region_name=region)
    started = codebuild.start_build(
        projectName=f"{name}-image",
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{bucket}/{key}",
        environmentVariablesOverride=[{"name": "TAG", "value": tag, "type": "PLAINTEXT"}],
    )["build"]
    print(f"CodeBuild builds image {tag}: {started['id']}")
    steps.wait_for("CodeBuild", lambda: _state(codebuild, started["id"]), PATIENCE_S, pause_s)


def _state(codebuild: Any, build: str) -> str:
    """ "" when it is done, else the current phase. Raises StepError if it failed."""
    (found,) = codebuild.batch_get_builds(ids=[build])["builds"]
    if found["buildStatus"] == "SUCCEEDED":
        return ""
    if found["buildStatus"] != "IN_PROGRESS":
        where = found.get("logs", {}).get("deepLink", "the project's log in the console")
        raise StepError(f"CodeBuild: the build ended with {found['buildStatus']}: {where}")
    return str(found.get("currentPhase", "IN_PROGRESS")).lower()
