"""`pip install .`: the wheel holds all five parts with their files, and its one command works outside a clone."""

import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

from common import __version__
from sim.processes import ROOT

PARTS = ("common", "console", "functions", "relay", "sim")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
REQUIREMENTS = {
    "relay": ["relay"],
    "functions": ["functions-aws", "functions-gcp"],
    "tools": ["tools"],
    "console": ["console"],
    "demo": ["demo"],
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the files that git knows, as a release is."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True)
    [path] = folder.iterdir()
    return path


def test_the_wheel_holds_every_file_of_the_parts_and_nothing_else(wheel):
    tracked = subprocess.run(["git", "ls-files", *PARTS], cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {name for name in tracked.stdout.split("\n") if name and (ROOT / name).exists()}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected
    assert wheel.name == f"exotel_agent_bridge-{__version__}-py3-none-any.whl"


def test_the_installed_command_plays_without_a_clone(wheel, tmp_path):
    """Installed into a folder, run from another one: nothing may be read from the clone."""
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True)
    command = [sys.executable, site / "bin" / "voice-bridge"]
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}

    said = subprocess.run([*command, "--version"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert said.stdout == f"exotel-agent-bridge {__version__}\n"

    played = subprocess.run(
        [*command, "demo", "caller_hangs_up"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert played.returncode == 0, played.stdout + played.stderr
    demo = tmp_path / "out" / "caller_hangs_up"
    assert (demo / "call.wav").stat().st_size > 50_000
    [record] = (demo / "data" / "logs").iterdir()
    sound = demo / "data" / "audio" / f"{record.stem}.wav"
    assert sound.read_bytes() == (demo / "call.wav").read_bytes(), "the explorer plays the call from here"


def test_the_suite_of_the_seam_runs_for_a_vendor_of_somebody_elses(wheel, tmp_path):
    """`pytest --pyargs sim.seam` as docs/agents.md has it: both packages installed, nothing read from the clone."""
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", site]
    subprocess.run([*install, wheel, ROOT / "tests/fixtures/acme_vendor"], check=True)
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "SEAM_VENDORS": "acme"}
    suite = [sys.executable, "-m", "pytest", "--pyargs", "sim.seam", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*suite, "-k", "test_a_conversation or test_barge_in or test_transfer or test_refused"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert re.search(r"^7 passed", ran.stdout, re.MULTILINE), ran.stdout[-2000:]


def test_a_command_without_its_libraries_names_the_extra(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    command = [sys.executable, "-S", "-m", "console", "demo"]
    said = subprocess.run(command, cwd=site, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert said.returncode == 2
    assert re.search(r"demo needs \w+: pip install 'exotel-agent-bridge\[demo\]'", said.stderr), said.stderr


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_extras_ask_for_what_the_requirements_ask_for(extra):
    """requirements/*.in is what a deployment is pinned from; the extras must not fall behind, nor allow older ones."""
    assert _libraries(EXTRAS[extra]) >= {
        name for file in REQUIREMENTS[extra] for name in _required(file) if name not in ONLY_DEPLOYED
    }


ONLY_DEPLOYED = {"functions-framework", "aws-lambda-powertools"}  # the clouds' own entry points


def _libraries(names):
    found = set()
    for name in names:
        inner = re.fullmatch(r"exotel-agent-bridge\[(\w+)\]", name)
        found |= _libraries(EXTRAS[inner[1]]) if inner else {name}
    return found


def _required(file):
    for line in (ROOT / "requirements" / f"{file}.in").read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            yield from _required(line.removeprefix("-r ").removesuffix(".in"))
        elif line:
            yield line
