"""The AWS files by themselves: well-formed, valid, and their logic with AWS mocked."""

import shutil

import pytest

from tests.support.terraform import FILES, Workspace, provider_environment


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    provider_environment()
    workspace = Workspace(tmp_path_factory.mktemp("files"), {}, {})
    shutil.copy(FILES / "tests/token_override.tf", workspace.folder)
    workspace.init()
    return workspace


def test_the_files_are_formatted(files: Workspace):
    files.terraform("fmt", "-check", "-diff", "-recursive")


def test_the_files_are_valid(files: Workspace):
    files.terraform("validate")


def test_the_logic_with_aws_mocked(files: Workspace):
    assert "Success!" in files.terraform("test", timeout_s=120)
