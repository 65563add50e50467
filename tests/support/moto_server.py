"""A moto server that the real Terraform AWS provider can work against: moto plus what it lacks.

    python -m tests.support.moto_server PORT

Each function below mends one thing; where moto has caught up with it, delete it. One is of our own making: the first
ECS service of the cluster voice-bridge is refused, so that a first apply fails half-way and has to be run again.
"""

import inspect
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.awslambda.models import LambdaFunction
from moto.budgets.responses import BudgetsResponse
from moto.cloudfront.models import DefaultCacheBehaviour, ViewerCertificate
from moto.codebuild import responses as codebuild_responses
from moto.core.responses import ActionResult
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ecs.exceptions import EcsClientException
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import ELBv2Backend
from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.models import FakeBucket

from tests.support.called import Notes


def give_scalable_targets_tags() -> None:
    """The provider lists a scalable target's tags; an error there makes it retry for minutes, as if it hung."""
    tags: dict[str, dict[str, str]] = {}
    register = ApplicationAutoScalingResponse.register_scalable_target

    def register_scalable_target(self: Any) -> str:
        answer = register(self)
        tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(self._get_param("Tags") or {})
        return answer

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"Tags": tags.get(self._get_param("ResourceARN"), {})})

    def tag_resource(self: Any) -> str:
        tags.setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags"))
        return "{}"

    def untag_resource(self: Any) -> str:
        for key in self._get_param("TagKeys"):
            tags.get(self._get_param("ResourceARN"), {}).pop(key, None)
        return "{}"

    for action in (register_scalable_target, list_tags_for_resource, tag_resource, untag_resource):
        setattr(ApplicationAutoScalingResponse, action.__name__, action)


def allow_an_hour_of_deregistration() -> None:
    """Off by one: moto refuses 3,600 s, which AWS allows and the product needs."""
    name = "deregistration_delay.timeout_seconds"
    modify = ELBv2Backend.modify_target_group_attributes

    def modify_target_group_attributes(self: Any, target_group_arn: str, attributes: dict[str, Any]) -> None:
        an_hour = attributes.get(name) == "3600"
        modify(self, target_group_arn, {**attributes, name: "3599"} if an_hour else attributes)
        if an_hour:
            self.target_groups[target_group_arn].attributes[name] = "3600"

    ELBv2Backend.modify_target_group_attributes = modify_target_group_attributes  # type: ignore[method-assign]


def refuse_a_service_once_then_keep_its_settings() -> None:
    """moto drops some settings of an ECS service at creation, and a plan would want to set them for ever."""
    kept = {
        "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
        "deploymentConfiguration": "deployment_configuration",
        "availabilityZoneRebalancing": "availability_zone_rebalancing",
    }
    create = EC2ContainerServiceResponse.create_service

    refused = False

    def create_service(self: Any) -> ActionResult:
        nonlocal refused
        if not refused and self._get_param("cluster").endswith("/voice-bridge"):
            refused = True
            raise EcsClientException("Refused once, to see whether a half-failed apply can be run again.")
        answer = create(self)
        service = answer.result["service"]  # type: ignore[index]
        for parameter, attribute in kept.items():
            if (value := self._get_param(parameter)) is not None:
                setattr(service, attribute, value)
        return answer

    EC2ContainerServiceResponse.create_service = create_service  # type: ignore[method-assign]


def obey_secure_transport() -> None:
    """moto ignores conditions, so "deny unless TLS" would deny everything; the policy's text is asserted elsewhere."""
    permission = FakeBucket.get_permission

    def get_permission(self: Any, action: str, resource: str) -> Any:
        policy = json.loads(self.policy) if self.policy else {"Statement": []}
        statements = [
            s for s in policy["Statement"] if "aws:SecureTransport" not in s.get("Condition", {}).get("Bool", {})
        ]
        if not statements:
            return PermissionResult.NEUTRAL
        whole, self.policy = self.policy, json.dumps({**policy, "Statement": statements}).encode()
        try:
            return permission(self, action, resource)
        finally:
            self.policy = whole

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign]


def keep_rule_descriptions() -> None:
    """moto shows a security group rule's description only where the rule names addresses."""

    def description(self: Any) -> str | None:
        return self.ip_range.get("Description") or self.source_group.get("Description") or self.prefix_description

    init = SecurityGroupRule.__init__

    def with_prefix_description(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.prefix_description = (
            inspect.signature(init).bind(self, *args, **kwargs).arguments.get("prefix_list_id") or {}
        ).get("Description")

    SecurityGroupRule.__init__ = with_prefix_description  # type: ignore[method-assign]
    SecurityGroupRule.description = property(description)  # type: ignore[assignment,method-assign]


def leave_out_what_cloudfront_was_not_given() -> None:
    """moto invents values for two settings that exclude the ones in use: cache policies, the default certificate."""
    behaviour, certificate = DefaultCacheBehaviour.__init__, ViewerCertificate.__init__

    def init_behaviour(self: Any, config: dict[str, Any]) -> None:
        behaviour(self, config)
        if "ForwardedValues" not in config:
            self.forwarded_values = None

    def init_certificate(self: Any, config: dict[str, Any]) -> None:
        certificate(self, config)
        self.ssl_support_method = config.get("SSLSupportMethod")

    DefaultCacheBehaviour.__init__ = init_behaviour  # type: ignore[method-assign]
    ViewerCertificate.__init__ = init_certificate  # type: ignore[method-assign]


def tell_of_a_budgets_subscribers_and_tags() -> None:
    """The provider asks for both after it has made a budget, and again for minutes where the answer is an error."""
    tags: dict[str, list[dict[str, str]]] = {}
    create = BudgetsResponse.create_budget

    def create_budget(self: Any) -> str:
        tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
        return create(self)

    def describe_subscribers_for_notification(self: Any) -> str:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        wanted = self._get_param("Notification")
        found = (one for one in budget.notifications if wanted.items() <= one.details.items())
        return json.dumps({"Subscribers": next(found).subscribers})

    def list_tags_for_resource(self: Any) -> str:
        name = self._get_param("ResourceARN").rpartition(":budget/")[2]
        return json.dumps({"ResourceTags": tags.get(name, [])})

    for action in (create_budget, describe_subscribers_for_notification, list_tags_for_resource):
        setattr(BudgetsResponse, action.__name__, action)


def let_a_project_have_no_source() -> None:
    """moto asks every CodeBuild project where its source is, also one of the kind NO_SOURCE, which has none."""
    checked = codebuild_responses._validate_required_params_source

    def validate(source: dict[str, Any]) -> None:
        checked({"location": "none", **source} if source["type"] == "NO_SOURCE" else source)

    codebuild_responses._validate_required_params_source = validate


def hand_out_deployed_code(folder: Path) -> None:
    """AWS answers GetFunction with a URL of the zip; moto's leads nowhere. Here it is a file's."""
    code = LambdaFunction.get_code

    def get_code(self: Any) -> dict[str, Any]:
        answer = code(self)
        file = folder / f"{self.code_digest.replace(':', '-')}.zip"
        file.write_bytes(self.code_bytes)
        answer["Code"]["Location"] = file.as_uri()
        return answer

    LambdaFunction.get_code = get_code  # type: ignore[method-assign]


def write_down_what_is_called(file: Path) -> None:
    """Not a lack of moto's: the policy for deployers is made of it."""
    notes, dispatch = Notes(file), DomainDispatcherApplication.__call__

    def call(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        notes.take(environ)
        return dispatch(self, environ, start_response)

    DomainDispatcherApplication.__call__ = call  # type: ignore[method-assign]


def main(port: str) -> None:
    if file := os.environ.get("MOTO_CALLED"):
        write_down_what_is_called(Path(file))
    os.environ["MOTO_ECS_SERVICE_RUNNING"] = "2"  # a new service's tasks run at once
    give_scalable_targets_tags()
    allow_an_hour_of_deregistration()
    refuse_a_service_once_then_keep_its_settings()
    obey_secure_transport()
    keep_rule_descriptions()
    leave_out_what_cloudfront_was_not_given()
    tell_of_a_budgets_subscribers_and_tags()
    let_a_project_have_no_source()

    from moto.server import main as serve  # reads the environment when imported

    with tempfile.TemporaryDirectory() as folder:
        hand_out_deployed_code(Path(folder))
        serve(["-H", "127.0.0.1", "-p", port])


if __name__ == "__main__":
    main(sys.argv[1])
