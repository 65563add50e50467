"""One installation of the product, applied by the real provider to a moto server: Terraform's view, and AWS's."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3

from console.deployment import aws
from console.deployment.addresses import Addresses, SecretsManager, addresses
from tests.support.lambda_runtime import interpreter
from tests.support.processes import BARE, ROOT, aws_environment, free_port, server
from tests.support.terraform import Workspace

SECRETS = {
    "elevenlabs_api_key": "sk_of_the_tests_0001",
    "elevenlabs_webhook_secret": "wsec_of_the_tests_0002",
    "media_token": "media_token_of_the_tests_0003",
    "exotel_token": "exotel_token_of_the_tests_0004",
    "control_token": "control_token_of_the_tests_0005",
    "events_secret": "events_secret_of_the_tests_0006",
}
AGENTS = '[agents.front]\nid = "agent_front"\n'
SETTINGS = SECRETS | {
    "secret_versions": json.dumps(dict.fromkeys(SECRETS, 1)),
    "elevenlabs_agent_id": "agent_front",
    "transfer_targets": json.dumps({"billing": "+919876500010,+919876500011"}),
    "relay_image_tag": "0123456789abcdef",
}


class Stack:
    """The port where relay and functions are told that ElevenLabs is stays reserved until `let_elevenlabs_in`."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.called = work / "called"
        self._kept = socket.socket()
        self._kept.bind(("127.0.0.1", 0))
        elevenlabs_port, port = self._kept.getsockname()[1], free_port()
        self.environ = aws_environment(f"http://127.0.0.1:{port}")
        elevenlabs = json.dumps({"ELEVENLABS_BASE_URL": f"http://127.0.0.1:{elevenlabs_port}"})
        self.agents_file = work / "agents.toml"
        self.agents_file.write_text(AGENTS)
        variables = SETTINGS | {
            "agents_file": str(self.agents_file),
            "package_directory": str(work / "packages"),
            "relay_environment": elevenlabs,
            "webhook_environment": elevenlabs,
        }
        self.terraform = Workspace(work, variables, self.environ)
        self.outputs: dict[str, str] = {}
        self._running = ExitStack()
        command = [sys.executable, "-m", "tests.support.moto_server", str(port)]
        self._running.enter_context(
            server(command, port, {**BARE, "PYTHONWARNINGS": "ignore", "MOTO_CALLED": str(self.called)})
        )
        self.inventory_before = self.inventory()

    def package(self) -> None:
        """The functions, for this and for whatever is deployed beside it."""
        package = [sys.executable, "scripts/package_functions.py", "--output", self.work / "packages"]
        package += ["--python-version", interpreter()[1], "--platform", "x86_64", "--cloud", "aws"]
        subprocess.run(package, cwd=ROOT, check=True, timeout=180, stdout=subprocess.DEVNULL)

    def deploy(self) -> None:
        """Apply twice: moto makes the first time fail half-way."""
        self.terraform.init()
        half = self.terraform.terraform("apply", "-auto-approve", timeout_s=600, expect=1)
        assert "Refused once" in half, half
        self.apply()

    def destroy(self) -> None:
        """After emptying the bucket, as an operator does who has saved the records and wants the rest to go."""
        s3, bucket = self.client("s3"), self.outputs["records_bucket"]
        listed = s3.list_object_versions(Bucket=bucket)
        for one in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        with aws.bucket_may_go(self.terraform.folder, True):
            self.terraform.terraform("destroy", "-auto-approve", timeout_s=600)

    def close(self) -> None:
        """End whatever still runs."""
        self._kept.close()
        self.terraform.end()
        self._running.close()

    def let_elevenlabs_in(self) -> int:
        """The port, free to be served at."""
        port: int = self._kept.getsockname()[1]
        self._kept.close()
        return port

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            region_name=self.environ["AWS_REGION"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def apply(self) -> None:
        self.terraform.terraform("apply", "-auto-approve", timeout_s=600)
        self.outputs = self.terraform.outputs()

    def secret(self, reference: str) -> str:
        """What an ARN stands for, with `:::VERSION` behind it or not, as ECS resolves it."""
        arn, _, version = reference.partition(":::")
        wanted = {"VersionId": version} if version else {}
        value: str = self.client("secretsmanager").get_secret_value(SecretId=arn, **wanted)["SecretString"]
        return value

    def pasted(self) -> Addresses:
        """The addresses that the deploy command prints."""
        store = SecretsManager(self.client("secretsmanager"), self.outputs["name"])
        return addresses(self.outputs, store)

    def secrets(self) -> dict[str, str]:
        """Name → value of everything in Secrets Manager."""
        entries = self.client("secretsmanager").list_secrets()["SecretList"]
        return {entry["Name"].partition("/")[2]: self.secret(entry["ARN"]) for entry in entries}

    def container(self) -> dict[str, Any]:
        """The relay's, in the task definition that the service runs."""
        ecs = self.client("ecs")
        (service,) = ecs.describe_services(
            cluster=self.outputs["relay_cluster_name"], services=[self.outputs["relay_service_name"]]
        )["services"]
        task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        container: dict[str, Any] = task["containerDefinitions"][0]
        return container

    def function(self, name: str) -> dict[str, Any]:
        configuration: dict[str, Any] = self.client("lambda").get_function_configuration(
            FunctionName=f"voice-bridge-{name}"
        )
        return configuration

    def inventory(self) -> dict[str, list[str]]:
        """Names of what there is, by kind; without the alarms that autoscaling makes and removes, and moto leaves."""
        ec2, ecs, iam, cloudwatch = map(self.client, ("ec2", "ecs", "iam", "cloudwatch"))
        return {
            "alarms": [
                one["AlarmName"]
                for one in cloudwatch.describe_alarms()["MetricAlarms"]
                if not one["AlarmName"].startswith("TargetTracking-")
            ],
            "APIs": [one["Name"] for one in self.client("apigatewayv2").get_apis()["Items"]],
            "balancers": [
                one["LoadBalancerName"] for one in self.client("elbv2").describe_load_balancers()["LoadBalancers"]
            ],
            "buckets": [one["Name"] for one in self.client("s3").list_buckets()["Buckets"]],
            "clusters": [
                one["clusterName"]
                for one in ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
                if one["status"] == "ACTIVE"
            ],
            "dashboards": [one["DashboardName"] for one in cloudwatch.list_dashboards()["DashboardEntries"]],
            "distributions": [
                one["Id"] for one in self.client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
            ],
            "functions": [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]],
            "groups": [one["GroupName"] for one in ec2.describe_security_groups()["SecurityGroups"]],
            "logs": [one["logGroupName"] for one in self.client("logs").describe_log_groups()["logGroups"]],
            "queues": self.client("sqs").list_queues().get("QueueUrls", []),
            "repositories": [
                one["repositoryName"] for one in self.client("ecr").describe_repositories()["repositories"]
            ],
            "roles": [
                one["RoleName"] for one in iam.list_roles()["Roles"] if not one["Path"].startswith("/aws-service-role/")
            ],
            "schedules": [one["Name"] for one in self.client("scheduler").list_schedules()["Schedules"]],
            "secrets": [one["Name"] for one in self.client("secretsmanager").list_secrets()["SecretList"]],
            "topics": [one["TopicArn"] for one in self.client("sns").list_topics()["Topics"]],
            "VPCs": [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]],
        }
