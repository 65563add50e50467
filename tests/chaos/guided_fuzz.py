"""`python -m tests.chaos.guided_fuzz [RUNS]`: the readers of fuzz.py, with inputs that atheris steers to new lines.

Where fuzz.py has breadth, this has depth: it sees which lines an input has reached. Needs the environment of
requirements/fuzz.txt. Every reader has a process of its own, because the fuzzer ends its process. An input that made
one raise is kept in out/chaos, to be put into SEEDS of test_fuzz.py.
"""

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chaos.pages import ROOT

RUNS = 1_000_000
"""Inputs a reader."""
LENGTH = 4096
SLOW = frozenset({"form"})
"""A tenth of RUNS for those: each of their inputs is read four times, and slowly."""
KEPT = ROOT / "out" / "chaos"


def fuzz_one(reader: str, runs: int) -> None:
    """Does not return: exits with 0, or with the fuzzer's status after it has printed what raised."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["common", "relay", "functions"]):
        from tests.chaos.fuzz import CORPUS, READERS
    read = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(CORPUS[reader]):
            (Path(folder) / str(number)).write_bytes(seed)
        options = [f"-runs={runs}", f"-max_len={LENGTH}", "-verbosity=0", f"-artifact_prefix={KEPT}/{reader}-", folder]
        atheris.Setup([sys.argv[0], *options], read)
        atheris.Fuzz()


def main() -> int:
    """Exit status 1 when any reader raised."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        print("skipped: atheris comes for Linux on x86-64 only")
        return 0
    if len(sys.argv) > 2:
        fuzz_one(sys.argv[1], int(sys.argv[2]))
    from tests.chaos.fuzz import READERS

    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    raised = []
    KEPT.mkdir(parents=True, exist_ok=True)
    for reader in READERS:
        count = runs // 10 if reader in SLOW else runs
        ran = subprocess.run([sys.executable, "-m", "tests.chaos.guided_fuzz", reader, str(count)], check=False)
        print(f"{reader}: {count:,} inputs, {'fine' if ran.returncode == 0 else 'it raised'}", flush=True)
        raised += [reader] if ran.returncode else []
    return 1 if raised else 0


if __name__ == "__main__":
    sys.exit(main())
