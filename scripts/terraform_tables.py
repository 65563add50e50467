"""`python -m scripts.terraform_tables`: write the tables of the Terraform modules' READMEs from their files."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MODULES: Final = Path(__file__).parent.parent / "infra" / "terraform" / "modules"
CLOUDS: Final = ("aws", "gcp")
INPUTS: Final = "## Inputs\n\n| Name | Kind | Default | What |\n|---|---|---|---|\n"
OUTPUTS: Final = "## Outputs\n\n| Name | What |\n|---|---|\n"
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_LONGEST = 60  # characters of a default in the table


def renewed(text: str, module: Path) -> str:
    """A README's text with both tables up to date. Raises ValueError if a table is missing."""
    for head, rows in ((INPUTS, inputs(module)), (OUTPUTS, outputs(module))):
        before, found, rest = text.partition(head)
        if not found:
            raise ValueError(f"{module.name}/README.md has no table {head.splitlines()[0]}")
        _, _, after = rest.partition("\n\n")
        text = before + head + "".join(rows) + ("\n" + after if after else "")
    return text


def inputs(module: Path) -> Iterator[str]:
    """A row for each variable."""
    for kind, name, body in blocks(module / "variables.tf"):
        if kind == "variable":
            default = argument(body, "default")
            said = "" if default is None else f"`{default}`" if len(default) <= _LONGEST else "see variables.tf"
            shown = "**required**" if default is None else said
            yield f"| `{name}` | `{argument(body, 'type')}` | {shown} | {described(body)} |\n"


def outputs(module: Path) -> Iterator[str]:
    """A row for each output."""
    for kind, name, body in blocks(module / "outputs.tf"):
        if kind == "output":
            yield f"| `{name}` | {described(body)} |\n"


def blocks(file: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, name and body of each block in a file formatted by `terraform fmt`."""
    for found in _BLOCK.finditer(file.read_text(encoding="utf-8")):
        yield found[1], found[2], found[3]


def argument(body: str, name: str) -> str | None:
    """An argument's value on one line; None if it is not given."""
    found = re.search(rf"^  {name} += (.+(?:\n(?:    .*|  [\]}})]+))*)", body, re.MULTILINE)
    return " ".join(found[1].split()) if found else None


def described(body: str) -> str:
    """The description, as a cell of a table."""
    text = argument(body, "description") or '""'
    return text[1:-1].replace('\\"', '"').replace("|", "\\|")


def main() -> int:
    """Rewrites the pages in place."""
    for cloud in CLOUDS:
        page = MODULES / cloud / "README.md"
        page.write_text(renewed(page.read_text(encoding="utf-8"), MODULES / cloud), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
