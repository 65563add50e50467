import sys

from tests.bench.process import Subject


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
