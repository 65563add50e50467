"""The base of the relay's image is pinned by digest, and `make lock` renews it from what the registry says."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from console.deployment import relay_image
from scripts.base_image import DOCKERFILES, BaseImageError, renew

OLD, NEW = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Path]:
    """A docker that answers what it is told to, and writes down what it was asked."""

    def says(answer: str, status: int = 0) -> Path:
        command = tmp_path / "bin/docker"
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\necho "$*" > "{tmp_path}/asked"\necho "{answer}"\nexit {status}\n')
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
        return tmp_path / "asked"

    return says


def test_the_dockerfile_names_a_digest():
    """A tag alone would make two images of one source, and hide that a newer base with its fixes exists."""
    found = [re.findall(r"^(?:FROM|ARG BASE=) ?(\S+)", file.read_text(), re.MULTILINE) for file in DOCKERFILES]
    relay, functions = found
    assert re.fullmatch(r"python:3\.13-slim@sha256:[0-9a-f]{64}", relay[0])
    assert relay[1:] == ["${BASE}", "packages", "packages", "scratch"]
    assert functions == [relay[0], "${BASE}"]


def test_the_digest_is_renewed_and_nothing_else_changes(docker: Callable[[str, int], Path], tmp_path: Path):
    asked = docker(NEW, 0)
    file = tmp_path / "Dockerfile"
    file.write_text(f"# about\nARG BASE=python:3.13-slim@{OLD}\nFROM ${{BASE}} AS packages\n")
    assert renew(file) == f"python:3.13-slim@{NEW}"
    assert file.read_text() == f"# about\nARG BASE=python:3.13-slim@{NEW}\nFROM ${{BASE}} AS packages\n"
    assert asked.read_text().startswith("buildx imagetools inspect python:3.13-slim --format")


@pytest.mark.parametrize(("answer", "status"), [("latest", 0), (NEW, 1)])
def test_an_answer_without_a_digest_changes_nothing(
    docker: Callable[[str, int], Path], tmp_path: Path, answer: str, status: int
):
    docker(answer, status)
    file = tmp_path / "Dockerfile"
    file.write_text(text := f"ARG BASE=python:3.13-slim@{OLD}\n")
    with pytest.raises(BaseImageError, match="names no digest for python:3.13-slim"):
        renew(file)
    assert file.read_text() == text


def test_what_goes_into_the_image_is_what_the_dockerfile_copies():
    """A second source on a COPY line was once left out: a builder elsewhere then had no such file."""
    lines = "COPY a b/c.txt /tmp/", "COPY --chown=1:1 d d", "COPY --from=content /image /", "RUN cp e f"
    assert relay_image.content("\n".join(lines)) == ["a", "b/c.txt", "d"]


def test_a_newer_base_or_package_makes_another_tag(tmp_path: Path):
    """A redeploy after `make lock` must not say "there already": the fixes of the base would never arrive."""

    def tag(changed: str, text: str) -> str:
        for name in (*relay_image.files(), ".dockerignore"):
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((relay_image.ROOT / name).read_bytes())
        if changed:
            (tmp_path / changed).write_text(text)
        return relay_image.tag(tmp_path)

    renewed = re.sub(r"sha256:[0-9a-f]{64}", NEW, DOCKERFILES[0].read_text())
    same = tag("", "")
    assert same == relay_image.tag()
    assert len({same, tag("relay/Dockerfile", renewed), tag("requirements/relay.txt", "aiohttp==99\n")}) == 3
