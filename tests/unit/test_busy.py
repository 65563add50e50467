"""What a busy machine excuses in tests that play in real time (tests/support/busy.py)."""

import pytest

from tests.support import busy


@pytest.fixture
def pressure(monkeypatch, tmp_path):
    """A function: somebody has waited this many seconds for a core since the start."""
    monkeypatch.setattr(busy, "PRESSURE", tmp_path / "cpu")

    def says(seconds):
        counted = f"avg10=79.01 avg60=79.42 avg300=86.56 total={seconds * 1_000_000}\n"
        (tmp_path / "cpu").write_text(f"some {counted}full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")

    return says


async def outcome(folder, fails, waits):
    """Attempts of a test that fails so many times, and whether it failed in the end."""
    attempts = []

    @busy.real_time
    async def test(tmp_path):
        attempts.append(tmp_path.name)
        assert not [*tmp_path.iterdir()]
        waits(len(attempts))
        assert len(attempts) > fails

    try:
        await test(tmp_path=folder)
    except AssertionError:
        return len(set(attempts)), True
    return len(set(attempts)), False


@pytest.mark.parametrize(
    ("fails", "waited_s", "expected"),
    [(0, 3600, (1, False)), (2, 3600, (3, False)), (9, 3600, (3, True)), (1, 0, (1, True))],
)
async def test_what_failed_is_played_again_only_where_somebody_waited_for_a_core(
    pressure, tmp_path, fails, waited_s, expected
):
    pressure(0)
    assert await outcome(tmp_path, fails, lambda times: pressure(waited_s * times)) == expected


async def test_a_kernel_that_does_not_count_excuses_nothing(pressure, tmp_path):
    assert await outcome(tmp_path, 1, lambda times: None) == (1, True)
