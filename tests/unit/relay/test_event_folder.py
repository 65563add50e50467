"""Events in a folder, without functions: running calls, and records of those whose relay died."""

import json
import os

import pytest

from relay.events import folder as event_folder
from relay.events.folder import FolderDestination
from relay.events.records import SCHEMA
from sim import virtual_time

NOW = 1_795_428_000.0
LIVE, HAND, RECORD = "pending/live/c1/s1.json", "pending/hands/c1/s1.json", "logs/c1.json"
HEAD = {"call_sid": "c1", "stream_sid": "s1", "from": "09876500001", "to": "+918047100002"}
AGENT = {"alias": "front", "vendor": "openai"}
STARTED = {
    **{**HEAD, "type": "call.started", "event_id": "e1", "at": "2026-11-23T10:00:00.000Z", "agent": AGENT},
    **{"started_at": "2026-11-23T10:00:00.000Z", "conversation_id": "conv_1", "agents": [AGENT], "relay": "r1"},
}


def turn(index, text):
    return {"index": index, "speaker": "agent", "text": text}


def progress(number, *turns, after=0, **more):
    return {
        **{**HEAD, "type": "call.progress", "event_id": f"p{number}", "at": f"2026-11-23T10:00:{number:02}.500Z"},
        **{"number": number, "after": after, "started_at": STARTED["started_at"], "agent": AGENT},
        **{"conversation_id": "conv_1", "agents": [AGENT], "state": {}, "turns": list(turns)},
        **{"tools": [], "commands": [], **more},
    }


def ended(**more):
    return {
        **{**STARTED, "type": "call.ended", "event_id": "e2", "at": "2026-11-23T10:01:00.000Z"},
        **{"end_reason": "agent_ended", "transfer": None, **more},
    }


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(event_folder, "time", lambda: NOW)
    return World(tmp_path)


class World:
    def __init__(self, root):
        self.root = root

    def deliver(self, *events):
        async def story():
            destination = FolderDestination(self.root)
            return [await destination.deliver(event) for event in events]

        return virtual_time.run(story())

    def read(self, key):
        path = self.root / key
        return json.loads(path.read_text()) if path.exists() else None

    def want(self, **hand):
        (self.root / HAND).parent.mkdir(parents=True, exist_ok=True)
        (self.root / HAND).write_text(json.dumps(hand))

    def close_lost(self, before=NOW):
        return FolderDestination(self.root).close_lost(before)

    def aged(self, at=NOW - 1):
        for path in (self.root / "pending/live").rglob("*.json"):
            os.utime(path, (at, at))
        return self


def test_a_running_call_can_be_seen_until_it_ends(world):
    assert world.deliver(STARTED, progress(1, turn(0, "Namaste"))) == [{}, {"progress": 1}]
    live = world.read(LIVE)
    assert (live["number"], live["turns"], live["from"]) == (1, [turn(0, "Namaste")], "09876500001")
    world.want(commands=[])
    world.deliver(ended())
    assert (world.read(LIVE), world.read(HAND), world.read(RECORD)["end_reason"]) == (None, None, "agent_ended")


def test_a_call_that_did_not_begin_or_is_over_is_not_followed(world):
    assert world.deliver(progress(1)) == [{"progress": 0}]
    assert world.deliver(STARTED, ended(), progress(2)) == [{}, {}, {"progress": 0}]
    assert world.read(LIVE) is None


def test_one_that_builds_on_what_is_not_there_asks_for_everything(world):
    assert world.deliver(STARTED, progress(3, after=2)) == [{}, {"progress": 0}]


def test_what_the_console_wants_comes_with_the_answer(world):
    world.deliver(STARTED)
    command = {"id": "k1", "do": "end", "by": "asha", "expires_at": NOW + 30, "what": {"reason": "test"}}
    world.want(watched_until=NOW + 5, commands=[command])
    wanted = {"id": "k1", "do": "end", "by": "asha", "left_s": 30.0, "what": {"reason": "test"}}
    assert world.deliver(progress(1)) == [{"progress": 1, "watched": True, "commands": [wanted]}]


def test_a_stream_whose_id_is_no_key_leaves_its_event_and_nothing_else(world):
    odd = {"stream_sid": "../x"}
    assert world.deliver({**STARTED, **odd}, {**progress(1), **odd}, {**ended(), **odd}) == [{}, {}, {}]
    assert not (world.root / "pending").exists()
    assert len(list((world.root / "calls/c1/events").iterdir())) == 2


# --- calls whose relay died ---


def test_a_lost_call_gets_a_record_of_its_last_report(world):
    tool = {"index": 0, "name": "order_status", "ms": 90}
    wish = {"target": "sales", "reason": "a price", "state": "requested"}
    world.deliver(STARTED, progress(7, turn(0, "Namaste"), tools=[tool], state={"transfer": wish}))
    world.want(commands=[])
    assert world.aged().close_lost() == 1
    assert world.read(RECORD) == {
        **{"schema": SCHEMA, "call_sid": "c1", "stream_sid": "s1", "from": "+919876500001", "to": "+918047100002"},
        **{"agent": AGENT, "conversation_id": "conv_1", "agents": [AGENT]},
        **{"started_at": STARTED["started_at"], "ended_at": "2026-11-23T10:00:07.500Z", "duration_s": 7.5},
        **{"ended_by": "relay", "end_reason": "relay_lost"},
        **{"end_detail": "the relay never reported how the call ended"},
        **{"turns": [{"speaker": "agent", "text": "Namaste"}], "tools": [{"name": "order_status", "ms": 90}]},
        **{"commands": [], "quality": None, "lookup": None, "tags": [], "analysis": None, "charges": [], "cost": None},
        "transfer": {"state": "requested", "target": "sales", "reason": "a price", "summary": "", "attempts": []},
        **{"vendor_version": None, "recording": None, "streams": [], "sources": ["relay"]},
    }
    assert (world.read(LIVE), world.read(HAND)) == (None, None)
    assert world.close_lost() == 0


def test_a_lost_call_without_a_wish_for_a_human_has_no_transfer(world):
    world.deliver(STARTED, progress(1))
    world.aged().close_lost()
    assert world.read(RECORD)["transfer"] is None


def test_a_call_that_was_heard_of_lately_is_alive(world):
    world.deliver(STARTED, progress(1))
    assert world.aged(NOW).close_lost(NOW) == 1, "up to the second"
    world.deliver(STARTED, progress(1))
    assert world.aged(NOW + 1).close_lost(NOW) == 0
    assert world.read(LIVE)


def test_a_call_without_a_report_may_be_alive(world):
    world.deliver(STARTED)
    assert world.aged().close_lost() == 0
    assert world.read(LIVE)


def test_a_record_that_is_there_is_left_as_it_is(world):
    world.deliver(STARTED, ended(end_reason="caller_hung_up"), {**STARTED, "event_id": "e3"}, progress(1))
    assert world.aged().close_lost() == 0
    assert (world.read(RECORD)["end_reason"], world.read(LIVE)) == ("caller_hung_up", None)


@pytest.mark.parametrize(
    "change", [{"turns": 5}, {"started_at": "soon"}, {"at": None}, {"state": 5}, {"state": {"transfer": 5}}]
)
def test_a_file_that_is_not_one_of_ours_is_left_alone(world, change):
    """The relay did not start because of one whose state was no object."""
    world.deliver(STARTED, progress(1))
    live = world.read(LIVE)
    (world.root / LIVE).write_text(json.dumps({**live, **change}))
    assert world.aged().close_lost() == 0
    assert world.read(RECORD) is None
    (world.root / LIVE).write_bytes(b"\xff")
    assert world.aged().close_lost() == 0
