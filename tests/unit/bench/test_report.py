import json
from dataclasses import replace

from tests.bench.figures import Case, Samples, row
from tests.bench.report import merged, table, write


def measured(case, cpu_s=1.2):
    samples = Samples()
    samples.uplink.extend([0.001] * 98 + [0.009] * 2)
    samples.wire.append(0.05)
    samples.heard.append(0.15)
    samples.clear.append(0.002)
    samples.silenced.extend([0.02] * 98 + [0.05] * 2)
    samples.messages = 400
    return row(case, samples, cpu_s=cpu_s, window_s=2.0, wakeups=100, memory_kb=80, loop_lag_ms=2.0)


def test_cpu_is_reported_per_second_of_one_call():
    assert measured(Case(200), cpu_s=1.2).cpu_ms == 3.0


def test_runs_of_one_case_become_their_median():
    rows = [measured(Case(200), cpu_s) for cpu_s in (1.6, 1.2, 1.0)] + [measured(Case(200, tls=True))]
    assert [(it.case.tls, it.cpu_ms) for it in merged(rows)] == [(False, 3.0), (True, 3.0)]


def test_latencies_of_a_full_core_stand_in_brackets():
    assert "| 1.0 / 9.0 |" in table([measured(Case(200))])
    assert "| (1.0 / 9.0) |" in table([measured(Case(200), cpu_s=1.99)])


def test_what_a_case_does_not_have_is_a_dash_and_no_zero():
    without = replace(measured(Case(10, ambience=False)), memory_kb=None, clear_p99=None)
    cells = [cell.strip() for cell in table([without]).splitlines()[-1].split("|")]
    assert cells[3] == "pcm_8000, no ambience"
    assert [cells[7], cells[11], cells[13]] == ["–", "–", "–"]


def test_how_soon_an_agent_is_silent_stands_behind_its_clear():
    cells = [cell.strip() for cell in table([measured(Case(200))]).splitlines()[-1].split("|")]
    assert cells[11:13] == ["2.0", "20.0 / 50.0"]


def test_wakeups_are_reported_per_message():
    """Ten a message, most of them in vain, went unnoticed for as long as only the CPU was printed."""
    assert measured(Case(200)).wakeups == 0.25
    assert table([measured(Case(200))]).splitlines()[-1].split("|")[6].strip() == "0.25"


def test_all_three_files_are_written(tmp_path):
    machine = {"machine": "2 cores, a model", "python": "3.11.7", "load": (0.1, 0.2, 0.3)}
    write([measured(Case(100)), measured(Case(200)), measured(Case(200, bare=True))], machine, tmp_path)
    runs = json.loads((tmp_path / "bench.json").read_text())["runs"]
    assert [(run["case"]["calls"], run["case"]["bare"]) for run in runs] == [(100, False), (200, False), (200, True)]
    assert "2 cores, a model, Python 3.11.7" in (tmp_path / "bench.md").read_text()
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
