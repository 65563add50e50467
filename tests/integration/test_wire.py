"""The planner's traffic is that of a real call."""

import tomllib

import pytest

from console.costs.load import MEASURED
from sim import virtual_time
from tests.bench.wire import minute


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_minute_has_the_bytes_and_messages_that_the_planner_counts_with(rate):
    """They were those of frames of 100 ms long after the frames had become 40 ms."""
    told = tomllib.loads(MEASURED.read_text())["wire"]
    found = virtual_time.run(minute(f"pcm_{rate}"))
    for direction, name in (("to_line", "to_line"), ("from_line", "from_line"), ("to_agent", f"to_agent_{rate}")):
        assert found[direction] == pytest.approx((told[name]["bytes"], told[name]["messages"]), rel=0.01)
