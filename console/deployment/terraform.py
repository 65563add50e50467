"""Runs Terraform for the deploy command: state, variables, plan, outputs."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.deployment import steps
from console.deployment.settings import SETTINGS
from console.deployment.steps import Problems, StepError

_VARIABLE = re.compile(r'input variable "(\w+)"')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BOX = re.compile(r"^[ \t]*[╷╵│][ \t]?", re.MULTILINE)
_STATES = "states"  # below the root's folder, if no bucket is set


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan in a file, to be applied as it is. `document`: from `terraform show -json`."""

    file: Path
    document: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, Any]:
        """Values by name, without ephemeral ones, which no plan contains."""
        return {name: one.get("value") for name, one in self.document["variables"].items()}

    def changes(self) -> dict[str, list[str]]:
        """Address → planned actions; a replacement includes `delete`."""
        planned = self.document.get("resource_changes", [])
        return {one["address"]: one["change"]["actions"] for one in planned}


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform on one cloud's files. `variables`: environment variables, `TF_VAR_…` and credentials; `variables_file`
    wins.

    `lock_is_whole`: the lock file has the provider's hashes for every platform, so `init` may not change it.
    """

    variables: Mapping[str, str]
    files: Path
    variables_file: Path | None = None
    lock_is_whole: bool = False

    def with_variables(self, variables: Mapping[str, str]) -> "Terraform":
        """The same with further variables."""
        return replace(self, variables={**self.variables, **variables})

    def run(self, *arguments: str) -> None:
        """With output to the terminal. Raises StepError."""
        steps.run(self._command(*arguments), cwd=self.files, environ=steps.environment(self.variables))

    def read(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Its output, without warnings."""
        environ = steps.environment(self.variables)
        command = self._command(*arguments)
        return subprocess.run(
            command, cwd=self.files, env=environ, capture_output=True, text=True, check=False, umask=0o077
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        """The answer of a command that answers in JSON. Raises StepError."""
        done = self.read(*arguments)
        if done.returncode:
            raise StepError(f"terraform {' '.join(arguments)}: {said(done.stderr)}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def outputs(self) -> dict[str, Any]:
        """By name; empty if nothing is deployed. Raises StepError."""
        return {name: output["value"] for name, output in self.json("output", "-json").items()}

    def resources(self) -> dict[str, dict[str, Any]]:
        """Address → values of everything in the state. Raises StepError."""
        waiting = [self.json("show", "-json").get("values", {}).get("root_module", {})]
        for module in waiting:
            waiting += module.get("child_modules", [])
        return {one["address"]: one["values"] for module in waiting for one in module.get("resources", [])}

    def initialise(self, backend: Mapping[str, str], key: str) -> None:
        """The state goes to `backend`, or to a file with this key beside Terraform's files. Raises StepError.

        A local state moves to the backend if the backend has none yet.
        """
        local, kept = self.files / "backend_override.tf", self.files / _STATES / f"{key}.tfstate"
        if backend:
            local.unlink(missing_ok=True)
        else:
            print(f"State: {kept.relative_to(self.files.parent)}. Keep it; set STATE_BUCKET to share it.")
            local.write_text('terraform {\n  backend "local" {}\n}\n')
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            backend = {"path": str(kept.relative_to(self.files))}
        # -reconfigure: the last one may have been another installation's state
        lock = ["-lockfile=readonly"] if self.lock_is_whole else []
        self.run("init", "-reconfigure", *lock, *(f"-backend-config={name}={value}" for name, value in backend.items()))
        for file in (kept, self.files / "terraform.tfstate"):
            if file.exists() and not (backend.get("path") and file == kept):
                self._take_over(file)

    def _take_over(self, file: Path) -> None:
        if self.json("show", "-json").get("values"):
            return  # the backend has a state; the file is another installation's, or old
        self.run("state", "push", str(file))
        file.rename(file.with_name(f"{file.name}.moved"))
        print(f"The state in {file.name} has moved; {file.name}.moved is the old file.")

    @contextmanager
    def planned(self, *options: str) -> Iterator[Plan]:
        """A plan, for the length of the block. Raises Problems, one line for each of Terraform's errors."""
        with tempfile.TemporaryDirectory() as folder:  # readable by the user only: a plan contains people's numbers
            file = Path(folder) / "plan"
            done = self.read("plan", "-json", f"-out={file}", *options)
            if done.returncode:
                raise Problems(planned_problems(done.stdout) or [f"terraform plan: {said(done.stderr)}"])
            yield Plan(file, self.json("show", "-json", str(file)))

    def _command(self, *arguments: str) -> list[str]:
        takes_variables = arguments[0] in {"plan", "destroy"}
        chosen = [f"-var-file={self.variables_file}"] if self.variables_file and takes_variables else []
        return ["terraform", *arguments, *chosen]


def planned_problems(output: str) -> list[str]:
    """The errors in the output of `terraform plan -json`, one line each."""
    lines = []
    for line in output.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        diagnostic = message.get("diagnostic", {}) if isinstance(message, dict) else {}
        if diagnostic.get("severity") == "error":
            lines.append(_one_line(diagnostic))
    return list(dict.fromkeys(lines))


def said(stderr: str) -> str:
    """Terraform's errors without colours and boxes, on one line: the summary and first paragraph of each."""
    plain = _BOX.sub("", _COLOUR.sub("", stderr))
    errors = []
    for error in plain.split("Error: ")[1:]:
        summary, _, detail = error.partition("\n")
        paragraph = " ".join(detail.strip().split("\n\n")[0].split())
        errors.append(": ".join(part for part in (summary.strip(), paragraph) if part))
    return "; ".join(errors) or " ".join(plain.split())


def _one_line(diagnostic: Mapping[str, str]) -> str:
    summary, detail = diagnostic["summary"], " ".join(diagnostic.get("detail", "").split("\n\n")[0].split())
    if summary == "No value for required variable" and (named := _VARIABLE.search(detail)):
        setting = {variable: name for name, variable in SETTINGS.items()}.get(named[1], f"TF_VAR_{named[1]}")
        return f"{setting} is not set, neither in the environment nor in .env"
    if summary in {"Invalid value for variable", "Resource precondition failed"} and detail:
        return detail  # our own message, which names what is wrong
    return ": ".join(part for part in (summary, detail) if part)
