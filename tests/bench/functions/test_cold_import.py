"""What a cold start costs before the first line of ours runs: at most a second."""

import statistics
import subprocess
import sys

import pytest

from tests.support.processes import BARE, ROOT

RUNS = 7
LIMIT_S = 1.0

pytestmark = pytest.mark.bench

ENTRIES = [
    ("functions.webhook.aws, functions.common.store.s3", "webhook, Lambda"),
    ("functions.transfer.aws, functions.common.store.s3", "transfer, Lambda"),
    ("functions.webhook.main, functions.common.store.gcs", "webhook, Cloud Functions"),
    ("functions.transfer.main, functions.common.store.gcs", "transfer, Cloud Functions"),
    ("functions.local, functions.common.store.folder", "both, local"),
]


@pytest.mark.parametrize(("modules", "name"), ENTRIES, ids=[name for _, name in ENTRIES])
def test_cold_import(modules, name):
    """With the store's library, which is imported with the first request otherwise. Judged by CPU time, which other
    work on the machine does not change."""
    clocks = "time.perf_counter(), time.process_time()"
    code = f"import time; began = {clocks}; import {modules}; print(*(b - a for a, b in zip(began, ({clocks}))))"
    runs = [subprocess.check_output([sys.executable, "-c", code], env=BARE, cwd=ROOT, text=True) for _ in range(RUNS)]
    wall, cpu = zip(*(map(float, run.split()) for run in runs), strict=True)
    print(f"cold import, {name}: median {statistics.median(wall):.2f} s, of which CPU {statistics.median(cpu):.2f} s")
    assert statistics.median(cpu) < LIMIT_S
