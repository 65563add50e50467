"""`python -m scripts.settings_table`: write the table of docs/configuration.md from the settings' declarations."""

import sys
from pathlib import Path
from typing import Final

from relay.settings import declared

PAGE: Final = Path(__file__).parent.parent / "docs" / "configuration.md"
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
    """The page's text with the table as it should be. Raises ValueError when there is no table."""
    before, head, rest = text.partition(HEAD)
    if not head:
        raise ValueError("docs/configuration.md has no table of the relay's settings")
    _, _, after = rest.partition("\n\n")
    return before + head + table() + "\n" + after


def main() -> int:
    """Rewrites the page in place."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
