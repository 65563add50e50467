"""How the console is divided: a folder for each command, all with the same inside, and shared folders beside them."""

import ast
from pathlib import Path

import pytest

import console
from console.__main__ import COMMANDS

ROOT = Path(console.__file__).parent
FOLDERS = sorted(folder.parent.name for folder in ROOT.glob("*/__init__.py"))
OF_COMMANDS = sorted(module.split(".")[1] for module, _ in COMMANDS.values())
SHARED = sorted(set(FOLDERS) - set(OF_COMMANDS))


def test_each_folder_is_a_registered_command_or_shared():
    """A folder with a command.py that nobody can call, or a command outside of one, would be lost."""
    assert [module for module, _ in COMMANDS.values()] == [f"console.{name}.command" for name in _in_order()]
    assert sorted(path.parent.name for path in ROOT.glob("*/command.py")) == OF_COMMANDS
    assert SHARED == ["checks", "costs", "deployment", "elevenlabs", "exotel", "person", "records", "web"]


def test_every_page_has_one_place_and_takes_shared_things_from_the_kit():
    """A page imports its own modules (`./x.js`) and the kit's (`../shared/x.js`, served from console/web/shared)."""
    pages = sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.rglob("index.html"))
    assert pages
    assert all(page.split("/")[1:] == ["page"] and page.split("/")[0] in OF_COMMANDS for page in pages)
    for script in ROOT.glob("*/page/*.js"):
        for line in script.read_text(encoding="utf-8").splitlines():
            if line.startswith("import ") and '"../' in line:
                name = line.rpartition('"../shared/')[2].rstrip('";')
                assert (ROOT / "web" / "shared" / name).is_file(), f"{script.name}: {line}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_command_imports_the_inside_of_another(folder):
    """What two commands need is in a shared folder (SHARED). Those import no command."""
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in _imports(path)
        if name.startswith("console.") and name.split(".")[1] in set(OF_COMMANDS) - {folder}
    }
    assert foreign == set()


def _in_order() -> list[str]:
    return [module.split(".")[1] for module, _ in COMMANDS.values()]


def _imports(path: Path) -> set[str]:
    """Full names: `from console import calls` counts as console.calls."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
