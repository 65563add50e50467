"""How far a deployment of the relay on ECS is, by its new tasks: tasks of the previous release prove nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from console.deployment.steps import StepError


def state(ecs: Any, elbv2: Any, outputs: Mapping[str, str], tag: str) -> str:
    """ "" once the new tasks run and the load balancer finds them healthy, else the progress. `tag`: of their image.

    Raises StepError if ECS gave up.
    """
    service = _service(ecs, outputs)
    said = "; ".join(event["message"] for event in service.get("events", [])[:3])
    if any(rollout.get("rolloutState") == "FAILED" for rollout in service["deployments"]):
        raise StepError(f"ECS gave up and rolled back to the previous tasks: {said}")
    newest = _newest(service)
    image = _image(ecs, newest["taskDefinition"])
    if not image.endswith(f":{tag}"):
        raise StepError(f"ECS rolled back to {image}: {said}")
    targets = elbv2.describe_target_health(TargetGroupArn=outputs["relay_target_group_arn"])["TargetHealthDescriptions"]
    states = {target["Target"]["Id"]: target["TargetHealth"]["State"] for target in targets}
    new = list(_tasks(ecs, outputs, newest["taskDefinition"]))
    healthy = sum(states.get(address) == "healthy" for _, address in new)
    desired = newest["desiredCount"]
    if newest["runningCount"] >= desired and healthy >= desired:
        return ""
    return f"{newest['runningCount']} of {desired} new tasks run, {healthy} healthy"


def still_running(ecs: Any, outputs: Mapping[str, str]) -> str:
    """What to know about the tasks of previous releases, and how to watch them."""
    service = _service(ecs, outputs)
    newest = _newest(service)["taskDefinition"]
    old = [task for task, _ in _tasks(ecs, outputs, "") if task["taskDefinitionArn"] != newest]
    if not old:
        return "No relay task of an earlier release is left."
    cluster, name = outputs["relay_cluster_name"], outputs["relay_service_name"]
    return (
        f"{len(old)} relay tasks of the release before still run. They get no new call a minute from now, and end with"
        f" their last one, an hour later at most. To watch: aws ecs describe-services --cluster {cluster}"
        f" --services {name} --query 'services[].deployments[].[status,runningCount]'"
    )


def _service(ecs: Any, outputs: Mapping[str, str]) -> dict[str, Any]:
    cluster, name = outputs["relay_cluster_name"], outputs["relay_service_name"]
    (service,) = ecs.describe_services(cluster=cluster, services=[name])["services"]
    found: dict[str, Any] = service
    return found


def _newest(service: Mapping[str, Any]) -> dict[str, Any]:
    return next(rollout for rollout in service["deployments"] if rollout["status"] == "PRIMARY")


def _image(ecs: Any, definition: str) -> str:
    found = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return str(found["containerDefinitions"][0]["image"])


def _tasks(ecs: Any, outputs: Mapping[str, str], definition: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The service's running tasks, those of one task definition or all, with their addresses."""
    cluster = outputs["relay_cluster_name"]
    arns = ecs.list_tasks(cluster=cluster, serviceName=outputs["relay_service_name"])["taskArns"]
    for task in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []:
        details = {one["name"]: one["value"] for attached in task["attachments"] for one in attached["details"]}
        if definition in ("", task["taskDefinitionArn"]):
            yield task, details.get("privateIPv4Address", "")
