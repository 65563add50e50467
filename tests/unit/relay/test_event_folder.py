"""Events in a folder, without functions: running calls, and records of those whose relay died."""

import asyncio
import json
import os
from itertools import pairwise

import pytest

from common import live
from relay.events import folder as event_folder
from relay.events import running
from relay.events.delivery import DeliveryError
from relay.events.folder import TOGETHER, FolderDestination
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
            return [await self.tell(destination, event) for event in events]

        destination = FolderDestination(self.root)

        return virtual_time.run(story())

    @staticmethod
    async def tell(destination, event):
        """As the relay's Events do."""
        return await (destination.offer if event["type"] == "call.progress" else destination.deliver)(event)

    def read(self, key):
        path = self.root / key
        return live.so_far(path.read_bytes()) if path.exists() else None

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
    told = world.read(LIVE)
    assert (told["number"], told["turns"], told["from"]) == (1, [turn(0, "Namaste")], "09876500001")
    world.want(commands=[])
    world.deliver(ended())
    assert (world.read(LIVE), world.read(HAND), world.read(RECORD)["end_reason"]) == (None, None, "agent_ended")


def test_a_call_that_did_not_begin_or_is_over_is_not_followed(world):
    assert world.deliver(progress(1)) == [{"progress": 0}]
    assert world.deliver(STARTED, ended(), progress(2)) == [{}, {}, {"progress": 0}]
    assert world.read(LIVE) is None


def test_a_report_that_comes_after_the_end_changes_no_file(world):
    async def story():
        destination = FolderDestination(world.root)
        await destination.deliver(STARTED)
        told = (world.root / LIVE).read_bytes()
        await destination.deliver(ended())
        (world.root / LIVE).write_bytes(told)  # another relay's, perhaps
        assert await destination.offer(progress(1)) == {"progress": 0}
        assert (world.root / LIVE).read_bytes() == told

    virtual_time.run(story())


def test_one_that_builds_on_what_is_not_there_asks_for_everything(world):
    assert world.deliver(STARTED, progress(3, after=2)) == [{}, {"progress": 0}]


def test_what_the_console_wants_comes_with_the_answer(world):
    command = {"id": "k1", "do": "end", "by": "asha", "expires_at": NOW + 30, "what": {"reason": "test"}}
    world.want(watched_until=NOW + 5, commands=[command])
    wanted = {"id": "k1", "do": "end", "by": "asha", "left_s": 30.0, "what": {"reason": "test"}}
    assert world.deliver(STARTED, progress(1)) == [{}, {"progress": 1, "watched": True, "commands": [wanted]}]


def test_a_stream_whose_id_is_no_key_leaves_its_event_and_nothing_else(world):
    odd = {"stream_sid": "../x"}
    assert world.deliver({**STARTED, **odd}, {**progress(1), **odd}, {**ended(), **odd}) == [{}, {}, {}]
    assert not (world.root / "pending").exists()
    assert len(list((world.root / "calls/c1/events").iterdir())) == 2


def test_a_report_is_a_line_of_its_own_and_the_file_says_what_the_reports_say_together(world):
    first, second = turn(0, "Namaste"), turn(1, "How can I help?")
    reports = [progress(1, first), progress(2, second, after=1), progress(3, turn(1, "How may I help?"), after=2)]
    assert world.deliver(STARTED, *reports) == [{}, *({"progress": number} for number in (1, 2, 3))]
    assert (world.root / LIVE).read_bytes().count(b"\n") == 3
    told = world.read(LIVE)
    assert (told["number"], told["at"], told["turns"]) == (3, reports[2]["at"], [first, turn(1, "How may I help?")])


def test_a_report_that_comes_twice_is_written_once(world):
    world.deliver(STARTED, progress(1, turn(0, "Namaste")), progress(1, turn(0, "Namaste")))
    assert (world.root / LIVE).read_bytes().count(b"\n") == 1


def test_a_command_with_an_outcome_is_not_asked_for_again(world):
    commands = [{"id": name, "do": "note", "expires_at": NOW + 30} for name in ("k1", "k2", "k3")]
    done = [{"index": index, "id": f"k{index + 1}", "outcome": "done"} for index in range(2)]
    world.want(commands=commands)
    *_, last = world.deliver(
        STARTED, progress(1, commands=done[:1]), progress(2, after=1, commands=done[1:]), progress(3, after=2)
    )
    assert [one["id"] for one in last["commands"]] == ["k3"]


def test_a_long_call_s_file_is_written_anew_before_it_is_much_larger_than_what_it_says(world):
    """Each report repeats the state of the call: an hour of them would be megabytes, which the console reads."""
    sizes, texts = [], [f"{number} " + "word " * 100 for number in range(600)]

    async def story():
        destination = FolderDestination(world.root)
        await destination.deliver(STARTED)
        for number, text in enumerate(texts):
            report = progress(1, turn(number, text)) | {"number": number + 1, "after": number}
            assert await destination.offer(report) == {"progress": number + 1}
            sizes.append((world.root / LIVE).stat().st_size)

    virtual_time.run(story())
    told = world.read(LIVE)
    assert [one["text"] for one in told["turns"]] == texts
    assert told["number"] == len(texts)
    assert max(sizes) <= 2 * len(json.dumps(told)) + running.ROOM + 2000
    assert sum(later < earlier for earlier, later in pairwise(sizes)) in range(2, 8), "it is written anew now and then"
    assert (world.root / LIVE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 2, 40, 400])
def test_half_a_line_is_left_out_and_the_next_report_is_read(world, cut):
    """The disk was full, or the relay was killed: nothing that was there before is lost."""
    world.deliver(STARTED, progress(1, turn(0, "Namaste")))
    before = world.read(LIVE)
    size = (world.root / LIVE).stat().st_size
    world.deliver(STARTED, progress(1, turn(0, "Namaste")), progress(2, turn(1, "Bye"), after=1))
    whole = (world.root / LIVE).read_bytes()
    torn = whole[:-cut] if size < len(whole) - cut else whole[: size + 1]
    assert live.so_far(torn) == before
    assert live.so_far(torn + whole[size:])["turns"] == [turn(0, "Namaste"), turn(1, "Bye")]


def test_a_full_disk_takes_a_part_of_a_report_and_the_relay_sends_it_again(world, monkeypatch):
    write = os.write

    async def story():
        destination = FolderDestination(world.root)
        await destination.deliver(STARTED)
        await destination.offer(progress(1, turn(0, "Namaste")))
        monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:50]))
        with pytest.raises(DeliveryError, match=r"pending/live/c1/s1.json: No space left on device"):
            await destination.offer(progress(2, turn(1, "Bye"), after=1))
        monkeypatch.setattr(os, "write", write)
        assert await destination.offer(progress(3, turn(1, "Bye"), after=1)) == {"progress": 3}

    virtual_time.run(story())
    assert (world.read(LIVE)["number"], len(world.read(LIVE)["turns"])) == (3, 2)


def test_a_call_whose_file_somebody_has_removed_is_not_followed(world):
    async def story():
        destination = FolderDestination(world.root)
        await destination.deliver(STARTED)
        (world.root / LIVE).unlink()
        return [await destination.offer(progress(number)) for number in (1, 2)]

    assert virtual_time.run(story()) == [{"progress": 0}] * 2
    assert not (world.root / LIVE).exists()


def test_reports_of_all_calls_are_handed_over_together(world, monkeypatch):
    """Handing one over took the event loop longer than writing it takes the thread."""
    handed, streams = [], [{"stream_sid": f"s{number}"} for number in range(50)]
    follow = FolderDestination._follow
    monkeypatch.setattr(
        FolderDestination, "_follow", lambda self, events: handed.append(len(events)) or follow(self, events)
    )

    async def story():
        loop, destination = asyncio.get_running_loop(), FolderDestination(world.root)
        for stream in streams:
            await destination.deliver(STARTED | stream)
        began = loop.time()
        assert await destination.offer(progress(1) | streams[0]) == {"progress": 1}
        assert loop.time() == began, "one that comes alone does not wait"
        offers = [asyncio.create_task(destination.offer(progress(1) | stream)) for stream in streams]
        await asyncio.sleep(0.1)
        offers[7].cancel()  # its call ends meanwhile
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*offers, return_exceptions=True)
        assert loop.time() == pytest.approx(began + TOGETHER)
        return answers

    answers = virtual_time.run(story())
    assert handed == [1, len(streams)]
    assert isinstance(answers.pop(7), asyncio.CancelledError)
    assert answers == [{"progress": 1}] * 49


def test_what_can_t_be_written_is_an_error_of_that_call_alone(world):
    other = {"stream_sid": "s2"}

    async def story():
        destination = FolderDestination(world.root)
        await destination.deliver(STARTED)
        await destination.deliver(STARTED | other)
        (world.root / LIVE).unlink()
        (world.root / LIVE).mkdir()
        offers = (destination.offer(progress(1)), destination.offer(progress(1) | other))
        return await asyncio.gather(*offers, return_exceptions=True)

    failed, fine = virtual_time.run(story())
    assert isinstance(failed, DeliveryError)
    assert "Is a directory" in str(failed)
    assert fine == {"progress": 1}


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


def test_a_file_of_a_relay_of_the_last_release_gets_its_record_too(world):
    """It wrote the whole document each time, for people to read."""
    (world.root / LIVE).parent.mkdir(parents=True)
    told = live.merged(live.begun(STARTED), progress(3, turn(0, "Namaste"), turn(1, "Hello")))
    (world.root / LIVE).write_text(json.dumps(told, indent=2))
    assert world.aged().close_lost() == 1
    assert [one["text"] for one in world.read(RECORD)["turns"]] == ["Namaste", "Hello"]


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
    told = world.read(LIVE)
    (world.root / LIVE).write_text(json.dumps({**told, **change}))
    assert world.aged().close_lost() == 0
    assert world.read(RECORD) is None
    (world.root / LIVE).write_bytes(b"\xff")
    assert world.aged().close_lost() == 0
