"""What only Deepgram does: binary audio at the line's rate, KeepAlive, an Error that ends it."""

import pytest

from sim.agent_script import AgentScript, Fault, FaultKind, Reply
from sim.exotel_stream import LineFaults
from tests.integration.agents.world import Entry, world
from tests.support.virtual import virtual


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@virtual
async def test_sound_as_the_line_has_it(tmp_path, rate_hz):
    options = {
        "prompt": "You help {{caller_number}}.",
        "speak_model": "aura-2-andromeda-en",
        "transfer_targets": ["billing"],
    }
    async with world(tmp_path, Entry("front", "deepgram", options=options)) as at:
        await at.call(query=f"?sample-rate={rate_hz}", max_s=1)
        setup = at.seen("front").record.setup
        assert setup["audio"]["input"] == {"encoding": "linear16", "sample_rate": rate_hz}
        assert setup["audio"]["output"] == {"encoding": "linear16", "sample_rate": rate_hz, "container": "none"}
        assert setup["agent"]["think"]["prompt"] == "You help 09876500001."
        assert setup["agent"]["speak"]["provider"]["model"] == "aura-2-andromeda-en"
        transfer = setup["agent"]["think"]["functions"][0]
        assert transfer["parameters"]["properties"]["target"]["enum"] == ["billing"]


@virtual
async def test_a_line_that_sends_nothing_needs_no_keep_alive(tmp_path):
    """Silence is sound: the relay goes on with it when the line stops sending, and Deepgram hears that we are there."""
    async with world(tmp_path, Entry("front", "deepgram")) as at:
        call = await at.call(faults=LineFaults(stop_sending_s=1.0))
        at.assert_no_violations(call)
        assert at.seen("front").record.keep_alives == 0


@virtual
async def test_an_error_ends_it(tmp_path):
    fault = Fault(FaultKind.CLOSE, 1.0, error_type="FAILED_TO_THINK", reason="the model is gone")
    script = AgentScript(replies=(Reply(on="start", say=("agent_greeting",)),), fault=fault)
    async with world(tmp_path, Entry("front", "deepgram", script)) as at:
        call = await at.call()
        (agent,) = at.record(call)["agents"]
        assert (agent["end_reason"], agent["end_detail"]) == ("failed_to_think", "the model is gone")
