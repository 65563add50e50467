"""`console environments`: lists the installations that this folder's files describe, and where the state of each is."""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from console.deployment import installation, settings
from console.deployment.steps import ROOT

REGIONS = {"aws": "ap-south-1", "gcp": "asia-south1"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument("cloud", nargs="?", choices=tuple(REGIONS), help="only of this one (default: both)")


def run(options: argparse.Namespace) -> int:
    """Always 0: a deploy with an invalid file reports it."""
    given = settings.of_environment(os.environ, ROOT)
    for cloud in [options.cloud] if options.cloud else REGIONS:
        for line in described(cloud, given, ROOT / "infra/terraform" / cloud):
            print(line)
    return 0


def described(cloud: str, given: Mapping[str, str], files: Path) -> Iterator[str]:
    """One line per installation: what chooses it, its name and region, and how to deploy it."""
    for environment in ["", *installation.environments(files)]:
        chosen = files / installation.FOLDER / f"{environment}.tfvars" if environment else None
        name = installation.declared("name", given, files, chosen, installation.DEFAULT_NAME)
        region = installation.declared("region", given, files, chosen, REGIONS[cloud])
        states = sorted((files / "states").rglob(f"{region}/{name}.tfstate"))
        bucket = given.get("STATE_BUCKET", "")
        where = (
            f"bucket {bucket}" if bucket else f"file {states[0].relative_to(files)}" if states else "not yet deployed"
        )
        command = f"ENV={environment} make deploy-{cloud}" if environment else f"make deploy-{cloud}"
        yield f"{cloud}  {name}  {region}  state: {where}  {command}"
