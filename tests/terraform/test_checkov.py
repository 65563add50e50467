"""checkov's rules over the Terraform files, but for the exceptions in infra/checkov.yaml, and that it can object."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLOUDS = ["gcp"]

# A weakness for each cloud: file, what stands there, what somebody might write, and the check that must object.
PLANTED = {
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
    target = ".cache/checkov/bin/checkov"
    subprocess.run(["make", "--silent", f"PYTHON={sys.executable}", target], cwd=ROOT, check=True, timeout=400)
    return ROOT / target


def run(checkov: Path, files: Path) -> tuple[int, str]:
    done = subprocess.run(
        [checkov, "--config-file", ROOT / "infra/checkov.yaml", "--directory", files, "--skip-download"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_known_weakness(checkov: Path, cloud: str):
    status, said = run(checkov, ROOT / "infra/terraform" / cloud)
    assert status == 0, said
    assert "Failed checks: 0" in said
    assert "Parsing errors" not in said


@pytest.mark.parametrize("cloud", CLOUDS)
def test_planted_weakness_is_found(checkov: Path, cloud: str, tmp_path: Path):
    file, right, wrong, check = PLANTED[cloud]
    shutil.copytree(ROOT / "infra/terraform" / cloud, tmp_path / cloud)
    text = (tmp_path / cloud / file).read_text()
    assert right in text
    (tmp_path / cloud / file).write_text(text.replace(right, wrong))
    status, said = run(checkov, tmp_path / cloud)
    assert status == 1
    assert check in said
