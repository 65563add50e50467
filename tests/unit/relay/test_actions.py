"""An action on a running call is a row: the contract and the console's page have every one of them, and no other."""

import re
from pathlib import Path

from relay.control.actions import BY_NAME

ROOT = Path(__file__).parents[3]


def test_the_contract_says_what_every_action_wants():
    contract = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    table = contract.split("| `do` | `what` | |\n|---|---|---|\n")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(BY_NAME)


def test_the_page_of_running_calls_has_a_form_and_a_question_for_every_action():
    page = ROOT / "console" / "live" / "page"
    forms = set(re.findall(r'<form data-do="(\w+)">', (page / "index.html").read_text(encoding="utf-8")))
    script = (page / "acts.js").read_text(encoding="utf-8")
    acts = script.split("export const ACTS = {\n")[1].split("\n};\n")[0]
    assert forms == set(BY_NAME)
    assert set(re.findall(r"^  (\w+): \{$", acts, re.MULTILINE)) == set(BY_NAME)
