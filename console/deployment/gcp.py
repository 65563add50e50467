"""A deployment to Google Cloud (docs/gcp.md): plan, deploy, check, destroy."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console.deployment import (
    alarm_email,
    gcp_image,
    guard,
    installation,
    paste,
    public_checks,
    reading,
    relay_image,
    releases,
    secrets,
    settings,
    steps,
)
from console.deployment.addresses import Addresses, SecretManager, addresses
from console.deployment.gcp_project import Project, access_token, check_project
from console.deployment.installation import Installation
from console.deployment.public_checks import CheckError
from console.deployment.steps import ROOT, Problems, StepError, gcloud
from console.deployment.terraform import Terraform

FILES = ROOT / "infra/terraform/gcp"
NAMES = {**settings.SETTINGS, "GCP_PROJECT": "project", "GCP_REGION": "region", "DNS_ZONE": "dns_zone"}
NO_PROJECT = {"TF_VAR_project": "not-set-yet"}
PATIENCE_S = 600.0
CERTIFICATE_PATIENCE_S = 3600.0  # Google issues a certificate only once the domain's record points at it


# --- Before anything is created -----------------------------------------------------------------------------------


def place(given: Mapping[str, str], variables: Mapping[str, str], files: Path) -> Installation:
    """The installation that settings and files name. Raises Problems."""
    chosen = installation.variables_file(given, files)
    project = installation.declared("project", variables, files, chosen, "")
    region = installation.declared("region", variables, files, chosen, "asia-south1")
    name = installation.declared("name", variables, files, chosen, installation.DEFAULT_NAME)
    return Installation(project, region, name, chosen)


def backend(given: Mapping[str, str], where: Installation) -> dict[str, str]:
    """Where the state is stored: STATE_BUCKET, or nothing, which means a file here."""
    if not (bucket := given.get("STATE_BUCKET")):
        return {}
    return {"bucket": bucket, "prefix": given.get("STATE_PREFIX") or where.key}


def settle(
    terraform: Terraform, given: Mapping[str, str], where: Installation
) -> tuple[Terraform, Project, dict[str, Any]]:
    """Check every setting, and whose state it is. Returns Terraform with the secrets, the place, and all variables.

    Raises Problems, one line each, or StepError.
    """
    rotate, drop = (secrets.names(given.get(setting, ""), setting) for setting in ("ROTATE", "DROP"))
    guessed = secrets.placeholders(where.name, given).terraform_variables()
    if where.account:
        terraform.initialise(backend(given, where), where.key)
        with terraform.with_variables(guessed).planned("-refresh=false") as plan:
            variables = plan.variables
    else:  # report it together with the other problems
        lines = ["GCP_PROJECT is not set, neither in the environment nor in .env"]
        terraform.initialise({}, where.key)
        with suppress_problems(lines), terraform.with_variables(guessed | NO_PROJECT).planned("-refresh=false"):
            pass
        raise Problems(lines)
    reading.check(terraform.files, terraform.variables_file, variables)
    installation.check(where, variables, installation.owner_of_state(terraform.resources(), where.account))
    project = Project(variables["project"], variables["region"], variables["name"])
    check_project(project)
    store, wanted = SecretManager(project.id, project.name), secrets.wanted_by(variables)
    settled = secrets.settle(store, where.name, given, rotate, drop, wanted)
    return terraform.with_variables(settled.terraform_variables()), project, variables


@contextmanager
def suppress_problems(lines: list[str]) -> Iterator[None]:
    """Problems are appended to `lines`."""
    try:
        yield
    except Problems as problems:
        lines += problems.lines


# --- Steps --------------------------------------------------------------------------------------------------------


def enable_apis(project: Project) -> None:
    """Those that are needed for Terraform itself, and for reading tokens; Terraform enables the rest."""
    apis = [f"{api}.googleapis.com" for api in ("serviceusage", "cloudresourcemanager", "secretmanager")]
    steps.run(["gcloud", "services", "enable", *apis, f"--project={project.id}"])


def has_records(bucket: str) -> bool:
    """Whether the bucket holds anything, including older versions."""
    return "gs://" in gcloud("storage", "ls", "--all-versions", f"gs://{bucket}/**").stdout


# --- Commands -----------------------------------------------------------------------------------------------------


def deploy(terraform: Terraform, given: Mapping[str, str], where: Installation, root: Path) -> None:
    """Shows a plan, and applies exactly that plan. Raises Problems, StepError or CheckError."""
    engine, tag = given.get("ENGINE", ""), terraform.variables["TF_VAR_relay_image_tag"]
    terraform, project, variables = settle(terraform, given, where)
    hears = variables["alarm_email"] or alarm_email.asked(terraform, given, root)
    terraform = terraform.with_variables({"TF_VAR_alarm_email": hears})
    may = guard.allowed(given.get("ALLOW_DESTROY", ""))
    with bucket_may_go(terraform.files, any(one.startswith(guard.BUCKETS) for one in may)):
        with terraform.planned() as plan:
            terraform.run("show", str(plan.file))
            guard.check(plan.changes(), may)
            first = any("create" in plan.changes().get(resource, []) for resource in gcp_image.NEEDS)
            if not first:
                gcp_image.push(project, tag, engine)
                terraform.run("apply", str(plan.file))
        if first:  # the image must exist before the service that runs it
            enable_apis(project)
            with terraform.planned(*(f"-target={resource}" for resource in gcp_image.NEEDS)) as plan:
                terraform.run("apply", str(plan.file))
            gcp_image.push(project, tag, engine)
            with terraform.planned() as plan:
                guard.check(plan.changes(), may)
                terraform.run("apply", str(plan.file))
    releases.serve_newest_on_google(project.id, project.region, project.name)
    outputs = terraform.outputs()
    pasted = addresses(outputs, SecretManager(project.id, project.name))
    known = json.loads(terraform.variables["TF_VAR_secret_versions"])
    set_up = "elevenlabs_webhook_secret" in known
    print(paste.paste_list(pasted, outputs, cloud="gcp", webhook_secret_set=set_up))
    try:
        check(outputs, pasted, variables)
    finally:
        if not hears:
            print(alarm_email.NOBODY_HEARS)


@contextmanager
def bucket_may_go(files: Path, allowed: bool) -> Iterator[None]:
    """If `allowed`, Terraform may destroy the records' bucket inside the block."""
    override = files.parent / "modules/gcp/bucket_override.tf"
    if not allowed:
        yield
        return
    override.write_text(
        'resource "google_storage_bucket" "records" {\n  lifecycle {\n    prevent_destroy = false\n  }\n}\n'
    )
    try:
        yield
    finally:
        override.unlink()


def check(outputs: Mapping[str, str], pasted: Addresses, variables: Mapping[str, Any]) -> None:
    """Checks that the deployment is reachable, and refuses requests without credentials. Raises CheckError."""
    if variables["domain_name"]:
        print(
            f"{variables['domain_name']} must point at {outputs['domain_address']}; its certificate comes after that."
        )
    print(f"Waiting until {outputs['relay_url']} takes calls")
    patience_s = CERTIFICATE_PATIENCE_S if variables["domain_name"] else PATIENCE_S
    public_checks.wait_until_ready(outputs["relay_url"], patience_s=patience_s)
    public_checks.check_upgrade(pasted.voicebot)
    public_checks.check_refusals(pasted.webhook, pasted.connect)
    print("The media socket opens at its public address, and the functions refuse requests without credentials.")


def destroy(terraform: Terraform, given: Mapping[str, str], where: Installation) -> None:
    """Refuses, before anything is destroyed, if there are records and DELETE_RECORDS is not yes."""
    terraform, project, _ = settle(terraform, given, where)
    bucket = f"{project.id}-{project.name}-records"
    with bucket_may_go(terraform.files, True):
        if has_records(bucket):
            if given.get("DELETE_RECORDS") != "yes":
                raise Problems([f"{bucket} holds records: save them, or DELETE_RECORDS=yes make destroy-gcp"])
            terraform = terraform.with_variables({"TF_VAR_delete_records": "true"})
            with terraform.planned("-target=module.bridge.google_storage_bucket.records") as plan:
                terraform.run("apply", str(plan.file))
        terraform.run("destroy", "-auto-approve")


def main(arguments: list[str], files: Path = FILES, root: Path = ROOT) -> int:
    """Exit status 2 if something is wrong before the start, 1 if a step failed: fix it and run again."""
    try:
        given = settings.of_environment(os.environ, root)
        variables = settings.terraform_variables(given, NAMES) | {"TF_VAR_relay_image_tag": relay_image.tag()}
        if arguments not in (["plan"], ["deploy"], ["check"], ["destroy"]):
            raise Problems(["expected one of plan, deploy, check and destroy"])
        credentials = {"GOOGLE_OAUTH_ACCESS_TOKEN": access_token(given.get("ENGINE", ""))}
        where = place(given, {**given, **variables}, files)
        terraform = Terraform(variables | credentials, files, where.variables_file)
        match arguments[0]:
            case "plan":
                terraform, *_ = settle(terraform, given, where)
                with terraform.planned() as plan:
                    terraform.run("show", str(plan.file))
                    guard.check(plan.changes(), guard.allowed(given.get("ALLOW_DESTROY", "")))
            case "deploy":
                deploy(terraform, given, where, root)
            case "check":
                terraform, project, known = settle(terraform, given, where)
                outputs = terraform.outputs()
                check(outputs, addresses(outputs, SecretManager(project.id, project.name)), known)
            case "destroy":
                destroy(terraform, given, where)
    except Problems as problems:
        for line in problems.lines:
            print(f"deploy-gcp: {line}", file=sys.stderr)
        return 2
    except (StepError, CheckError) as error:
        print(f"deploy-gcp: {error}", file=sys.stderr)
        return 1
    return 0
