"""Terraform, driven by the deploy scripts: state, variables, plan, outputs."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import deployment
from scripts.deployment import Problems, StepError


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
        deployment.run(["terraform", *arguments], cwd=self.files, environ=deployment.environment(self.variables))

    def read(self, *arguments: str) -> tuple[int, str]:
        """Exit status and what it said."""
        return deployment.read(
            ["terraform", *arguments], cwd=self.files, environ=deployment.environment(self.variables)
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        """What a command that prints JSON said. Raises StepError."""
        status, said = self.read(*arguments)
        if status:
            raise StepError(f"terraform {' '.join(arguments)}: {said.strip()}")
        answer: dict[str, Any] = json.loads(said)
        return answer

    def outputs(self) -> dict[str, str]:
        return {name: output["value"] for name, output in self.json("output", "-json").items()}

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
            status, said = self.read("plan", "-json", f"-out={file}")
            if status:
                raise Problems(deployment.planned_problems(said) or [f"terraform plan: {said.strip()}"])
            if show:
                self.run("show", file)
            variables = self.json("show", "-json", file)["variables"]
            return {name: variable["value"] for name, variable in variables.items()}
