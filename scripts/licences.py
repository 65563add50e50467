"""Writes docs/licences.md: the licence of every library that is deployed. See `make licences`.

python scripts/licences.py PIP-LICENSES PYTHON REQUIREMENTS…     PYTHON: where the libraries are installed
"""

import re
import subprocess
import sys
from pathlib import Path

_HEAD = """# Licences

The product is MIT. These libraries are deployed with it, unchanged; the list is made by `make licences`.
"""


def names(requirements: list[Path]) -> list[str]:
    """Every pinned package, sorted."""
    pinned = {name for path in requirements for name in re.findall(r"^([A-Za-z0-9._-]+)==", path.read_text(), re.M)}
    return sorted(pinned)


def main() -> None:
    tool, python, *requirements = sys.argv[1:]
    command = [tool, "--python", python, "--format", "markdown", "--order", "name", "--packages"]
    table = subprocess.run(
        [*command, *names([Path(path) for path in requirements])], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    print(f"{_HEAD}\n{table.strip()}")


if __name__ == "__main__":
    main()
