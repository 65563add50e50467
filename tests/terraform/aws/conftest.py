"""One installation for all tests here, made and destroyed in the background: the provider mostly waits meanwhile.

It is begun when the session begins (with several workers, by the one that runs these tests when it comes to them).
Tests that don't need it come first. It is given up after the last test that needs it, and the test that nothing is left
of it comes last of all. Before the first of these tests a second installation is made beside it in the same account and
region, and destroyed: every one then looks at what that left of the first.
"""

import json
import shutil
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.terraform import cannot_run
from tests.terraform.aws.stack import Stack
from tests.terraform.aws.staging import Staging

LAST = ("test_destroy_leaves_nothing", "test_the_deployers_policy_is_what_was_called")
PATIENCE_S = 1200  # most of it is the provider waiting, on an idle machine a quarter


@dataclass(frozen=True)
class Beside:
    """What there was in AWS while there were two installations, and when the second was gone; and its state."""

    both: dict[str, list[str]]
    alone: dict[str, list[str]]
    said: str
    state: dict[str, Any]
    state_mode: int


class Installation:
    """The stack, and what is being done to it."""

    def __init__(self, last_user: str) -> None:
        self.last_user = last_user
        self._folder = TemporaryDirectory()
        self._made: Stack | None = None
        self._worker = ThreadPoolExecutor(2)
        self._packaged = self._worker.submit(self._package)
        self._deployed = self._worker.submit(self._deploy)
        self._beside = self._worker.submit(self._second)
        self._destroyed: Future[None] | None = None

    def stack(self) -> Stack:
        """Once it is there, and the second is gone."""
        wait([self._beside], PATIENCE_S)
        return self._deployed.result(PATIENCE_S)

    def beside(self) -> Beside:
        """What became of both."""
        return self._beside.result(PATIENCE_S)

    def give_up(self) -> Future[None]:
        """Destroy it, if that is not done or under way already."""
        if self._destroyed is None:
            self._destroyed = self._worker.submit(lambda: self.stack().destroy())
        return self._destroyed

    def close(self) -> None:
        """End whatever still runs."""
        if self._made is not None:
            self._made.close()
        self._worker.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _package(self) -> Stack:
        self._made = Stack(Path(self._folder.name))
        self._made.package()
        return self._made

    def _deploy(self) -> Stack:
        stack = self._packaged.result(PATIENCE_S)
        stack.deploy()
        return stack

    def _second(self) -> Beside:
        stack = self._packaged.result(PATIENCE_S)
        staging = Staging(stack.work / "staging", stack.work / "packages", stack.environ)
        said = staging.make("deploy")
        state, mode = json.loads(staging.state().read_text()), staging.state().stat().st_mode & 0o777
        self._deployed.result(PATIENCE_S)
        both = stack.inventory()
        staging.make("destroy")
        return Beside(both, stack.inventory(), said, state, mode)


INSTALLATION = pytest.StashKey[Installation]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (_needs_it(item), item.name in LAST))
    for item in items:
        if _needs_it(item):
            item.add_marker(pytest.mark.timeout(2 * PATIENCE_S))  # the first waits for the installation


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and not hasattr(session.config, "workerinput"):
        _begin(session)


def _needs_it(item: pytest.Item) -> bool:
    return "installation" in getattr(item, "fixturenames", ())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The first test of this folder begins it, though it may not need it: the provider waits for minutes."""
    _begin(item.session)


def _begin(session: pytest.Session) -> None:
    """Make the installation if a test needs it and it isn't begun."""
    users = [item for item in session.items if _needs_it(item)]
    if users and INSTALLATION not in session.config.stash and shutil.which("terraform"):
        others = [item.nodeid for item in users if item.name not in LAST]
        session.config.stash[INSTALLATION] = Installation(others[-1] if others else "")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    installation = item.config.stash.get(INSTALLATION, None)
    if installation is not None and item.nodeid == installation.last_user:
        installation.give_up()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (installation := config.stash.get(INSTALLATION, None)) is not None:
        installation.close()


@pytest.fixture(scope="session")
def installation(request: pytest.FixtureRequest) -> Installation:
    found = request.config.stash.get(INSTALLATION, None)
    if found is None:
        cannot_run("terraform is not installed")
    return found


@pytest.fixture(scope="session")
def stack(installation: Installation) -> Stack:
    """Applied, after a first apply that failed half-way."""
    return installation.stack()
