"""Benchmarks run to their end: their figures are for a quiet machine, but a change of the relay must not stop them."""

import subprocess
import sys

from tests.support.processes import ROOT


def test_a_full_relay_refuses_while_the_benchmark_knocks():
    """Since a relay keeps a place for a call that is tried again, the benchmark stopped at its first knock."""
    command = [sys.executable, "-m", "tests.bench.refusal", "2", "--window", "0.5"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert [line.split("|")[1].strip() for line in ran.stdout.splitlines()[2:4]] == [
        "none refused",
        "50 a second refused",
    ]
