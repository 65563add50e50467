"""checkov's rules over the Terraform files, but for the exceptions in infra/checkov.yaml, and that it can object."""

import subprocess
from pathlib import Path

import pytest

from tests.support.terraform import cannot_run

ROOT = Path(__file__).resolve().parents[2]
# A weakness for each cloud: file, what stands there, what somebody might write, and the check that must object.
PLANTED = {
    "aws": ("bucket.tf", "block_public_policy     = true", "block_public_policy = false", "CKV_AWS_54"),
    "gcp": (
        "main.tf",
        'public_access_prevention    = "enforced"',
        'public_access_prevention = "inherited"',
        "CKV_GCP_114",
    ),
}


@pytest.fixture(scope="module")
def checkov() -> Path:
    """The command, in its own environment."""
    target = ROOT / ".cache/checkov/bin/checkov"
    if not target.exists():
        cannot_run("checkov is missing: make .cache/checkov/.installed")
    return target


def run(checkov: Path, files: Path) -> tuple[int, str]:
    done = subprocess.run(
        # by its Python: the script names the place where it was installed
        [
            checkov.with_name("python"),
            checkov,
            "--config-file",
            ROOT / "infra/checkov.yaml",
            "--directory",
            files,
            "--skip-download",
        ],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    return done.returncode, done.stdout


def test_no_known_weakness(checkov: Path):
    status, said = run(checkov, ROOT / "infra/terraform")
    assert status == 0, said
    assert "Failed checks: 0" in said
    assert "Parsing errors" not in said


def test_planted_weaknesses_are_found(checkov: Path, tmp_path: Path):
    """In a copy of their files alone: with a module around them checkov takes three times as long."""
    for cloud, (name, right, wrong, _) in PLANTED.items():
        text = (ROOT / "infra/terraform/modules" / cloud / name).read_text()
        assert right in text
        (tmp_path / cloud).mkdir()
        (tmp_path / cloud / name).write_text(text.replace(right, wrong))
    status, said = run(checkov, tmp_path)
    assert status == 1
    assert [check for *_, check in PLANTED.values() if check not in said] == []
