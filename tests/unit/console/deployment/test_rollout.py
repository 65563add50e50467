"""What a deploy says about itself is true: only its own tasks count."""

from typing import Any

import pytest

from console.deployment.rollout import state, still_running
from console.deployment.steps import StepError

OUTPUTS = {"relay_cluster_name": "voice-bridge", "relay_service_name": "relay", "relay_target_group_arn": "arn:tg"}
OLD, NEW = ("10.0.0.1", "10.0.0.2"), ("10.0.1.1", "10.0.1.2")


class Ecs:
    """A service in the middle of a deployment: two old tasks, and as many new ones as run."""

    def __init__(
        self, *, running: int = 2, rollout: str = "IN_PROGRESS", image: str = "0123abcd", old: int = 2
    ) -> None:
        self.rollouts = [
            {"status": "PRIMARY", "rolloutState": rollout, "taskDefinition": "new", "runningCount": running,
             "desiredCount": 2},
            {"status": "ACTIVE", "rolloutState": "COMPLETED", "taskDefinition": "old", "runningCount": old,
             "desiredCount": 2},
        ]  # fmt: skip
        self.image = image
        self.tasks = [("old", address) for address in OLD[:old]] + [("new", address) for address in NEW[:running]]

    def describe_services(self, **_: Any) -> dict[str, Any]:
        events = [{"message": f"event {number}"} for number in range(9)]
        return {"services": [{"deployments": self.rollouts, "events": events}]}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        return {"taskDefinition": {"containerDefinitions": [{"image": f"registry/relay:{self.image}"}]}}

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        return {"taskArns": [address for _, address in self.tasks]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        attached = [(of, [{"name": "privateIPv4Address", "value": address}]) for of, address in self.tasks]
        return {"tasks": [{"taskDefinitionArn": of, "attachments": [{"details": details}]} for of, details in attached]}


class Balancer:
    def __init__(self, **states: str) -> None:
        self.states = {f"10.0.{name[1]}.{name[2]}": state for name, state in states.items()}

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        found = [{"Target": {"Id": one}, "TargetHealth": {"State": state}} for one, state in self.states.items()]
        return {"TargetHealthDescriptions": found}


BOTH = Balancer(t01="healthy", t02="healthy", t11="healthy", t12="healthy")


def test_a_deploy_is_through_when_the_new_tasks_are_healthy():
    """The old ones may stay for an hour, with their calls: nobody waits for them."""
    assert state(Ecs(), BOTH, OUTPUTS, "0123abcd") == ""


@pytest.mark.parametrize(
    ("ecs", "balancer", "said"),
    [
        (Ecs(running=1), BOTH, "1 of 2 new tasks run, 1 healthy"),
        (
            Ecs(),
            Balancer(t01="healthy", t02="healthy", t11="healthy", t12="initial"),
            "2 of 2 new tasks run, 1 healthy",
        ),
        # the fault: two healthy targets, both of the release before, and the deploy was called a success
        (Ecs(), Balancer(t01="healthy", t02="healthy", t11="unhealthy"), "2 of 2 new tasks run, 0 healthy"),
    ],
)
def test_how_far_a_deploy_is(ecs: Ecs, balancer: Balancer, said: str):
    assert state(ecs, balancer, OUTPUTS, "0123abcd") == said


@pytest.mark.parametrize("ecs", [Ecs(rollout="FAILED"), Ecs(image="the-one-before")])
def test_a_deploy_that_was_rolled_back_ends_with_what_ecs_says(ecs: Ecs):
    with pytest.raises(StepError, match="ECS .*event 0; event 1; event 2$"):
        state(ecs, BOTH, OUTPUTS, "0123abcd")


def test_what_still_runs_is_said_and_how_to_watch_it():
    said = still_running(Ecs(), OUTPUTS)
    assert said.startswith("2 relay tasks of the release before still run.")
    assert "aws ecs describe-services --cluster voice-bridge --services relay" in said
    assert still_running(Ecs(old=0), OUTPUTS) == "No relay task of an earlier release is left."
