"""Terraform with the real AWS provider, in a copy of our files, against whatever AWS_ENDPOINT_URL says."""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "infra/terraform"
KEPT = ROOT / ".cache/terraform.tfrc"
MIRROR = ROOT.parent / "shared/tools/terraform-env"


def cannot_run(reason: str) -> None:
    """Skip with the reason; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must not skip", pytrace=False)
    pytest.skip(reason)


@functools.cache
def provider_environment() -> Mapping[str, str]:
    """What lets `terraform init` find the AWS provider: a mirror on this machine where there is one, else nothing.

    Looking for it goes through the whole file system, so what was found is kept.
    """
    if shutil.which("terraform") is None:
        cannot_run("terraform is not installed")
    if Path(os.environ.get("TF_CLI_CONFIG_FILE", "none")).exists() or not MIRROR.exists():
        return {}
    if KEPT.exists() and (path := re.search(r'path\s*=\s*"([^"]+)"', KEPT.read_text())) and Path(path[1]).is_dir():
        return {"TF_CLI_CONFIG_FILE": str(KEPT)}
    for _ in range(10):  # it looks through a file system in which other tests make and remove providers' copies
        found = subprocess.run([MIRROR], capture_output=True, text=True, timeout=120, check=False)
        if not found.returncode:
            break
    else:
        return {}
    words = found.stdout.split()
    environ = dict(word.replace("'", "").split("=", 1) for word in words if word.startswith("TF_CLI_CONFIG_FILE="))
    if environ:
        shutil.move(environ["TF_CLI_CONFIG_FILE"], KEPT)
    return {name: str(KEPT) for name in environ}


class Workspace:
    """Root and module in a folder of their own, with the state beside them. `root`: where terraform runs."""

    def __init__(
        self, folder: Path, variables: Mapping[str, str], environ: Mapping[str, str], root: str = "aws"
    ) -> None:
        files = folder / "files"
        for part in ("aws", "modules/aws"):
            ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars")
            shutil.copytree(FILES / part, files / part, ignore=ignored, dirs_exist_ok=True)
        self.folder = files / root
        (files / "aws/backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        self.variables = dict(variables)
        self._group = 0
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TF_VAR_", "AWS_"))},
            **provider_environment(),
            **environ,
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }

    def terraform(self, *arguments: str, timeout_s: float = 120, expect: int = 0) -> str:
        """Run terraform; its output. Whatever happens, neither it nor its provider is left behind."""
        command, *rest = arguments
        environ = self.environ | {f"TF_VAR_{name}": value for name, value in self.variables.items()}
        process = subprocess.Popen(
            ["terraform", command, "-no-color", *rest],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that the provider's process can be ended with it
        )
        self._group = process.pid
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            pytest.fail(f"terraform {command} took longer than {timeout_s:.0f} s: {late.stdout!r}", pytrace=False)
        finally:
            self.end()
        assert process.returncode == expect, f"terraform {command} ended with {process.returncode}:\n{said}"
        return said

    def end(self) -> None:
        """Kill the terraform that runs, and its provider."""
        group, self._group = self._group, 0
        if group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def init(self) -> None:
        try:
            locked = ["-lockfile=readonly"] if (self.folder / ".terraform.lock.hcl").exists() else []
            self.terraform("init", *locked, timeout_s=180)
        except AssertionError as failed:
            cannot_run(f"terraform init found no AWS provider: {failed}")

    def plan(self) -> dict[str, Any]:
        """A plan, as `terraform show -json` gives it."""
        self.terraform("plan", "-out=plan.bin")
        plan: dict[str, Any] = json.loads(self.terraform("show", "-json", "plan.bin"))
        return plan

    def changes(self, *options: str) -> dict[str, str]:
        """What a plan would do; see `planned`. With `-refresh=false` by what the state says, which takes no waiting."""
        return planned(self.terraform("plan", "-json", *options))

    def state(self) -> dict[str, dict[str, Any]]:
        """The values of every resource in the state, by address."""
        root = json.loads(self.terraform("show", "-json")).get("values", {}).get("root_module", {})
        return {address: values for address, _, values in resources(root)}

    def outputs(self) -> dict[str, str]:
        return {name: one["value"] for name, one in json.loads(self.terraform("output", "-json")).items()}


def resources(module: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Address, type and values of every managed resource of a `root_module` and what it calls; addresses as in ours."""
    for one in module.get("resources", []):
        if one["mode"] == "managed":
            # of a thing that is planned and of which nothing is known yet there are no values
            yield one["address"].removeprefix("module.bridge."), one["type"], one.get("values", {})
    for child in module.get("child_modules", []):
        yield from resources(child)


def planned(said: str) -> dict[str, str]:
    """By what `terraform plan -json` says as it goes: address → action, nothing for what stays as it is.

    `terraform show` would start the provider once more to read the same from the plan's file.
    """
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert any(line["type"] == "change_summary" for line in lines), said
    changed = [line["change"] for line in lines if line["type"] == "planned_change"]
    return {
        one["resource"]["addr"].removeprefix("module.bridge."): one["action"]
        for one in changed
        if one["action"] not in {"noop", "read", "move"}
    }


def changes(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a plan would do: address → actions, nothing for what stays as it is."""
    return {
        one["address"].removeprefix("module.bridge."): one["change"]["actions"]
        for one in plan.get("resource_changes", [])
        if one["change"]["actions"] not in (["no-op"], ["read"])
    }


if __name__ == "__main__":  # before there are workers: it is searched for in folders that their tests remove
    if shutil.which("terraform"):
        provider_environment()
