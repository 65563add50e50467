"""A second installation beside the first, made and destroyed as a person does it: `ENV=staging make deploy-aws`.

The command is the real one, and so are Terraform and its provider. What this machine has not, docker and AWS's public
addresses, only says yes: `python -m tests.terraform.aws.staging FOLDER ACTION`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from console.deployment import aws, public_checks, rollout
from tests.support.called import DEPLOYER
from tests.support.processes import ROOT
from tests.support.terraform import FILES, provider_environment

SETTINGS = """
ELEVENLABS_AGENT_ID=agent_of_staging
ELEVENLABS_API_KEY=sk_of_staging_0001
TRANSFER_TARGETS={"sales": "080 4710 0001"}
"""


class Staging:
    """The repository's folder of somebody who has described a second installation. `packages`: the functions'."""

    def __init__(self, folder: Path, packages: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.files = folder / "infra/terraform/aws"
        for part in ("aws", "modules/aws"):
            ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars", "states", "*_override.tf")
            shutil.copytree(FILES / part, folder / "infra/terraform" / part, ignore=ignored)
        (self.files / "environments/staging.tfvars").write_text('name = "staging"\nlog_retention_days = 7\n')
        (folder / ".env.staging").write_text(SETTINGS)
        (folder / "build").symlink_to(packages)
        (commands := folder / "bin").mkdir()
        (commands / "docker").write_text("#!/bin/sh\nexit 0\n")
        (commands / "docker").chmod(0o755)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("TF_VAR_", "AWS_"))}
        self.environ = {
            **{**own, **provider_environment(), **environ, "ENV": "staging", "CHECKPOINT_DISABLE": "1"},
            "AWS_EXECUTION_ENV": DEPLOYER.removeprefix("exec-env/"),  # in the user agent of what asks AWS
            "PATH": f"{commands}:{os.environ['PATH']}",
        }

    def make(self, action: str, **settings: str) -> str:
        """`make ACTION-aws`; what it said."""
        command = [sys.executable, "-m", "tests.terraform.aws.staging", str(self.folder), action]
        environ = {**self.environ, **settings}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state(self) -> Path:
        (file,) = self.files.glob("states/voice-bridge/*/*/staging.tfstate")
        return file


def main(folder: str, action: str) -> int:
    rollout.state = lambda *_: ""  # type: ignore[assignment]
    for check in ("wait_until_ready", "check_upgrade", "check_refusals"):
        setattr(public_checks, check, lambda *_, **__: None)
    return aws.main([action], Path(folder))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
