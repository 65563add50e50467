"""What `make package` makes: the right Python, the right processor, nothing else, and always the same bytes."""

import hashlib
import subprocess
import sys
import zipfile

import pytest

from tests.support.processes import BARE, ROOT

_AARCH64 = 183


def build(folder, *options):
    command = [sys.executable, "scripts/package_functions.py", "--output", str(folder), *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def arm64(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arm64")
    build(folder, "--cloud", "aws", "--platform", "arm64")
    return folder


def test_arm64_is_for_lambda_s_python_and_processor(arm64):
    with zipfile.ZipFile(arm64 / "webhook-aws-arm64.zip") as zipped:
        binaries = {name: zipped.read(name)[:20] for name in zipped.namelist() if name.endswith(".so")}
    assert any("313-aarch64-linux" in name for name in binaries)
    for name, start in binaries.items():
        assert (start[:4], int.from_bytes(start[18:20], "little")) == (b"\x7fELF", _AARCH64), name
        assert "313-aarch64-linux" in name or name.endswith(".abi3.so"), name  # this Python's, or any's from some on


def test_the_same_sources_give_the_same_bytes(tmp_path_factory, arm64):
    one, two, three = (tmp_path_factory.mktemp("again") for _ in range(3))
    assert build(one, "--cloud", "gcp") == build(two, "--cloud", "gcp")
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in arm64.iterdir()}
    assert build(three, "--cloud", "aws", "--platform", "arm64") == first


def test_times_and_modes_in_an_archive_are_fixed(arm64):
    with zipfile.ZipFile(arm64 / "transfer-aws-arm64.zip") as zipped:
        entries = zipped.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_an_archive_for_cloud_functions_has_its_entry_points(packages):
    with zipfile.ZipFile(packages / "webhook-gcp.zip") as zipped:
        assert (
            zipped.read("main.py")
            == b"from functions.webhook.main import sweep, webhook\n\n__all__ = ['sweep', 'webhook']\n"
        )
        names = zipped.namelist()
        requirements = zipped.read("requirements.txt")
    assert b"google-cloud-storage==" in requirements
    assert b"--hash=sha256:" in requirements
    assert not [name for name in names if "aws" in name or "s3" in name or name.startswith("functions/transfer")]


def test_the_local_server_needs_no_cloud_library(tmp_path):
    """`make run` has only the relay's libraries."""
    clouds = [
        "boto3",
        "botocore",
        "google",
        "flask",
        "functions_framework",
        "aws_lambda_powertools",
        "requests",
        "urllib3",
    ]
    settings = {"EXOTEL_TOKEN": "t" * 16, "STORE": f"file:{tmp_path}"}
    code = f"""
import sys
sys.modules.update(dict.fromkeys({clouds}))
from functions.local import application
application({settings})
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=BARE, check=True)
