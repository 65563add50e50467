"""Benchmarks run to their end: their figures are for a quiet machine, but a change of the relay must not stop them."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """From source: compiling the relay takes three minutes beside other tests, and looked as if the benchmark hung.

    What does not come, the benchmark gives up by itself and says; the limit here is for a loop without end.
    """
    command = [sys.executable, "-m", module, "--source", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran


def test_a_full_relay_refuses_while_the_benchmark_knocks():
    """Since a relay keeps a place for a call that is tried again, the benchmark stopped at its first knock."""
    ran = _run("tests.bench.refusal", "2", "--window", "0.5")
    assert [line.split("|")[1].strip() for line in ran.stdout.splitlines()[2:4]] == [
        "none refused",
        "50 a second refused",
    ]


def test_relay_and_probe_are_measured_beside_each_other():
    ran = _run("tests.bench.beside", "--calls", "2", "--settle", "0", "--window", "0.5", "--repeat", "2")
    rows = [[float(cell) for cell in line.split("|")[2:5]] for line in ran.stdout.splitlines()[2:4]]
    assert len(rows) == 2
    for relay_ms, probe_ms, ratio in rows:
        assert relay_ms > 0 < probe_ms, "both were measured"
        assert ratio == pytest.approx(relay_ms / probe_ms, rel=0.05)
