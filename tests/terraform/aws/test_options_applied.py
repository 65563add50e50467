"""The example files, applied by the real provider to a moto server: what they make is there, a second plan changes
nothing, and a destroy leaves nothing. The plans themselves are read in test_options.py.

Keys, policies, networks and zones that the files only name are made first. moto checks no key and no permission, sends
no packet and no mail, builds no image and counts no money: that traffic gets out by the NAT gateways and endpoints,
that the WAF stops anybody, that CodeBuild builds, that a boundary bounds and a budget rings, only a live account can
show.

An apply looks as if it hung at a bucket's lifecycle: the provider asks for it every five seconds until ten answers in a
row are equal, and every plan asks three times.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from console.deployment import aws, aws_image
from tests.support.processes import BARE, aws_environment, free_port, server
from tests.support.terraform import FILES, Workspace, changes
from tests.terraform.aws.stack import SETTINGS

EXAMPLES = FILES / "aws/examples"
NUMBER = "123456789012"
APPLY_S = 900  # most of it is the provider's waiting
# Together, as each apply takes minutes. Without a domain there is CloudFront, which the other tests apply.
PRIVATE = ("private-subnets", "own-key", "bounds", "domain-elsewhere")
SHARED = ("network-of-your-own", "allowed-addresses", "codebuild")
FURTHER = {
    "relay_schedule": {"morning": {"schedule": "cron(45 8 ? * MON-SAT *)", "min_tasks": 4}},
    "log_retention_days": 7,
    "audio_retention_days": 30,
    "inbox_retention_days": 7,
    "access_logs": True,
}
"""Options that have no file of their own."""

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(4 * APPLY_S)]


class Account:
    """An account at moto, with nothing in it yet."""

    def __init__(self, port: int) -> None:
        self.environ = aws_environment(f"http://127.0.0.1:{port}")

    def client(self, service: str, region: str = "ap-south-1") -> Any:
        access = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.environ["AWS_ENDPOINT_URL"], region_name=region, **access)

    def key(self) -> str:
        arn: str = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        return arn

    def bounds(self) -> str:
        all_of_it = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        made = self.client("iam").create_policy(PolicyName="bounds", PolicyDocument=json.dumps(all_of_it))
        arn: str = made["Policy"]["Arn"]
        return arn

    def network(self) -> dict[str, Any]:
        """A VPC with four subnets in two zones."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        zones = [one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=zones[n % 2])["Subnet"]
            for n in range(4)
        ]
        ids = [one["SubnetId"] for one in subnets]
        return {"vpc_id": vpc, "balancer_subnet_ids": ids[:2], "relay_subnet_ids": ids[2:]}

    def zone(self) -> str:
        made = self.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
        return str(made["HostedZone"]["Id"]).rpartition("/")[2]


@pytest.fixture
def account() -> Iterator[Account]:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.moto_server", str(port)]
    with server(command, port, {**BARE, "PYTHONWARNINGS": "ignore"}, within_s=120):
        yield Account(port)


@contextmanager
def applied(folder: Path, account: Account, files: tuple[str, ...], **own: Any) -> Iterator[Workspace]:
    """An installation, until the block ends; a second plan of it changes nothing, and destroying it leaves nothing."""
    chosen = [f"-var-file={EXAMPLES / name}.tfvars" for name in files]
    (folder / "own.tfvars.json").write_text(json.dumps({"package_directory": "../modules/aws/tests/packages", **own}))
    chosen += [f"-var-file={folder / 'own.tfvars.json'}"]
    region = {"AWS_REGION": own.get("region", "ap-south-1"), "AWS_DEFAULT_REGION": own.get("region", "ap-south-1")}
    workspace = Workspace(folder, SETTINGS, {**account.environ, **region})
    workspace.init()
    workspace.terraform("apply", "-auto-approve", *chosen, timeout_s=APPLY_S)
    workspace.terraform("plan", "-out=plan.bin", *chosen, timeout_s=APPLY_S)
    assert changes(json.loads(workspace.terraform("show", "-json", "plan.bin"))) == {}
    yield workspace
    with aws.bucket_may_go(workspace.folder, True):
        workspace.terraform("destroy", "-auto-approve", *chosen, timeout_s=APPLY_S)
    assert workspace.state() == {}


def test_private_subnets_a_key_bounds_and_a_domain_elsewhere_come_and_go(account: Account, tmp_path: Path):
    key, bounds = account.key(), account.bounds()
    made = {"name": "options", "kms_key_arn": key, "permissions_boundary": bounds, **FURTHER}
    with applied(tmp_path, account, PRIVATE, **made):
        ec2, iam, s3 = map(account.client, ("ec2", "iam", "s3"))
        gateways = ec2.describe_nat_gateways()["NatGateways"]
        assert [one["State"] for one in gateways] == ["available", "available"]
        endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
        assert sorted(one["VpcEndpointType"] for one in endpoints) == ["Gateway", *["Interface"] * 5]

        roles = [one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("options-")]
        held = [iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"] for role in roles]
        assert {one["PermissionsBoundaryArn"] for one in held} == {bounds}
        (budget,) = account.client("budgets").describe_budgets(AccountId=NUMBER)["Budgets"]
        assert (budget["BudgetName"], budget["BudgetLimit"]["Amount"]) == ("options-ap-south-1", "200")

        bucket = f"options-records-{NUMBER}-ap-south-1"
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        kept = {one["ID"]: one["Expiration"]["Days"] for one in rules if "Days" in one.get("Expiration", {})}
        assert (kept["audio"], kept["inbox"]) == (30, 7)
        logs = account.client("logs").describe_log_groups()["logGroups"]
        assert {(one["retentionInDays"], one["kmsKeyId"]) for one in logs} == {(7, key)}
        scaling = account.client("application-autoscaling")
        (morning,) = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
        assert (morning["Schedule"], morning["Timezone"]) == ("cron(45 8 ? * MON-SAT *)", "Asia/Kolkata")
        assert morning["ScalableTargetAction"]["MinCapacity"] == 4
        (certificate,) = account.client("acm").list_certificates()["CertificateSummaryList"]
        assert certificate["DomainName"] == "calls.example.com"
        assert account.client("route53").list_hosted_zones()["HostedZones"] == []
    assert [one["State"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert account.client("budgets").describe_budgets(AccountId=NUMBER).get("Budgets", []) == []


def test_your_own_network_stays_when_the_installation_is_destroyed(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The deploy command orders an image from the project that was made, as ENGINE=codebuild does."""
    for name, value in account.environ.items():
        monkeypatch.setenv(name, value)
    network, zone = account.network(), account.zone()
    ec2, elbv2 = map(account.client, ("ec2", "elbv2"))
    subnets = ec2.describe_subnets()["Subnets"]
    with applied(tmp_path, account, SHARED, name="options", network=network, hosted_zone_id=zone):
        (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
        assert balancer["VpcId"] == network["vpc_id"]
        assert sorted(one["SubnetId"] for one in balancer["AvailabilityZones"]) == network["balancer_subnet_ids"]
        (wall,) = account.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
        assert wall["Name"] == "options"
        registry = f"{NUMBER}.dkr.ecr.ap-south-1.amazonaws.com/options-relay"
        aws_image.push("codebuild", registry, "0123456789abcdef", "x86_64", "ap-south-1", pause_s=0.1)
        (build,) = account.client("codebuild").list_builds_for_project(projectName="options-image")["ids"]
        assert build.startswith("options-image:")
        (archive,) = account.client("s3").list_objects_v2(Bucket=f"options-source-{NUMBER}-ap-south-1")["Contents"]
        assert archive["Key"] == "0123456789abcdef.zip"
    assert ec2.describe_subnets()["Subnets"] == subnets
    assert elbv2.describe_load_balancers()["LoadBalancers"] == []


def test_two_regions_of_an_account_have_the_same_name_and_nothing_in_common(account: Account, tmp_path: Path):
    """A dashboard and a budget are of the whole account, as IAM's names: the second region's took the place of the
    first's, and went with it."""
    regions = ("ap-south-1", "eu-west-1")
    for region in regions:
        (tmp_path / region).mkdir()
    given = {"alarm_email": "ops@example.com", "monthly_budget_usd": 200, "name": "options"}
    with applied(tmp_path / regions[0], account, (), region=regions[0], **given) as first:
        alone = whole_account(account, regions)
        with applied(tmp_path / regions[1], account, (), region=regions[1], **given):
            both = whole_account(account, regions)
            assert sorted(set(both)) == sorted(both)
            second = set(both) - set(alone)
            assert {one.partition(" ")[0] for one in second} == {"role", "bucket", "budget", "dashboard"}
            assert all(regions[1] in one for one in second)
        assert whole_account(account, regions) == alone
        again = ["-out=plan.bin", f"-var-file={tmp_path / regions[0] / 'own.tfvars.json'}"]
        first.terraform("plan", *again, timeout_s=APPLY_S)
        assert changes(json.loads(first.terraform("show", "-json", "plan.bin"))) == {}, "the other's end was felt"


def whole_account(account: Account, regions: Iterable[str]) -> list[str]:
    """Kind and name of what belongs to no region. Dashboards are asked for in each, as moto keeps them apart."""
    iam, s3, budgets = map(account.client, ("iam", "s3", "budgets"))
    dashboards = [account.client("cloudwatch", region).list_dashboards()["DashboardEntries"] for region in regions]
    roles = [one["RoleName"] for one in iam.list_roles()["Roles"] if not one["Path"].startswith("/aws-service-role/")]
    return sorted(
        [
            *(f"role {name}" for name in roles),
            *(f"bucket {one['Name']}" for one in s3.list_buckets()["Buckets"]),
            *(f"budget {one['BudgetName']}" for one in budgets.describe_budgets(AccountId=NUMBER).get("Budgets", [])),
            *(f"dashboard {one['DashboardName']}" for entries in dashboards for one in entries),
        ]
    )
