"""`make audit` looks at the image's Debian packages: a security update that the image lacks is named."""

import json
import lzma
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.audit_debian import archive_of, main

PACKAGES = """Package: libssl3t64
Version: 3.5.1-1+deb13u2
Architecture: amd64
Description: Secure Sockets Layer toolkit
 several lines

Package: libssl3t64
Version: 3.5.1-1+deb13u1
Architecture: amd64

Package: zlib1g
Version: 1:1.3.dfsg+really1.3.1-1+b1
Architecture: amd64
"""


def component(name: str, version: str, architecture: str = "amd64") -> dict[str, str]:
    purl = f"pkg:deb/debian/{name}@{version}?arch={architecture}&distro=trixie&upstream={name}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "archive/dists/trixie-security/main/binary-amd64"
    folder.mkdir(parents=True)
    (folder / "Packages.xz").write_bytes(lzma.compress(PACKAGES.encode()))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "archive"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def bill(folder: Path, *components: dict[str, str]) -> str:
    python = {"name": "python", "version": "3.13.9", "purl": "pkg:generic/python@3.13.9"}
    file = folder / "image.cdx.json"
    file.write_text(json.dumps({"components": [python, *components]}))
    return str(file)


def test_a_fix_that_is_out_is_named(archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """By Debian's own order of versions: u2 is newer than u1, and an epoch is newer than none."""
    held = (component("libssl3t64", "3.5.1-1+deb13u1"), component("zlib1g", "9.9"), component("libc6", "2.41-12"))
    assert main([bill(tmp_path, *held)], archive) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "libssl3t64 3.5.1-1+deb13u1: fixed in 3.5.1-1+deb13u2",
        "zlib1g 9.9: fixed in 1:1.3.dfsg+really1.3.1-1+b1",
    ]
    assert "make lock" in said[2]


def test_an_image_that_is_up_to_date_passes(archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    held = (component("libssl3t64", "3.5.2-1"), component("ca-certificates", "20250419", "all"))
    assert main([bill(tmp_path, *held)], archive) == 0
    assert "no security update is missing" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["no bill", "no Debian", "no archive"])
def test_what_could_not_be_looked_at_is_no_pass(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
):
    file = str(tmp_path / "none.json") if wrong == "no bill" else bill(tmp_path)
    if wrong == "no archive":
        file, archive = bill(tmp_path, component("libc6", "2.41-12")), f"{archive}/elsewhere"
    assert main([file], archive) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("audit_debian: ")


def test_the_archive_is_that_of_this_machines_apt_unless_another_is_named(tmp_path: Path):
    (tmp_path / "sources.list.d").mkdir()
    with pytest.raises(ValueError, match="DEBIAN_SECURITY"):
        archive_of({}, tmp_path)
    source = tmp_path / "sources.list.d/debian.sources"
    source.write_text("Types: deb\n# http://old.example/debian-security\nURIs: http://mirror.example/debian-security\n")
    assert archive_of({}, tmp_path) == "http://mirror.example/debian-security"
    assert archive_of({"DEBIAN_SECURITY": "https://x.example/sec/"}, tmp_path) == "https://x.example/sec"
