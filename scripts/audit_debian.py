"""Finds security updates that the image lacks: `python scripts/audit_debian.py BILL`, part of `make audit`.

It compares the Debian packages in the image's bill of materials with the fixed versions in Debian's security archive.
It can't find a vulnerability that Debian has not fixed yet.
"""

import json
import lzma
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from debian_inspector.debcon import get_paragraphs_data
from debian_inspector.version import Version

TIMEOUT_S = 60.0
APT = Path("/etc/apt")


@dataclass(frozen=True, slots=True)
class Package:
    """A binary package in the image."""

    name: str
    version: str
    architecture: str
    release: str


def held(bill: Mapping[str, Any]) -> list[Package]:
    """The Debian packages in a bill of materials. Raises ValueError if it names none."""
    found = []
    for component in bill["components"]:
        purl = urlsplit(component["purl"])
        if purl.path.startswith("deb/debian/"):
            qualifiers = {name: values[0] for name, values in parse_qs(purl.query).items()}
            package = Package(component["name"], component["version"], qualifiers["arch"], qualifiers["distro"])
            found.append(package)
    if not found:
        raise ValueError("the bill names no Debian package: was it made of the image?")
    return found


def archive_of(environ: Mapping[str, str], apt: Path = APT) -> str:
    """URL of Debian's security archive: DEBIAN_SECURITY, else the one in this machine's apt. Raises ValueError."""
    if given := environ.get("DEBIAN_SECURITY", "").strip().rstrip("/"):
        return given
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        found = re.search(r"^[^#\n]*?(https?://\S*debian-security)", file.read_text() if file.is_file() else "", re.M)
        if found:
            return found[1]
    raise ValueError("where is Debian's security archive? Set DEBIAN_SECURITY, as apt's sources have it on a Debian")


def fixed(release: str, architecture: str, archive: str) -> dict[str, Version]:
    """Package → newest version in the security archive. Raises OSError."""
    url = f"{archive}/dists/{release}-security/main/binary-{architecture}/Packages.xz"
    with urlopen(url, timeout=TIMEOUT_S) as answer:
        text = lzma.decompress(answer.read()).decode()
    newest: dict[str, Version] = {}
    for paragraph in get_paragraphs_data(text):
        name, version = paragraph["package"], Version.from_string(paragraph["version"])
        newest[name] = max(version, newest.get(name, version))
    return newest


def missing(packages: list[Package], archive: str) -> Iterator[tuple[Package, str]]:
    """Packages with a published fix that the image does not have, with the fixed version. Raises OSError."""
    # packages with architecture "all" are listed under each architecture
    architecture = next((one.architecture for one in packages if one.architecture != "all"), "amd64")
    fixes = {release: fixed(release, architecture, archive) for release in {one.release for one in packages}}
    for package in packages:
        fix = fixes[package.release].get(package.name)
        if fix is not None and Version.from_string(package.version) < fix:
            yield package, str(fix)


def main(arguments: list[str], archive: str = "") -> int:
    """Exit status 1 if a fix is missing, 2 if the check was not possible."""
    try:
        packages = held(json.loads(Path(arguments[0]).read_text()))
        lacking = list(missing(packages, archive or archive_of(os.environ)))
    except (HTTPError, OSError, ValueError, KeyError) as error:
        print(f"audit_debian: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    for package, fix in lacking:
        print(f"{package.name} {package.version}: fixed in {fix}")
    if lacking:
        print("Renew the image's base: make lock, then deploy.")
        return 1
    print(f"{len(packages)} packages of Debian in the image: no security update is missing")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
