"""How often a line is searched for the agent's echo: each search costs half a millisecond of the event loop."""

import asyncio

import pytest

from relay.audio.echo import Echo
from relay.events.records import Quality
from relay.line.echo_guard import EchoGuard
from relay.line.echo_pool import EchoPool
from relay.logs import CallLog
from sim.speech import spoken
from tests.support.virtual import virtual
from tests.unit.relay.guarding import through

RATE = 8000
FRAME = bytes(320)
FOUND = Echo(0.2, -20.0)


class Meter:
    """Takes the place of EchoMeter: finds `result` in whatever it is shown. `looked_at`, `asked_at`: when."""

    suspected = None
    in_doubt = False
    useless_s = 0.0

    def __init__(self, result=None, *, settled=False, worth=True):
        self.result, self.settled, self._worth = result, settled, worth
        self.echo = None
        self.looked_at, self.asked_at, self.forgot = [], [], 0

    def sides(self, played, heard, end):
        return (end,)

    def forget(self):
        self.forgot += 1

    def soonest(self, heard, *, early):
        return self.useless_s

    def worth_a_look(self, played, heard, end, *, early):
        self.asked_at.append(end / RATE)
        return self._worth

    def look(self, end, *, early):
        self.looked_at.append(end / RATE)
        self.echo = self.result
        return self.result


async def guarded(meter, seconds, *, speech_s=1000.0):
    """A line on which the agent speaks for `speech_s`; nobody else has a place for a gate."""
    guard = EchoGuard(RATE, "auto", EchoPool(0), CallLog("c", "s"))
    guard._meter = meter
    loop = asyncio.get_running_loop()
    for number in range(round(seconds * 50)):
        now = loop.time()
        guard.played(FRAME, now, speech=number * 0.02 < speech_s)
        assert await through(guard, FRAME, now + 0.02) == FRAME
        await asyncio.sleep(0.02)
    return meter.looked_at


def pauses(looked_at):
    return [round(later - earlier, 2) for earlier, later in zip(looked_at, looked_at[1:], strict=False)]


@virtual
async def test_an_echo_that_is_where_it_was_is_looked_for_every_five_seconds():
    looked_at = await guarded(Meter(FOUND, settled=True), 30)
    assert set(pauses(looked_at)) == {5.0}


@virtual
async def test_an_echo_that_moves_is_followed_closely():
    looked_at = await guarded(Meter(FOUND), 5)
    assert set(pauses(looked_at)) == {0.1}


@virtual
async def test_a_line_without_an_echo_is_searched_eagerly_at_first_and_seldom_later():
    """So that the agent does not interrupt itself with its first words, and a clean line costs next to nothing."""
    meter = Meter()
    found = pauses(await guarded(meter, 30))
    assert found[:5] == [0.04] * 5
    assert set(found[5:11]) == {0.24}
    assert found[11:13] == [1.0] * 2
    assert found[13:] == [5.0, 10.0]
    assert meter.forgot == len(found) - 12, "between two searches this far apart no sound is kept"


@virtual
async def test_what_looks_like_an_echo_and_is_never_certain_is_searched_more_often():
    """A large room, or a mobile's codec: of 80 greetings there four more agents interrupted themselves when such
    measurements counted as ones that find nothing."""
    meter = Meter()
    meter.suspected = 0.2
    found = pauses(await guarded(meter, 40))
    assert found[:23] == [0.04] * 11 + [0.12] * 12
    assert set(found[23:29]) == {1.0}
    assert found[29:35] == [5.0, 0.3] * 3, "two that find the same are certain"


@virtual
async def test_what_is_not_worth_a_look_is_not_searched_but_asked_as_often():
    """It uses up less of the eager searches: an echo of the first words may come a second after them."""
    meter = Meter(worth=False)
    assert await guarded(meter, 40) == []
    asked = pauses(meter.asked_at)
    assert asked[:35] == [0.04] * 35
    assert set(asked[35:59]) == {0.12}
    assert set(asked[59:65]) == {1.0}
    assert set(asked[65:]) == {5.0}
    assert meter.forgot == len(asked) - 64


@virtual
async def test_what_can_be_no_use_yet_is_not_asked():
    """A tenth of a second of sound is needed: where none is heard it can't come within two of three times. Those are
    left out, and nothing else changes: the search does not take longer."""
    meter = Meter(worth=False)
    meter.useless_s = 0.1
    await guarded(meter, 40)
    asked = pauses(meter.asked_at)
    quick = asked.index(1.0)
    assert set(asked[:quick]) == {0.12}
    assert sum(asked[:quick]) == pytest.approx(4.32, abs=0.13)
    assert set(asked[quick : quick + 6]) == {1.0}
    assert set(asked[quick + 6 :]) == {5.0}


@virtual
async def test_sound_is_taken_in_twice_a_second_and_before_each_check():
    """It was every 160 ms, which cost more than the checks. Half a second of frames is what the voice detector holds,
    so nothing is held for longer."""
    guard, taken_in = EchoGuard(RATE, "auto", EchoPool(0), CallLog("c", "s")), []
    guard._meter = meter = Meter(worth=False)
    note = guard._sides.note

    def noted(sound, end, *, whole):
        taken_in.append((round(end / RATE, 2), len(sound) * 1000 // (2 * RATE)))
        note(sound, end, whole=whole)

    guard._sides.note = noted
    for number in range(30 * 50):
        guard.played(FRAME, 100 + number * 0.02, speech=True)
        assert guard.heard(FRAME, 100.02 + number * 0.02) == FRAME
    once_a_second = [at for at in meter.asked_at if 105.5 < at < 109]
    assert pauses(once_a_second) == [1.0] * (len(once_a_second) - 1)
    for check in once_a_second[1:]:
        check = round(check, 2)
        assert [had for had in taken_in if check - 1 < had[0] <= check] == [(check - 0.5, 500), (check, 500)]
    last = round(meter.asked_at[-1], 2)
    assert [had for had in taken_in if last - 5 < had[0] <= last] == [(last - 0.5, 500), (last, 500)], "rests before"


@virtual
async def test_what_may_be_an_echo_is_decided_as_quickly_as_it_began():
    """Twelve looks are half a second, too little of an echo in a large room; the next came an eighth of a second later,
    with the agent hearing itself. A second is enough."""
    meter = Meter()
    meter.in_doubt = True
    await lag(meter, 5)
    found = pauses(meter.looked_at)
    assert found[:24] == [0.04] * 24
    assert set(found[24:]) == {1.0}


@pytest.mark.parametrize(("result", "speech_s", "last"), [(FOUND, 2.0, 2.5), (None, 0.5, 1.8)])
@virtual
async def test_after_the_agent_s_words_there_is_nothing_to_search_for(result, speech_s, last):
    """An echo comes after its delay, or within a second if that is unknown, and a room answers a little longer."""
    looked_at = await guarded(Meter(result), 10, speech_s=speech_s)
    assert last - 0.15 < looked_at[-1] <= last + 0.02


async def lag(meter, seconds, *, speech_s=1000.0):
    """How much of the caller's sound is held back after each frame, in milliseconds."""
    guard, came, passed, behind = EchoGuard(RATE, "auto", EchoPool(0), CallLog("c", "s")), 0, 0, []
    guard._meter = meter
    for number in range(round(seconds * 50)):
        now = 100 + number * 0.02
        guard.played(FRAME, now, speech=number * 0.02 < speech_s)
        came += len(FRAME)
        passed += len(await through(guard, FRAME, now + 0.02))
        behind.append((came - passed) * 1000 // (2 * RATE))
    return behind


@virtual
async def test_what_may_be_an_echo_is_140_ms_late_and_passed_on_when_nobody_has_spoken_whose_echo_it_could_be():
    meter = Meter()
    meter.in_doubt = True
    assert (await lag(meter, 0.2))[:9] == [20, 40, 60, 80, 100, 120, 140, 140, 140]
    late = Meter()
    late.in_doubt = True
    late.worth_a_look = lambda played, heard, end, *, early: end > 101.2 * RATE
    behind = await lag(late, 2, speech_s=0.1)
    assert max(behind) == 140
    assert behind[-1] == 0, "one second after the agent's last word, and a room's answer"


@virtual
async def test_where_nothing_is_heard_any_more_nothing_is_in_doubt():
    meter = Meter()
    meter.in_doubt = True
    meter.worth_a_look = lambda played, heard, end, *, early: end < 100.1 * RATE
    behind = await lag(meter, 0.4)
    assert behind[:4] == [20, 40, 60, 80]
    assert not any(behind[4:])


@virtual
async def test_without_a_place_for_a_guard_nothing_is_held_back():
    """An agent that will hear its echo in any case shall not hear its caller late as well."""
    meter = Meter()
    meter.in_doubt, meter.suspected = True, 0.2
    assert not any(await lag(meter, 1))


@virtual
async def test_only_what_has_to_be_judged_must_be_waited_for():
    """A line without an echo, while the agent speaks and the caller too, never waits: a frame is passed on at once."""
    guard, own = EchoGuard(RATE, "auto", EchoPool(1), CallLog("c", "s")), speech(300)
    for number, frame in enumerate(own[:150]):
        guard.played(frame, 100 + number * 0.02, speech=True)
        caller = own[299 - number]
        assert guard.heard(caller, 100.02 + number * 0.02) == caller
    guard.close(Quality())
    pool = EchoPool(1)
    guard = EchoGuard(RATE, "on", pool, CallLog("c", "s"))
    guard.played(own[0], 100, speech=True)
    assert guard.heard(own[0], 100.02) == b""
    assert await through(guard, own[1], 100.04) not in (b"", own[0] + own[1]), "its own voice, and nothing known of it"
    pool.close()


def speech(count):
    """Frames of an agent, all different."""
    said = spoken("agent_hours", RATE)[1600:]
    return [said[at : at + 160].tobytes() for at in range(0, count * 160, 160)]


@virtual
async def test_a_guarded_call_is_judged_only_while_the_agent_speaks_and_shortly_after():
    """What an echo can't be in costs no more than in another call: most of the guard's CPU is the canceller's."""

    class Counted(EchoPool):
        asked = 0

        def ask(self, who):
            self.asked += 1
            super().ask(who)

    pool, own, asked = Counted(1), speech(100), []
    guard = EchoGuard(RATE, "on", pool, CallLog("c", "s"))
    for number in range(250):
        now = 100 + number * 0.02
        guard.played(own[number % 100], now, speech=50 <= number < 100)  # ambience besides
        assert await through(guard, FRAME, now + 0.02) == FRAME
        if pool.asked > len(asked):
            asked.append(number)
    assert asked == list(range(50, asked[-1] + 1))
    last_s = (asked[-1] - 100) * 0.02
    assert 1.3 <= last_s <= 1.4, "an echo that is not known yet may come in the first second, and its room answers"
    pool.close()
