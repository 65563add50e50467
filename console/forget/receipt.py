"""A receipt of what was deleted, without its content: counts, and hashes of keys and CallSids.

Written before the first deletion and again at the end, so that an interrupted run leaves a note of its intent.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from common.phone import mask
from console.person.find import Found

VERSION: Final = 1


@dataclass(slots=True)
class Run:
    """One run of the command. `removed`: objects by kind, `versions` of them in all; `vendor`: conversations deleted at
    ElevenLabs, or gone there already; `left`: sentences about what is not gone."""

    started_at: str
    store: str
    found: Found
    removed: Counter[str] = field(default_factory=Counter)
    versions: int = 0
    vendor_deleted: int = 0
    vendor_gone: int = 0
    left: list[str] = field(default_factory=list)
    finished_at: str | None = None

    def document(self) -> dict[str, Any]:
        """The content of the file."""
        return {
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "store": self.store,
            "calls": len(self.found.calls),
            "calls_sha256": [_hash(call_sid) for call_sid in self.found.calls],
            "found": {kind: len(keys) for kind, keys in self.found.keys.items() if keys},
            "keys_sha256": [_hash(key) for _, key in self.found.all()],
            "removed": dict(self.removed),
            "versions": self.versions,
            "vendor_conversations": {
                "found": len(self.found.conversations),
                "deleted": self.vendor_deleted,
                "gone_already": self.vendor_gone,
            },
            "left": self.left,
        }


def write(file: Path, run: Run) -> None:
    """Add `run` to the runs in `file`, in place of its earlier entry. Raises OSError."""
    runs = [one for one in _runs(file) if one.get("started_at") != run.started_at]
    receipt = {"version": VERSION, "number": mask(run.found.number), "runs": [*runs, run.document()]}
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(receipt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(file)


def _runs(file: Path) -> list[dict[str, Any]]:
    try:
        runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
