"""`python -m scripts.settings_table`: write the tables of docs/ from the settings' declarations."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from common.setting import Setting, settings_of
from functions.common.settings import SharedSettings
from functions.transfer.settings import ConnectFields
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings
from relay.settings import declared

DOCS: Final = Path(__file__).parent.parent / "docs"
PROXIES: Final = (
    "| `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | | proxies for agents' sockets and for "
    "requests, of the functions too; lower case also works. This machine and link-local addresses never "
    "go through them |"
)
"""Not only the relay's; libraries read these, too."""
STAR: Final = "\\*"
FUNCTIONS: Final[dict[str, Sequence[Setting]]] = {
    "Both functions": settings_of(SharedSettings),
    "webhook": settings_of(WebhookSettings, inherited=False),
    "transfer": [*settings_of(TransferSettings, inherited=False), *settings_of(ConnectFields)],
}
TABLES: Final[dict[tuple[str, str], list[str]]] = {
    ("configuration.md", "### Relay\n\n| Variable | Default (range) | What |\n|---|---|---|\n"): [
        *(setting.row(STAR) for setting in declared()),
        PROXIES,
    ],
    **{
        ("functions.md", f"### {name}\n\n| Name | Default (range) | What |\n|---|---|---|\n"): [
            setting.row(STAR) for setting in settings
        ]
        for name, settings in FUNCTIONS.items()
    },
}
"""(Page, text above the table) → its rows."""


def renewed(page: str) -> str:
    """The text of a page of docs/ with current tables. Raises ValueError if a table is missing."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for (where, head), rows in TABLES.items():
        if where == page:
            before, found, rest = text.partition(head)
            if not found:
                raise ValueError(f"docs/{page} has no table of settings under {head.splitlines()[0]!r}")
            text = before + head + "\n".join(rows) + "\n\n" + rest.partition("\n\n")[2]
    return text


def main() -> int:
    """Rewrites the pages in place."""
    for page in sorted({where for where, _ in TABLES}):
        (DOCS / page).write_text(renewed(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
