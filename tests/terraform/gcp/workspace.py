"""A copy of Terraform files in which tests may plan, apply and break things."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILES = ROOT / "infra/terraform"
MODULE = "modules/gcp"

SECRETS = {
    "elevenlabs_api_key": "sk_secret_of_tests_0001",
    "media_token": "media_token_of_tests_0002",
    "exotel_token": "exotel_token_of_tests_0003",
    "control_token": "control_token_of_tests_0004",
    "events_secret": "events_secret_of_tests_0005",
}
VARIABLES = SECRETS | {
    "secret_versions": dict.fromkeys(SECRETS, 1),
    "project": "acme-voice",
    "elevenlabs_agent_id": "agent_of_tests",
    "transfer_targets": {"sales": "+918047100001"},
    "relay_image_tag": "0123abcd",
    "package_directory": "../modules/gcp/tests/packages",
}


class Workspace:
    """Root and module in a folder of their own, with local state instead of the bucket. `directory`: the root's."""

    def __init__(self, files: Path, standin: dict[str, str] | None) -> None:
        self.files = files
        self.directory = files / "gcp"
        self.standin = standin

    @classmethod
    def copy_of(cls, source: Path, target: Path, standin: dict[str, str] | None) -> "Workspace":
        files = target / "files"
        for part in ("gcp", MODULE):
            ignored = shutil.ignore_patterns("*.tfvars", "*.tfstate*.backup", "plan.bin")
            shutil.copytree(source / part, files / part, ignore=ignored)
        (files / "gcp/backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        return cls(files, standin)

    def replace(self, file: str, old: str, new: str) -> None:
        """Change one place of one of the module's files; it must be there, or the test would show nothing."""
        path = self.files / MODULE / file
        text = path.read_text()
        assert text.count(old) >= 1, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))

    def terraform(
        self, *arguments: str, expect: int | None = 0, within: str = "gcp"
    ) -> subprocess.CompletedProcess[str]:
        """Run terraform in the root, or `within` the module; `expect` is the exit code that is right, None for any."""
        command, *rest = arguments
        done = subprocess.run(
            ["terraform", command, "-no-color", *rest],
            cwd=self.files / within,
            env={key: value for key, value in os.environ.items() if not key.startswith("TF_VAR_")}
            | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "GOOGLE_OAUTH_ACCESS_TOKEN": "none: tests only plan"}
            | (self.standin or {}),
            capture_output=True,
            text=True,
            timeout=400,  # of a hang; on an idle machine none takes a tenth
        )
        assert expect is None or done.returncode == expect, (
            f"terraform {command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def plan(self, **variables: object) -> dict:
        """`terraform show -json` of a plan."""
        self.write_variables(variables)
        self.terraform("plan", "-input=false", "-out=plan.bin", "-var-file=test.tfvars.json")
        return json.loads(self.terraform("show", "-json", "plan.bin").stdout)

    def apply(self, **variables: object) -> str:
        self.write_variables(variables)
        return self.terraform("apply", "-input=false", "-auto-approve", "-var-file=test.tfvars.json").stdout

    def secret(self, name: str) -> str:
        """What Secret Manager keeps under a secret's id."""
        assert self.standin is not None
        return (Path(self.standin["GCP_SECRETS"]) / name).read_text()

    def outputs(self) -> dict[str, object]:
        return {name: output["value"] for name, output in json.loads(self.terraform("output", "-json").stdout).items()}

    def resources(self) -> list[dict]:
        """Every resource in the state, as `terraform show -json` gives it, addresses as in the module."""
        state = json.loads(self.terraform("show", "-json").stdout)
        root = state.get("values", {}).get("root_module", {})
        return [
            {**resource, "address": resource["address"].removeprefix("module.bridge.")}
            for module in (root, *root.get("child_modules", []))
            for resource in module.get("resources", [])
        ]

    def write_variables(self, variables: dict[str, object]) -> None:
        (self.directory / "test.tfvars.json").write_text(json.dumps(VARIABLES | variables))
