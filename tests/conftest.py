"""For all tests: how much hypothesis tries, and what runs side by side.

`HYPOTHESIS_PROFILE=long pytest tests/unit` looks for an hour's worth of counterexamples; without it a few dozen
examples a property keep the suite quick, and in CI they are the same each time, so that a red build can be repeated.
"""

import contextlib
import gc
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Before numpy is imported, here and in the processes that tests start: there are more workers than cores already, and
# its threads wait for each other in circles.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_ALWAYS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # the machine may be busy elsewhere

settings.register_profile("quick", max_examples=40, **_ALWAYS)
settings.register_profile("ci", max_examples=40, derandomize=True, database=None, **_ALWAYS)
settings.register_profile("long", max_examples=5000, **_ALWAYS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick"))

if (Path(__file__).parent / "support/one_pass.py").exists():  # test_workers.py runs this file alone
    from tests.support.one_pass import use_waves

    use_waves()  # before anything of the relay is imported

_IMAGE = "e2e/test_relay_image.py"
_TOGETHER = (
    *("terraform/aws", "e2e", "e2e/console", "terraform"),
    *("integration/functions", "contract", "integration/agents", "chaos", _IMAGE),
)
"""Folders whose tests run one after another, the longest first: they share what takes a while to make (a deployment,
archives, a process), or play in real time. A folder or file inside another one is a group of its own: a browser is no
sound, and the image's tests come when it has been built."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several workers (`-n`), the tests of a module stay together, and so do those of the folders above.

    By xdist's own marks they did not: it writes a group behind a node's name, where pytest 9.2 no longer reads it. Each
    worker then made what a module shares once more, and real-time tests were played side by side.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False  # by the number of tests; ours is the order below
    return Together(config, log)


class _FromElsewhere(pytest.Dir):
    """A folder that is collected from another place on: by each worker from its own."""

    def collect(self) -> Any:
        entries = [*super().collect()]
        worker = self.config.workerinput  # type: ignore[attr-defined]
        first = len(entries) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        return entries[first:] + entries[:first]


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Each worker collects everything, and what one has compiled the others read: so they begin in different places."""
    return _FromElsewhere.from_parent(parent, path=path) if hasattr(parent.config, "workerinput") else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Nothing of what is collected goes before the end: the garbage collector need not look for it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)  # what stands last in its folder is put there afterwards
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers, the folders of _TOGETHER come first: the longest mostly wait, and others fill the cores
    meanwhile. No worker is left alone with a long one at the end. In a folder, what needs the compiled relay is last.
    """
    if hasattr(config, "workerinput"):
        order = {group: place for place, group in enumerate(_TOGETHER)}
        items.sort(key=lambda item: (order.get(_group(item.nodeid), len(order)), _is_compiled(item), item.path.parts))


_MAKING = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """One worker has the relay compiled and then its image built, beside the tests that need neither.

    Those that do would wait for it, each for minutes in which its worker does nothing.
    """
    if getattr(session.config, "workerinput", {}).get("workerid") != "gw0":
        return
    commands = []
    if any(map(_is_compiled, session.items)) and shutil.which(os.environ.get("CC", "cc")):
        commands.append([sys.executable, "scripts/compile_relay.py"])
    if any(_group(item.nodeid) == _IMAGE for item in session.items):
        commands.append([sys.executable, "-m", "tests.support.container"])
    if commands:
        session.config.stash[_MAKING] = subprocess.Popen(
            "; ".join(map(shlex.join, commands)),
            shell=True,
            cwd=Path(__file__).parents[1],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    if making := config.stash.get(_MAKING, None):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(making.pid, signal.SIGKILL)  # only if the tests ended before it
        making.wait()


def _is_compiled(item: pytest.Item) -> bool:
    """Whether its module asks for the compiled relay (tests/support/compiled_relay.py)."""
    return "compiled_relay" in vars(getattr(item, "module", None) or object)


def _group(nodeid: str) -> str:
    """The innermost of those of _TOGETHER; else the module."""
    module = nodeid.partition("::")[0].removeprefix("tests/")
    return max((one for one in _TOGETHER if f"{module}/".startswith(f"{one}/")), key=len, default=module)
