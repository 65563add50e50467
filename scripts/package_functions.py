"""Builds the functions' archives: `make package`, or with options for another Python or fewer archives.

    build/{webhook,transfer}-aws-{x86_64,arm64}.zip   the code and its libraries, for the Lambda runtime
    build/{webhook,transfer}-gcp.zip                  the code; Cloud Functions installs the libraries itself

The same sources give the same bytes: names are sorted, times and modes fixed, versions and hashes pinned. So a second
`terraform apply` changes nothing.

boto3 is included although the runtime has one: the exactly-once writes need `If-Match`, which an older boto3 refuses to
send. Of botocore's 30 MB, only the services in use are included.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ("webhook", "transfer")
# Lambda's operating system is newer than both.
PLATFORMS = {
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
}
PYTHON = "3.13"

# Files that only one cloud needs. The local server is needed by none.
_AWS_ONLY = {"common/aws.py", "common/store/s3.py", "webhook/aws.py", "transfer/aws.py"}
_GCP_ONLY = {"common/gcp.py", "common/store/gcs.py", "webhook/main.py", "transfer/main.py"}
_ENTRY_POINTS = {"webhook": ("sweep", "webhook"), "transfer": ("transfer",)}
_BOTOCORE_SERVICES = {"s3", "secretsmanager", "sts"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="folder for the archives")
    parser.add_argument("--python-version", default=PYTHON, help=f"of the Lambda runtime ({PYTHON})")
    parser.add_argument("--platform", choices=sorted(PLATFORMS), action="append", help="default: all")
    parser.add_argument("--cloud", choices=("aws", "gcp"), action="append", help="default: both")
    parser.add_argument("--tracing", action="store_true", help="with what OTEL_EXPORTER_OTLP_ENDPOINT needs")
    parser.add_argument("--flac", action="store_true", help="with what RECORDING_FORMAT=flac needs")
    options = parser.parse_args()
    extra = [name for name in ("tracing", "flac") if getattr(options, name)]
    options.output.mkdir(parents=True, exist_ok=True)
    clouds = options.cloud or ["aws", "gcp"]
    if "aws" in clouds:
        for platform in options.platform or sorted(PLATFORMS):
            with tempfile.TemporaryDirectory() as folder:
                libraries = install(
                    Path(folder), PLATFORMS[platform], options.python_version, ["functions-aws", *extra]
                )
                for function in FUNCTIONS:
                    members = {**libraries, **code(function, without=_GCP_ONLY)}
                    report(write(options.output / f"{function}-aws-{platform}.zip", members))
    if "gcp" in clouds:
        for function in FUNCTIONS:
            report(write(options.output / f"{function}-gcp.zip", gcp_members(function, ["functions-gcp", *extra])))


def install(folder: Path, platforms: Sequence[str], python_version: str, parts: Sequence[str]) -> dict[str, bytes]:
    """The pinned libraries of these parts for the runtime's platform: path in the archive → content."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
            *("--target", str(folder), "--python-version", python_version),
            *(word for platform in platforms for word in ("--platform", platform)),
            *("--only-binary=:all:", "--require-hashes", "--no-deps"),
            *(word for part in parts for word in ("-r", str(ROOT / "requirements" / f"{part}.txt"))),
        ],
        check=True,
    )
    shutil.rmtree(folder / "bin", ignore_errors=True)
    return {name: path.read_bytes() for name, path in files(folder) if wanted(name)}


def wanted(name: str) -> bool:
    """Whether the archive needs this file: botocore's data of unused AWS services is left out."""
    parts = Path(name).parts
    in_a_service = parts[:2] == ("botocore", "data") and len(parts) > 3
    return not in_a_service or parts[2] in _BOTOCORE_SERVICES


def code(function: str, without: set[str]) -> dict[str, bytes]:
    """`common`, `functions/common` and the function itself, without files that only the other cloud needs."""
    found = {
        f"common/{name}": path.read_bytes()
        for name, path in files(ROOT / "common")
        if path.suffix in {".py", ".toml"}  # the prices
    }
    for name, path in files(ROOT / "functions"):
        if path.suffix != ".py" or name in without:
            continue
        if name == "__init__.py" or name.split("/")[0] in {"common", function}:
            found[f"functions/{name}"] = path.read_bytes()
    return found


def gcp_members(function: str, parts: Sequence[str] = ("functions-gcp",)) -> dict[str, bytes]:
    """Cloud Functions looks for the entry points in `main.py` and for the libraries in `requirements.txt`."""
    names = _ENTRY_POINTS[function]
    main_py = f"from functions.{function}.main import {', '.join(names)}\n\n__all__ = {list(names)}\n"
    return {
        "main.py": main_py.encode(),
        "requirements.txt": b"".join((ROOT / "requirements" / f"{part}.txt").read_bytes() for part in parts),
        **code(function, without=_AWS_ONLY),
    }


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `folder`, with its path from there."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix(), path


def write(archive: Path, members: dict[str, bytes]) -> Path:
    """Write a zip whose bytes depend only on `members`."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, members[name])
    return archive


def report(archive: Path) -> None:
    print(f"{archive}  {archive.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
