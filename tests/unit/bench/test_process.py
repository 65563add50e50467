"""The process under test ends whatever becomes of the benchmark, and what did not come is said."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys

import pytest

from tests.bench import refusal
from tests.bench.beside import Side
from tests.bench.figures import Case, Samples
from tests.bench.load import Call, Line, Load
from tests.bench.process import Subject, free_port
from tests.support.processes import ROOT, wait_for


def test_a_process_that_sleeps_is_woken_up(tmp_path):
    script = "import time\nfor _ in range(50): time.sleep(0.001)\nprint('slept', flush=True)\ntime.sleep(60)"
    subject = Subject([sys.executable, "-c", script], {}, 0, tmp_path / "log")
    try:
        while "slept" not in (tmp_path / "log").read_text():
            assert subject._process.poll() is None
        assert subject.wakeups() >= 50
    finally:
        subject._process.kill()
        subject._process.wait()


def test_a_process_ends_with_the_benchmark_that_was_killed(tmp_path):
    """A test that gave a benchmark up left its relay running."""
    script = (
        "import pathlib, sys, time\nfrom tests.bench.process import Subject\n"
        "subject = Subject([sys.executable, '-c', 'import time; time.sleep(600)'], {}, 0, pathlib.Path(sys.argv[1]))\n"
        "print(subject.pid, flush=True)\ntime.sleep(600)"
    )
    command = [sys.executable, "-c", script, tmp_path / "log"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as benchmark:
        assert benchmark.stdout is not None
        running = os.pidfd_open(int(benchmark.stdout.readline()))
        benchmark.kill()
    try:
        assert select.select([running], [], [], 30)[0], "it still runs"
    finally:
        os.close(running)


async def test_what_did_not_come_is_said(tmp_path):
    subject = Subject([sys.executable, "-c", "import time; time.sleep(600)"], {}, free_port(), tmp_path / "log")
    try:
        with pytest.raises(TimeoutError, match=r"^waited 0 s in vain for .*python.* to answer /ready, see .*log$"):
            await subject.ready(0)
    finally:
        await subject.stop()


async def test_an_interrupted_stop_leaves_nothing_behind(tmp_path):
    script = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: None)\nprint('up', flush=True)\n"
    subject = Subject([sys.executable, "-c", f"{script}time.sleep(600)"], {}, 0, tmp_path / "log")
    await asyncio.to_thread(wait_for, lambda: (tmp_path / "log").read_text(), "the process")
    stopping = asyncio.create_task(subject.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    assert subject._process.returncode == -signal.SIGKILL


async def test_a_relay_that_does_not_close_its_lines_is_ended_all_the_same(tmp_path):
    """A benchmark that stopped there left the relay running, at full load."""

    class Hanging(Load):
        async def hang_up(self, within_s=0.0):
            await super().hang_up(within_s)

    load = Hanging("pcm_8000", Samples())
    load.lines.append(Line("/media", Call("call"), load))
    subject = Subject([sys.executable, "-c", "import time; time.sleep(600)"], {}, 0, tmp_path / "log")
    with pytest.raises(TimeoutError, match="the relay has not closed 1 of 1 lines within 0 s"):
        await Side(Case(1), load, load.samples, subject).close()
    assert subject._process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (b"", "the status line for a caller"),
        (b"HTTP/1.1 503 Service Unavailable\r\n", "the end of an answer that began with b'HTTP/1.1 503 "),
    ],
)
async def test_a_knock_without_an_answer_says_so(monkeypatch, answer, missing):
    held = []

    def silent(_, writer):
        held.append(writer)
        writer.write(answer)

    monkeypatch.setattr(refusal, "ANSWER_S", 0.2)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        with pytest.raises(TimeoutError, match=re.escape(f"waited 0.2 s in vain for {missing}")):
            await refusal.ask(server.sockets[0].getsockname()[1])
        for writer in held:
            writer.close()
