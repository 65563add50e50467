"""`python -m tests.chaos [CALLS]`: every fault over so many calls (100), a table of what came of it."""

import logging
import sys
import tempfile
from pathlib import Path

from sim import virtual_time
from tests.chaos.faults import FAULTS
from tests.chaos.run import HEAD, Report, calm_calls, play

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- table: make chaos -->", "<!-- end -->"


def main() -> int:
    """Exit status 1 when a fault did more harm than it may."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory() as folder:
        calm = virtual_time.run(calm_calls(Path(folder), calls))
    reports: list[Report] = []
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            report = virtual_time.run(play(fault, Path(folder), calls, calm))
        reports.append(report)
        print(report.row(), flush=True)
    table = "\n".join([HEAD, *(report.row() for report in reports)])
    out = ROOT / "out" / "chaos"
    out.mkdir(parents=True, exist_ok=True)
    (out / "faults.md").write_text(table + "\n")
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{calls} calls.\n\n{table}\n{END}{rest.partition(END)[2]}")
    bad = [report for report in reports if not report.good]
    for report in bad:
        print(f"not as it should be: {report}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
