"""A container engine for tests: Docker where it runs, else buildah and podman on a local stand-in for the base image.

Fargate's sizes can be given to either, and images run on the host's network.
"""

import asyncio
import fcntl
import functools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.processes import ROOT
from tests.support.terraform import cannot_run

TOOLS = ROOT.parent / "shared/tools/container"
RELAY_TAG = "relay:test"
BASE = "python:3.13-slim"  # what the Dockerfiles start from, without the digest, which no stand-in can have
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
# The limits: what the kernel here lets podman set. No health checks by the engine: podman would need systemd for them.
ON_HOST = ("--network", "host", "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000", "--no-healthcheck")


@dataclass(frozen=True)
class Engine:
    """How to build, and how to do everything else. `base`: an image instead of the one the Dockerfile pins, or ""."""

    build_command: tuple[str, ...]
    base: str
    command: tuple[str, ...]
    prefix: str
    environ: Mapping[str, str]

    def build(self, tag: str, dockerfile: str = "relay/Dockerfile") -> str:
        """Build a Dockerfile; returns the image's name. Whoever asks meanwhile waits, and finds all layers built."""
        name = f"{self.prefix}{tag}"
        base = ("--build-arg", f"BASE={self.base}") if self.base else ()
        cache = ROOT / ".cache"
        cache.mkdir(exist_ok=True)
        with (cache / f"{tag.partition(':')[0]}-image.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._run([*self.build_command, *base, "--file", dockerfile, "--tag", name, "."], timeout_s=600)
        return name

    def health_command(self, image: str) -> list[str]:
        """What HEALTHCHECK says in exec form, without its `CMD`."""
        found = json.loads(self._run([*self.command, "image", "inspect", image]))[0]
        form, *words = (found.get("Healthcheck") or found["Config"]["Healthcheck"])["Test"]
        assert form == "CMD", f"{form} needs a shell"
        return [str(word) for word in words]

    def output(self, image: str, entrypoint: str, *arguments: str, options: Sequence[str] = ()) -> str:
        """What a command in a fresh container prints."""
        run = [*self.command, "run", "--rm", *ON_HOST, *options, "--entrypoint", entrypoint, image, *arguments]
        return self._run(run)

    @asynccontextmanager
    async def running(
        self, image: str, name: str, environ: Mapping[str, str], *options: str
    ) -> AsyncIterator["Container"]:
        """A container of the image, gone when the block ends."""
        variables = [word for key, value in environ.items() for word in ("--env", f"{key}={value}")]
        process = await asyncio.create_subprocess_exec(
            *self.command, "run", "--rm", "--name", name, *ON_HOST, *options, *variables, image,
            cwd=ROOT, env=dict(self.environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield Container(self, name, process)
        finally:
            if process.returncode is None:
                await (await self.start("kill", name)).wait()
                await process.wait()

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """A command of the engine's, under way."""
        return await asyncio.create_subprocess_exec(
            *self.command, *arguments, env=dict(self.environ),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    def _run(self, command: Sequence[str], timeout_s: float = 60) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=dict(self.environ), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


@dataclass(frozen=True)
class Container:
    """One that runs."""

    engine: Engine
    name: str
    process: asyncio.subprocess.Process

    async def execute(self, *command: str) -> int:
        """Exit status of a command in it."""
        return await (await self.engine.start("exec", self.name, *command)).wait()

    async def stop(self, patience_s: int) -> asyncio.subprocess.Process:
        """SIGTERM now, SIGKILL after `patience_s`; the command that waits for the end."""
        return await self.engine.start("stop", "--time", str(patience_s), self.name)


@functools.cache
def engine() -> Engine:
    """What this machine has; skips, or in CI fails, where there is nothing."""
    environ = dict(os.environ)
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return Engine(("docker", "build"), "", ("docker",), "", environ)
    local_base = TOOLS / "local-base"
    if not local_base.exists() or os.geteuid() != 0:
        cannot_run("no container engine runs here")
    said = subprocess.run([local_base, "--env"], capture_output=True, text=True, check=True).stdout
    environ |= {key: value.strip("'") for key, _, value in (word.partition("=") for word in said.split()[1:])}
    has_base = ["sh", "-c", f"buildah inspect --type image {BASE}"]  # by a shell: there may be no buildah yet
    if subprocess.run(has_base, env=environ, capture_output=True, check=False).returncode:
        # installs buildah and podman where they are missing, and makes the base image: about a minute
        subprocess.run([local_base, BASE], check=True, timeout=400, stdout=subprocess.DEVNULL)
    return Engine(("buildah", "bud", "--layers", "--format", "docker"), BASE, PODMAN, "localhost/", environ)


if __name__ == "__main__":  # beside tests that don't need it (tests/conftest.py); it takes minutes
    engine().build(RELAY_TAG)
