"""`terraform validate` and `terraform test` on the files, and planted mistakes that show that the check can fail."""

import pytest

from console.deployment import gcp
from tests.terraform.gcp.workspace import FILES, MODULE, Workspace


def test_formatted(initialised: Workspace):
    assert initialised.terraform("fmt", "-check", "-recursive", "-diff", str(FILES)).stdout == ""


def test_valid(initialised: Workspace):
    assert "Success! The configuration is valid." in initialised.terraform("validate").stdout


def test_logic(workspace: Workspace):
    """The runs of tests/*.tftest.hcl, with mocked answers."""
    workspace.terraform("init", "-input=false", within=MODULE)
    with gcp.bucket_may_go(workspace.directory, True):  # each run is destroyed when it has passed
        done = workspace.terraform("test", expect=None, within=MODULE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success!" in done.stdout
    assert ", 0 failed" in done.stdout


MISTAKES = {
    "wrong argument": (
        "relay.tf",
        'timeout                          = "${local.relay_timeout_seconds}s"',
        "request_timeout = 3600",
        'An argument named "request_timeout" is not expected here',
    ),
    "missing required": ("relay.tf", "  location            = var.region\n", "", 'The argument "location" is required'),
    "wrong block": (
        "relay.tf",
        "liveness_probe {",
        "health_check {",
        'Blocks of type "health_check" are not expected here',
    ),
    "wrong type": (
        "relay.tf",
        "max_instance_count = var.relay_max_instances",
        'max_instance_count = "many"',
        "a number is required",
    ),
    "wrong reference": (
        "functions.tf",
        "google_storage_bucket.records.name\n",
        "google_storage_bucket.calls.name\n",
        "Reference to undeclared resource",
    ),
    "wrong attribute": (
        "outputs.tf",
        "google_cloud_run_v2_service.relay.uri",
        "google_cloud_run_v2_service.relay.address",
        "Unsupported attribute",
    ),
    "wrong resource": (
        "main.tf",
        'resource "google_project_service"',
        'resource "google_project_api"',
        "Invalid resource type",
    ),
    "block given twice": (
        "relay.tf",
        "    scaling {\n      max_instance_count = var.relay_max_instances\n    }\n",
        "    scaling {\n      max_instance_count = 1\n    }\n    scaling {\n      max_instance_count = 2\n    }\n",
        'No more than 1 "scaling" blocks are allowed',
    ),
    "value the provider sets": (
        "relay.tf",
        '  description         = "Carries',
        '  uid = "x"\n  description         = "Carries',
        "uid",
    ),
    "undeclared variable": (
        "main.tf",
        "var.records_retention_days",
        "var.retention",
        "Reference to undeclared input variable",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistake_is_caught(workspace: Workspace, mistake: str):
    file, right, wrong, message = MISTAKES[mistake]
    workspace.replace(file, right, wrong)
    done = workspace.terraform("validate", expect=1)
    assert message in " ".join(done.stderr.split())
