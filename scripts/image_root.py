"""`python image_root.py FOLDER`, in relay/Dockerfile: collects the content of the image, and its bill of materials.

The image holds Python without its tests, demos and build tools, the virtual environment, the relay, and from Debian
only the linked libraries, certificates and what resolves host names. It contains no shell.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote

BILL = "usr/share/sbom/relay.cdx.json"
OF_DEBIAN = [
    *(f"/etc/{name}" for name in ("passwd", "group", "services", "nsswitch.conf", "host.conf", "os-release")),
    *("/etc/ssl", "/usr/lib/ssl/certs", "/usr/lib/ssl/openssl.cnf", "/usr/share/ca-certificates"),
    *("/etc/ld.so.conf", "/etc/ld.so.conf.d"),
]
NOT_AT_WORK = [
    *("test", "idlelib", "tkinter", "turtledemo", "ensurepip", "site-packages"),
    *("config-*", "lib2to3", "pydoc_data", "macholib"),
]
"""Parts of the standard library that are left out."""


def copy(source: Path, root: Path, without: Iterable[str] = ()) -> None:
    """Copy to the same place below `root`, with links as links; `without`: names to leave out."""
    target = root / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*without))
    elif source.is_symlink() or source.exists():
        shutil.copy2(source, target, follow_symlinks=False)


def linked(folders: list[Path]) -> set[Path]:
    """Every shared library that the programs and extensions below `folders` need, with the loader's paths."""
    binaries = [str(path) for folder in folders for path in folder.rglob("*") if path.is_file() and _is_elf(path)]
    said = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    paths = {Path(found) for found in re.findall(r"(/\S+) \(0x", said)}
    return {path for path in paths if not path.is_relative_to("/venv")}


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def debian_packages(files: set[Path]) -> Iterator[tuple[str, str, str]]:
    """Name, version and package URL qualifiers of each package that contains one of `files`."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    places = sorted({str(file.resolve()) for file in files} | {str(file) for file in files})
    owners = subprocess.run(["dpkg", "-S", *places], capture_output=True, text=True, check=False).stdout
    names = sorted({line.split(":")[0] for line in owners.splitlines()} | {"ca-certificates"})
    for name in names:
        # one line even if a package is installed for two architectures
        asked = ["dpkg-query", "--show", "--showformat", "${Version} ${Architecture} ${source:Package}\n", name]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        version, architecture, source = said.splitlines()[0].split()
        yield name, version, f"?arch={architecture}&distro={release['VERSION_CODENAME']}&upstream={source}"


def component(kind: str, name: str, version: str, qualifiers: str = "") -> dict[str, str]:
    """An entry of the bill of materials. `kind` and `qualifiers`: parts of its package URL."""
    purl = f"pkg:{kind}/{name}@{quote(version)}{qualifiers}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


def bill(packages: Path, libraries: set[Path]) -> dict[str, object]:
    """The bill of materials in CycloneDX: Python, its packages, and Debian's packages."""
    version = sys.version.split()[0]
    found = {
        item.metadata["Name"].lower().replace("_", "-"): item.version for item in distributions(path=[str(packages)])
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "relay"}},
        "components": [
            component("generic", "python", version),
            *(component("pypi", name, found[name]) for name in sorted(found)),
            *(component("deb/debian", *found) for found in debian_packages(libraries)),
        ],
    }


def main() -> None:
    """Write the content of the image to the folder."""
    root = Path(sys.argv[1])
    python, standard = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    packages = Path("/venv") / standard.relative_to(sys.prefix) / "site-packages"
    copy(standard, root, NOT_AT_WORK)
    for path in (Path("/venv"), Path("/app"), python, *map(Path, OF_DEBIAN)):
        copy(path, root)
    for program in (root / "venv/bin").iterdir():
        if not program.name.startswith("python"):
            program.unlink()
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(python.name)
    libraries = linked([python.parent, standard, Path("/venv"), Path("/app")])
    for path in libraries:
        target = root / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path.resolve(), target)
    subprocess.run(["ldconfig", "-r", str(root)], check=True)
    (root / BILL).parent.mkdir(parents=True)
    (root / BILL).write_text(json.dumps(bill(packages, libraries), indent=1) + "\n")
    (root / "tmp").mkdir()
    os.chmod(root / "tmp", 0o1777)


if __name__ == "__main__":
    main()
