"""A call sounds the same to the sample each time: whatever the order in which this process keeps its sets, and whether
the relay is compiled.

Python draws the seed of its string hashes anew for every process. Code that takes the first of a set works in one
process and does something else in the next: no test within one process can see that.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from sim.processes import ROOT
from tests.support.compiled_relay import compiled_relay


def _played(name: str, *environments: Mapping[str, str]) -> list[list[str]]:
    """Of one process each: whether its relay was compiled, and what came of the call."""
    calls = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.whole_call", name],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    outputs = [(*call.communicate(timeout=120), call.returncode) for call in calls]
    assert [status for _, _, status in outputs] == [0] * len(calls), outputs
    return [out.splitlines()[-2:] for out, _, _ in outputs]


@pytest.mark.parametrize("name", ["barge_in", "agent_dies"])
def test_a_call_is_the_same_under_two_hash_seeds_and_compiled(name: str):
    first, second, third = _played(
        name, {"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}, {"PYTHONHASHSEED": "1", **compiled_relay()}
    )
    assert [first[0], second[0], third[0]] == ["no", "no", "yes"]
    assert first[1] == second[1] == third[1]
    assert '"failures": []' in first[1]
