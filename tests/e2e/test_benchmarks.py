"""Benchmarks run to their end: their figures are for a quiet machine, but a change of the relay must not stop them."""

import subprocess
import sys

import pytest

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


def test_relay_and_probe_are_measured_beside_each_other():
    command = [sys.executable, "-m", "tests.bench.beside", "--source", "--calls", "2"]
    short = ["--settle", "0", "--window", "0.5", "--repeat", "2"]
    ran = subprocess.run([*command, *short], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = [[float(cell) for cell in line.split("|")[2:5]] for line in ran.stdout.splitlines()[2:4]]
    assert len(rows) == 2
    for relay_ms, probe_ms, ratio in rows:
        assert relay_ms > 0 < probe_ms, "both were measured"
        assert ratio == pytest.approx(relay_ms / probe_ms, rel=0.05)
