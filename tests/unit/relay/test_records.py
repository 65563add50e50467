"""Events and records in the shape of docs/contracts.md."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.agents.roster import AgentSpec
from relay.events.records import SCHEMA, AgentEntry, CallFacts, EndReason, Quality, Spread, Transfer, record_of
from sim import virtual_time

CONTRACT = (Path(__file__).parents[3] / "docs" / "contracts.md").read_text()
DAY = AgentSpec("day", "elevenlabs", "agent_1")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def facts(clock=lambda: 0.0) -> CallFacts:
    return CallFacts("call-1", "stream-1", "09876500001", "08047100002", NOON, clock)


def ended(**more):
    return facts().event(
        "ended",
        **{
            "started_at": "2026-11-23T12:00:00.000Z",
            "ended_at": "2026-11-23T12:01:00.000Z",
            "duration_s": 60.0,
            "ended_by": "caller",
            "end_reason": "caller_hung_up",
            "end_detail": "",
            "agents": [],
            "transfer": None,
            "turns": [],
            "quality": Quality().as_json(),
            **more,
        },
    )


def test_end_reasons_and_ended_by_match_the_contract():
    section = CONTRACT.split("`end_reason`:")[1].split("A socket that closes")[0]
    table = dict(re.findall(r"^\| `(\w+)` \| (caller|line|agent|relay|operator) \|", section, re.MULTILINE))
    assert table.pop("relay_lost") == "relay"  # found by the sweep, never sent by a relay
    assert {str(reason): reason.ended_by for reason in EndReason} == table


def test_quality_has_every_number_of_the_contract():
    listed = re.search(r"^`quality`: (.*?)\n\n", CONTRACT, re.MULTILINE | re.DOTALL)[1]
    names = {name for name in re.findall(r"`(\w+)`", listed) if name != "start"} - {"start", "clear"}
    assert names <= set(Quality().as_json())


def test_quality_that_was_not_measured_is_null():
    assert Quality().as_json()["first_audio_ms"] is None
    assert Quality().as_json()["clear_ms_max"] is None


def test_what_every_event_carries():
    event = facts().event("started", relay="r1")
    assert re.fullmatch(r"[0-9a-f]{32}", event.pop("event_id"))
    assert event == {
        "type": "call.started",
        "call_sid": "call-1",
        "stream_sid": "stream-1",
        "at": "2026-11-23T12:00:00.000Z",
        "from": "09876500001",
        "to": "08047100002",
        "agent": None,
        "conversation_id": None,
        "agents_version": "",
        "relay": "r1",
    }


def test_every_event_has_an_id_of_its_own():
    call = facts()
    assert len({call.event("started")["event_id"] for _ in range(100)}) == 100


def test_an_event_names_the_agent_that_has_the_call():
    call = facts()
    call.agents.append(AgentEntry(DAY, NOON, "conv_1"))
    call.agents.append(AgentEntry(AgentSpec("night", "elevenlabs", "agent_2"), NOON))
    event = call.event("ended")
    assert event["agent"] == {"alias": "night", "vendor": "elevenlabs", "id": "agent_2"}
    assert event["conversation_id"] is None


def test_times_of_an_event_follow_the_clock_of_the_loop():
    """Somebody setting the machine's clock during a call must not make it last a negative time."""

    async def story():
        call = facts(asyncio.get_running_loop().time)
        await asyncio.sleep(61.25)
        return call.event("ended")["at"]

    assert virtual_time.run(story()) == "2026-11-23T12:01:01.250Z"


def test_an_agents_time_on_the_call():
    entry = AgentEntry(DAY, NOON)
    assert entry.as_json() == {
        "alias": "day",
        "vendor": "elevenlabs",
        "id": "agent_1",
        "conversation_id": None,
        "started_at": "2026-11-23T12:00:00.000Z",
        "ended_at": None,
        "end_reason": "",
        "end_detail": "",
        "level_db": None,
        "clipped": 0,
        "gain_db": 0.0,
    }
    entry.ended_at = NOON
    assert entry.as_json()["ended_at"] == "2026-11-23T12:00:00.000Z"


def test_the_record_of_a_call_has_every_key_of_the_contract():
    section = CONTRACT.split("## Record: `logs/{call_sid}.json`")[1].split("\n\n")[1]
    outside_braces = re.sub(r"\{[^}]*\}", "", section.split("Numbers are")[0])
    names = set(re.findall(r"`(\w+)`", outside_braces)) - {"relay", "webhook", "repair"}
    assert {"schema", "turns", "streams", "sources", "quality"} <= names
    assert set(record_of(ended())) == names


def test_the_record_of_a_call_that_was_just_a_call():
    record = record_of(ended())
    assert record["schema"] == SCHEMA == 1
    assert record["sources"] == ["relay"]
    assert (record["transfer"], record["analysis"], record["streams"]) == (None, None, [])


@pytest.mark.parametrize(
    ("given", "written"),
    [("09876500001", "+919876500001"), ("+14155550100", "+14155550100"), ("anonymous", "anonymous"), ("", None)],
)
def test_numbers_of_a_record_are_e164_where_they_can_be(given, written):
    assert record_of({**ended(), "from": given, "to": given})["from"] == written
    assert record_of({**ended(), "from": given, "to": given})["to"] == written


def test_a_transfer_in_the_record_was_requested():
    transfer = Transfer("sales", "asked", "wants two")
    assert record_of(ended(transfer=transfer.as_json()))["transfer"] == {
        "state": "requested",
        "target": "sales",
        "reason": "asked",
        "summary": "wants two",
        "attempts": [],
    }


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([], None),
        ([700], Spread(700, 700, 700, 1)),
        ([900, 300], Spread(300, 900, 900, 2)),
        (list(range(100, 0, -1)), Spread(50, 95, 100, 100)),
    ],
)
def test_the_spread_of_measurements(values, spread):
    assert Spread.of(values) == spread


def test_whose_agent_said_something():
    call = facts(lambda: 0.0)
    call.agents += [AgentEntry(DAY, NOON), AgentEntry(replace(DAY, vendor="openai"), NOON)]
    assert [call.vendor_of("a1u7"), call.vendor_of("a2u1u")] == ["elevenlabs", "openai"]
