"""What a call holds in the relay, in virtual time: bytes that Python was asked for, the same on any machine."""

from tests.bench.memory import held
from tests.support.virtual import virtual

KB = 1024
# A tenth above what was measured. A little more comes with most features; much more has to be noticed.
BOUND = 49 * KB


@virtual
async def test_a_call_holds_no_more_than_it_needs(caplog):
    """The agent has been heard, and the caller listens. The search for an echo has its own bound (test_echo.py)."""
    caplog.set_level("CRITICAL", logger="relay")  # pytest would keep every line
    found = await held(4, 7.0, echo_guard="off", audio="pcm_16000")
    assert found.per_call > 20 * KB, "the relay's lines were not found on the stacks: this measures nothing"
    assert found.per_call < BOUND, f"{found.per_call:.0f} bytes per call, expected at most {BOUND}:\n{found.largest()}"
