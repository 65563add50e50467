import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.times import from_exotel, rfc3339, to_unix


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_survives_to_the_millisecond(milliseconds):
    assert round(to_unix(rfc3339(milliseconds / 1000)) * 1000) == pytest.approx(milliseconds, abs=1)


def test_the_contract_s_example():
    assert rfc3339(1_795_428_000) == "2026-11-23T10:00:00.000Z"


@given(st.text())
def test_nothing_raises(text):
    to_unix(text)
    from_exotel(text)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T10:00:00", "2026-13-01T00:00:00Z"])
def test_no_zone_no_time(text):
    assert to_unix(text) is None


def test_exotel_means_indian_time():
    """Read as UTC it is five and a half hours off (exotel.md 5)."""
    assert from_exotel("2026-11-23 15:30:00") == to_unix("2026-11-23T10:00:00Z")
