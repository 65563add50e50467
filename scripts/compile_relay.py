"""`python scripts/compile_relay.py FOLDER`: compiles the modules of relay/compiled.py, beside their sources in FOLDER.

FOLDER holds `relay/` and `common/`. relay/Dockerfile runs this. Without a FOLDER it makes one below .cache/ for tests
and benchmarks, once for each content, and prints its name. mypyc translates to C, and `cc` compiles that; mypyc needs
the packages that the relay imports. The same source, compilers and Python give the same files.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ("common", "relay")
_KEPT_S: Final = 86_400.0  # since it was last asked for
_TYPES: Final = ("--config-file=", "--explicit-package-bases", "--ignore-missing-imports")  # `make lint` is strict
_SUFFIX: Final = sysconfig.get_config_var("EXT_SUFFIX")
_C: Final = ("-O2", "-g0", "-DNDEBUG", "-fwrapv", "-fPIC", "-w", "-fvisibility=hidden", "-fno-plt", "-flto=auto")
"""All modules become one library that shows others nothing, so calls between them are direct or inlined: relay CPU 0.85
of what it is with a module at a time, whose functions anybody could replace."""


def compiled(root: Path = ROOT, cache: Path | None = None) -> Path:
    """A folder with copies of `relay/` and `common/`, compiled. Raises RuntimeError with what a compiler said."""
    cache = (root / ".cache/compiled") if cache is None else cache
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / _name(root)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other workers of a test run wait for the first
        if not folder.exists():
            sys.stderr.write("compiling the relay, once for what it is now\n")
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                tree = Path(scratch) / "tree"
                for part in SOURCES:
                    shutil.copytree(root / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
                made = subprocess.run([sys.executable, __file__, tree], capture_output=True, text=True, check=False)
                if made.returncode:
                    raise RuntimeError(f"the relay can't be compiled:\n{made.stdout}{made.stderr}")
                tree.rename(folder)
        folder.touch()
        for other in cache.iterdir():
            if other.is_dir() and time.time() - other.stat().st_mtime > _KEPT_S:
                shutil.rmtree(other)
    return folder


def _name(root: Path) -> str:
    """Changes with whatever may change the outcome."""
    digest = sha256(
        f"{sys.version} {sysconfig.get_platform()} {version('mypy')}".encode() + Path(__file__).read_bytes()
    )
    for path in sorted(path for part in SOURCES for path in (root / part).rglob("*")):
        if path.is_file() and path.suffix not in {".pyc", ".so"}:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def compile_in(folder: Path) -> None:
    """Compile beside the sources in `folder`, which becomes the working directory."""
    os.chdir(folder)  # mypyc names modules by it
    sys.path.insert(0, "")
    from mypyc.build import mypycify

    from relay.compiled import MODULES

    with tempfile.TemporaryDirectory() as scratch:
        files = [f"{module.replace('.', '/')}.py" for module in MODULES]
        types = [*_TYPES, f"--cache-dir={scratch}/types"]
        extensions = mypycify([*types, *files], target_dir=scratch, group_name="relay", multi_file=True)
        sources = {source: f"{source}.o" for extension in extensions for source in extension.sources}
        include = {f"-I{folder}" for extension in extensions for folder in (*extension.include_dirs, scratch)}
        include.add(f"-I{sysconfig.get_path('include')}")
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # the longest first
            largest = sorted(sources, key=os.path.getsize, reverse=True)
            list(pool.map(lambda source: _cc(*_C, *sorted(include), "-c", source, "-o", sources[source]), largest))
            for extension in extensions:
                objects = [sources[source] for source in extension.sources]
                _cc(*_C, "-shared", *objects, "-o", f"{extension.name.replace('.', '/')}{_SUFFIX}")
        for source in sorted(Path("relay").rglob("*.c")):
            compile_c(source, source.parent)


def compile_c(source: Path, folder: Path) -> None:
    """The module of one file in C, into `folder`."""
    include = f"-I{sysconfig.get_path('include')}"
    _cc(*_C, include, "-shared", str(source), "-o", str(folder / f"{source.stem}{_SUFFIX}"))


def _cc(*arguments: str) -> None:
    command = [os.environ.get("CC", "cc"), *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {said.returncode}:\n{said.stderr}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compile_in(Path(sys.argv[1]))
    else:
        print(compiled())
