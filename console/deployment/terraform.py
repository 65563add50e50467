"""Terraform, driven by the deploy command: state, variables, plan, outputs."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.deployment import steps
from console.deployment.settings import SETTINGS
from console.deployment.steps import Problems, StepError

_VARIABLE = re.compile(r'input variable "(\w+)"')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BOX = re.compile(r"^[ \t]*[╷╵│][ \t]?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform on one cloud's files. `variables`: environment variables, `TF_VAR_…` and credentials."""

    variables: Mapping[str, str]
    files: Path

    def with_variables(self, variables: Mapping[str, str]) -> "Terraform":
        """The same with further variables."""
        return Terraform({**self.variables, **variables}, self.files)

    def run(self, *arguments: str) -> None:
        """For the person to see. Raises StepError."""
        steps.run(["terraform", *arguments], cwd=self.files, environ=steps.environment(self.variables))

    def read(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What it said, its warnings apart from its answer."""
        environ = steps.environment(self.variables)
        command = ["terraform", *arguments]
        return subprocess.run(command, cwd=self.files, env=environ, capture_output=True, text=True, check=False)

    def json(self, *arguments: str) -> dict[str, Any]:
        """The answer of a command that answers in JSON. Raises StepError."""
        done = self.read(*arguments)
        if done.returncode:
            raise StepError(f"terraform {' '.join(arguments)}: {said(done.stderr)}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def outputs(self) -> dict[str, str]:
        return {name: output["value"] for name, output in self.json("output", "-json").items()}

    def resources(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Address and values of everything in the state. Raises StepError."""
        waiting = [self.json("show", "-json").get("values", {}).get("root_module", {})]
        for module in waiting:
            waiting += module.get("child_modules", [])
            yield from ((one["address"], one["values"]) for one in module.get("resources", []))

    def initialise(self, backend: Mapping[str, str]) -> None:
        """The state goes where `backend` says, or to a file beside Terraform's files where it says nothing."""
        local = self.files / "backend_override.tf"
        if backend:
            local.unlink(missing_ok=True)
            self.run("init", *(f"-backend-config={name}={value}" for name, value in backend.items()))
        else:
            print(f"State: a file in {self.files.name}/. Keep it; set STATE_BUCKET to share it.")
            local.write_text('terraform {\n  backend "local" {}\n}\n')
            self.run("init")

    def plan(self, *, show: bool = False) -> dict[str, Any]:
        """Let Terraform check every variable against its rules; the variables' values. Raises Problems, a line each."""
        with tempfile.TemporaryDirectory() as folder:  # the plan holds the variables, and so secrets
            file = f"{folder}/plan"
            done = self.read("plan", "-json", f"-out={file}")
            if done.returncode:
                raise Problems(planned_problems(done.stdout) or [f"terraform plan: {said(done.stderr)}"])
            if show:
                self.run("show", file)
            variables = self.json("show", "-json", file)["variables"]
            return {name: variable["value"] for name, variable in variables.items()}


def planned_problems(output: str) -> list[str]:
    """The errors in what `terraform plan -json` printed, a line each."""
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
    """Terraform's errors without their colours and red boxes, on one line: each its summary and its first paragraph."""
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
    if summary == "Invalid value for variable" and detail:
        return detail  # our own message, which names the variable
    return ": ".join(part for part in (summary, detail) if part)
