"""What stands in `common/`, and who may import whom: the relay's image holds `relay/` and `common/` alone."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import BARE, ROOT

CLOUDS = ("boto3", "botocore", "google", "azure", "flask", "functions_framework", "aws_lambda_powertools")
OPTIONAL = ("opentelemetry",)
"""Imported only when asked for, by common/trace.py: the relay's start below shows that it can be missing."""
PARTS = ("relay", "functions", "console")
SHARED = sorted(path.stem for path in (ROOT / "common").glob("*.py") if path.stem != "__init__")


def files(part: str) -> list[Path]:
    """Without the vendors' fakes, which stand beside the vendors and are not in the relay's image."""
    return sorted(path for path in (ROOT / part).rglob("*.py") if not path.match("relay/agents/*/fake*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names, dotted; `from a import b` counts as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def imported_by(part: str) -> frozenset[str]:
    return frozenset({name for path in files(part) for name in imports(path)})


def test_the_relay_imports_nothing_of_functions_or_console():
    assert {name.split(".")[0] for name in imported_by("relay")} & {"functions", "console", "sim", *CLOUDS} == set()


def test_common_imports_nothing_of_any_part():
    first = {name.split(".")[0] for name in imported_by("common")}
    assert first & {*PARTS, "sim", *CLOUDS} == set()
    assert first - set(sys.stdlib_module_names) <= {"common", "msgspec", *OPTIONAL}


@pytest.mark.parametrize("module", SHARED)
def test_a_shared_module_has_two_users(module: str):
    """Of relay, functions and console, or of the shared modules that these use."""
    users = [
        part
        for part in (*PARTS, "common")
        if any(f"{name}.".startswith(f"common.{module}.") for name in imported_by(part))
    ]
    assert len(users) >= 2, f"common/{module}.py is used by {users}"


def test_the_relay_starts_without_functions_console_and_clouds():
    """As in its image: whatever it loads, by whichever way, comes from relay/, common/ and its own libraries."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files("relay")]
    code = f"""
import sys
sys.modules.update(dict.fromkeys({["functions", "console", "sim", *CLOUDS, *OPTIONAL]}))
for name in {[name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]}:
    __import__(name)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=BARE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
