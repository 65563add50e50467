"""Write the README's table of the relay's settings from their declarations: `python -m scripts.settings_table`."""

import sys
from pathlib import Path
from typing import Final

from relay.settings import declared

README: Final = Path(__file__).parent.parent / "README.md"
HEAD: Final = "### Relay\n\n| Variable | Default | What |\n|---|---|---|\n"
PROXIES: Final = (
    "| `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | | the way out, for agents' sockets as for requests, and "
    "for the functions too; lower case works as well. This machine and link-local addresses are never "
    "asked through it |"
)
"""Not the relay's alone, and read by libraries as well."""


def table() -> str:
    """The rows."""
    return "\n".join([*(setting.row() for setting in declared()), PROXIES]) + "\n"


def renewed(text: str) -> str:
    """The README's text with the table as it should be. Raises ValueError when there is no table."""
    before, head, rest = text.partition(HEAD)
    if not head:
        raise ValueError("README.md has no table of the relay's settings")
    _, _, after = rest.partition("\n\n")
    return before + head + table() + "\n" + after


def main() -> int:
    """Rewrites the README in place."""
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
