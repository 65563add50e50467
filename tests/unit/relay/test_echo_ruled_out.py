"""A line that is quiet whenever an echo would come has none: known from peaks alone, and unlearned when one begins."""

import numpy as np
import pytest

from relay.audio.echo import AUDIBLE_PEAK
from relay.audio.echo_ruled_out import RuledOut, _quiet_runs
from relay.audio.line_tape import peaks
from relay.audio.pcm import ulaw_encode
from relay.events.records import Quality
from relay.line.echo_guard import EchoGuard
from relay.line.echo_pool import EchoPool
from relay.line.echo_sides import EchoSides
from relay.logs import CallLog
from sim.echo import LineEcho
from sim.speech import spoken
from tests.support.virtual import virtual
from tests.unit.relay.guarding import through
from tests.unit.relay.test_echo import AGENT, on_the_line

RATE = 8000
BLOCK = 80
FRAME = 160
SENT = 320


def peaks_of(sound):
    return peaks(np.frombuffer(ulaw_encode(sound), np.uint8), BLOCK).tolist()


def told(ruled_out, played, heard, *, first=100, last=None):
    """Half a second at a time, from block `first` on."""
    for at in range(first, (last or len(heard)) - 49, 50):
        ruled_out.hear(played[at - 100 : at + 50], heard[at : at + 50])
    return ruled_out.all_delays


def test_a_line_that_is_quiet_while_the_agent_speaks_has_no_echo():
    played = peaks_of(np.concatenate([np.zeros(RATE, np.int16), AGENT]))
    quiet = [False] * len(played)
    known = [told(RuledOut(4, 100), played, quiet, last=last) for last in range(150, 400, 50)]
    assert known == [False, False, True, True, True], "only once an echo of a second would have come"


@pytest.mark.parametrize("level_db", [-8, -30])
def test_no_echo_is_ruled_out_whatever_its_delay(level_db):
    played, sound = peaks_of(AGENT), AGENT[: 8 * RATE]
    for delay_ms in range(40, 1000, 35):
        line = peaks_of(on_the_line(sound, LineEcho(delay_ms=delay_ms, level_db=level_db)))
        heard = [peak >= 2 * AUDIBLE_PEAK for peak in line]
        ruled_out = RuledOut(4, 100)
        for last in range(200, 800, 100):
            assert not told(ruled_out, played, heard, first=last - 100, last=last), (delay_ms, last)


def test_a_caller_who_speaks_all_the_time_hides_what_echo_there_is():
    played = peaks_of(np.concatenate([np.zeros(RATE, np.int16), AGENT]))
    assert not told(RuledOut(4, 100), played, [True] * len(played))


def test_it_is_known_for_one_turn():
    played, ruled_out = peaks_of(np.concatenate([np.zeros(RATE, np.int16), AGENT])), RuledOut(4, 100)
    assert told(ruled_out, played, [False] * len(played), last=400)
    ruled_out.forget()
    assert not told(ruled_out, played, [False] * len(played), last=200)


def test_between_two_turns_only_the_result_is_kept():
    played = peaks_of(np.concatenate([np.zeros(RATE, np.int16), AGENT]))
    known, undecided = RuledOut(4, 100), RuledOut(4, 100)
    assert told(known, played, [False] * len(played), last=400)
    told(undecided, played, [False] * len(played), last=200)
    assert undecided._counted is not None
    for ruled_out, result in ((known, True), (undecided, False)):
        ruled_out.pause()
        assert (ruled_out._counted, ruled_out.all_delays) == (None, result)


def test_a_turn_in_which_both_speak_for_a_quarter_of_an_hour_is_counted():
    """The counts have sixteen bits."""
    ruled_out = RuledOut(4, 100)
    for _ in range(1800):
        ruled_out.hear([1000] * 150, [True] * 50)
    assert not ruled_out.all_delays


def test_just_before_and_after_a_sound_a_line_is_not_quiet():
    assert _quiet_runs([peak == "x" for peak in "...x...x.x....x"]) == [0, 2, 5, 6, 11, 13]


def test_once_the_agent_is_silent_nothing_is_counted():
    sides = EchoSides(RATE)
    sides._ruled_out.hear([1000] * 150, [True] * 50)
    sides.fall_silent()
    assert sides._ruled_out._counted is None


class Conversation:
    """An agent's turns of three seconds, each answered after half a second for two, on a line of its own."""

    def __init__(self, seconds, echo=None, begins_s=0.0):
        count = seconds * RATE
        self.played, caller = np.zeros(count, np.int16), np.zeros(count, np.int16)
        said = np.concatenate([spoken(f"caller_{name}", RATE) for name in ("bill", "complaint", "hours")])
        for turn, first in enumerate(range(RATE, count, 6 * RATE)):
            place = self.played[first : first + 3 * RATE]
            place[:] = np.roll(AGENT, -3 * RATE * turn)[: len(place)]
            answer = caller[first + 7 * RATE // 2 :][: 2 * RATE]
            answer[:] = np.roll(said, -2 * RATE * turn)[: len(answer)]
        self.heard, begins = on_the_line(self.played, None, caller), round(begins_s * RATE)
        if echo is not None:
            self.heard[begins:] = on_the_line(self.played, echo, caller)[begins:]
        self.found_s = None
        self.searched = 0

    async def on(self, guard):
        look, sent = guard._meter.look, 0

        def counted(*sides, early):
            self.searched += 1
            return look(*sides, early=early)

        guard._meter.look = counted
        for at in range(0, len(self.heard) - FRAME, FRAME):
            while sent < min(at + FRAME + RATE // 10, len(self.played)):
                sound = self.played[sent : sent + SENT]
                guard.played(sound.tobytes(), 100 + sent / RATE, speech=bool(sound.any()))
                sent += SENT
            await through(guard, self.heard[at : at + FRAME].tobytes(), 100 + (at + FRAME) / RATE)
            if self.found_s is None and guard.echo is not None:
                self.found_s = at / RATE
        guard.close(Quality())
        return self


@virtual
async def test_a_caller_who_answers_each_turn_is_not_searched():
    """Each answer was compared with the turn before it, though the line had been quiet during all of that."""
    conversation = await Conversation(26).on(EchoGuard(RATE, "auto", EchoPool(0), CallLog("c", "s")))
    assert conversation.searched <= 1


@pytest.mark.parametrize(("delay_ms", "level_db"), [(120, -8), (350, -18), (700, -8)])
@virtual
async def test_an_echo_that_begins_in_the_middle_of_a_conversation_is_found_in_the_agent_s_next_turn(
    delay_ms, level_db
):
    """The caller turns the loudspeaker on. It was never found: the search that had become seldom was due in a pause, so
    it took place at the first word of a turn, before any echo of it, and the next one was five seconds later.
    """
    pool, echo = EchoPool(1), LineEcho(delay_ms=delay_ms, level_db=level_db)
    conversation = await Conversation(30, echo, begins_s=17.5).on(EchoGuard(RATE, "auto", pool, CallLog("c", "s")))
    assert 19 < conversation.found_s <= 24
    pool.close()


def test_a_sound_that_is_not_the_agent_s_voice_rules_nothing_out():
    """Ambience alone: it is played all the time, and its echo may be too quiet to be heard."""
    guard = EchoGuard(RATE, "auto", EchoPool(0), CallLog("c", "s"))
    for at in range(0, 5 * RATE, SENT):
        guard.played(b"\x40\x00" * SENT, 100 + at / RATE, speech=True)
        for part in range(2):
            guard.heard(bytes(2 * FRAME), 100 + (at + FRAME * (part + 1)) / RATE)
    assert not guard._sides._ruled_out.all_delays
