"""What stands in AWS after an apply, read back with boto3; and what a plan must never lose."""

import copy
import json
import re
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from console.deployment.steps import Problems
from console.deployment.terraform import Terraform
from functions.common.agent_versions import AgentVersions
from functions.common.store.s3 import S3Store
from scripts import deployer_policy
from tests.support.terraform import FILES, Workspace, changes, resources
from tests.terraform.aws.conftest import PATIENCE_S, Beside, Installation
from tests.terraform.aws.policy import RULES, violations
from tests.terraform.aws.stack import AGENTS, SECRETS, SETTINGS, Stack


@pytest.fixture(scope="module")
def plan(stack: Stack) -> dict[str, Any]:
    """A plan when all is applied, so that every value in it is known."""
    return stack.terraform.plan()


def test_a_second_plan_changes_nothing(plan: dict[str, Any]):
    assert changes(plan) == {}


# --- The way of a call --------------------------------------------------------------------------------------------


def test_the_balancer_is_more_patient_than_any_call(stack: Stack):
    elbv2 = stack.client("elbv2")
    (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
    attributes = elbv2.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "4000"} in attributes
    assert len(balancer["AvailabilityZones"]) == 2

    (group,) = elbv2.describe_target_groups()["TargetGroups"]
    assert (group["HealthCheckPath"], group["TargetType"]) == ("/balance", "ip")
    found = elbv2.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
    attributes = {one["Key"]: one["Value"] for one in found}
    assert attributes["deregistration_delay.timeout_seconds"] == "3600"
    assert attributes["load_balancing.algorithm.type"] == "least_outstanding_requests"


def test_without_a_domain_only_cloudfront_gets_through(stack: Stack):
    elbv2, secrets = stack.client("elbv2"), stack.secrets()
    before, origin = sorted(value for name, value in secrets.items() if name == "origin-1"), secrets["origin-0"]
    before += [origin]
    (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
    (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert listener["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "403"
    rules = {one["Priority"]: one for one in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]}
    header = rules["10"]["Conditions"][0]["HttpHeaderConfig"]
    assert (header["HttpHeaderName"], sorted(header["Values"])) == ("X-Origin-Secret", sorted(before))
    assert rules["10"]["Actions"][0]["Type"] == "forward"
    assert rules["1"]["Conditions"][0]["PathPatternConfig"]["Values"] == ["/metrics"]
    assert rules["1"]["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "404"

    cloudfront = stack.client("cloudfront")
    (summary,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    config = cloudfront.get_distribution_config(Id=summary["Id"])["DistributionConfig"]
    (edge,) = config["Origins"]["Items"]
    assert edge["DomainName"] == balancer["DNSName"]
    assert edge["CustomHeaders"]["Items"] == [{"HeaderName": "X-Origin-Secret", "HeaderValue": origin}]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    assert stack.pasted().voicebot == f"wss://{summary['DomainName']}/media/{secrets['media']}"


def test_the_task_stops_slowly_and_holds_no_secret_in_plain(stack: Stack):
    container, secrets = stack.container(), stack.secrets()
    assert container["stopTimeout"] == 120
    assert container["readonlyRootFilesystem"] is True
    given = {pair["name"]: pair["value"] for pair in container["environment"]}
    functions = [stack.function(name)["Environment"]["Variables"] for name in ("webhook", "transfer")]
    for variables in (given, *functions):
        for name, secret in secrets.items():
            assert not any(secret in value for value in variables.values()), f"{name} is in a plain variable"
    resolved = {one["name"]: stack.secret(one["valueFrom"]) for one in container["secrets"]}
    assert resolved == {
        "ELEVENLABS_API_KEY": SETTINGS["elevenlabs_api_key"],
        "MEDIA_TOKEN": secrets["media"],
        "EVENTS_SECRET": secrets["events"],
        "CONTROL_TOKEN": secrets["control"],
    }
    origins = [secrets["origin-0"], secrets["origin-1"]]
    assert len(set(origins)) == 2
    assert min(map(len, origins)) >= 40


def test_no_secret_is_in_state_plan_or_outputs(stack: Stack, plan: dict[str, Any]):
    """But for the header by which the balancer knows CloudFront: a rule and a distribution are made of it, and it opens
    nothing without the media token (modules/aws/secrets.tf)."""
    state = (stack.terraform.folder / "terraform.tfstate").read_text()
    kept = (stack.terraform.folder / "plan.bin").read_bytes().decode(errors="replace")
    secrets = {name: value for name, value in stack.secrets().items() if not name.startswith("origin-")}
    assert set(secrets) == {"media", "exotel", "events", "control", "elevenlabs-api-key", "elevenlabs-webhook-secret"}
    for name, value in secrets.items():
        for place in (state, kept, json.dumps(plan), json.dumps(stack.outputs)):
            assert value not in place, f"{name} is told"


BEFORE = {"media_token": "media", "exotel_token": "exotel", "events_secret": "events", "control_token": "control"}


def test_a_state_from_before_the_module_is_taken_over(stack: Stack):
    """By moved blocks: what was in the root, its secrets by other names, is in the module. Nothing is made anew but
    the header between CloudFront and the balancer, which is two now."""
    file = stack.terraform.folder / "terraform.tfstate"
    kept = file.read_text()
    state = json.loads(kept)
    state["resources"] = [one for one in state["resources"] if one["name"] != "origin" and one["mode"] == "managed"]
    secrets = [one for one in state["resources"] if one["type"].startswith("aws_secretsmanager_secret")]
    moved = set(re.findall(r"from = ([\w.]+)", (FILES / "aws/moved.tf").read_text()))
    for resource in state["resources"]:
        if f"{resource['type']}.{resource['name']}" in moved or resource in secrets:
            del resource["module"]
        for instance in resource["instances"]:
            instance.pop("dependencies", None)
    for resource in secrets:
        state["resources"].remove(resource)
        generated = {**resource, "name": "generated", "instances": []}
        for instance in resource["instances"]:
            name = instance.pop("index_key")
            if name in BEFORE:
                generated["instances"].append({**instance, "index_key": BEFORE[name]})
            else:
                counted = {"index_key": 0} if name == "elevenlabs_webhook_secret" else {}
                state["resources"].append({**resource, "name": name, "instances": [{**instance, **counted}]})
        state["resources"].append(generated)
    state["serial"] += 1
    file.write_text(json.dumps(state))
    try:
        changed = stack.terraform.changes("-refresh=false")  # where things stand in the files, not how they are
    finally:
        file.write_text(kept)
    assert {one.partition("[")[0] for one in changed} == {
        "aws_secretsmanager_secret.origin",
        "aws_secretsmanager_secret_version.origin",
        "aws_lb_listener_rule.from_cloudfront",
        "aws_cloudfront_distribution.relay",
    }
    assert set(changed.values()) <= {"create", "update"}


def test_calls_scale_the_service_out_and_one_task_at_a_time_in(stack: Stack):
    policies = {
        one["PolicyName"]: one
        for one in stack.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs")[
            "ScalingPolicies"
        ]
    }
    out = policies["voice-bridge-out-on-calls"]["StepScalingPolicyConfiguration"]["StepAdjustments"]
    assert sorted(step["ScalingAdjustment"] for step in out) == [25, 50, 100]
    alarms = {one["AlarmName"]: one for one in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    full = alarms["voice-bridge-scale-out"]
    assert (full["MetricName"], full["Period"], full["EvaluationPeriods"]) == ("Utilisation", 30, 1)
    assert full["AlarmActions"] == [policies["voice-bridge-out-on-calls"]["PolicyARN"]]
    assert {"name": "METRICS_NAMESPACE", "value": "voice-bridge"} in stack.container()["environment"]
    steps = policies["voice-bridge-in-one-by-one"]["StepScalingPolicyConfiguration"]["StepAdjustments"]
    assert [step["ScalingAdjustment"] for step in steps] == [-1]


# --- Permissions, keeping, seeing ---------------------------------------------------------------------------------


def test_roles_have_only_what_they_need(stack: Stack):
    iam = stack.client("iam")
    roles = [one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("voice-bridge")]
    assert len(roles) == 5
    for role in roles:
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]:
            if statement["Resource"] == "*":
                assert statement["Action"] == "ecr:GetAuthorizationToken", role
    transfer = iam.get_role_policy(RoleName="voice-bridge-ap-south-1-transfer", PolicyName="function")[
        "PolicyDocument"
    ]["Statement"]
    bucket = f"arn:aws:s3:::{stack.outputs['records_bucket']}"
    by_sid = {one["Sid"]: one for one in transfer}
    assert set(by_sid["Put"]["Resource"]) == {
        f"{bucket}/{prefix}/*" for prefix in ("calls", "conversations", "logs", "pending")
    }
    assert "Delete" not in by_sid


def test_every_log_group_ends_and_every_alarm_rings(stack: Stack):
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    assert len(groups) == 4
    assert {one.get("retentionInDays") for one in groups} == {30}
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix="voice-bridge")["MetricAlarms"]
    topic = stack.outputs["alarm_topic_arn"]
    silent = [one["AlarmName"] for one in alarms if topic not in one["AlarmActions"]]
    assert sorted(silent) == ["voice-bridge-scale-in", "voice-bridge-scale-out"]
    silence = next(one for one in alarms if one["AlarmName"] == "voice-bridge-webhook-silence")
    assert {query["Id"] for query in silence["Metrics"]} == {"result", "ended", "webhooks"}


def test_alarms_and_dashboard_ask_for_just_the_metrics_that_are_made(stack: Stack):
    filters = stack.client("logs").describe_metric_filters()["metricFilters"]
    made = {
        (one["metricTransformations"][0]["metricNamespace"], one["metricTransformations"][0]["metricName"])
        for one in filters
    }
    made.add(("voice-bridge", "Utilisation"))  # of the relays' own lines (relay/aws/utilisation.py)
    cloudwatch = stack.client("cloudwatch")
    asked = set()
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        asked |= {(one["Namespace"], one["MetricName"]) for one in ([alarm] if "Namespace" in alarm else queries)}
    body = json.loads(cloudwatch.get_dashboard(DashboardName="voice-bridge-ap-south-1")["DashboardBody"])
    for widget in body["widgets"]:
        asked |= {(metric[0], metric[1]) for metric in widget["properties"].get("metrics", [])}
    assert {one for one in asked if not one[0].startswith("AWS/")} == made


def test_the_schedule_sweeps_and_what_fails_is_kept(stack: Stack):
    schedule = stack.client("scheduler").get_schedule(Name="voice-bridge-sweep")
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert json.loads(schedule["Target"]["Input"]) == {"sweep": True}
    queue = schedule["Target"]["DeadLetterConfig"]["Arn"]
    config = stack.client("lambda").get_function_event_invoke_config(
        FunctionName="voice-bridge-webhook", Qualifier="live"
    )
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == queue


def test_the_api_is_throttled_and_logged(stack: Stack):
    api = stack.client("apigatewayv2")
    (one,) = api.get_apis()["Items"]
    (stage,) = api.get_stages(ApiId=one["ApiId"])["Items"]
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 1
    routes = {route["RouteKey"] for route in api.get_routes(ApiId=one["ApiId"])["Items"]}
    assert set(stage["RouteSettings"]) == routes
    for settings in stage["RouteSettings"].values():
        assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (100, 200)
    assert "query" not in stage["AccessLogSettings"]["Format"].lower()


# --- Change -------------------------------------------------------------------------------------------------------


def test_a_new_key_and_size_roll_out_and_then_nothing_is_left_to_do(stack: Stack):
    """A changed secret must reach the tasks: they name the version they started with, so they are replaced."""
    before = {one["name"]: one["valueFrom"] for one in stack.container()["secrets"]}
    versions = json.dumps(dict.fromkeys(SECRETS, 1) | {"elevenlabs_api_key": 2})
    changed = {"elevenlabs_api_key": "sk_of_the_tests_0003", "secret_versions": versions}
    stack.terraform.variables |= changed | {"relay_max_calls": "60"}
    stack.apply()
    after = {one["name"]: one["valueFrom"] for one in stack.container()["secrets"]}
    assert {name for name in after if after[name] != before[name]} == {"ELEVENLABS_API_KEY"}
    assert stack.secret(after["ELEVENLABS_API_KEY"]) == "sk_of_the_tests_0003"
    assert {"name": "MAX_CALLS", "value": "60"} in stack.container()["environment"]
    assert stack.terraform.changes() == {}


def test_the_agents_file_is_put_there_once_and_no_apply_undoes_a_push(stack: Stack, monkeypatch: pytest.MonkeyPatch):
    """What counts is the seed until somebody pushes, and from then on what was pushed, whatever the files say."""
    for name, value in stack.environ.items():
        monkeypatch.setenv(name, value)
    versions = AgentVersions(S3Store(stack.outputs["records_bucket"], ""))
    seed = versions.version(0)
    assert (seed.text, seed.by) == (AGENTS, "Terraform")
    stack.agents_file.write_text("# another\n" + AGENTS)
    pushed = versions.push(AGENTS + "# pushed\n", {}, by="asha", note="", after=versions.pointer())
    stack.client("s3").put_object(Bucket=stack.outputs["records_bucket"], Key="config/agents/seed.toml", Body=b"mine")
    assert stack.terraform.changes() == {}, "neither another file nor what somebody wrote there by hand"
    assert versions.current() == pushed


def test_malformed_settings_are_refused_with_a_line_each(stack: Stack, monkeypatch: pytest.MonkeyPatch):
    """As make deploy-aws finds them: by Terraform's own rules, in a plan, before anything is created."""
    for name, value in stack.terraform.environ.items():
        monkeypatch.setenv(name, value)
    given = stack.terraform.variables | {"elevenlabs_api_key": "sk spaced", "alarm_email": "ops", "zone_count": "1"}
    del given["elevenlabs_agent_id"]
    variables = {f"TF_VAR_{name}": value for name, value in given.items()}
    terraform = Terraform(variables, stack.terraform.folder)
    with pytest.raises(Problems) as malformed, terraform.planned("-refresh=false"):
        pass
    assert sorted(malformed.value.lines) == [
        "alarm_email: expected an e-mail address.",
        "elevenlabs_agent_id: expected the id of an ElevenLabs agent, or AGENTS_FILE in relay_environment.",
        "elevenlabs_api_key: expected an API key, 16 to 128 letters, digits, _ or -, without spaces or quotes.",
        "zone_count: expected 2 or 3.",
    ]


NAMES = {  # kind → the attribute that must be its own in an account and region
    "aws_s3_bucket": "bucket",
    "aws_iam_role": "name",
    "aws_secretsmanager_secret": "name",
    "aws_lb": "name",
    "aws_lb_target_group": "name",
    "aws_ecs_cluster": "name",
    "aws_ecr_repository": "name",
    "aws_lambda_function": "function_name",
    "aws_cloudwatch_log_group": "name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_cloudwatch_dashboard": "dashboard_name",
    "aws_cloudwatch_event_rule": "name",
    "aws_appautoscaling_policy": "name",
    "aws_scheduler_schedule": "name",
    "aws_sqs_queue": "name",
    "aws_sns_topic": "name",
}
WHOLE_ACCOUNT = {"aws_iam_role", "aws_s3_bucket", "aws_cloudwatch_dashboard"}  # or the world's


Names = set[tuple[str, str]]


def names(plan: dict[str, Any]) -> Names:
    """Kind and name of everything in a plan that has one of NAMES."""
    planned = resources(plan["planned_values"]["root_module"])
    return {(kind, values[NAMES[kind]]) for _, kind, values in planned if kind in NAMES and NAMES[kind] in values}


def names_beside(beside: Beside) -> Names:
    """The same of what stood in the second installation's state."""
    managed = [one for one in beside.state["resources"] if one["mode"] == "managed" and one["type"] in NAMES]
    return {
        (one["type"], instance["attributes"][NAMES[one["type"]]]) for one in managed for instance in one["instances"]
    }


def test_a_second_installation_shares_no_name(plan: dict[str, Any], installation: Installation):
    """So that one can be destroyed, and nothing of the other is touched."""
    second = names_beside(installation.beside())
    assert {kind for kind, _ in second} == set(NAMES)
    assert second & names(plan) == set()


def test_the_same_name_in_another_region_shares_none_that_is_the_whole_accounts(
    stack: Stack, plan: dict[str, Any], tmp_path: Path
):
    environ = {**stack.terraform.environ, "AWS_REGION": "eu-west-1"}
    second = Workspace(tmp_path, stack.terraform.variables | {"region": "eu-west-1"}, environ)
    second.init()
    planned = names(second.plan())
    assert {kind for kind, _ in planned} == set(NAMES)
    wide = {one for one in planned if one[0] in WHOLE_ACCOUNT}
    assert {kind for kind, _ in wide} == WHOLE_ACCOUNT
    assert wide & names(plan) == set()


def test_a_second_installation_comes_and_goes_and_the_first_is_untouched(stack: Stack, installation: Installation):
    """The first is as it was: a plan of it, made when the second is gone, changes nothing (above).

    Another name once took everything away from the first: state was one for all names.
    """
    beside = installation.beside()
    for kind, before in stack.inventory_before.items():
        both, alone = Counter(beside.both[kind]), Counter(beside.alone[kind])
        assert alone - both == Counter(), kind
        assert alone - Counter(before), kind  # the first's are there
        second = both - alone
        assert second, kind
        if kind not in {"distributions", "VPCs"}:  # which have no names
            assert all("staging" in one or one == "default" for one in second), kind
    assert "Paste these:" in beside.said
    assert f"{beside.state_mode:o}" == "600"


# --- The rules, and that they bite --------------------------------------------------------------------------------


def test_the_plan_keeps_every_rule(plan: dict[str, Any]):
    assert violations(plan) == []


Loosening = Callable[[Callable[[str], dict[str, Any]]], None]


def _container(**changed: Any) -> Loosening:
    def loosen(values: Callable[[str], dict[str, Any]]) -> None:
        task = values("aws_ecs_task_definition.relay")
        (container,) = json.loads(task["container_definitions"])
        task["container_definitions"] = json.dumps([container | changed])

    return loosen


def _set(address: str, **changed: Any) -> Loosening:
    return lambda values: values(address).update(changed)


def _policy(address: str, **changed: Any) -> Loosening:
    def loosen(values: Callable[[str], dict[str, Any]]) -> None:
        document = json.loads(values(address)["policy"])
        document["Statement"][0] |= changed
        values(address)["policy"] = json.dumps(document)

    return loosen


def _inside(address: str, block: str, **changed: Any) -> Loosening:
    return lambda values: values(address)[block][0].update(changed)


STEP = {"scaling_adjustment": -3, "metric_interval_lower_bound": "", "metric_interval_upper_bound": "0"}
LOOSENED: dict[str, list[Loosening]] = {
    "a_deploy_waits_for_the_longest_call": [
        _set("aws_lb_target_group.relay", deregistration_delay="300"),
        _container(stopTimeout=30),
        _container(environment=[{"name": "DRAIN_SECONDS", "value": "300"}]),
    ],
    "the_balancer_never_hangs_up": [_set("aws_lb.relay", idle_timeout=60)],
    "a_full_relay_is_not_replaced": [_inside("aws_lb_target_group.relay", "health_check", path="/ready")],
    "new_tasks_come_before_old_ones_go": [
        _set("aws_ecs_service.relay", deployment_minimum_healthy_percent=50),
        _set("aws_ecs_service.relay", deployment_circuit_breaker=[]),
        _set(
            "aws_ecs_service.relay", launch_type="", capacity_provider_strategy=[{"capacity_provider": "FARGATE_SPOT"}]
        ),
        _inside("aws_ecs_service.relay", "network_configuration", subnets=["subnet-1"]),
    ],
    "scaling_in_takes_one_task_at_a_time": [
        _inside(
            "aws_appautoscaling_policy.out_on_cpu",
            "target_tracking_scaling_policy_configuration",
            disable_scale_in=False,
        ),
        _inside("aws_appautoscaling_policy.in_one_by_one", "step_scaling_policy_configuration", step_adjustment=[STEP]),
    ],
    "secrets_go_by_reference": [
        _container(
            environment=[{"name": "MEDIA_TOKEN", "value": "in plain"}, {"name": "DRAIN_SECONDS", "value": "110"}]
        ),
        _container(secrets=[{"name": "MEDIA_TOKEN", "valueFrom": "in plain"}]),
        _set('aws_lambda_function.function["transfer"]', environment=[{"variables": {"EXOTEL_TOKEN": "in plain"}}]),
        _set('aws_secretsmanager_secret_version.secret["events_secret"]', secret_string="in the state"),
    ],
    "the_container_can_do_nothing_but_its_work": [
        _container(user="0"),
        _container(readonlyRootFilesystem=False),
        _container(linuxParameters={}),
        _container(privileged=True),
        _set("aws_ecs_service.relay", enable_execute_command=True),
        _set("aws_ecr_repository.relay", image_tag_mutability="MUTABLE"),
    ],
    "permissions_are_narrow": [
        _policy("aws_iam_role_policy.relay", Resource="*"),
        _policy('aws_iam_role_policy.function["transfer"]', Action="s3:*"),
        _policy('aws_iam_role_policy.function["transfer"]', Resource="arn:aws:s3:::records/*"),
        _set('aws_lambda_permission.api["webhook"]', source_arn=""),
    ],
    "the_bucket_is_private_and_forgets": [
        _set("aws_s3_bucket_public_access_block.records", block_public_policy=False),
        _policy("aws_s3_bucket_policy.records", Effect="Allow"),
        _policy("aws_s3_bucket_policy.records", Condition={}),
        _set("aws_s3_bucket_server_side_encryption_configuration.records", rule=[]),
        _inside("aws_s3_bucket_versioning.records", "versioning_configuration", status="Suspended"),
        _set("aws_s3_bucket_ownership_controls.records", rule=[{"object_ownership": "ObjectWriter"}]),
        _inside("aws_s3_bucket_lifecycle_configuration.records", "rule", expiration=[]),
        _set("aws_s3_bucket.records", force_destroy=True),
    ],
    "the_way_in_is_the_only_one": [
        _inside("aws_lb_listener.http[0]", "default_action", type="forward"),
        lambda values: values("aws_cloudfront_distribution.relay[0]")["default_cache_behavior"][0].update(
            viewer_protocol_policy="allow-all"
        ),
        _set(
            "aws_vpc_security_group_ingress_rule.relay_from_balancer",
            referenced_security_group_id="",
            cidr_ipv4="0.0.0.0/0",
        ),
        _set(
            "aws_vpc_security_group_ingress_rule.balancer_from_cloudfront[0]", prefix_list_id="", cidr_ipv4="0.0.0.0/0"
        ),
        _inside("aws_apigatewayv2_stage.default", "default_route_settings", throttling_rate_limit=0),
        _set("aws_apigatewayv2_stage.default", route_settings=[]),
        _inside("aws_apigatewayv2_stage.default", "access_log_settings", format="$context.path?$context.queryString"),
    ],
    "logs_end_and_alarms_ring": [
        _set("aws_cloudwatch_log_group.relay", retention_in_days=0),
        _set("aws_cloudwatch_metric_alarm.no_healthy_task", alarm_actions=[]),
    ],
}


@pytest.mark.parametrize(
    ("rule", "number"), [(rule, number) for rule in RULES for number in range(len(LOOSENED[rule]))]
)
def test_loosening_it_is_noticed(plan: dict[str, Any], rule: str, number: int):
    loosened = copy.deepcopy(plan)

    def values(address: str) -> dict[str, Any]:
        (found,) = [
            values for where, _, values in resources(loosened["planned_values"]["root_module"]) if where == address
        ]
        return found

    LOOSENED[rule][number](values)
    assert violations(loosened) != []


# --- The end, which conftest.py puts at the end of all tests ------------------------------------------------------


def test_destroy_leaves_nothing(stack: Stack, installation: Installation):
    installation.give_up().result(PATIENCE_S)
    assert stack.terraform.state() == {}
    assert stack.inventory() == stack.inventory_before


def test_the_deployers_policy_is_what_was_called(stack: Stack, installation: Installation):
    """By Terraform and the deploy command, from the first apply to the last destroy, and no more but what stands in the
    script with its reason. If this fails: python -m scripts.deployer_policy, with all that was called."""
    installation.give_up().result(PATIENCE_S)
    called = set(stack.called.read_text().split())
    policy = json.loads((FILES / "aws/deployer-policy.json").read_text())
    allowed = deployer_policy.actions(policy)
    missing = [action for action in sorted(called) if not any(fnmatch(action, one) for one in allowed)]
    assert missing == []
    assert deployer_policy.document(allowed) == policy
    if "lambda:UpdateAlias" in called:  # the tests of changes ran, too
        needed = called | set(deployer_policy.FURTHER)
        assert [one for one in sorted(allowed) if not any(fnmatch(action, one) for action in needed)] == []
