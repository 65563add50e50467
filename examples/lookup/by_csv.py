"""Who calls, from a CSV file that somebody keeps in a spreadsheet: `python -m examples.lookup.by_csv`.

CALLERS names the file (default: callers.csv beside this one). It is read again when it has changed. Columns:

number      in E.164, as the relay asks: +919876500001
name        told to the agent as {{name}}
language    of the agent's words; empty: as the agent is set up
agent       who answers; empty: whoever would have answered
block       anything in it: the call is not taken

Any other column is a variable of that name.
"""

import csv
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from examples.lookup.server import serve

FILE = Path(os.environ.get("CALLERS") or Path(__file__).with_name("callers.csv"))
OURS = ("number", "language", "agent", "block")


@lru_cache(maxsize=1)
def callers(changed_at: int) -> dict[str, dict[str, str]]:
    """Rows by number, of the file as it was at that time."""
    with FILE.open(encoding="utf-8-sig", newline="") as file:
        return {row["number"].strip(): row for row in csv.DictReader(file) if row.get("number")}


def look_up(question: dict[str, Any]) -> dict[str, Any]:
    """What docs/lookup.md describes; empty for somebody we don't know."""
    row = callers(FILE.stat().st_mtime_ns).get(question["from"])
    if row is None:
        return {"tags": ["new"]}
    if row.get("block"):
        return {"reject": row["block"]}
    answer: dict[str, Any] = {"variables": {key: value for key, value in row.items() if value and key not in OURS}}
    if row.get("agent"):
        answer["agent"] = row["agent"]
    if row.get("language"):
        answer["overrides"] = {"language": row["language"]}
    return {**answer, "tags": ["known"]}


if __name__ == "__main__":
    serve(look_up)
