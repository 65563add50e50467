"""The table of checks in docs/console.md and the checks that there are."""

import re
from pathlib import Path

import console
from console.doctor import elevenlabs
from console.setup.plan import known_checks

DOCS = Path(console.__file__).parents[1] / "docs" / "console.md"
OTHERS = {"elevenlabs.settings", "agent.exists", "agent.signed_url"} | {
    f"webhook.{name}" for name in ("secret", "accepts", "refuses")
}


def test_every_check_is_in_the_table_and_nothing_else_is():
    section = DOCS.read_text().partition("### What ElevenLabs needs")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)}
    workspace = {check for check, _ in elevenlabs._WORKSPACE.values()}
    assert told == workspace | set(known_checks()) | OTHERS
