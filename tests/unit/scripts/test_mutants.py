"""make mutants: the sample, and what is said of it."""

import json

from scripts.mutants import NO_TESTS, report, sample, statuses


def test_a_mutants_status_is_read_where_mutmut_keeps_it(tmp_path):
    (tmp_path / "relay").mkdir()
    (tmp_path / "relay" / "a.py.meta").write_text(json.dumps({"exit_code_by_key": {"relay.a.x": 1, "relay.a.y": None}}))
    (tmp_path / "b.py.meta").write_text(json.dumps({"exit_code_by_key": {"b.z": 0}}))
    assert statuses(tmp_path) == {"relay.a.x": 1, "relay.a.y": None, "b.z": 0}


def test_the_sample_is_the_same_for_the_same_code_and_never_larger_than_there_is():
    names = [f"m{number}" for number in range(50)]
    assert sample(names, 5, 1) == sample(names[::-1], 5, 1)
    assert sample(names, 5, 1) != sample(names, 5, 2)
    assert sorted(sample(names, 99, 1)) == sorted(names)


def test_the_report_counts_the_noticed_and_shows_the_others():
    diffs = {"b": "-w\n+v\n", "c": "-x = 1\n+x = 2\n", "d": "-y\n+z\n"}
    text = "".join(report({"a": 1, "b": 36, "c": 0, "d": NO_TESTS}, diffs))
    assert text.startswith("1 of 4 mutants were noticed (25%); 1 more took too long.")
    assert "## `b` (took too long)" in text
    assert "## `c` (status 0)\n\n```diff\n-x = 1\n+x = 2\n```" in text
    assert "## `d` (no test runs it)" in text
