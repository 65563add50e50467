"""`python -m tests.support.whole_call SCENARIO`: plays a call in virtual time, and prints what came of it as JSON.

For tests that compare processes: the sound to the sample, the turns, the quality, and where the relay came from.
"""

import hashlib
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import relay.process  # noqa: F401 - all that a relay's process has, so that its state tells of all
from relay import compiled
from sim import run, virtual_time
from sim.in_process import in_process
from sim.outcome import Outcome
from sim.run import play
from sim.scenario import load

# a call's id says where in the ambience it begins
run.CallPlan = partial(run.CallPlan, call_sid="c0ffee" * 5)


async def whole_call(name: str, folder: Path) -> Outcome:
    scenario = load(name)
    async with in_process(scenario, folder) as world:
        return await play(scenario, world)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome = virtual_time.run(whole_call(sys.argv[1], Path(folder)))
    turns = [(turn["speaker"], turn["text"], turn["offset_ms"], turn["heard_ms"]) for turn in outcome.record["turns"]]
    sys.stdout.write(f"{compiled.state()}\n")
    came_of_it = {
        "heard": hashlib.sha256(outcome.call.heard.tobytes()).hexdigest(),
        "turns": turns,
        "quality": {key: value for key, value in outcome.record["quality"].items() if key != "clear_ms_max"},
        "failures": outcome.failures,
    }
    sys.stdout.write(f"{json.dumps(came_of_it)}\n")


if __name__ == "__main__":
    main()
