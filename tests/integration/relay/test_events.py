"""The events of a call: in time, signed, whatever the receiver does."""

import json
import logging

from msgspec import structs

from common.proof import proves
from common.signature import Verdict
from console.replay.found import Found
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from tests.support.relay_world import EVENTS_SECRET, GREETING, relay_world
from tests.support.virtual import virtual

WAIT = ()
SHORT = (Step(when=When.AT, ms=1500, hang_up=True),)


def asks_for_a_human(target: str = "billing") -> AgentScript:
    """Greets, asks for a transfer, says goodbye, and leaves it to the relay to close."""
    return structs.replace(
        GREETING,
        replies=(
            Reply(
                on="start",
                say=("agent_greeting",),
                tool=ToolUse("transfer_to_human", {"target": target, "reason": "a bill", "summary": "wants a human"}),
            ),
            Reply(on="tool:transfer_to_human", say=("agent_transfer",)),
            Reply(on="tool_failed:transfer_to_human", say=("agent_goodbye",), end_call=True),
        ),
    )


@virtual
async def test_a_call_tells_its_story_in_signed_events(tmp_path):
    async with relay_world(tmp_path, with_events_url=True) as world:
        result = await world.call(script=SHORT)
        await world.until(lambda: len(world.sink.events) == 2)
        assert set(world.sink.verdicts) == {Verdict.VALID}
        started, ended = world.sink.events
        assert (started["type"], ended["type"]) == ("call.started", "call.ended")
        for event in (started, ended):
            assert event["call_sid"] == result.call_sid
            assert event["stream_sid"] == result.stream_sid
            assert event["conversation_id"] == world.agents.conversations[0].conversation_id
            assert event["agent"] == {"alias": "default", "vendor": "elevenlabs", "id": "agent_0"}
            assert (event["from"], event["to"]) == ("09876500001", "08047100002")
            assert len(event["event_id"]) == 32
            assert event["at"].endswith("Z")
        proof = world.agents.conversations[0].variables["call_proof"]  # what its webhook will be believed by
        assert proves(str(proof), result.call_sid, (EVENTS_SECRET,))
        assert ended["end_reason"] == "caller_hung_up"
        assert ended["agents"][0]["conversation_id"] == ended["conversation_id"]
        assert not (tmp_path / "logs").exists()


@virtual
async def test_a_transfer_is_stored_before_the_line_is_closed(tmp_path):
    """Closing the socket is the hand-over (D6): by then the decision must be safe, and the goodbye heard."""
    async with relay_world(tmp_path, asks_for_a_human(), with_events_url=True) as world:
        result = await world.call(script=WAIT)
        kinds = [event["type"] for event in world.sink.events]
        assert kinds.index("call.transfer_requested") < kinds.index("call.ended")
        [requested] = world.sink.of("transfer_requested")
        assert requested["transfer"] == {"target": "billing", "reason": "a bill", "summary": "wants a human"}
        [ended] = world.sink.of("ended")
        assert (ended["end_reason"], ended["ended_by"]) == ("transferred", "agent")
        assert ended["transfer"] == requested["transfer"]
        assert ended["turns"][-1]["text"].startswith("Certainly")
        assert not ended["turns"][-1]["interrupted"]
        assert result.close_code == 1000


@virtual
async def test_a_refused_target_is_reported_to_the_agent(tmp_path):
    async with relay_world(tmp_path, asks_for_a_human("sales"), with_events_url=True) as world:
        world.sink.transfer = {"accepted": False, "target": None, "reason": "expected one of billing"}
        await world.call(script=WAIT)
        [(_, answer)] = world.agents.conversations[0].tool_results
        assert not world.agents.conversations[0].tools_done
        assert "expected one of billing" in answer
        [ended] = world.sink.of("ended")
        assert (ended["end_reason"], ended["transfer"]) == ("agent_ended", None)


@virtual
async def test_a_receiver_that_hangs_does_not_hold_the_agent_up(tmp_path):
    """Two seconds of patience (D6); the event is delivered all the same."""
    async with relay_world(tmp_path, asks_for_a_human(), with_events_url=True) as world:
        world.sink.answer_after_s = 6.0
        await world.call(script=WAIT)
        await world.until(lambda: len(world.sink.of("ended")) == 1)
        assert len(world.sink.of("transfer_requested")) == 1
        assert world.sink.of("ended")[0]["end_reason"] == "transferred"


@virtual
async def test_a_receiver_that_fails_is_tried_again(tmp_path):
    """503, 401 and a lost answer: each is tried again, signed anew, and arrives with the same event_id."""
    async with relay_world(tmp_path, with_events_url=True) as world:
        world.sink.statuses = [503, 401, 200, 500]
        await world.call(script=SHORT)
        await world.until(lambda: len(world.sink.events) == 2)
        assert {event["type"] for event in world.sink.events} == {"call.started", "call.ended"}


@virtual
async def test_what_can_not_be_delivered_goes_to_the_log_whole(tmp_path, caplog):
    """For a minute; then the event is in the log, to be replayed, its numbers masked."""
    async with relay_world(tmp_path, with_events_url=True) as world:
        world.sink.statuses = [503] * 40
        with caplog.at_level(logging.ERROR):
            result = await world.call(script=SHORT)
            await world.until(lambda: world.relay.services.events.pending == 0, timeout=120)
        lost = [entry for entry in caplog.records if getattr(entry, "event", "") == "event_undelivered"]
        assert {entry.type for entry in lost} == {"call.started", "call.ended"}
        assert all(entry.call_sid == result.call_sid for entry in lost)
        log = "\n".join(json.dumps(vars(entry), default=str) for entry in reversed(caplog.records))
        found = Found()
        found.read(log)
        replayed = list(found.events())
        assert not found.unreadable
        assert {event["event_id"] for event in replayed} == {entry.event_id for entry in lost}
        assert all(event["from"] == "***0001" for event in replayed)


@virtual
async def test_without_a_receiver_events_and_record_are_files(tmp_path):
    async with relay_world(tmp_path, asks_for_a_human()) as world:
        result = await world.call(script=WAIT)
        events = [json.loads(path.read_text()) for path in (tmp_path / "calls" / result.call_sid / "events").iterdir()]
        assert {event["type"] for event in events} == {"call.started", "call.transfer_requested", "call.ended"}
        record = world.record(result.call_sid)
        assert record["schema"] == 1
        assert record["sources"] == ["relay"]
        assert record["transfer"] == {
            "state": "requested",
            "target": "billing",
            "reason": "a bill",
            "summary": "wants a human",
            "attempts": [],
        }


@virtual
async def test_no_number_and_no_secret_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG, logger="relay"):
        async with relay_world(tmp_path, asks_for_a_human(), with_events_url=True) as world:
            await world.call(script=WAIT)
    everything = "\n".join(str(vars(entry)) for entry in caplog.records)
    for hidden in ("9876500001", "8047100002", "sk_test", "events-secret"):
        assert hidden not in everything
    assert "***0001" in everything
