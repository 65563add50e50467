"""The base of the relay's image is pinned by digest, and `make lock` renews it from what the registry says."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.deployment import relay_image
from scripts.base_image import DOCKERFILE, BaseImageError, renew

OLD, NEW = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"


class Registry:
    """What a registry answers, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.digest = NEW
        self.asked: list[tuple[str, str | None]] = []

    @property
    def tokens(self) -> str:
        return self.url + "/token?scope=repository:library/{name}:pull"


@pytest.fixture
def registry() -> Iterator[Registry]:
    told = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"token": "read-only"}')

        def do_HEAD(self) -> None:
            told.asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Docker-Content-Digest", told.digest)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_dockerfile_names_a_digest():
    """A tag alone would make two images of one source, and hide that a newer base with its fixes exists."""
    bases = re.findall(r"^(?:FROM|ARG BASE=) ?(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:3\.13-slim@sha256:[0-9a-f]{64}", bases[0])
    assert [base.split()[0] for base in bases[1:]] == ["${BASE}", "packages", "scratch"]


def test_the_digest_is_renewed_and_nothing_else_changes(registry: Registry, tmp_path: Path):
    file = tmp_path / "Dockerfile"
    file.write_text(f"# about\nARG BASE=python:3.13-slim@{OLD}\nFROM ${{BASE}} AS packages\n")
    assert renew(file, registry.url, registry.tokens) == f"python:3.13-slim@{NEW}"
    assert file.read_text() == f"# about\nARG BASE=python:3.13-slim@{NEW}\nFROM ${{BASE}} AS packages\n"
    assert registry.asked == [("/v2/library/python/manifests/3.13-slim", "Bearer read-only")]


def test_an_answer_without_a_digest_changes_nothing(registry: Registry, tmp_path: Path):
    registry.digest = "latest"
    file = tmp_path / "Dockerfile"
    file.write_text(text := f"ARG BASE=python:3.13-slim@{OLD}\n")
    with pytest.raises(BaseImageError, match="names no digest for python:3.13-slim"):
        renew(file, registry.url, registry.tokens)
    assert file.read_text() == text


def test_a_newer_base_or_package_makes_another_tag(tmp_path: Path):
    """A redeploy after `make lock` must not say "there already": the fixes of the base would never arrive."""

    def tag(changed: str, text: str) -> str:
        for name in relay_image.files():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((relay_image.ROOT / name).read_bytes())
        if changed:
            (tmp_path / changed).write_text(text)
        return relay_image.tag(tmp_path)

    renewed = re.sub(r"sha256:[0-9a-f]{64}", NEW, DOCKERFILE.read_text())
    same = tag("", "")
    assert same == relay_image.tag()
    assert len({same, tag("relay/Dockerfile", renewed), tag("requirements/relay.txt", "aiohttp==99\n")}) == 3
