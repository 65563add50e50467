"""A call sounds the same to the sample each time, whatever the order in which this process keeps its sets.

Python draws the seed of its string hashes anew for every process. Code that takes the first of a set works in one
process and does something else in the next: no test within one process can see that.
"""

import os
import subprocess
import sys

import pytest

from sim.processes import ROOT

_PLAY = """
import hashlib, json, sys, tempfile
from functools import partial
from pathlib import Path
from sim import run, virtual_time
from sim.in_process import in_process
from sim.run import play
from sim.scenario import load

# a call's id says where in the ambience it begins
run.CallPlan = partial(run.CallPlan, call_sid="c0ffee" * 5)

async def whole_call(folder):
    scenario = load(sys.argv[1])
    async with in_process(scenario, folder) as world:
        return await play(scenario, world)

with tempfile.TemporaryDirectory() as folder:
    outcome = virtual_time.run(whole_call(Path(folder)))
turns = [(turn["speaker"], turn["text"], turn["offset_ms"], turn["heard_ms"]) for turn in outcome.record["turns"]]
print(json.dumps({
    "heard": hashlib.sha256(outcome.call.heard.tobytes()).hexdigest(),
    "turns": turns,
    "quality": {key: value for key, value in outcome.record["quality"].items() if key != "clear_ms_max"},
    "failures": outcome.failures,
}))
"""


@pytest.mark.parametrize("name", ["barge_in", "agent_dies"])
def test_a_call_is_the_same_under_two_hash_seeds(name):
    calls = [
        subprocess.Popen(
            [sys.executable, "-c", _PLAY, name],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    outputs = [(*call.communicate(timeout=120), call.returncode) for call in calls]
    assert [status for _, _, status in outputs] == [0, 0], outputs
    first, second = (out.splitlines()[-1] for out, _, _ in outputs)
    assert first == second
    assert '"failures": []' in first
