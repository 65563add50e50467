"""Which installation a deploy is about: by files and settings, before Terraform is asked anything."""

from pathlib import Path

import pytest

from console.deployment.installation import Installation, check, declared, environments, owner_of_state
from console.deployment.steps import Problems


def test_a_file_of_variables_wins_over_the_environment_as_in_terraform(tmp_path: Path):
    told = {"TF_VAR_name": "of-environment"}
    assert declared("name", {}, tmp_path, None, "voice-bridge") == "voice-bridge"
    assert declared("name", told, tmp_path, None, "voice-bridge") == "of-environment"
    (tmp_path / "terraform.tfvars").write_text('# name = "commented"\nname     = "of-file"\n')
    assert declared("name", told, tmp_path, None, "voice-bridge") == "of-file"
    chosen = tmp_path / "staging.tfvars"
    chosen.write_text('domain_name = "calls.example.in"\n  name = "staging"\n')
    assert declared("name", told, tmp_path, chosen, "voice-bridge") == "staging"


@pytest.mark.parametrize(
    ("address", "values", "owner"),
    [
        (
            "module.bridge.aws_s3_bucket.records",
            {"bucket": "my-calls-records-123456789012-ap-south-1"},
            "my-calls in ap-south-1 (123456789012)",
        ),
        (
            "aws_s3_bucket.records",
            {"bucket": "voice-bridge-records-123456789012-eu-west-1"},
            "voice-bridge in eu-west-1 (123456789012)",
        ),
        (
            "module.bridge.google_storage_bucket.records",
            {"name": "acme-voice-my-calls-records", "location": "ASIA-SOUTH1"},
            "my-calls in asia-south1 (acme-voice)",
        ),
        (
            "google_storage_bucket.records",
            {"name": "acme-two-my-calls-records", "location": "ASIA-SOUTH1", "project": "acme-two"},
            "my-calls in asia-south1 (acme-two)",
        ),
        ("module.bridge.aws_lb.relay", {"name": "other"}, "None"),
    ],
)
def test_a_state_says_whose_it_is(address: str, values: dict[str, object], owner: str):
    """Also one from before there was a module."""
    assert str(owner_of_state({address: values}, "acme-voice")) == owner


@pytest.mark.parametrize(
    "owner",
    [
        Installation("123456789012", "ap-south-1", "staging"),
        Installation("123456789012", "eu-west-1", "voice-bridge"),
        Installation("210987654321", "ap-south-1", "voice-bridge"),
    ],
    ids=str,
)
def test_a_state_of_another_installation_is_refused(owner: Installation):
    """Of another region it would have been lost: nothing of it is there, so all is created, and nobody is asked."""
    where = Installation("123456789012", "ap-south-1", "voice-bridge")
    with pytest.raises(Problems) as refused:
        check(where, {"region": "ap-south-1", "name": "voice-bridge"}, owner)
    (line,) = refused.value.lines
    assert line.startswith(f"the state is that of {owner}, and this is {where}:")


def test_what_terraform_reads_otherwise_is_refused():
    """For instance `name = lower("X")` in a file, which is read here without Terraform's help."""
    where = Installation("123456789012", "ap-south-1", "voice-bridge")
    with pytest.raises(Problems, match="Terraform says staging in ap-south-1"):
        check(where, {"region": "ap-south-1", "name": "staging"}, None)
    check(where, {"region": "ap-south-1", "name": "voice-bridge"}, where)


def test_environments_are_the_files(tmp_path: Path):
    (tmp_path / "environments").mkdir()
    for name in ("staging.tfvars", "load.tfvars", "notes.md"):
        (tmp_path / "environments" / name).touch()
    assert environments(tmp_path) == ["load", "staging"]
