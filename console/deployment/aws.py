"""A deployment to AWS (docs/aws.md): plan, deploy, destroy."""

import base64
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from console.deployment import paste, public_checks, relay_image, settings, steps
from console.deployment.public_checks import CheckError
from console.deployment.steps import ROOT, Problems, StepError
from console.deployment.terraform import Terraform

FILES = "infra/terraform/aws"
NAMES = {**settings.SETTINGS, "HOSTED_ZONE_ID": "hosted_zone_id", "AWS_REGION": "region"}
PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
RUNNING_PATIENCE_S = 900.0
PUBLIC_PATIENCE_S = 900.0  # a new name in DNS, and CloudFront, take their time


# --- Before anything is created -----------------------------------------------------------------------------------


def check_tools(*engine: str) -> None:
    """Terraform, credentials, and the engine where images are to be built. Raises Problems, a line each."""
    lines = steps.missing_tools({"terraform": ["terraform", "version"]} | {name: [name, "info"] for name in engine})
    try:
        boto3.client("sts", region_name="us-east-1").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        lines.append(f"AWS credentials: {error}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if lines:
        raise Problems(lines)


def backend(given: Mapping[str, str]) -> dict[str, str]:
    """Where the state goes: STATE_BUCKET, or nothing, which means a file here."""
    if not (bucket := given.get("STATE_BUCKET")):
        return {}
    return {
        "bucket": bucket,
        "key": given.get("STATE_KEY") or "voice-bridge/terraform.tfstate",
        "region": given.get("STATE_REGION") or given.get("AWS_REGION") or "ap-south-1",
        "encrypt": "true",
        "use_lockfile": "true",
    }


# --- Steps --------------------------------------------------------------------------------------------------------


def push_image(engine: str, repository: str, tag: str, architecture: str, region: str) -> None:
    """Build and push the relay's image, unless the repository has this content already. Raises StepError."""
    registry, name = repository.split("/", 1)
    ecr = boto3.client("ecr", region_name=region)
    with suppress(ecr.exceptions.ImageNotFoundException):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": tag}])
        print(f"Image {tag}: there already")
        return
    image = f"{repository}:{tag}"
    build = [engine, "build", "--platform", PLATFORMS[architecture], "--file", "relay/Dockerfile", "--tag", image, "."]
    steps.run(build)
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    steps.run([engine, "login", "--username", user, "--password-stdin", registry], text=password)
    steps.run([engine, "push", image])


def service_state(ecs: Any, elbv2: Any, outputs: Mapping[str, str], tag: str) -> str:
    """ "" once the new tasks run and are healthy, else how far they are. Raises StepError when ECS gave up."""
    (service,) = ecs.describe_services(cluster=outputs["relay_cluster_name"], services=[outputs["relay_service_name"]])[
        "services"
    ]
    said = "; ".join(event["message"] for event in service.get("events", [])[:3])
    if any(rollout.get("rolloutState") == "FAILED" for rollout in service["deployments"]):
        raise StepError(f"ECS gave up and went back to the tasks before: {said}")
    newest = next(rollout for rollout in service["deployments"] if rollout["status"] == "PRIMARY")
    definition = ecs.describe_task_definition(taskDefinition=newest["taskDefinition"])["taskDefinition"]
    image = definition["containerDefinitions"][0]["image"]
    if not image.endswith(f":{tag}"):
        raise StepError(f"ECS went back to {image}: {said}")
    targets = elbv2.describe_target_health(TargetGroupArn=outputs["relay_target_group_arn"])["TargetHealthDescriptions"]
    healthy = sum(target["TargetHealth"]["State"] == "healthy" for target in targets)
    desired = newest["desiredCount"]
    if newest["runningCount"] >= desired and healthy >= desired:
        return ""
    return f"{newest['runningCount']} of {desired} new tasks run, {healthy} healthy"


def has_records(s3: Any, bucket: str) -> bool:
    """Whether the bucket holds anything, deleted versions included."""
    try:
        versions = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return False
        raise
    return bool(versions.get("Versions") or versions.get("DeleteMarkers"))


# --- Commands -----------------------------------------------------------------------------------------------------


def deploy(terraform: Terraform, given: Mapping[str, str]) -> None:
    engine, tag = given.get("ENGINE") or "docker", terraform.variables["TF_VAR_relay_image_tag"]
    check_tools(engine)
    terraform.initialise(backend(given))
    variables = terraform.plan()
    region = variables["region"]
    # The image must be there before the service that runs it.
    terraform.run("apply", "-auto-approve", "-target=module.bridge.aws_ecr_repository.relay")
    push_image(engine, terraform.outputs()["image_repository"], tag, variables["architecture"], region)
    terraform.run("apply", "-auto-approve")
    outputs = terraform.outputs()
    ecs, elbv2 = boto3.client("ecs", region_name=region), boto3.client("elbv2", region_name=region)
    steps.wait_for("the relay", lambda: service_state(ecs, elbv2, outputs, tag), RUNNING_PATIENCE_S)
    try:
        check(outputs)
    finally:  # a new name may take longer than our patience; what is to be pasted is known now
        webhook_secret_set = bool(variables["elevenlabs_webhook_secret"])
        print(paste.paste_list(outputs, cloud="aws", webhook_secret_set=webhook_secret_set))


def check(outputs: Mapping[str, str]) -> None:
    """That the deployment answers the world, and only those it should. Raises CheckError."""
    public_checks.wait_until_ready(outputs["relay_url"], patience_s=PUBLIC_PATIENCE_S)
    public_checks.check_upgrade(outputs["voicebot_url"])
    public_checks.check_refusals(outputs["elevenlabs_webhook_url"], outputs["connect_primary_url"])
    print("The media socket opens under its public name, and the functions turn strangers away.")


def destroy(terraform: Terraform, given: Mapping[str, str]) -> None:
    """Refuses, before anything is gone, while there are records and DELETE_RECORDS is not yes."""
    check_tools()
    terraform.initialise(backend(given))
    buckets = [values for address, values in terraform.resources() if address.endswith("aws_s3_bucket.records")]
    for bucket in buckets:
        if not has_records(boto3.client("s3", region_name=bucket["region"]), bucket["bucket"]):
            continue
        if given.get("DELETE_RECORDS") != "yes":
            raise Problems([f"{bucket['bucket']} holds records: save them, or DELETE_RECORDS=yes make destroy-aws"])
        terraform.run(
            "apply", "-auto-approve", "-target=module.bridge.aws_s3_bucket.records", "-var=delete_records=true"
        )
    terraform.run("destroy", "-auto-approve")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Exit status 2 when something is wrong before the start, 1 when a step failed: then mend it and run again."""
    try:
        given = settings.settings(os.environ, root / ".env")
        variables = settings.terraform_variables(given, NAMES) | {"TF_VAR_relay_image_tag": relay_image.tag()}
        terraform = Terraform(variables, root / FILES)
        match arguments:
            case ["plan"]:
                check_tools()
                terraform.initialise(backend(given))
                terraform.plan(show=True)
            case ["deploy"]:
                deploy(terraform, given)
            case ["check"]:
                check_tools()
                terraform.initialise(backend(given))
                check(terraform.outputs())
            case ["destroy"]:
                destroy(terraform, given)
            case _:
                raise Problems(["expected one of plan, deploy, check and destroy"])
    except Problems as problems:
        for line in problems.lines:
            print(f"deploy-aws: {line}", file=sys.stderr)
        return 2
    except (StepError, CheckError, BotoCoreError, ClientError) as error:
        print(f"deploy-aws: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
