"""What a deployment to AWS must never stop being: rules over a Terraform plan that yield a sentence a violation."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.support.terraform import resources

Rule = Callable[["Resources"], Iterator[str]]
RULES: dict[str, Rule] = {}

LONGEST_CALL_S = 3600  # Exotel's cap
SECRET_NAME = re.compile(r"SECRET$|TOKEN$|PASSWORD|API_KEY$|BASIC_AUTH$")
# The one action that IAM knows no resource for.
UNBOUNDED_ACTIONS = {"ecr:GetAuthorizationToken"}


class Resources:
    """The planned resources. Plan when everything is applied, or most values are not known yet."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        planned = resources(plan["planned_values"]["root_module"])
        self._values = {address: (kind, values) for address, kind, values in planned}

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Address → values of every resource of a type."""
        return {address: values for address, (of, values) in self._values.items() if of == kind}

    def one(self, address: str) -> dict[str, Any]:
        values: dict[str, Any] = self._values[address][1]
        return values

    @property
    def container(self) -> dict[str, Any]:
        """The relay's, as the task definition gives it."""
        (container,) = json.loads(self.one("aws_ecs_task_definition.relay")["container_definitions"])
        return dict(container)


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


@rule
def a_deploy_waits_for_the_longest_call(resources: Resources) -> Iterator[str]:
    delay = int(resources.one("aws_lb_target_group.relay")["deregistration_delay"])
    if delay < LONGEST_CALL_S:
        yield f"the load balancer cuts the calls of a leaving task after {delay} s"
    if (stop := resources.container.get("stopTimeout", 30)) != 120:
        yield f"Fargate kills a relay {stop} s after SIGTERM, although it would wait 120"
    drain = {pair["name"]: pair["value"] for pair in resources.container["environment"]}["DRAIN_SECONDS"]
    if not int(drain) < 120:
        yield f"the relay would be killed before DRAIN_SECONDS={drain} are over"


@rule
def the_balancer_never_hangs_up(resources: Resources) -> Iterator[str]:
    if (idle := resources.one("aws_lb.relay")["idle_timeout"]) < LONGEST_CALL_S:
        yield f"a call whose socket is silent for {idle} s is cut"


@rule
def a_full_relay_is_not_replaced(resources: Resources) -> Iterator[str]:
    if (path := resources.one("aws_lb_target_group.relay")["health_check"][0]["path"]) != "/balance":
        yield f"{path} is not green while a relay is full or draining: its calls would be lost"


@rule
def new_tasks_come_before_old_ones_go(resources: Resources) -> Iterator[str]:
    service = resources.one("aws_ecs_service.relay")
    if service["deployment_minimum_healthy_percent"] < 100 or service["deployment_maximum_percent"] < 200:
        yield "a deploy stops tasks before their successors run"
    if service["deployment_circuit_breaker"] != [{"enable": True, "rollback": True}]:
        yield "a deploy that does not start is not rolled back"
    if service["launch_type"] != "FARGATE" or service["capacity_provider_strategy"]:
        yield "a reclaimed Spot task takes its calls with it"
    if len(service["network_configuration"][0]["subnets"]) < 2:
        yield "all tasks are in one zone"


@rule
def scaling_in_takes_one_task_at_a_time(resources: Resources) -> Iterator[str]:
    for address, policy in resources.all("aws_appautoscaling_policy").items():
        for tracking in policy["target_tracking_scaling_policy_configuration"]:
            if not tracking["disable_scale_in"]:
                yield f"{address} takes tasks away by itself"
        for step in (
            step for steps in policy["step_scaling_policy_configuration"] for step in steps["step_adjustment"]
        ):
            if step["scaling_adjustment"] < -1:
                yield f"{address} takes {-step['scaling_adjustment']} tasks away at once"


@rule
def secrets_go_by_reference(resources: Resources) -> Iterator[str]:
    plain = {"the relay": {pair["name"]: pair["value"] for pair in resources.container["environment"]}}
    for address, function in resources.all("aws_lambda_function").items():
        plain[address] = function["environment"][0]["variables"]
    for where, variables in plain.items():
        for name, value in variables.items():
            if SECRET_NAME.search(name) and not value.startswith("arn:"):
                yield f"{where}: {name} is a secret in plain"
    for secret in resources.container["secrets"]:
        if not secret["valueFrom"].startswith("arn:"):
            yield f"the relay: {secret['name']} is not a reference"
    for address, version in resources.all("aws_secretsmanager_secret_version").items():
        if version["secret_string"] or not version["has_secret_string_wo"]:
            yield f"{address} puts its secret into the state"


@rule
def the_container_can_do_nothing_but_its_work(resources: Resources) -> Iterator[str]:
    container = resources.container
    if container.get("user", "root").partition(":")[0] in {"", "0", "root"}:
        yield "the relay runs as root"
    if not container.get("readonlyRootFilesystem"):
        yield "the relay can write to its image"
    if container.get("linuxParameters", {}).get("capabilities", {}).get("drop") != ["ALL"]:
        yield "the relay keeps capabilities"
    if container.get("privileged"):
        yield "the relay is privileged"
    if resources.one("aws_ecs_service.relay")["enable_execute_command"]:
        yield "a shell can be opened in the relay"
    if resources.one("aws_ecr_repository.relay")["image_tag_mutability"] != "IMMUTABLE":
        yield "a tag can be given another image"


@rule
def permissions_are_narrow(resources: Resources) -> Iterator[str]:
    for address, policy in resources.all("aws_iam_role_policy").items():
        for statement in json.loads(policy["policy"])["Statement"]:
            actions, targets = as_list(statement["Action"]), as_list(statement["Resource"])
            if any("*" in action for action in actions):
                yield f"{address}: {actions} is not a list of actions"
            if "*" in targets and not set(actions) <= UNBOUNDED_ACTIONS:
                yield f"{address}: {actions} on everything"
            if any(re.fullmatch(r"arn:aws:s3:::[^/]+/?\*", target) for target in targets):
                yield f"{address}: {actions} on the whole bucket"
    for address in resources.all("aws_iam_role_policy_attachment"):
        yield f"{address}: a policy that somebody else may widen"
    for address, permission in resources.all("aws_lambda_permission").items():
        if permission["principal"] != "apigateway.amazonaws.com" or not permission["source_arn"]:
            yield f"{address}: others than our API may invoke"


@rule
def the_bucket_is_private_and_forgets(resources: Resources) -> Iterator[str]:
    block = resources.one("aws_s3_bucket_public_access_block.records")
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    if not all(block[switch] for switch in switches):
        yield "the bucket can be made public"
    statements = json.loads(resources.one("aws_s3_bucket_policy.records")["policy"])["Statement"]
    if not any(
        one["Effect"] == "Deny" and one["Principal"] == "*" and one["Action"] == "s3:*" and len(one["Resource"]) == 2
        and one.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for one in statements
    ):  # fmt: skip
        yield "the bucket can be read without TLS"
    if not resources.one("aws_s3_bucket_server_side_encryption_configuration.records")["rule"]:
        yield "the bucket is not encrypted"
    if resources.one("aws_s3_bucket_versioning.records")["versioning_configuration"][0]["status"] != "Enabled":
        yield "a record that is overwritten is lost"
    if resources.one("aws_s3_bucket_ownership_controls.records")["rule"] != [
        {"object_ownership": "BucketOwnerEnforced"}
    ]:
        yield "objects can belong to others"
    for lifecycle in resources.one("aws_s3_bucket_lifecycle_configuration.records")["rule"]:
        if lifecycle["status"] != "Enabled" or not (
            lifecycle["expiration"] and lifecycle["noncurrent_version_expiration"]
        ):
            yield "records are kept for ever"
    if resources.one("aws_s3_bucket.records")["force_destroy"]:
        yield "destroy deletes records without being told so"


@rule
def the_way_in_is_the_only_one(resources: Resources) -> Iterator[str]:
    for address, listener in resources.all("aws_lb_listener").items():
        answers = [action for action in listener["default_action"] if action["type"] == "fixed-response"]
        if listener["protocol"] != "HTTPS" and not answers:
            yield f"{address}: the relay can be reached without TLS"
    for address, behaviour in (
        (address, one["default_cache_behavior"][0])
        for address, one in resources.all("aws_cloudfront_distribution").items()
    ):
        if behaviour["viewer_protocol_policy"] != "https-only":
            yield f"{address}: the relay can be reached without TLS"
    balancer, relay = (resources.one(f"aws_security_group.{name}")["id"] for name in ("balancer", "relay"))
    for address, ingress in resources.all("aws_vpc_security_group_ingress_rule").items():
        if ingress["security_group_id"] == relay and ingress["referenced_security_group_id"] != balancer:
            yield f"{address}: others than the load balancer reach the relay"
        if ingress["security_group_id"] == balancer and ingress["from_port"] == 80 and not ingress["prefix_list_id"]:
            yield f"{address}: others than CloudFront reach the load balancer in plain"
    stage = resources.one("aws_apigatewayv2_stage.default")
    throttled = {one["route_key"] for one in stage["route_settings"] if one["throttling_rate_limit"]}
    for route in resources.all("aws_apigatewayv2_route").values():
        if route["route_key"] not in throttled:
            yield f"a flood on another route takes the requests of {route['route_key']}"
    if not stage["default_route_settings"][0]["throttling_rate_limit"]:
        yield "the functions' API takes whatever comes"
    if "query" in stage["access_log_settings"][0]["format"].lower():
        yield "the API logs Exotel's token"


@rule
def logs_end_and_alarms_ring(resources: Resources) -> Iterator[str]:
    for address, group in resources.all("aws_cloudwatch_log_group").items():
        if not group["retention_in_days"]:
            yield f"{address} is kept for ever"
    for address, alarm in resources.all("aws_cloudwatch_metric_alarm").items():
        if not alarm["alarm_actions"]:
            yield f"{address} tells nobody"


def violations(plan: Mapping[str, Any]) -> list[str]:
    """Every sentence of every rule."""
    resources = Resources(plan)
    return [sentence for check in RULES.values() for sentence in check(resources)]


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
