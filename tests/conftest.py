"""For all tests: how much hypothesis tries, and what runs side by side.

`HYPOTHESIS_PROFILE=long pytest tests/unit` looks for an hour's worth of counterexamples; without it a few dozen
examples a property keep the suite quick, and in CI they are the same each time, so that a red build can be repeated.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_ALWAYS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # the machine may be busy elsewhere

settings.register_profile("quick", max_examples=40, **_ALWAYS)
settings.register_profile("ci", max_examples=40, derandomize=True, database=None, **_ALWAYS)
settings.register_profile("long", max_examples=5000, **_ALWAYS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick"))

_TESTS = Path(__file__).parent
_TOGETHER = ("terraform/aws", "terraform", "e2e/console", "e2e", "chaos")
"""Folders whose tests run one after another: they share a deployment or an environment, or play in real time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (`-n`), the tests of a module stay together, and so do those of the folders above."""
    for item in items:
        path = item.path.relative_to(_TESTS).as_posix()
        group = next((folder for folder in _TOGETHER if path.startswith(f"{folder}/")), path)
        item.add_marker(pytest.mark.xdist_group(group))
