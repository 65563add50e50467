"""Which installation a command is about, and where its state is; determined before Terraform runs.

Installations differ in account, region and name, and each has a state of its own. `ENV=staging` chooses one by a file
of variables, environments/staging.tfvars. The file must contain the name, so that nobody deploys an incomplete file
over production.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.deployment.steps import Problems

FOLDER = "environments"
DEFAULT_NAME = "voice-bridge"


@dataclass(frozen=True, slots=True)
class Installation:
    """`account`: an AWS account number, or a Google project. `variables_file`: that of ENV, or None."""

    account: str
    region: str
    name: str
    variables_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} in {self.region} ({self.account})"

    @property
    def key(self) -> str:
        """Of its state, in a bucket or below a folder."""
        return f"voice-bridge/{self.account}/{self.region}/{self.name}"


def variables_file(given: Mapping[str, str], files: Path) -> Path | None:
    """The file that ENV chooses. Raises Problems if it does not exist."""
    if not (chosen := given.get("ENV", "").strip()):
        return None
    file = files / FOLDER / f"{chosen}.tfvars"
    if not re.fullmatch(r"[\w-]+", chosen) or not file.exists():
        there = ", ".join(environments(files)) or "none yet"
        raise Problems([f"ENV={chosen}: {files.name}/{FOLDER}/{chosen}.tfvars does not exist; existing: {there}"])
    if not _assigned(file, "name"):
        raise Problems([f'{file.name}: expected a line name = "…", other than that of your other installations'])
    return file


def environments(files: Path) -> list[str]:
    """Valid names for ENV."""
    return sorted(file.stem for file in (files / FOLDER).glob("*.tfvars"))


def declared(variable: str, variables: Mapping[str, str], files: Path, chosen: Path | None, default: str) -> str:
    """A variable's value as Terraform finds it: in ENV's file, terraform.tfvars, the environment, or its default."""
    places = [chosen, files / "terraform.tfvars"]
    found = [value for file in places if file is not None and (value := _assigned(file, variable))]
    return (found or [variables.get(f"TF_VAR_{variable}", "") or default])[0]


def check(installation: Installation, variables: Mapping[str, object], owner: Installation | None) -> None:
    """Checks that Terraform has the same name and region, and that the state belongs to them. Raises Problems."""
    told = (str(variables["region"]), str(variables["name"]))
    if told != (installation.region, installation.name):
        found = f"{installation.name} in {installation.region}"
        raise Problems([f"Terraform says {told[1]} in {told[0]}, the files {found}: write name and region plainly"])
    if owner and owner.key != installation.key:
        raise Problems(
            [
                f"the state is that of {owner}, and this is {installation}: a deploy would destroy {owner}, or lose it."
                " Leave STATE_KEY or STATE_PREFIX out, and each installation has a state of its own"
            ]
        )


def owner_of_state(resources: Mapping[str, Mapping[str, object]], account: str) -> Installation | None:
    """The installation that a state belongs to, by its records' bucket; None if the state has none."""
    for address, values in resources.items():
        if address.endswith("aws_s3_bucket.records"):
            found = re.fullmatch(r"(.+)-records-(\d{12})-([a-z0-9-]+)", str(values["bucket"]))
            return Installation(found[2], found[3], found[1]) if found else None
        if address.endswith("google_storage_bucket.records"):
            project = str(values.get("project") or account)
            name = str(values["name"]).removesuffix("-records").removeprefix(f"{project}-")
            return Installation(project, str(values["location"]).lower(), name)
    return None


def _assigned(file: Path, variable: str) -> str:
    """The string that a file of variables assigns to a variable; "" if it assigns none."""
    if not file.exists():
        return ""
    found = re.search(rf'^\s*{variable}\s*=\s*"([^"]*)"', file.read_text(), re.MULTILINE)
    return found[1] if found else ""
