"""Terraform for the tests of infra/terraform/gcp: with a stand-in for the Google provider where there is one, else with
the real provider.

The stand-in serves the real provider's schema (6.50) over Terraform's own plugin protocol, so `validate`, `plan`,
`apply` and `test` are the real ones; what it applies is invented. The real provider plans without an account, but can't
apply. Without either the tests are skipped, loudly; in CI that is a failure.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terraform import cannot_run
from tests.terraform.gcp.workspace import FILES, MODULE, ROOT, SECRETS, Workspace

STANDIN = Path(os.environ.get("GOOGLE_PROVIDER_STANDIN", ROOT.parent / "shared/tools/gcp/google_provider_standin.py"))
# Resources of the same release that the stand-in's own schema leaves out, made by the same tool from the same package.
WRITE_ONLY = Path(__file__).with_name("standin.py")
FURTHER = Path(__file__).with_name("schema") / "further.json"

# The published types the stand-in's schema is made from don't tell "optional" from "optional, else computed".
COMPUTED = [("google_compute_global_address", "address")]


@pytest.fixture(scope="session")
def terraform() -> str:
    """Path of the terraform command."""
    path = shutil.which("terraform")
    if path is None:
        cannot_run("terraform is not installed")
    return str(path)


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str] | None]:
    """Environment that makes Terraform use the stand-in; None where there is none and the real provider has to do."""
    if not STANDIN.exists():
        yield None
        return
    if not (ROOT / ".cache/gcp-standin/bin/python").exists():
        cannot_run("what speaks for the Google provider is missing: make .cache/gcp-standin/.installed")
    folder = tmp_path_factory.mktemp("google")
    (secrets := folder / "secrets").mkdir()
    schema = json.loads(STANDIN.with_name("google_schema.json").read_text())
    schema["resource_schemas"] |= json.loads(FURTHER.read_text())["resource_schemas"]
    # Only what the files use: Terraform asks for the whole schema at each start.
    files = "".join(path.read_text() for path in (FILES / MODULE).glob("*.tf"))
    for block, schemas in (("resource", "resource_schemas"), ("data", "data_source_schemas")):
        used = sorted(set(re.findall(rf'^{block} "(\w+)"', files, re.MULTILINE)))
        schema[schemas] = {kind: schema[schemas][kind] for kind in used}
    for resource, attribute in COMPUTED:
        schema["resource_schemas"][resource]["block"]["attributes"][attribute]["computed"] = True
    (folder / "schema.json").write_text(json.dumps(schema))
    process = subprocess.Popen(
        [ROOT / ".cache/gcp-standin/bin/python", WRITE_ONLY, STANDIN, folder / "socket"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"GCP_SCHEMA": str(folder / "schema.json"), "GCP_SECRETS": str(secrets), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdout is not None
    try:
        reattach = process.stdout.readline().strip()
        assert reattach, f"the stand-in ended with {process.wait(timeout=10)}"
        yield {"TF_REATTACH_PROVIDERS": reattach, "GCP_SECRETS": str(secrets)}
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture(scope="session")
def initialised(terraform: str, standin: dict[str, str] | None, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of infra/terraform/gcp after `terraform init`; tests take copies of it."""
    workspace = Workspace.copy_of(FILES, tmp_path_factory.mktemp("initialised"), standin)
    done = workspace.terraform("init", "-input=false", expect=None)
    if done.returncode != 0:
        cannot_run(
            f"no Google provider: neither {STANDIN} nor a registry to fetch it from ({done.stderr.strip()[:200]})"
        )
    return workspace


@pytest.fixture
def workspace(initialised: Workspace, tmp_path: Path) -> Workspace:
    """An initialised copy of the files for this test alone."""
    return Workspace.copy_of(initialised.files, tmp_path, initialised.standin)


@pytest.fixture
def applying(workspace: Workspace) -> Workspace:
    """A workspace that can apply: the stand-in's."""
    if workspace.standin is None:
        pytest.skip("the real provider applies only with an account; GOOGLE_PROVIDER_STANDIN names a stand-in")
    return workspace


@pytest.fixture(scope="session")
def plan(initialised: Workspace) -> dict:
    """Plan of a first deployment with everything optional switched on."""
    return initialised.plan(
        domain_name="calls.example.in",
        dns_zone="example-in",
        alarm_email="oncall@example.in",
        calls_expected={"from_hour_utc": 4, "to_hour_utc": 13, "last_weekday": 6},
        elevenlabs_webhook_secret="wsec_of_tests",
        secret_versions=dict.fromkeys([*SECRETS, "elevenlabs_webhook_secret"], 1),
    )
