"""Example files, applied by the real provider to a moto server: what they make is there, a second plan changes nothing,
and a destroy leaves nothing but what was there before. The plans of all of them are read in test_options.py.

The network and the zone that the files only name are made first. moto sends no packet: that the WAF stops anybody only
a live account can show. Not applied: `codebuild`, as moto refuses a project that has no source of its own, and ours
gets one with each build; `bounds`, as moto lacks what the provider asks of a budget; `private-subnets`, `own-key` and
`domain-elsewhere`.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from console.deployment import aws
from tests.support.processes import BARE, aws_environment, free_port, server
from tests.support.terraform import FILES, Workspace, changes
from tests.terraform.aws.stack import SETTINGS

EXAMPLES = FILES / "aws/examples"
APPLY_S = 900  # most of it is the provider's waiting
SHARED = ("network-of-your-own", "allowed-addresses")  # together, as an apply takes minutes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(4 * APPLY_S)]


class Account:
    """An account at moto, with nothing in it yet."""

    def __init__(self, port: int) -> None:
        self.environ = aws_environment(f"http://127.0.0.1:{port}")

    def client(self, service: str, region: str = "ap-south-1") -> Any:
        access = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.environ["AWS_ENDPOINT_URL"], region_name=region, **access)

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


def test_a_network_of_ones_own_stays_when_what_was_put_into_it_goes(account: Account, tmp_path: Path):
    network, zone = account.network(), account.zone()
    ec2, elbv2 = map(account.client, ("ec2", "elbv2"))
    subnets = ec2.describe_subnets()["Subnets"]
    with applied(tmp_path, account, SHARED, name="options", network=network, hosted_zone_id=zone):
        (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
        assert balancer["VpcId"] == network["vpc_id"]
        assert sorted(one["SubnetId"] for one in balancer["AvailabilityZones"]) == network["balancer_subnet_ids"]
        (wall,) = account.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
        assert wall["Name"] == "options"
    assert ec2.describe_subnets()["Subnets"] == subnets
    assert elbv2.describe_load_balancers()["LoadBalancers"] == []
