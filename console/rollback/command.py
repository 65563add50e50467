"""`console rollback CLOUD`: returns to the previous release, relay and functions together, without a build."""

import argparse
import os
import sys

from console.deployment import gcp, releases, settings
from console.deployment.gcp_project import access_token
from console.deployment.installation import Installation
from console.deployment.steps import ROOT, Problems, StepError
from console.deployment.terraform import Terraform

CLOUDS = ("aws", "gcp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("cloud", choices=CLOUDS)


def run(options: argparse.Namespace) -> int:
    """Exit status 2 if something is wrong before the start, 1 if a step failed."""
    try:
        given = settings.of_environment(os.environ, ROOT)
        print(_on_aws(given) if options.cloud == "aws" else _on_google(given))
        print("The next deploy puts in place what the files say again.")
    except Problems as problems:
        for line in problems.lines:
            print(f"rollback: {line}", file=sys.stderr)
        return 2
    except StepError as error:
        print(f"rollback: {error}", file=sys.stderr)
        return 1
    return 0


def _on_aws(given: dict[str, str]) -> str:
    import boto3  # imported here: not installed for Google's users
    from botocore.exceptions import BotoCoreError, ClientError

    from console.deployment import aws

    try:
        variables = settings.terraform_variables(given, aws.NAMES)
        where = aws.place(given, {**given, **variables}, ROOT / aws.FILES)
        outputs = _outputs(Terraform(variables, ROOT / aws.FILES, lock_is_whole=True), aws.backend(given, where), where)
        ecs, functions = (boto3.client(service, region_name=where.region) for service in ("ecs", "lambda"))
        return releases.Aws(ecs, functions, outputs).roll_back()
    except (BotoCoreError, ClientError) as error:
        raise StepError(str(error)) from None


def _on_google(given: dict[str, str]) -> str:
    variables = settings.terraform_variables(given, gcp.NAMES)
    credentials = {"GOOGLE_OAUTH_ACCESS_TOKEN": access_token("")}
    where = gcp.place(given, {**given, **variables}, gcp.FILES)
    terraform = Terraform(variables | credentials, gcp.FILES)
    return releases.roll_back_on_google(_outputs(terraform, gcp.backend(given, where), where))


def _outputs(terraform: Terraform, backend: dict[str, str], where: Installation) -> dict[str, str]:
    terraform.initialise(backend, where.key)
    outputs = terraform.outputs()
    if outputs.get("name", where.name) != where.name:
        raise Problems([f"the state is that of {outputs['name']}, and this is {where.name}"])
    if not outputs:
        raise Problems([f"{where.name} is not deployed: there is nothing to go back from"])
    return outputs
