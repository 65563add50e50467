"""The place of a deployment on Google Cloud, and whether gcloud may work there."""

from dataclasses import dataclass

from console.deployment import steps
from console.deployment.steps import Problems, gcloud


@dataclass(frozen=True, slots=True)
class Project:
    """The place of a deployment, from its plan."""

    id: str
    region: str
    name: str

    @property
    def images(self) -> str:
        return f"{self.region}-docker.pkg.dev/{self.id}/{self.name}/relay"

    @property
    def builder(self) -> str:
        """The service account for builds."""
        return f"projects/{self.id}/serviceAccounts/{self.name}-build@{self.id}.iam.gserviceaccount.com"


def access_token(engine: str) -> str:
    """gcloud's token, which Terraform uses too: one login for both. Raises Problems, one line each."""
    tools = {"terraform": ["terraform", "version"], "gcloud": ["gcloud", "version"]}
    lines = steps.missing_tools(tools | ({engine: [engine, "info"]} if engine else {}))
    if lines:
        raise Problems(lines)
    token = gcloud("auth", "print-access-token")
    if token.returncode:
        raise Problems(["gcloud is not logged in: run `gcloud auth login`"])
    return token.stdout.strip()


def check_project(project: Project) -> None:
    """Raises Problems for a project that does not exist, is not visible to this account, or has no billing."""
    if gcloud("projects", "describe", project.id).returncode:
        raise Problems([f"GCP_PROJECT={project.id}: there is no such project, or this account may not see it"])
    billing = gcloud("billing", "projects", "describe", project.id, "--format=value(billingEnabled)")
    if billing.stdout.strip() == "False":  # an account without permission to see the billing may go on
        raise Problems([f"GCP_PROJECT={project.id} has no billing account: Cloud Run and builds need one"])
