"""What can be chosen, by the example files: the real provider plans each, and the plan holds what its file asks for."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import BARE, aws_environment, free_port, server
from tests.support.terraform import FILES, Workspace, resources
from tests.terraform.aws.stack import SECRETS, SETTINGS

OWN_SECRETS = {name: value for name, value in SECRETS.items() if name != "elevenlabs_webhook_secret"}
EXAMPLES = FILES / "aws/examples"
# Files that fit together are planned together: a plan takes seconds.
TOGETHER = (
    ("private-subnets", "own-key", "bounds"),
    ("network-of-your-own", "allowed-addresses", "codebuild"),
    ("domain-elsewhere",),
)

pytestmark = pytest.mark.chaos  # a plan for each example: minutes


class Plan:
    """Resources of a plan by kind and address, as far as they are known before anything is there."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        planned = [*resources(document["planned_values"]["root_module"])]
        self.values = {address: values for address, _, values in planned}
        self.kinds = [kind for _, kind, _ in planned]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [values for address, values in self.values.items() if address.startswith(f"{kind}.")]


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Plan]]:
    """Each file's plan; "" for that of nothing chosen."""
    port, folder = free_port(), tmp_path_factory.mktemp("options")
    command = [sys.executable, "-m", "tests.support.moto_server", str(port)]
    with server(command, port, {**BARE, "PYTHONWARNINGS": "ignore"}):
        variables = SETTINGS | {"package_directory": "../modules/aws/tests/packages"}
        workspace = Workspace(folder, variables, aws_environment(f"http://127.0.0.1:{port}"))
        workspace.init()
        found: dict[str, Plan] = {}
        for files in ((), *TOGETHER):
            chosen = [f"-var-file={EXAMPLES / name}.tfvars" for name in files]
            workspace.terraform("plan", "-out=plan.bin", "-refresh=false", *chosen, timeout_s=120)
            plan = Plan(json.loads(workspace.terraform("show", "-json", "plan.bin")))
            found |= dict.fromkeys(files or ("",), plan)
        own = {"secrets": json.dumps(OWN_SECRETS), "packages": "../../../modules/aws/tests/packages"}
        root = Workspace(folder / "own", own, workspace.environ, root="aws/examples/own-root")
        root.init()
        found["own-root"] = Plan(root.plan())
        yield found


def test_every_example_is_planned(plans: dict[str, Plan]):
    assert {file.stem for file in EXAMPLES.iterdir()} == set(plans) - {""}


def test_by_default_nothing_of_it_is_there(plans: dict[str, Plan]):
    kinds = set(plans[""].kinds)
    assert not kinds & {"aws_nat_gateway", "aws_vpc_endpoint", "aws_wafv2_web_acl", "aws_budgets_budget", "aws_eip"}
    assert plans[""].all("aws_ecs_service")[0]["network_configuration"][0]["assign_public_ip"] is True
    assert {group["kms_key_id"] for group in plans[""].all("aws_cloudwatch_log_group")} == {None}


def test_private_subnets_have_a_way_out_and_no_way_in(plans: dict[str, Plan]):
    plan = plans["private-subnets"]
    assert plan.all("aws_ecs_service")[0]["network_configuration"][0]["assign_public_ip"] is False
    assert (plan.kinds.count("aws_nat_gateway"), plan.kinds.count("aws_eip")) == (2, 2)
    assert {one["cidr_block"] for one in plan.all("aws_subnet")} == {
        *("10.64.0.0/20", "10.64.16.0/20"),
        *("10.64.128.0/20", "10.64.144.0/20"),
    }
    names = [one["service_name"].removeprefix("com.amazonaws.ap-south-1.") for one in plan.all("aws_vpc_endpoint")]
    assert sorted(names) == ["ecr.api", "ecr.dkr", "ecs", "logs", "s3", "secretsmanager"]
    (ingress,) = [one for address, one in plan.values.items() if "endpoints_from_relay" in address]
    assert (ingress["from_port"], ingress.get("cidr_ipv4")) == (443, None)


def test_your_own_key_is_used_wherever_people_are_named(plans: dict[str, Plan]):
    plan, key = plans["own-key"], "arn:aws:kms:ap-south-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
    (rule,) = plan.values["aws_s3_bucket_server_side_encryption_configuration.records"]["rule"]
    assert rule["apply_server_side_encryption_by_default"] == [{"kms_master_key_id": key, "sse_algorithm": "aws:kms"}]
    assert rule["bucket_key_enabled"] is True
    assert {one["kms_key_id"] for one in plan.all("aws_cloudwatch_log_group")} == {key}
    assert {one["kms_key_id"] for one in plan.all("aws_secretsmanager_secret")} == {key}
    assert {one["kms_key_arn"] for one in plan.all("aws_lambda_function")} == {key}


def test_roles_are_bounded_and_the_account_has_a_budget(plans: dict[str, Plan]):
    plan = plans["bounds"]
    boundaries = {one["permissions_boundary"] for one in plan.all("aws_iam_role")}
    assert boundaries == {"arn:aws:iam::123456789012:policy/bounds"}
    (budget,) = plan.all("aws_budgets_budget")
    assert (budget["limit_amount"], budget["limit_unit"], budget["time_unit"]) == ("200", "USD", "MONTHLY")
    assert sorted((one["notification_type"], one["threshold"]) for one in budget["notification"]) == [
        ("ACTUAL", 80),
        ("FORECASTED", 100),
    ]


def test_your_own_network_is_used_and_none_is_created(plans: dict[str, Plan]):
    plan = plans["network-of-your-own"]
    assert not set(plan.kinds) & {"aws_vpc", "aws_subnet", "aws_internet_gateway", "aws_route_table"}
    assert {one["vpc_id"] for one in plan.all("aws_security_group")} == {"vpc-0123456789abcdef0"}
    assert sorted(plan.all("aws_lb")[0]["subnets"]) == ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
    (network,) = plan.all("aws_ecs_service")[0]["network_configuration"]
    assert sorted(network["subnets"]) == ["subnet-0123456789abcdef3", "subnet-0123456789abcdef4"]
    assert network["assign_public_ip"] is False
    assert plan.values["aws_lb_target_group.relay"]["vpc_id"] == "vpc-0123456789abcdef0"


def test_only_allowed_addresses_get_in_and_not_without_end(plans: dict[str, Plan]):
    plan = plans["allowed-addresses"]
    let_in = {one["cidr_ipv4"] for address, one in plan.values.items() if "balancer_from_anywhere" in address}
    assert let_in == {"203.0.113.0/24", "198.51.100.7/32"}
    (wall,) = plan.all("aws_wafv2_web_acl")
    (rule,) = wall["rule"]
    (limit,) = rule["statement"][0]["rate_based_statement"]
    assert (limit["limit"], limit["evaluation_window_sec"], limit["aggregate_key_type"]) == (3000, 300, "IP")
    assert rule["visibility_config"][0]["sampled_requests_enabled"] is False
    assert "aws_wafv2_web_acl_association" in plan.kinds


def test_the_image_is_built_by_a_project_that_may_just_do_that(plans: dict[str, Plan]):
    plan = plans["codebuild"]
    (project,) = plan.all("aws_codebuild_project")
    (environment,) = project["environment"]
    assert (environment["type"], environment["privileged_mode"]) == ("LINUX_CONTAINER", True)
    spec = project["source"][0]["buildspec"]
    assert 'docker push \\"$REPOSITORY:$TAG\\"' in spec or 'docker push "$REPOSITORY:$TAG"' in spec
    assert plan.values["aws_s3_bucket_public_access_block.source[0]"]["block_public_acls"] is True
    assert "aws_codebuild_project" not in plans[""].kinds


def test_a_domain_elsewhere_makes_no_records_and_tells_of_them(plans: dict[str, Plan]):
    plan = plans["domain-elsewhere"]
    assert "aws_route53_record" not in plan.kinds
    assert plan.all("aws_acm_certificate")[0]["domain_name"] == "calls.example.com"
    assert "aws_cloudfront_distribution" not in plan.kinds
    (listener,) = plan.all("aws_lb_listener")
    assert (listener["protocol"], listener["ssl_policy"]) == ("HTTPS", "ELBSecurityPolicy-TLS13-1-2-2021-06")


def test_your_own_terraform_can_call_the_module(plans: dict[str, Plan]):
    plan = plans["own-root"]
    assert plan.values["module.clinic.aws_lb.relay"]["name"] == "clinic"
    assert plan.values["module.clinic.aws_sns_topic_subscription.mail[0]"]["endpoint"] == "ops@example.com"
    assert not any(secret in json.dumps(plan.values) for secret in OWN_SECRETS.values())


def test_the_examples_say_what_they_are_for():
    for file in Path(FILES).glob("*/examples/*.tfvars"):
        assert file.read_text().startswith("# "), file
