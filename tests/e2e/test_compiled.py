"""The relay runs compiled where it was compiled for this Python, elsewhere from its source, and says which."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.compile_relay import SOURCES
from sim.processes import ROOT
from tests.e2e.test_relay_process import agents, relay_process
from tests.support.compiled_relay import compiled_relay

OF_CODE = {"PYTHONSAFEPATH": "1"}


async def _lines(folder: Path, environ: dict[str, str]) -> list[dict[str, object]]:
    """What a relay says until it listens."""
    async with agents() as fake, relay_process({**fake, "STORE": f"file:{folder}", **environ}) as (_, _, lines):
        return lines


async def test_the_relay_of_the_other_tests_is_compiled_and_asks_for_huge_pages(tmp_path: Path):
    async with agents() as fake, relay_process({**fake, "STORE": f"file:{tmp_path}"}) as (process, _, lines):
        assert lines[-1]["compiled"] == "yes"
        asked = " hg" in Path(f"/proc/{process.pid}/smaps").read_text()
    assert asked == Path("/sys/kernel/mm/transparent_hugepage").exists()


async def test_the_source_runs_where_nothing_is_compiled(tmp_path: Path):
    lines = await _lines(tmp_path, {**OF_CODE, "PYTHONPATH": str(ROOT)})
    assert lines[-1]["compiled"] == "no"
    assert "not_compiled" not in {line["event"] for line in lines}


async def test_what_was_compiled_for_another_python_is_left_alone(tmp_path: Path):
    code = tmp_path / "code"
    made = Path(compiled_relay()["PYTHONPATH"].split(":")[0])
    for part in SOURCES:
        shutil.copytree(made / part, code / part)
    for file in code.rglob("*.so"):
        file.rename(file.with_name(f"{file.name.split('.')[0]}.cpython-399-x86_64-linux-gnu.so"))
    lines = await _lines(tmp_path, {**OF_CODE, "PYTHONPATH": str(code)})
    warning, listening = lines[-2:]
    assert (warning["event"], warning["severity"]) == ("not_compiled", "WARNING")
    assert listening["compiled"] == "no"


def test_calls_between_compiled_modules_are_direct():
    """A function that others could replace is called by way of a table, and never inlined."""
    (library,) = Path(compiled_relay()["PYTHONPATH"].split(":")[0]).glob("relay__mypyc.*.so")
    shown = ctypes.PyDLL(str(library))
    assert hasattr(shown, "PyInit_relay__mypyc")
    assert not hasattr(shown, "CPyDef_frames___write_at_once")


def test_what_compiling_may_change_is_as_it_was():
    """Others' code that gives it something else than expected; what keeps an ended call in memory."""
    tests = [
        "tests/integration/agents/test_bot.py::test_sound_may_be_anything_that_holds_bytes",
        "tests/integration/relay/test_ended_calls.py::test_nothing_of_an_ended_call_waits_for_the_garbage_collector",
    ]
    run = "import pytest, sys, relay.app, relay.loop, relay.compiled as c; print(c.state()); sys.exit(pytest.main())"
    done = subprocess.run(
        [sys.executable, "-c", run, "-q", "-p", "no:cacheprovider", "-o", "pythonpath=", *tests],
        cwd=ROOT,
        env={**os.environ, **compiled_relay()},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("yes\n")


ARENAS = """
import json, re
from relay.allocator import use_huge_pages

def kb(name):
    return int(re.search(rf"^{name}: +(\\d+) kB", open("/proc/self/smaps_rollup").read(), re.MULTILINE)[1])

asked = [use_huge_pages(), use_huge_pages()]
before = kb("Anonymous")
numbers = [str(number) for number in range(400_000)]
kept = numbers[::100]
full, huge = kb("Anonymous"), kb("AnonHugePages")
del numbers
for byte in range(20):
    blocks = [bytes([byte]) * 400 for _ in range(50_000)]
    assert set(blocks) == {bytes([byte]) * 400}
    del blocks
assert kept == [str(number) for number in range(0, 400_000, 100)]
del kept
print(json.dumps([asked, full - before, huge, kb("Anonymous") - before]))
"""


def test_objects_lie_on_huge_pages_and_their_memory_goes_back():
    """Pages of 4 KB were more than the processor remembers the places of: a tenth of the CPU of 100 calls."""
    said = subprocess.run(
        [sys.executable, "-c", ARENAS], env={**os.environ, **compiled_relay()}, capture_output=True, check=True
    )
    asked, taken_kb, huge_kb, left_kb = json.loads(said.stdout)
    modes = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    assert asked == [modes.exists()] * 2
    assert taken_kb > 20_000
    if modes.exists() and "[never]" not in modes.read_text():
        assert huge_kb > 0.8 * taken_kb
    assert left_kb < 0.3 * taken_kb
