"""Names the relay's image by its content, so that the same code is built and pushed once."""

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from console.deployment.steps import ROOT

DOCKERFILE = "relay/Dockerfile"


def ignored(dockerignore: str) -> list[str]:
    """Patterns of what .dockerignore keeps out of the folders that the Dockerfile copies."""
    return [line for line in dockerignore.splitlines() if line and line != "*" and not line.startswith(("#", "!"))]


def content(dockerfile: str) -> list[str]:
    """The files and folders that the Dockerfile copies, relative to the repository's root."""
    copies = [
        line.split()[1:] for line in dockerfile.splitlines() if line.startswith("COPY ") and "--from=" not in line
    ]
    return sorted({word for words in copies for word in words[:-1] if not word.startswith("--")})


def files(root: Path = ROOT) -> Iterator[Path]:
    """All files of the build, relative to `root`, in the same order on every machine."""
    left_out = ignored((root / ".dockerignore").read_text(encoding="utf-8"))
    for part in content((root / DOCKERFILE).read_text(encoding="utf-8")):
        path = root / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = file.relative_to(root)
            if file.is_file() and "__pycache__" not in file.parts and not any(map(name.match, left_out)):
                yield name


def tag(root: Path = ROOT) -> str:
    """Sixteen hex digits that change when any file of the image does."""
    digest = hashlib.sha256()
    for file in files(root):
        content = (root / file).read_bytes()
        digest.update(f"{file.as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def archive(target: Path, root: Path = ROOT) -> None:
    """The build's files as a .tar.gz, for a remote builder."""
    with tarfile.open(target, "w:gz") as tar:
        for file in files(root):
            tar.add(root / file, arcname=file.as_posix())


def zipped(target: Path, root: Path = ROOT) -> None:
    """The same as a .zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archived:
        for file in files(root):
            archived.write(root / file, file.as_posix())
