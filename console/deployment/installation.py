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


def check(installation: Installation, variables: Mapping[str, object], state_name: str) -> None:
    """Checks that Terraform has the same name, and that the state belongs to it. Raises Problems."""
    told = (str(variables["region"]), str(variables["name"]))
    if told != (installation.region, installation.name):
        found = f"{installation.name} in {installation.region}"
        raise Problems([f"Terraform says {told[1]} in {told[0]}, the files {found}: write name and region plainly"])
    if state_name and state_name != installation.name:
        raise Problems(
            [
                f"the state is that of {state_name}, and this is {installation.name}: a deploy would destroy"
                f" {state_name}. Leave STATE_KEY or STATE_PREFIX out, and each name has a state of its own"
            ]
        )


def name_in_state(resources: Mapping[str, Mapping[str, object]], account: str) -> str:
    """The installation that a state belongs to, by its records' bucket; "" if the state has none."""
    for address, values in resources.items():
        if address.endswith(("aws_s3_bucket.records", "google_storage_bucket.records")):
            bucket = str(values.get("bucket") or values.get("name"))
            found = re.fullmatch(r"(.+)-records-\d{12}-[a-z0-9-]+", bucket)
            if found:
                return found[1]
            return bucket.removesuffix("-records").removeprefix(f"{account}-")
    return ""


def _assigned(file: Path, variable: str) -> str:
    """The string that a file of variables assigns to a variable; "" if it assigns none."""
    if not file.exists():
        return ""
    found = re.search(rf'^\s*{variable}\s*=\s*"([^"]*)"', file.read_text(), re.MULTILINE)
    return found[1] if found else ""
