"""A deployment to AWS (docs/aws.md): plan, deploy, destroy."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from console.deployment import (
    alarm_email,
    aws_image,
    dns,
    guard,
    installation,
    kept_secrets,
    paste,
    public_checks,
    reading,
    relay_image,
    rollout,
    secrets,
    settings,
    steps,
)
from console.deployment.addresses import Addresses, SecretsManager, addresses, store
from console.deployment.installation import Installation
from console.deployment.public_checks import CheckError
from console.deployment.steps import ROOT, Problems, StepError
from console.deployment.terraform import Terraform

FILES = "infra/terraform/aws"
NAMES = {**settings.SETTINGS, "HOSTED_ZONE_ID": "hosted_zone_id", "AWS_REGION": "region"}
KEPT = (
    "aws_s3_bucket",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_policy",
)
"""What Terraform itself refuses to destroy: the records' bucket and its settings."""
RUNNING_PATIENCE_S = 900.0
PUBLIC_PATIENCE_S = 900.0  # a new name in DNS, and CloudFront, take a while


# --- Before anything is created -----------------------------------------------------------------------------------


def check_tools(*engine: str) -> None:
    """Terraform, credentials, and an engine if images are built here. Raises Problems, one line each."""
    lines = steps.missing_tools({"terraform": ["terraform", "version"]} | {name: [name, "info"] for name in engine})
    try:
        boto3.client("sts", region_name="us-east-1").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        lines.append(f"AWS credentials: {error}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if lines:
        raise Problems(lines)


def place(given: Mapping[str, str], variables: Mapping[str, str], files: Path) -> Installation:
    """The installation that settings and files name, in the account of the credentials. Raises Problems."""
    chosen = installation.variables_file(given, files)
    account: str = boto3.client("sts", region_name="us-east-1").get_caller_identity()["Account"]
    region = installation.declared("region", variables, files, chosen, "ap-south-1")
    name = installation.declared("name", variables, files, chosen, installation.DEFAULT_NAME)
    return Installation(account, region, name, chosen)


def backend(given: Mapping[str, str], where: Installation) -> dict[str, str]:
    """Where the state is stored: STATE_BUCKET, or nothing, which means a file here."""
    if not (bucket := given.get("STATE_BUCKET")):
        return {}
    return {
        "bucket": bucket,
        "key": given.get("STATE_KEY") or f"{where.key}.tfstate",
        "region": given.get("STATE_REGION") or where.region,
        "encrypt": "true",
        "use_lockfile": "true",
    }


# --- Steps --------------------------------------------------------------------------------------------------------


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


def prepare(terraform: Terraform, given: Mapping[str, str], where: Installation) -> tuple[Terraform, dict[str, Any]]:
    """Check every setting, and whose state it is. Returns Terraform with the secrets, and all variables. Raises
    Problems.
    """
    terraform.initialise(backend(given, where), where.key)
    guessed = secrets.placeholders(where.name, given).terraform_variables()
    with terraform.with_variables(guessed).planned("-refresh=false") as plan:
        variables = plan.variables
    reading.check(terraform.files, terraform.variables_file, variables)
    installation.check(where, variables, installation.owner_of_state(terraform.resources(), where.account))
    store = SecretsManager(boto3.client("secretsmanager", region_name=where.region), where.name)
    rotate, drop = (secrets.names(given.get(setting, ""), setting) for setting in ("ROTATE", "DROP"))
    settled = secrets.settle(store, where.name, given, rotate, drop, secrets.wanted_by(variables))
    return terraform.with_variables(settled.terraform_variables()), variables


def deploy(terraform: Terraform, given: Mapping[str, str], where: Installation, root: Path) -> None:
    """Shows a plan, and applies exactly that plan. Raises Problems, StepError or CheckError."""
    engine, tag = given.get("ENGINE") or "docker", terraform.variables["TF_VAR_relay_image_tag"]
    terraform, variables = prepare(terraform, given, where)
    hears = variables["alarm_email"] or alarm_email.asked(terraform, given, root)
    terraform = terraform.with_variables({"TF_VAR_alarm_email": hears})
    may = guard.allowed(given.get("ALLOW_DESTROY", ""))
    with bucket_may_go(terraform.files, any(one.startswith(guard.BUCKETS) for one in may)):
        with terraform.planned() as plan:
            terraform.run("show", str(plan.file))
            guard.check(plan.changes(), may)
            elsewhere = dns.kept_elsewhere(variables)
            before = (*aws_image.needs(engine), *([dns.CERTIFICATE] if elsewhere else []))
            first = any("create" in does for what, does in plan.changes().items() if what.split("[")[0] in before)
            repository = f"{where.account}.dkr.ecr.{where.region}.amazonaws.com/{where.name}-relay"
            if not first:
                aws_image.push(engine, repository, tag, variables["architecture"], where.region)
                terraform.run("apply", str(plan.file))
        if first:  # the image must exist before the service that runs it, and a DNS record before what waits for it
            with terraform.planned(*(f"-target={one}" for one in before)) as plan:
                terraform.run("apply", str(plan.file))
            if elsewhere:
                print(dns.proof(terraform.resources()))
            aws_image.push(engine, repository, tag, variables["architecture"], where.region)
            with terraform.planned() as plan:
                guard.check(plan.changes(), may)
                terraform.run("apply", str(plan.file))
    outputs = terraform.outputs()
    ecs, elbv2 = (boto3.client(service, region_name=where.region) for service in ("ecs", "elbv2"))
    not_kept = kept_secrets.keep(ecs, boto3.client("secretsmanager", region_name=where.region), outputs)
    steps.wait_for("the relay", lambda: rollout.state(ecs, elbv2, outputs, tag), RUNNING_PATIENCE_S)
    notes = [rollout.still_running(ecs, outputs), not_kept, *dns.all_records(outputs.get("dns_records") or {})]
    print(*filter(None, notes), sep="\n")
    pasted = addresses(outputs, store("aws", outputs))
    try:
        check(outputs, pasted)
    finally:  # a new name may take longer than we wait; the addresses to paste are known now
        known = json.loads(terraform.variables["TF_VAR_secret_versions"])
        set_up = "elevenlabs_webhook_secret" in known
        print(paste.paste_list(pasted, outputs, cloud="aws", webhook_secret_set=set_up))
        if not hears:
            print(alarm_email.NOBODY_HEARS)


@contextmanager
def bucket_may_go(files: Path, allowed: bool) -> Iterator[None]:
    """If `allowed`, Terraform may destroy the records' bucket inside the block."""
    override = files.parent / "modules/aws/bucket_override.tf"
    if not allowed:
        yield
        return
    block = 'resource "{kind}" "records" {{\n  lifecycle {{\n    prevent_destroy = false\n  }}\n}}\n'
    override.write_text("".join(block.format(kind=kind) for kind in KEPT))
    try:
        yield
    finally:
        override.unlink()


def check(outputs: Mapping[str, str], pasted: Addresses) -> None:
    """Checks that the deployment is reachable, and refuses requests without credentials. Raises CheckError."""
    public_checks.wait_until_ready(outputs["relay_url"], patience_s=PUBLIC_PATIENCE_S)
    public_checks.check_upgrade(pasted.voicebot)
    public_checks.check_refusals(pasted.webhook, pasted.connect)
    print("The media socket opens at its public address, and the functions refuse requests without credentials.")


def destroy(terraform: Terraform, given: Mapping[str, str], where: Installation) -> None:
    """Refuses, before anything is destroyed, if there are records and DELETE_RECORDS is not yes."""
    terraform, _ = prepare(terraform, given, where)
    buckets = [values for address, values in terraform.resources().items() if address.endswith("aws_s3_bucket.records")]
    with bucket_may_go(terraform.files, True):
        for bucket in buckets:
            if not has_records(boto3.client("s3", region_name=bucket["region"]), bucket["bucket"]):
                continue
            if given.get("DELETE_RECORDS") != "yes":
                raise Problems([f"{bucket['bucket']} holds records: save them, or DELETE_RECORDS=yes make destroy-aws"])
            terraform = terraform.with_variables({"TF_VAR_delete_records": "true"})
            with terraform.planned("-target=module.bridge.aws_s3_bucket.records") as plan:
                terraform.run("apply", str(plan.file))
        terraform.run("destroy", "-auto-approve")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Exit status 2 if something is wrong before the start, 1 if a step failed: fix it and run again."""
    try:
        given = settings.of_environment(os.environ, root)
        variables = settings.terraform_variables(given, NAMES) | {"TF_VAR_relay_image_tag": relay_image.tag()}
        if arguments not in (["plan"], ["deploy"], ["check"], ["destroy"]):
            raise Problems(["expected one of plan, deploy, check and destroy"])
        engine = given.get("ENGINE") or "docker"
        if engine == aws_image.CODEBUILD:
            variables["TF_VAR_codebuild"] = "true"
        check_tools(*([engine] if arguments == ["deploy"] and engine != aws_image.CODEBUILD else []))
        where = place(given, {**given, **variables}, root / FILES)
        terraform = Terraform(variables, root / FILES, where.variables_file, lock_is_whole=True)
        match arguments[0]:
            case "plan":
                terraform, _ = prepare(terraform, given, where)
                with terraform.planned() as plan:
                    terraform.run("show", str(plan.file))
                    guard.check(plan.changes(), guard.allowed(given.get("ALLOW_DESTROY", "")))
            case "deploy":
                deploy(terraform, given, where, root)
            case "check":
                terraform.initialise(backend(given, where), where.key)
                outputs = terraform.outputs()
                check(outputs, addresses(outputs, store("aws", outputs)))
            case "destroy":
                destroy(terraform, given, where)
    except Problems as problems:
        for line in problems.lines:
            print(f"deploy-aws: {line}", file=sys.stderr)
        return 2
    except (StepError, CheckError, BotoCoreError, ClientError) as error:
        print(f"deploy-aws: {error}", file=sys.stderr)
        return 1
    return 0
