"""What is compiled for the image can be: mypyc would do something else with some of Python, without a word."""

import ast
import functools
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import SimpleNamespace

import pytest

from relay import compiled
from relay.compiled import MODULES
from sim.processes import ROOT

BASES = {"Protocol", "StrEnum", "Enum", "Generic", "msgspec.Struct"}
"""Of classes, besides those of compiled modules."""


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))


@functools.cache
def _classes() -> set[str]:
    return {node.name for module in MODULES for node in ast.walk(_tree(module)) if isinstance(node, ast.ClassDef)}


def test_each_module_is_there_once():
    assert len(set(MODULES)) == len(MODULES)
    assert [module for module in MODULES if not (ROOT / f"{module.replace('.', '/')}.py").is_file()] == []


@pytest.mark.parametrize("module", MODULES)
def test_nothing_waits_while_an_exception_is_on_its_way(module: str):
    """A call that was cancelled went on with None: mypyc forgets the exception where `finally` waits for something, and
    raises it in the next call."""
    tree = _tree(module)
    for node in ast.walk(tree):
        waits = (
            [*node.finalbody, *node.handlers] if isinstance(node, ast.Try) else [node] * isinstance(node, ast.AsyncWith)
        )
        found = [inside for part in waits for inside in ast.walk(part) if isinstance(inside, ast.Await | ast.AsyncWith)]
        assert not found, f"{module}:{found[0].lineno}: this belongs into a module that is not compiled"


@pytest.mark.parametrize("module", MODULES)
def test_classes_inherit_only_from_what_mypyc_knows(module: str):
    """aiohttp's queue of messages, inherited from, ended the process: mypyc took a class that it does not know for an
    empty one."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ClassDef):
            assert {ast.unparse(base) for base in node.bases} <= BASES | _classes(), (
                f"{module}:{node.lineno}: {node.name}"
            )


def test_no_other_class_inherits_from_a_compiled_one():
    """It could, but each call of its methods would be slower, and all would have to be marked."""
    names = _classes()
    sources = [path for part in ("relay", "common", "examples") for path in (ROOT / part).rglob("*.py")]
    compiled_ones = {ROOT / f"{module.replace('.', '/')}.py" for module in MODULES}
    heirs = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sources
        if path not in compiled_ones
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and names & {ast.unparse(base) for base in node.bases}
    ]
    assert heirs == []


@pytest.mark.parametrize(("share", "state"), [(0, "no"), (1, "in part"), (len(MODULES), "yes")])
def test_the_state_is_that_of_the_modules_that_were_imported(share: int, state: str, monkeypatch: pytest.MonkeyPatch):
    loaded = {
        module: SimpleNamespace(__file__=f"x{EXTENSION_SUFFIXES[0]}" if number < share else "x.py")
        for number, module in enumerate(MODULES)
    }
    monkeypatch.setattr(compiled, "sys", SimpleNamespace(modules=loaded))
    assert compiled.state() == state
    assert compiled.unused() == []


def test_files_for_another_python_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "line").mkdir()
    (tmp_path / "line/pacer.cpython-399-x86_64-linux-gnu.so").touch()
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    assert compiled.unused() == ["relay.line.pacer"]
