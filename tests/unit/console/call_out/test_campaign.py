"""Whole lists against the fake Exotel, in virtual time: whatever goes wrong, nobody is called twice."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.call_out.campaign import Campaign
from console.call_out.hours import Hours
from console.call_out.journal import Journal, State, open_journal
from console.call_out.limits import Limits
from console.call_out.outcome import Outcome
from console.call_out.people import INDIA, Callee
from console.exotel.account import Account
from console.exotel.client import ExotelClient
from console.exotel.order import Order
from console.exotel.pace import Pace
from sim import applets
from sim.applets import Person
from sim.exotel_rest import FakeExotelRest, Fault
from sim.serving import serving
from tests.support.virtual import virtual

EXOPHONE = "+918047100002"
EPOCH = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # 11:30 in India
ANSWERS = Person(applets.Outcome.ANSWERED, ring_s=4, talk_s=30)


def number(n):
    return f"+9198765{n:05}"


def people(count):
    return [Callee(number(n), n + 2, zone=INDIA) for n in range(count)]


def wall_clock():
    return EPOCH.timestamp() + asyncio.get_running_loop().time()


class Noting:
    """A watch that remembers."""

    def __init__(self):
        self.notes, self.changes = [], []

    def note(self, sentence):
        self.notes.append(sentence)

    def changed(self, result):
        self.changes.append(result)


class World:
    """A fake Exotel, and campaigns over the same people and the same journal."""

    def __init__(self, path, count=1, **account):
        self.path = path / "journal.jsonl"
        self.people = people(count)
        self.watch = Noting()
        self.rest = FakeExotelRest(
            **{
                "numbers": [{"phone_number": EXOPHONE}],
                "people": {number(n): ANSWERS for n in range(count)},
                "dials": False,
                "now": lambda: EPOCH + timedelta(seconds=asyncio.get_running_loop().time()),
                **account,
            }
        )

    @asynccontextmanager
    async def campaign(self, do_not_call=frozenset(), time_limit_s=300, account_limit=200, **limits):
        environ = {"EXOTEL_SID": "acmehealth1", "EXOTEL_API_KEY": "key-1", "EXOTEL_API_TOKEN": "token-1"}
        url = "wss://relay.example/media/t"
        orders = {
            one.number: Order(one.number, EXOPHONE, url, one.custom_field, time_limit_s=time_limit_s)
            for one in self.people
        }
        with open_journal(self.path) as journal:
            async with aiohttp.ClientSession() as session:
                client = ExotelClient(
                    session, Account.from_env({**environ, "EXOTEL_BASE_URL": self.url}), Pace(account_limit * 0.9)
                )
                yield Campaign(
                    client,
                    journal,
                    self.people,
                    orders,
                    limits=Limits(**limits),
                    watch=self.watch,
                    now=wall_clock,
                    do_not_call=do_not_call,
                )

    async def run(self, **how):
        """Outcomes in the order of the list."""
        async with self.campaign(**how) as campaign:
            results = await campaign.run()
        self.because = campaign.stopped_because
        self.results = results
        return [result.outcome.value for result in results]

    async def __aenter__(self):
        self.serving = serving(self.rest.app())
        self.url = await self.serving.__aenter__()
        return self

    async def __aexit__(self, *why):
        await self.rest.settled()
        await self.serving.__aexit__(*why)
        for one in self.people:
            assert len(self.rest.calls_of(one.number)) <= 1, "somebody was called twice"


def in_world(**world):
    """Run an async test(world) in virtual time, with a world of its own."""

    def decorate(test):
        def run(tmp_path):
            @virtual
            async def inside():
                async with World(tmp_path, **world) as made:
                    await test(made)

            inside()

        run.__doc__, run.__name__ = test.__doc__, test.__name__
        return run

    return decorate


@in_world(
    count=5,
    people={
        number(0): ANSWERS,
        number(1): Person(applets.Outcome.BUSY, ring_s=1),
        number(2): Person(applets.Outcome.NO_ANSWER, ring_s=25),
        number(3): Person(applets.Outcome.FAILED, ring_s=1),
        number(4): ANSWERS,
    },
)
async def test_everybody_is_called_once_and_followed_to_the_end(world):
    assert await world.run() == ["answered", "busy", "no-answer", "failed", "answered"]
    assert [result.duration_s for result in world.results] == [30, 0, 0, 0, 30]
    assert len({call.form["CustomField"][0] for call in world.rest.calls}) == 5
    # A second time it is all known, and nobody is asked anything.
    before = len(world.rest.requests)
    assert await world.run() == ["answered", "busy", "no-answer", "failed", "answered"]
    assert len(world.rest.requests) == before


@in_world(count=3)
async def test_too_many_requests_means_wait_and_then_call(world):
    world.rest.plant("connect", Fault.TOO_MANY, Fault.TOO_MANY)
    assert await world.run() == ["answered"] * 3
    assert any("429" in note and "Waiting for 30 s" in note for note in world.watch.notes)
    assert (world.rest.calls[0].created - EPOCH).total_seconds() >= 60


@pytest.mark.parametrize("shown", [True, False], ids=["custom field shown", "custom field not shown"])
@pytest.mark.parametrize("fault", [Fault.PLACED_SILENT, Fault.PLACED_CUT, Fault.PLACED_BROKEN, Fault.PLACED_GARBLED])
def test_a_call_whose_answer_was_lost_is_found_and_not_placed_again(tmp_path, fault, shown):
    @virtual
    async def run():
        async with World(tmp_path, count=2, custom_field_in_details=shown) as world:
            world.rest.plant("connect", fault)
            assert await world.run() == ["answered", "answered"]
            assert [result.outcome for result in world.watch.changes if result.callee.line == 2] == [
                Outcome.UNKNOWN,
                Outcome.OPEN,
                Outcome.ANSWERED,
            ]

    run()


@in_world(count=1)
async def test_an_unknown_order_is_called_again_only_if_it_certainly_failed(world):
    """Exotel lists calls once they have ended: right after a lost order absence proves nothing."""
    world.rest.plant("connect", Fault.SILENT)
    assert await world.run() == ["unknown"]
    assert "whether one is running will be known at" in world.results[0].detail
    assert await world.run() == ["unknown"]
    await asyncio.sleep(120 + 300 + 180)  # ringing, the call's limit, settling
    assert await world.run() == ["answered"]


@in_world(count=1)
async def test_retry_unknown_is_the_users_own_decision(world):
    world.rest.plant("connect", Fault.SILENT)
    assert await world.run() == ["unknown"]
    assert await world.run(retry_unknown=True) == ["answered"]


@in_world(count=1)
async def test_a_look_that_fails_leaves_it_unknown(world):
    world.rest.plant("connect", Fault.BROKEN)
    world.rest.plant("calls", Fault.AWAY, Fault.AWAY)
    assert await world.run() == ["unknown"]
    assert "could not be looked for" in world.results[0].detail


class Died(BaseException):
    """The process is gone: nothing after it is done."""


@pytest.mark.parametrize("before", [True, False], ids=["before the write", "after the write"])
def test_a_process_may_die_at_any_write(tmp_path, monkeypatch, before):
    """The journal of a dead process is taken up by the next one, wherever it died; in the end all are called, once."""
    write = Journal._write

    for death in range(1, 10):
        written = []

        def dies(journal, line, death=death, written=written):
            written.append(line)
            if len(written) < death or not before:
                write(journal, line)
            if len(written) >= death:
                raise Died

        @virtual
        async def run(death=death, dies=dies, written=written):
            folder = tmp_path / f"{death}"
            folder.mkdir(exist_ok=True)
            async with World(folder, count=3) as world:
                monkeypatch.setattr(Journal, "_write", dies)
                dead = asyncio.create_task(world.run())
                dead.add_done_callback(lambda task: task.cancelled() or task.exception())
                while len(written) < death:  # noqa: ASYNC110 - virtual time
                    await asyncio.sleep(0.1)
                dead.cancel()
                await asyncio.gather(dead, return_exceptions=True)
                monkeypatch.setattr(Journal, "_write", write)
                await world.run()
                await asyncio.sleep(3600)
                assert await world.run() == ["answered"] * 3

        run()


@pytest.mark.parametrize("after_s", [0, 1, 3, 7, 20, 33, 40])
def test_interrupted_at_any_time_the_same_command_goes_on(tmp_path, after_s):
    @virtual
    async def run():
        async with World(tmp_path, count=8) as world:
            async with world.campaign(concurrent=3) as campaign:
                running = asyncio.create_task(campaign.run())
                await asyncio.sleep(after_s)
                placed = len(world.rest.calls)
                campaign.leave()
                before = asyncio.get_running_loop().time()
                await running
                assert asyncio.get_running_loop().time() - before <= 11
            assert len(world.rest.calls) <= placed + 3  # orders that were out
            assert await world.run() == ["answered"] * 8

    run()


FAULTS = [fault for fault in Fault if fault not in {Fault.WRONG_KEY, Fault.NO_MONEY, Fault.NOT_ENABLED}]


@given(
    orders=st.lists(st.sampled_from([None, *FAULTS]), max_size=12),
    looks=st.lists(st.sampled_from(FAULTS[:8]), max_size=6),
    interruptions=st.lists(st.floats(0, 120), max_size=3),
    shown=st.booleans(),
)
def test_after_any_failures_everyone_is_called_and_nobody_twice(orders, looks, interruptions, shown):
    @virtual
    async def run():
        with TemporaryDirectory() as folder:
            async with World(Path(folder), count=6, custom_field_in_details=shown) as world:
                world.rest.plant("connect", *orders)
                for what in ("call", "calls", "streams"):
                    world.rest.plant(what, *looks)
                for after_s in interruptions:
                    async with world.campaign(concurrent=4) as campaign:
                        running = asyncio.create_task(campaign.run())
                        await asyncio.wait({running}, timeout=after_s)
                        campaign.leave()
                        await running
                for _ in range(20):
                    await asyncio.sleep(3600)  # until what is unknown can be known
                    if set(await world.run()) == {"answered"}:
                        break
                else:
                    pytest.fail(f"{[result.outcome for result in world.results]} {world.because}")

    run()


@in_world(count=3)
async def test_a_second_run_beside_the_first_is_refused(world):
    async with world.campaign():
        with pytest.raises(ValueError, match="in use by another process"):
            await world.run()
    assert not world.rest.calls


@in_world(count=12, stream_limit=4, other_streams=2)
async def test_never_more_streams_than_the_account_has(world):
    assert await world.run(a_minute=60, concurrent=12) == ["answered"] * 12
    assert not any(call.throttled for call in world.rest.calls)
    assert any("of 4 streams in use" in note for note in world.watch.notes)


@in_world(count=2, stream_limit=0)
async def test_an_account_without_streams_calls_nobody(world):
    assert await world.run() == ["not-called"] * 2
    assert "no streams at all" in world.because


@in_world(count=2)
async def test_without_stream_figures_only_the_call_limit_counts(world):
    world.rest.plant("streams", *[Fault.NO_SUCH] * 50)
    assert await world.run() == ["answered"] * 2
    assert sum("streams in use is unknown" in note for note in world.watch.notes) == 1


@in_world(count=30)
async def test_pace_and_places_are_kept(world):
    assert await world.run(a_minute=60, concurrent=4) == ["answered"] * 30
    created = [call.created for call in world.rest.calls]
    # An order may be a moment late behind a poll, so the next follows a little early: over ten it evens out.
    assert min(b - a for a, b in zip(created, created[10:], strict=False)) >= timedelta(seconds=9.3)
    for call in world.rest.calls:
        assert sum(other.created <= call.created < other.ended for other in world.rest.calls) <= 4


@in_world(count=150, stream_limit=1000)
async def test_orders_and_polls_together_stay_under_the_accounts_limit(world):
    """Exotel counts all requests of the account: with 150 calls to follow, polls alone could use them up."""
    assert await world.run(a_minute=120, concurrent=150) == ["answered"] * 150
    assert not any("429" in note for note in world.watch.notes)


@in_world(count=2)
async def test_outside_calling_hours_it_waits_and_says_so(world):
    assert await world.run(hours=Hours.parse("13:00-13:30")) == ["answered"] * 2
    assert world.watch.notes == ["Outside calling hours: waiting for 1 h 30 min."]
    assert world.rest.calls[0].created >= EPOCH + timedelta(minutes=90)


@in_world(count=1)
async def test_a_laptop_that_sleeps_does_not_oversleep_the_hours(world):
    """The loop's clock stands still while a laptop is closed, the day does not: it is opened after the hours began."""
    opened = []
    async with world.campaign(hours=Hours.parse("13:00-21:00")) as campaign:
        campaign._now = lambda: wall_clock() + (7200 if opened else 0)
        running = asyncio.create_task(campaign.run())
        await asyncio.sleep(600)
        opened.append(True)
        await running
    assert (world.rest.calls[0].created - EPOCH).total_seconds() < 700


@in_world(count=2)
async def test_an_unknown_order_can_be_resolved_before_the_run_ends(world):
    world.rest.plant("connect", Fault.SILENT)
    assert await world.run(time_limit_s=30, a_minute=0.1) == ["not-called", "answered"]
    assert world.results[0].detail == "no call was placed after all"
    assert await world.run(time_limit_s=30) == ["answered", "answered"]


@in_world(count=20)
async def test_at_the_end_of_the_hours_the_rest_is_left_for_the_next_day(world):
    """It is 11:30, the hours end at 11:31: at 10 a minute about ten are called."""
    outcomes = await world.run(a_minute=10, hours=Hours.parse("09:00-11:31"), waits=False)
    assert 9 <= outcomes.count("answered") <= 11
    assert outcomes.count("not-called") == 20 - outcomes.count("answered")
    assert world.because == "outside calling hours"
    assert all(call.created < EPOCH + timedelta(minutes=1) for call in world.rest.calls)


@in_world(count=2)
async def test_numbers_outside_their_calling_hours_wait_while_others_are_called(world):
    world.people = [Callee(number(0), 2, zone=ZoneInfo("America/New_York")), Callee(number(1), 3, zone=INDIA)]
    assert await world.run(hours=Hours.parse("09:00-21:00")) == ["answered"] * 2
    assert [call.number for call in world.rest.calls] == [number(1), number(0)]


@in_world(count=3)
async def test_do_not_call_is_kept_to_even_for_retries(world):
    world.rest.plant("connect", Fault.SILENT)
    never = frozenset({number(0), number(2)})
    assert await world.run(do_not_call=frozenset({number(2)})) == ["unknown", "answered", "do-not-call"]
    assert await world.run(do_not_call=never, retry_unknown=True) == ["do-not-call", "answered", "do-not-call"]
    assert [call.number for call in world.rest.calls] == [number(1)]


@pytest.mark.parametrize("fault", [Fault.WRONG_KEY, Fault.NO_MONEY, Fault.NOT_ENABLED])
def test_what_every_number_would_meet_stops_the_list(tmp_path, fault):
    @virtual
    async def run():
        async with World(tmp_path, count=5) as world:
            world.rest.plant("connect", fault)
            assert await world.run() == ["refused"] + ["not-called"] * 4
            assert str(fault.value) in world.because
            assert await world.run() == ["answered"] * 5  # nothing was placed, so nothing is lost

    run()


@in_world(count=4)
async def test_a_number_that_is_refused_does_not_stop_the_others(world):
    world.rest.plant("connect", Fault.NO_SUCH)
    assert await world.run() == ["refused", "answered", "answered", "answered"]
    assert "404" in world.results[0].detail


@in_world(count=20)
async def test_when_exotel_fails_it_is_not_asked_for_everybody(world):
    world.rest.plant("connect", *[Fault.BROKEN] * 20)
    outcomes = await world.run()
    assert outcomes[:3] == ["unknown"] * 3
    assert outcomes.count("unknown") <= 5
    assert "in a row failed" in world.because


@in_world(count=2)
async def test_an_exotel_that_is_gone_is_waited_for_and_then_given_up(world):
    url, world.url = world.url, "http://127.0.0.1:9"
    assert await world.run() == ["not-called"] * 2
    assert "6 orders in a row" in world.because
    world.url = url
    assert await world.run() == ["answered"] * 2


@in_world(count=1)
async def test_polls_may_fail_as_long_as_they_like(world):
    world.rest.plant("call", Fault.AWAY, Fault.TOO_MANY, Fault.NO_SUCH, Fault.SILENT)
    assert await world.run() == ["answered"]


@in_world(count=1)
async def test_a_call_of_an_earlier_run_is_asked_for_however_late(world):
    """It stayed open for ever once the longest call would have been over: nothing was asked any more."""
    async with world.campaign() as campaign:
        running = asyncio.create_task(campaign.run())
        await asyncio.sleep(1)
        campaign.leave()
        assert [result.outcome for result in await running] == [Outcome.OPEN]
    await asyncio.sleep(86_400)
    assert await world.run() == ["answered"]


@in_world(count=1, people={number(0): Person(applets.Outcome.ANSWERED, ring_s=1, talk_s=10_000)})
async def test_a_call_without_an_end_stays_open_for_the_next_run(world):
    world.rest.plant("call", *[Fault.AWAY] * 1000)
    assert await world.run() == ["open"]
    assert world.results[0].detail == "Exotel has not reported its end"
    with open_journal(world.path) as journal:
        assert journal.story(number(0)).state is State.PLACED


def test_a_journal_that_can_not_be_written_ends_the_calling(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    @virtual
    async def run():
        async with World(tmp_path, count=3) as world:
            monkeypatch.setattr(Journal, "_write", full)
            assert await world.run() == ["not-called"] * 3
            assert "No space left on device" in world.because
            assert not world.rest.calls

    run()


@in_world(count=12)
async def test_no_call_is_placed_that_could_pass_the_minutes_allowed(world):
    """Calls of a minute, each allowed five: with ten minutes two run at once, and early ends pay for the next ones."""
    outcomes = await world.run(time_limit_s=300, minutes=10)
    assert outcomes == ["answered"] * 6 + ["not-called"] * 6, "after six minutes another call might take five"
    assert "MAX_MINUTES=10" in world.because
