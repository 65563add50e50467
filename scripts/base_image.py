"""Updates the digest of the Dockerfiles' base image: `python scripts/base_image.py`, part of `make lock`.

It asks Docker for the tag's current digest. This is the digest of the index, which covers all architectures.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILES = (ROOT / "relay/Dockerfile", ROOT / "functions/Dockerfile")

_BASE = re.compile(r"^ARG BASE=(?P<name>[a-z]+):(?P<tag>[\w.-]+)@sha256:[0-9a-f]{64}$", re.MULTILINE)


class BaseImageError(Exception):
    """Says in one line what is wrong with the file or the answer."""


def current_digest(image: str) -> str:
    """The tag's current digest, `sha256:…`. Raises BaseImageError."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BaseImageError(f"docker can't look up {image}: {error}") from None
    digest = done.stdout.strip()
    if done.returncode or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BaseImageError(f"docker names no digest for {image}: {(done.stderr or digest).strip()}")
    return digest


def renew(dockerfile: Path) -> str:
    """Write the current digest into the file. Returns `name:tag@digest`. Raises OSError or BaseImageError."""
    text = dockerfile.read_text()
    found = _BASE.search(text)
    if found is None:
        raise BaseImageError(f"{dockerfile}: expected a line ARG BASE=name:tag@sha256:…")
    image = f"{found['name']}:{found['tag']}"
    base = f"{image}@{current_digest(image)}"
    dockerfile.write_text(text.replace(found[0], f"ARG BASE={base}"))
    return base


def main() -> int:
    """Exit status 1 if docker could not be asked; the files are then unchanged."""
    try:
        for dockerfile in DOCKERFILES:
            print(renew(dockerfile))
    except (OSError, BaseImageError) as error:
        print(f"base_image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
