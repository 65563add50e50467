import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.times import from_exotel, moment, rfc3339, to_unix


@given(st.integers(946_684_800_000, 4_102_444_799_000))
def test_a_time_survives_to_the_millisecond(milliseconds):
    assert round(to_unix(rfc3339(milliseconds / 1000)) * 1000) == pytest.approx(milliseconds, abs=1)


def test_the_contract_s_example():
    assert rfc3339(1_795_428_000) == "2026-11-23T10:00:00.000Z"


@given(st.text())
def test_nothing_raises(text):
    to_unix(text)
    from_exotel(text)


@given(st.floats())
def test_any_accepted_time_survives_rfc3339(unix):
    if moment(unix) is not None:
        assert to_unix(rfc3339(unix)) == pytest.approx(unix, abs=0.001)


@pytest.mark.parametrize("unix", [None, -1.0, 0.0, 12.0, 1_795_428_000_000.0, 1e18, float("nan"), float("inf")])
def test_not_every_number_is_a_time(unix):
    """Milliseconds for seconds are the year 58864, which nothing can write down."""
    assert moment(unix) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z"])
def test_a_time_no_call_can_have_been_at(text):
    assert to_unix(text) is None


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T10:00:00", "2026-13-01T00:00:00Z"])
def test_no_zone_no_time(text):
    assert to_unix(text) is None


def test_exotel_means_indian_time():
    """Read as UTC it is five and a half hours off (exotel.md 5)."""
    assert from_exotel("2026-11-23 15:30:00") == to_unix("2026-11-23T10:00:00Z")


def test_created_as_the_line_sends_it():
    """Documented is one spelling, sent is the other, so a caller who redialled got the earlier call's number."""
    assert from_exotel("Tue, 25 Aug 2026 12:07:08") == to_unix("2026-08-25T06:37:08Z")
    assert from_exotel("Tue, 25 Aug 2026 12:07:08 +0530") == to_unix("2026-08-25T06:37:08Z")


@pytest.mark.parametrize(
    "text", ["1970-01-01 05:30:00", "Thu, 01 Jan 1970 05:30:00", "Tue, 35 Aug 2026 12:07:08", "now"]
)
def test_values_that_are_not_exotel_times(text):
    """1970 is what it sends for "not yet"."""
    assert from_exotel(text) is None
