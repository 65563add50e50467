"""The lock files: the provider that is tested, on any platform, and from nowhere but the registry."""

import re

import pytest

from tests.terraform.hcl import INFRA

# Platforms that the provider's release is built for, and its manifest.
ARCHIVES = {"aws": 15, "gcp": 12}


def lock(cloud: str) -> str:
    return (INFRA / cloud / ".terraform.lock.hcl").read_text()


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_files_ask_for_what_is_locked_and_for_nothing_wider(cloud: str):
    files = [*(INFRA / cloud).glob("*.tf"), *(INFRA / "modules" / cloud).rglob("*.tf")]
    asked = set(re.findall(r'version = "(~>[^"]+)"', "".join(file.read_text() for file in files)))
    (version,) = re.findall(r'version +=\s"([\d.]+)"', lock(cloud))
    assert asked == set(re.findall(r'constraints = "([^"]+)"', lock(cloud))) == {f"~> {version}"}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_lock_holds_every_platform_and_names_the_registry_only(cloud: str):
    assert set(re.findall(r"[a-z]+(?:[.-][a-z]+)+", lock(cloud))) == {"registry.terraform.io"}
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', lock(cloud))) == ARCHIVES[cloud]
    assert set(re.findall(r'"(h1|zh):', lock(cloud))) == {"h1", "zh"}


def test_aws_needs_nothing_added_to_its_lock():
    """Then `init` may run with -lockfile=readonly: a hash of the unpacked provider for each platform is there."""
    assert len(re.findall(r'"h1:[^"]{44}"', lock("aws"))) == ARCHIVES["aws"] - 1
