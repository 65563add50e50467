"""Where the tables of `make chaos` go: into out/chaos and between the markers of the pages that show them."""

import os
import platform
from pathlib import Path

ROOT = Path(__file__).parents[2]
END = "<!-- end -->"


def begin(name: str) -> str:
    """The marker before the table called `name`."""
    return f"<!-- table: {name} -->"


def conditions(seconds: float) -> str:
    """Without which no figure means anything."""
    return f"in {seconds / 60:.0f} minutes on {os.cpu_count()} cores, Python {platform.python_version()}"


def publish(name: str, text: str, *pages: str) -> None:
    """Replace what is between the markers of `name`. Raises ValueError for a page that has none."""
    out = ROOT / "out" / "chaos"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name.replace(' ', '_')}.md").write_text(text + "\n")
    for page in pages:
        path = ROOT / page
        head, marker, rest = path.read_text().partition(begin(name))
        if not marker or END not in rest:
            raise ValueError(f"{page}: expected {begin(name)} … {END}")
        path.write_text(f"{head}{marker}\n{text}\n{END}{rest.partition(END)[2]}")
