"""The relay is compiled once for each content, and an error of the compiler is shown."""

import os
from pathlib import Path

import pytest

from scripts import compile_relay


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for part in compile_relay.SOURCES:
        (tmp_path / part).mkdir()
        (tmp_path / part / "module.py").write_text(f"'''{part}'''\n")
    return tmp_path


def test_what_is_there_for_this_content_is_not_made_again(root: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    made = cache / compile_relay._name(root)
    made.mkdir(parents=True)
    assert compile_relay.compiled(root, cache) == made


def test_any_file_of_either_part_makes_another_name_but_byte_code_does_not(root: Path):
    names = {compile_relay._name(root)}
    (root / "relay/module.cpython-311.pyc").write_bytes(b"x")
    names.add(compile_relay._name(root))
    assert len(names) == 1
    (root / "common/prices.toml").write_text("x = 1")
    names.add(compile_relay._name(root))
    (root / "relay/module.py").write_text("'''another'''\n")
    names.add(compile_relay._name(root))
    assert len(names) == 3


def test_what_nobody_has_asked_for_since_yesterday_is_removed(root: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    old, used = cache / "old", cache / compile_relay._name(root)
    for folder in (old, used):
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    compile_relay.compiled(root, cache)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [used.name]


def test_an_error_of_the_compiler_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'no such header' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(SystemExit, match="no such header"):
        compile_relay._cc("-c", "x.c")
