"""Renew the digest that relay/Dockerfile starts from: `python scripts/base_image.py`, part of `make lock`.

The registry is asked what its tag means now; Docker Hub gives anybody a token to read with.
"""

import json
import re
import sys
from pathlib import Path
from urllib.request import Request, urlopen

DOCKERFILE = Path(__file__).resolve().parents[1] / "relay/Dockerfile"
REGISTRY = "https://registry-1.docker.io"
TOKENS = "https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/{name}:pull"
# An index names the images of all architectures; a single image would tie the digest to one.
INDEX = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
TIMEOUT_S = 30.0

_BASE = re.compile(r"^ARG BASE=(?P<name>[a-z]+):(?P<tag>[\w.-]+)@sha256:[0-9a-f]{64}$", re.MULTILINE)


class BaseImageError(Exception):
    """What is wrong with the file or the registry's answer, in one line."""


def current_digest(name: str, tag: str, registry: str = REGISTRY, tokens: str = TOKENS) -> str:
    """`sha256:…` of an official image's tag. Raises OSError, or BaseImageError for an answer without a digest."""
    with urlopen(tokens.format(name=name), timeout=TIMEOUT_S) as answer:
        token = json.load(answer)["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": INDEX}
    request = Request(f"{registry}/v2/library/{name}/manifests/{tag}", headers=headers, method="HEAD")
    with urlopen(request, timeout=TIMEOUT_S) as answer:
        digest: str = answer.headers.get("Docker-Content-Digest", "")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BaseImageError(f"{registry} names no digest for {name}:{tag}")
    return digest


def renew(dockerfile: Path, registry: str = REGISTRY, tokens: str = TOKENS) -> str:
    """Write the current digest into the file; `name:tag@digest`. Raises OSError or BaseImageError."""
    text = dockerfile.read_text()
    found = _BASE.search(text)
    if found is None:
        raise BaseImageError(f"{dockerfile}: expected a line ARG BASE=name:tag@sha256:…")
    base = f"{found['name']}:{found['tag']}@{current_digest(found['name'], found['tag'], registry, tokens)}"
    dockerfile.write_text(text.replace(found[0], f"ARG BASE={base}"))
    return base


def main() -> int:
    """Exit status 1 when the registry could not be asked: the file is as it was."""
    try:
        print(renew(DOCKERFILE))
    except (OSError, BaseImageError) as error:
        print(f"base_image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
