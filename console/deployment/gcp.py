"""A deployment to Google Cloud (docs/gcp.md): plan, deploy, check, destroy."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

from console.deployment import paste, public_checks, relay_image, settings, steps
from console.deployment.public_checks import CheckError
from console.deployment.steps import ROOT, Problems, StepError
from console.deployment.terraform import Terraform

FILES = ROOT / "infra/terraform/gcp"
NAMES = {**settings.SETTINGS, "GCP_PROJECT": "project", "GCP_REGION": "region", "DNS_ZONE": "dns_zone"}
# Terraform variable → its secret. Made once and read back ever after, so that the pasted URLs stay valid.
TOKENS = {name: name.replace("_", "-") for name in ("media_token", "exotel_token", "control_token", "events_secret")}
# What building an image needs; applied before the service that runs it.
BEFORE_IMAGE = (
    "module.bridge.google_project_service.api",
    "module.bridge.google_artifact_registry_repository.images",
    "module.bridge.google_artifact_registry_repository_iam_member.build",
    "module.bridge.google_project_iam_member.build_logs",
    "module.bridge.google_project_iam_member.build_source",
    "module.bridge.google_storage_bucket.source",
)
PATIENCE_S = 600.0
RIGHTS_PAUSE_S = 60.0
CERTIFICATE_PATIENCE_S = 3600.0  # Google issues a certificate only when the domain's record points at it


@dataclass(frozen=True, slots=True)
class Project:
    """The place of a deployment, as its plan has it."""

    id: str
    region: str
    name: str

    @property
    def images(self) -> str:
        return f"{self.region}-docker.pkg.dev/{self.id}/{self.name}/relay"

    @property
    def builder(self) -> str:
        """The service account that builds."""
        return f"projects/{self.id}/serviceAccounts/{self.name}-build@{self.id}.iam.gserviceaccount.com"


# --- Before anything is created -----------------------------------------------------------------------------------


def gcloud(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask gcloud something: its warnings apart from its answer, and never a question back."""
    command = ["gcloud", *arguments, "--quiet"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def access_token(engine: str) -> str:
    """gcloud's, which Terraform takes as well: one login for both. Raises Problems, a line each."""
    tools = {"terraform": ["terraform", "version"], "gcloud": ["gcloud", "version"]}
    lines = steps.missing_tools(tools | ({engine: [engine, "info"]} if engine else {}))
    if lines:
        raise Problems(lines)
    token = gcloud("auth", "print-access-token")
    if token.returncode:
        raise Problems(["gcloud is not logged in: run `gcloud auth login`"])
    return token.stdout.strip()


def check_project(project: Project) -> None:
    """Raises Problems for a project that is not there, not ours to see, or can't pay."""
    if gcloud("projects", "describe", project.id).returncode:
        raise Problems([f"GCP_PROJECT={project.id}: there is no such project, or this account may not see it"])
    billing = gcloud("billing", "projects", "describe", project.id, "--format=value(billingEnabled)")
    if billing.stdout.strip() == "False":  # who may not see the billing is not stopped here
        raise Problems([f"GCP_PROJECT={project.id} has no billing account: Cloud Run and builds need one"])


def settle(terraform: Terraform) -> tuple[Project, dict[str, Any]]:
    """Check every setting; the place of the deployment, and all variables. Raises Problems, a line each.

    The tokens are not looked up yet: for that the project must be known.
    """
    placeholders = {f"TF_VAR_{name}": secrets.token_urlsafe(32) for name in TOKENS}
    variables = terraform.with_variables(placeholders).plan()
    return Project(variables["project"], variables["region"], variables["name"]), variables


def renewed_tokens(rotate: str) -> set[str]:
    """The tokens that ROTATE names, with commas. Raises Problems for a name that is none."""
    renewed = {name.strip() for name in rotate.split(",") if name.strip()}
    if unknown := renewed - TOKENS.keys():
        raise Problems([f"ROTATE: no token is called {', '.join(sorted(unknown))}; there are {', '.join(TOKENS)}"])
    return renewed


def tokens(project: Project, renewed: Collection[str] = ()) -> dict[str, str]:
    """`TF_VAR_…` of the tokens: those of the running deployment, new ones where there is none and for `renewed`.
    Raises StepError."""
    found = {f"TF_VAR_{variable}": secrets.token_urlsafe(32) for variable in renewed}
    for variable, suffix in TOKENS.items():
        if variable in renewed:
            continue
        secret = f"{project.name}-{suffix}"
        kept = gcloud("secrets", "versions", "access", "latest", f"--secret={secret}", f"--project={project.id}")
        if not kept.returncode:
            found[f"TF_VAR_{variable}"] = kept.stdout.strip()
        elif any(reason in kept.stderr for reason in ("NOT_FOUND", "SERVICE_DISABLED")):
            found[f"TF_VAR_{variable}"] = secrets.token_urlsafe(32)
        else:  # to make another one here would change the URLs that are pasted into Exotel
            raise StepError(f"the secret {secret} can't be read: {kept.stderr.strip()}")
    return found


# --- Steps --------------------------------------------------------------------------------------------------------


def enable_apis(project: Project) -> None:
    """Those that Terraform, and reading the tokens, need themselves; the rest Terraform switches on."""
    apis = [f"{api}.googleapis.com" for api in ("serviceusage", "cloudresourcemanager", "secretmanager")]
    steps.run(["gcloud", "services", "enable", *apis, f"--project={project.id}"])


def push_image(project: Project, tag: str, engine: str) -> None:
    """Build and push the relay's image, unless the repository has this content already. Raises StepError."""
    image = f"{project.images}:{tag}"
    if not gcloud("artifacts", "docker", "images", "describe", image).returncode:
        print(f"Image {tag}: there already")
    elif engine:
        steps.run([engine, "build", "--platform", "linux/amd64", "--file", relay_image.DOCKERFILE, "--tag", image, "."])
        login = ["login", "--username", "oauth2accesstoken", "--password-stdin", project.images.split("/")[0]]
        steps.run([engine, *login], text=access_token(engine))
        steps.run([engine, "push", image])
    else:
        _build_in_cloud(project, image)


def _build_in_cloud(project: Project, image: str) -> None:
    """By Cloud Build, from an archive of just the image's files, as an account that may do just that."""
    arguments = ["build", "--file", relay_image.DOCKERFILE, "--tag", image, "."]
    build = {
        "steps": [{"name": "gcr.io/cloud-builders/docker", "args": arguments}],
        "images": [image],
        "serviceAccount": project.builder,
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
        "timeout": "900s",
    }
    with tempfile.TemporaryDirectory() as folder:
        source, config = Path(folder) / "source.tgz", Path(folder) / "build.json"
        config.write_text(json.dumps(build))
        relay_image.archive(source)
        staging = f"gs://{project.id}-{project.name}-source/build"
        where = [f"--project={project.id}", f"--region={project.region}", f"--gcs-source-staging-dir={staging}"]
        submit = ["gcloud", "builds", "submit", str(source), f"--config={config}", *where]
        for again in (True, True, False):
            try:
                steps.run(submit)
                return
            except StepError:
                if not again:
                    raise
            print(f"Again in {RIGHTS_PAUSE_S:.0f} s: on a first deploy the builder's rights take a while to be known.")
            sleep(RIGHTS_PAUSE_S)


def has_records(bucket: str) -> bool:
    """Whether the bucket holds anything, older versions included."""
    return "gs://" in gcloud("storage", "ls", "--all-versions", f"gs://{bucket}/**").stdout


# --- Commands -----------------------------------------------------------------------------------------------------


def deploy(terraform: Terraform, given: Mapping[str, str]) -> None:
    engine, tag = given.get("ENGINE", ""), terraform.variables["TF_VAR_relay_image_tag"]
    renewed = renewed_tokens(given.get("ROTATE", ""))
    project, variables = settle(terraform)
    check_project(project)
    enable_apis(project)
    terraform = terraform.with_variables(tokens(project, renewed))
    terraform.run("apply", "-auto-approve", *(f"-target={resource}" for resource in BEFORE_IMAGE))
    push_image(project, tag, engine)
    terraform.run("apply", "-auto-approve")
    outputs = terraform.outputs()
    webhook_secret_set = bool(variables["elevenlabs_webhook_secret"])
    print(paste.paste_list(outputs, cloud="gcp", webhook_secret_set=webhook_secret_set))
    check(outputs, variables)


def check(outputs: Mapping[str, str], variables: Mapping[str, Any]) -> None:
    """That the deployment answers the world, and only those it should. Raises CheckError."""
    if variables["domain_name"]:
        print(
            f"{variables['domain_name']} must point at {outputs['domain_address']}; its certificate comes after that."
        )
    print(f"Waiting until {outputs['relay_url']} takes calls")
    patience_s = CERTIFICATE_PATIENCE_S if variables["domain_name"] else PATIENCE_S
    public_checks.wait_until_ready(outputs["relay_url"], patience_s=patience_s)
    public_checks.check_upgrade(outputs["voicebot_url"])
    public_checks.check_refusals(outputs["elevenlabs_webhook_url"], outputs["connect_primary_url"])
    print("The media socket opens under its public name, and the functions turn strangers away.")


def destroy(terraform: Terraform, given: Mapping[str, str]) -> None:
    """Refuses, before anything is gone, while there are records and DELETE_RECORDS is not yes."""
    project, _ = settle(terraform)
    terraform = terraform.with_variables(tokens(project))
    bucket = f"{project.id}-{project.name}-records"
    if has_records(bucket):
        if given.get("DELETE_RECORDS") != "yes":
            raise Problems([f"{bucket} holds records: save them, or DELETE_RECORDS=yes make destroy-gcp"])
        terraform = terraform.with_variables({"TF_VAR_delete_records": "true"})
        terraform.run("apply", "-auto-approve", "-target=module.bridge.google_storage_bucket.records")
    terraform.run("destroy", "-auto-approve")


def main(arguments: list[str], files: Path = FILES, env_file: Path = ROOT / ".env") -> int:
    """Exit status 2 when something is wrong before the start, 1 when a step failed: then mend it and run again."""
    try:
        given = settings.settings(os.environ, env_file)
        variables = settings.terraform_variables(given, NAMES) | {"TF_VAR_relay_image_tag": relay_image.tag()}
        if arguments not in (["plan"], ["deploy"], ["check"], ["destroy"]):
            raise Problems(["expected one of plan, deploy, check and destroy"])
        credentials = {"GOOGLE_OAUTH_ACCESS_TOKEN": access_token(given.get("ENGINE", ""))}
        terraform = Terraform(variables | credentials, files)
        bucket = given.get("STATE_BUCKET", "")
        terraform.initialise(
            {"bucket": bucket, "prefix": given.get("STATE_PREFIX") or "voice-bridge"} if bucket else {}
        )
        match arguments[0]:
            case "plan":
                project, _ = settle(terraform)
                terraform.with_variables(tokens(project)).plan(show=True)
            case "deploy":
                deploy(terraform, given)
            case "check":
                check(terraform.outputs(), settle(terraform)[1])
            case "destroy":
                destroy(terraform, given)
    except Problems as problems:
        for line in problems.lines:
            print(f"deploy-gcp: {line}", file=sys.stderr)
        return 2
    except (StepError, CheckError) as error:
        print(f"deploy-gcp: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
