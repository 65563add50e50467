"""Going back to the release before, on either cloud: the relay and the functions that were deployed with it, together.

Nothing is built and Terraform is not asked, so it takes a minute. The next deploy puts the files' state in place again.
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
        """What was done, in a line. Raises StepError, before anything is changed, when there is no such release."""
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
            raise StepError("there is no release before this one to go back to")
        wanted = _release(earlier)
        versions = {function: self._version(function, wanted) for function in FUNCTIONS}
        for function, version in versions.items():
            name = f"{self.outputs['name']}-{function}"
            self.functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version["Version"])
        self.ecs.update_service(cluster=cluster, service=name, taskDefinition=arn)
        return f"Back to release {wanted}: relay {family}:{earlier['revision']}, functions " + ", ".join(
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
    """As Aws.roll_back. A function's revision is that which ran when the relay's revision before was made."""
    project, region, name = outputs["project"], outputs["region"], outputs["name"]
    relays = _revisions(project, region, f"{name}-relay")
    if len(relays) < 2:
        raise StepError("there is no release before this one to go back to")
    made_at, relay = relays[1]
    chosen = {f"{name}-relay": relay}
    for service in SERVICES:
        ran = [revision for at, revision in _revisions(project, region, f"{name}-{service}") if at <= made_at]
        if not ran:
            raise StepError(f"{name}-{service} has no revision from before {made_at} any more")
        chosen[f"{name}-{service}"] = ran[0]
    for service, revision in reversed(chosen.items()):  # the relay last: it sends its events to the functions
        where = [f"--project={project}", f"--region={region}"]
        done = gcloud("run", "services", "update-traffic", service, f"--to-revisions={revision}=100", *where)
        if done.returncode:
            raise StepError(f"{service}: {done.stderr.strip()}")
    return "Back to " + ", ".join(chosen.values())


def _revisions(project: str, region: str, service: str) -> list[tuple[str, str]]:
    """When each was made and its name, the newest first; that which gets the traffic and those before."""
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
