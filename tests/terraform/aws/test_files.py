"""The AWS files by themselves: well-formed, and valid and right in their logic, with AWS mocked.

That the root is valid, its installation shows (test_deployed.py): `terraform validate` asks no more than a plan does.
"""

import shutil

import pytest

from console.deployment import aws
from tests.support.terraform import FILES, Workspace, provider_environment


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    provider_environment()
    workspace = Workspace(tmp_path_factory.mktemp("files"), {}, {}, root="modules/aws")
    shutil.copy(FILES / "modules/aws/tests/token_override.tf", workspace.folder)
    workspace.init()
    return workspace


def test_the_files_are_formatted(files: Workspace):
    files.terraform("fmt", "-check", "-diff", "-recursive", str(FILES))


def test_the_logic_with_aws_mocked(files: Workspace):
    with aws.bucket_may_go(files.folder.parents[1] / "aws", True):  # each run is destroyed when it has passed
        assert "Success!" in files.terraform("test", timeout_s=400)
