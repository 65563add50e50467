"""The relay's image in the installation's registry on Google Cloud: built by a container engine, or by Cloud Build."""

import json
import tempfile
from pathlib import Path
from time import sleep

from console.deployment import relay_image, steps
from console.deployment.gcp_project import Project, access_token
from console.deployment.steps import StepError, gcloud

NEEDS = (
    "module.bridge.google_project_service.api",
    "module.bridge.google_artifact_registry_repository.images",
    "module.bridge.google_artifact_registry_repository_iam_member.build",
    "module.bridge.google_project_iam_member.build_logs",
    "module.bridge.google_project_iam_member.build_source",
    "module.bridge.google_storage_bucket.source",
)
"""What is needed to build an image; applied before the service that runs it."""
RIGHTS_PAUSE_S = 60.0


def push(project: Project, tag: str, engine: str) -> None:
    """Build and push the relay's image, unless the repository already has this content. Raises StepError."""
    image = f"{project.images}:{tag}"
    if not gcloud("artifacts", "docker", "images", "describe", image).returncode:
        print(f"Image {tag} already exists")
    elif engine:
        steps.run([engine, "build", "--platform", "linux/amd64", "--file", relay_image.DOCKERFILE, "--tag", image, "."])
        login = ["login", "--username", "oauth2accesstoken", "--password-stdin", project.images.split("/")[0]]
        steps.run([engine, *login], text=access_token(engine))
        steps.run([engine, "push", image])
    else:
        _build_there(project, image)


def _build_there(project: Project, image: str) -> None:
    """With Cloud Build, from an archive of the image's files only, as an account that may do nothing else."""
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
            print(
                f"Again in {RIGHTS_PAUSE_S:.0f} s: on a first deploy the builder's permissions take a while to apply."
            )
            sleep(RIGHTS_PAUSE_S)
