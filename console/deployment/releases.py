"""Rolls back to the previous release, on both clouds: the relay together with the functions that were deployed with it.

Nothing is built and Terraform is not run, so it takes a minute. The next deploy applies the files again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.deployment.steps import StepError, gcloud

FUNCTIONS = ("webhook", "transfer")
SERVICES = ("webhook", "sweep", "transfer")
ALIAS = "live"  # infra/terraform/modules/aws/functions.tf


# --- AWS ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Aws:
    """`ecs`, `functions`: clients of ECS and Lambda."""

    ecs: Any
    functions: Any
    outputs: Mapping[str, str]

    def roll_back(self) -> str:
        """Returns what was done, in one line. Raises StepError, before anything is changed, if there is no earlier
        release.
        """
        cluster, name = self.outputs["relay_cluster_name"], self.outputs["relay_service_name"]
        (service,) = self.ecs.describe_services(cluster=cluster, services=[name])["services"]
        current = self._definition(service["taskDefinition"])
        family, revision = current["family"], current["revision"]
        arns = self.ecs.list_task_definitions(familyPrefix=family, status="ACTIVE", sort="DESC")["taskDefinitionArns"]
        before = [arn for arn in arns if int(arn.rpartition(":")[2]) < revision]
        release = _release(current)
        for arn in before:
            earlier = self._definition(arn)
            if _release(earlier) != release:
                break
        else:
            raise StepError("there is no earlier release to roll back to")
        wanted = _release(earlier)
        versions = {function: self._version(function, wanted) for function in FUNCTIONS}
        for function, version in versions.items():
            name = f"{self.outputs['name']}-{function}"
            self.functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version["Version"])
        self.ecs.update_service(cluster=cluster, service=name, taskDefinition=arn)
        return f"Rolling back to release {wanted}: relay {family}:{earlier['revision']}, functions " + ", ".join(
            f"{function} version {version['Version']}" for function, version in versions.items()
        )

    def _definition(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return found

    def _version(self, function: str, release: str) -> dict[str, Any]:
        name = f"{self.outputs['name']}-{function}"
        pages = self.functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        versions = [version for page in pages for version in page["Versions"] if version["Version"] != "$LATEST"]
        fitting = [version for version in versions if version.get("Description") == f"release {release}"]
        if not fitting:
            raise StepError(f"{name} has no version of release {release} any more")
        found: dict[str, Any] = max(fitting, key=lambda version: int(version["Version"]))
        return found


def _release(definition: Mapping[str, Any]) -> str:
    return str(definition["containerDefinitions"][0].get("dockerLabels", {}).get("release", ""))


# --- Google Cloud -------------------------------------------------------------------------------------------------


def roll_back_on_google(outputs: Mapping[str, str]) -> str:
    """As Aws.roll_back. A function's revision is the one that ran when the relay's earlier revision was created."""
    project, region, name = outputs["project"], outputs["region"], outputs["name"]
    relays = _revisions(project, region, f"{name}-relay")
    if len(relays) < 2:
        raise StepError("there is no earlier release to roll back to")
    made_at, relay = relays[1]
    chosen = {f"{name}-relay": relay}
    for service in SERVICES:
        ran = [revision for at, revision in _revisions(project, region, f"{name}-{service}") if at <= made_at]
        if not ran:
            raise StepError(f"{name}-{service} has no revision from before {made_at} any more")
        chosen[f"{name}-{service}"] = ran[0]
    for service, revision in reversed(chosen.items()):  # the relay last, because it sends its events to the functions
        _send_requests(project, region, service, f"--to-revisions={revision}=100")
    return "Back to " + ", ".join(chosen.values())


def serve_newest_on_google(project: str, region: str, name: str) -> None:
    """Sends all requests to each function's newest revision. Raises StepError.

    Needed after a rollback: Cloud Functions moves the traffic only when it makes a revision, and Terraform asks for
    none where a function's code and settings are what they were before the rollback.
    """
    for service in SERVICES:
        _send_requests(project, region, f"{name}-{service}", "--to-latest")


def _send_requests(project: str, region: str, service: str, where_to: str) -> None:
    where = [f"--project={project}", f"--region={region}"]
    done = gcloud("run", "services", "update-traffic", service, where_to, *where)
    if done.returncode:
        raise StepError(f"{service}: {done.stderr.strip()}")


def _revisions(project: str, region: str, service: str) -> list[tuple[str, str]]:
    """Creation time and name of each, newest first; the one with the traffic and the earlier ones."""
    where = [f"--project={project}", f"--region={region}", "--format=json"]
    listed = gcloud("run", "revisions", "list", f"--service={service}", *where)
    serving = gcloud("run", "services", "describe", service, *where)
    if listed.returncode or serving.returncode:
        raise StepError(f"{service}: {(listed.stderr + serving.stderr).strip()}")
    made = [(one["metadata"]["creationTimestamp"], one["metadata"]["name"]) for one in json.loads(listed.stdout)]
    traffic = {one.get("revisionName") for one in json.loads(serving.stdout)["status"]["traffic"] if one.get("percent")}
    made.sort(reverse=True)
    first = next((index for index, (_, revision) in enumerate(made) if revision in traffic), 0)
    return made[first:]
