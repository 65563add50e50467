"""The pacer as the ticker calls it: what is sent in which turn of the event loop, and what stops that."""

import asyncio

import pytest

from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.playout import Playout
from relay.events.records import Quality
from relay.line import exotel
from relay.line.framing import Framing
from relay.line.loop_reserve import LoopReserve
from relay.line.pacer import Pacer
from relay.line.schedule import Schedule
from relay.line.ticker import Ticker
from sim import virtual_time
from tests.unit.relay.taped_line import TapedLine
from tests.unit.relay.tone import noise

RATE, FRAME = 8000, 320
FRAME_S = FRAME / RATE


class ByHand:
    """A ticker that calls nobody: `asked` are the moments it was asked for."""

    def __init__(self):
        self.asked, self.hurried = [], []
        self.reserve = LoopReserve()

    def at(self, when, who):
        self.asked.append(when)

    def hurry(self, now):
        self.hurried.append(now)

    def stood_still(self, now):
        return 0.0


class Place:
    """A pacer over ambience, on a line that notes what it is sent."""

    def __init__(self, ticker):
        self.line = TapedLine(RATE)
        self.playout = Playout(AmbienceTrack(Loop(noise(RATE, seed=9), RATE), 0.5), rate_hz=RATE)
        self.heard = []
        self.pacer = Pacer(
            self.line,
            exotel.Encoder("s", RATE),
            self.playout,
            Framing(RATE, FRAME, FRAME, 2 * FRAME_S),
            quality=Quality(),
            on_heard=lambda *news: self.heard.append(news),
            ticker=ticker,
        )
        self.running = self.pacer.begin()

    def say(self, utterance, samples):
        self.playout.say(utterance, noise(samples, seed=1).tobytes())
        self.playout.complete(utterance)
        self.pacer.said(utterance, samples)

    @property
    def sent(self):
        """The kinds of messages so far."""
        return [kind for _, kind in self.line.messages]


def by_hand(story):
    """Tell `story` to a place whose ticker is the test itself, once the first frames are sent, and to that ticker."""

    async def scenario():
        ticker = ByHand()
        place = Place(ticker)
        await turn()
        assert place.sent == ["media", "mark", "media"], "a lead of two frames"
        place.line.messages.clear()
        await story(place, ticker)
        place.running.cancel()

    virtual_time.run(scenario())


async def turn() -> None:
    await asyncio.sleep(0)


def test_a_frame_is_sent_as_the_ticker_calls_and_the_next_one_asked_for():
    async def story(place, ticker):
        place.pacer.tick(ticker.asked[-1], ticker.asked[-1])
        assert place.sent == ["media"], "without another turn of the loop"
        assert ticker.asked == pytest.approx([FRAME_S, 2 * FRAME_S])

    by_hand(story)


def test_a_frame_that_waited_for_the_line_counts_as_any_other():
    async def story(place, ticker):
        place.line.delay = 0.01
        when = ticker.asked[-1]
        place.pacer.tick(when, when)
        assert place.sent == []
        await asyncio.sleep(0.02)
        assert place.sent == ["media"]
        assert ticker.asked == pytest.approx([FRAME_S, 2 * FRAME_S]), "the next one is due a frame later"

    by_hand(story)


def test_news_in_one_turn_are_looked_at_once_in_the_next(monkeypatch):
    looks, original = [], Schedule.next
    monkeypatch.setattr(Schedule, "next", lambda self, now: looks.append(now) or original(self, now))

    async def story(place, ticker):
        looks.clear()
        for _ in range(5):
            place.pacer.wake()
        place.say("u", 100)
        assert not looks
        await turn()
        assert len(looks) == 1
        place.pacer.wake()
        await turn()
        assert len(looks) == 2
        assert ticker.asked == pytest.approx([FRAME_S]), "its moment is still the same"

    by_hand(story)


def test_a_clear_goes_out_before_the_frame_that_is_due_in_the_same_turn():
    """A frame after it would be agent speech that the caller hears after the interruption, or is dropped ambience."""

    async def story(place, ticker):
        await asyncio.sleep(FRAME_S / 2)
        place.pacer.interrupt()
        place.pacer.tick(ticker.asked[-1], ticker.asked[-1])
        assert place.sent == []
        await turn()
        assert place.sent[:2] == ["clear", "media"]

    by_hand(story)


def test_a_clear_waits_until_the_frame_that_begins_just_now_has_surely_begun():
    """Our clock took it for playing, the line, a millisecond behind ours, had not begun it and dropped it: it had
    nothing to play then until the next frame, 20 ms later, after one in a hundred interruptions.
    """

    async def story(place, ticker):
        place.pacer.interrupt()
        await turn()
        assert place.sent == []
        certain_at = ticker.asked[-1]
        assert 0.003 <= certain_at <= 0.005
        place.say("u", 100)
        await turn()
        assert place.sent == [], "nor does anything overtake it"
        assert ticker.asked[-1] == certain_at
        await asyncio.sleep(certain_at)
        place.pacer.tick(certain_at, certain_at)
        assert place.sent[0] == "clear"
        assert place.line.messages[0][0] == certain_at

    by_hand(story)


def test_a_frame_with_news_waits_for_the_next_turn_but_not_for_the_end_of_a_long_one():
    """One in which many agents speak: their speech was looked at after it, and until then nothing was sent."""

    async def story(place, ticker):
        due = ticker.asked[-1]
        place.say("u", 100)
        place.pacer.tick(due, due)
        assert place.sent == []
        assert ticker.asked[-1] == pytest.approx(due + 0.002)
        place.pacer.tick(ticker.asked[-1], due + 0.004)
        assert place.sent == []
        place.pacer.tick(ticker.asked[-1], ticker.asked[-1] + 0.004)
        assert place.sent[0] == "media"

    by_hand(story)


def test_a_late_frame_with_news_is_chosen_anew():
    """The beginning of a word has come, and more of it may: with ambience after it, it would have a hole."""

    async def story(place, ticker):
        due = ticker.asked[-1]
        place.playout.say("u", noise(100, seed=1).tobytes())
        place.pacer.said("u", 100)
        place.pacer.tick(due, due + 0.004)
        assert place.sent == []
        assert place.playout.queued_samples == 100
        assert ticker.asked[-1] == pytest.approx(due + FRAME_S - 0.03), "just before the line runs dry"

    by_hand(story)


def test_between_two_pieces_of_speech_others_may_hurry():
    async def story(place, ticker):
        place.say("u", 100)
        assert ticker.hurried == [0.0]

    by_hand(story)


def test_a_moment_that_is_no_longer_wanted_is_ignored():
    """It can't be taken back from the ticker. The ambience ends, and comes back later."""

    async def story(place, ticker):
        before = ticker.asked[-1]
        place.playout.ambience.enabled = False
        place.playout.ambience.take(RATE)
        place.pacer.wake()
        await turn()
        place.playout.ambience.enabled = True
        place.pacer.tick(before, before)
        assert place.sent == []
        assert ticker.asked == [before]

    by_hand(story)


@pytest.mark.parametrize("what", ["a frame is due", "a clear is wanted"])
def test_nothing_is_sent_once_the_task_is_cancelled(what):
    """After `stop` the line does not listen any more: not even in the turn in which the task has yet to end."""

    async def story(place, ticker):
        if what == "a clear is wanted":
            place.pacer.interrupt()
        place.running.cancel()
        if what == "a frame is due":
            place.pacer.tick(ticker.asked[-1], ticker.asked[-1])
        await turn()
        place.pacer.interrupt()
        await turn()
        assert place.running.cancelled()
        assert place.sent == []

    by_hand(story)


def test_what_has_to_wait_is_written_first_and_all_that_belongs_to_it():
    """The line does not read for a while: the frame, the mark at the end of its utterance, and the clear wait their
    turn, and no frame overtakes them."""

    async def story(place, ticker):
        place.say("u", FRAME)
        place.line.delay = 0.01
        await turn()
        place.pacer.tick(ticker.asked[-1], 1.0)
        assert place.sent == []
        place.pacer.tick(ticker.asked[-1], 1.0)
        place.pacer.wake()
        await asyncio.sleep(0.015)
        assert place.sent == ["media"]
        place.pacer.interrupt()
        await asyncio.sleep(0.02)
        assert place.sent == ["media", "mark", "clear"]
        place.line.delay = 0.0
        await asyncio.sleep(0.02)
        assert place.sent == ["media", "mark", "clear", "media", "media"], "the rest at once: the lead is gone"

    by_hand(story)


def test_what_waits_for_a_line_that_does_not_read_is_given_up_with_the_rest():
    """No task goes on after the call, and nothing is sent when the line reads again."""

    async def story(place, ticker):
        place.line.delay = 10.0
        place.pacer.tick(ticker.asked[-1], 1.0)
        await turn()
        assert len(asyncio.all_tasks()) == 2, "this one, and the one that writes"
        place.running.cancel()
        await turn()
        await turn()
        assert len(asyncio.all_tasks()) == 1
        place.pacer.wake()
        await asyncio.sleep(20)
        assert place.sent == []

    by_hand(story)


def test_what_goes_wrong_while_the_line_is_waited_for_ends_this_call():
    async def story(place, ticker):
        place.line.delay = 0.01
        place.line.send = None
        place.pacer.tick(ticker.asked[-1], 1.0)
        with pytest.raises(TypeError):
            await place.running

    by_hand(story)


def test_an_error_ends_the_task_of_this_call_and_leaves_the_other_calls_alone():
    """They share the timer."""

    async def scenario():
        ticker = Ticker()
        well, ill = Place(ticker), Place(ticker)
        await asyncio.sleep(0.5)
        ill.playout.pull = None
        await asyncio.sleep(1.0)
        with pytest.raises(TypeError):
            await ill.running
        assert [end - start for start, end in zip(well.line.sent_at, well.line.sent_at[1:], strict=False)][2:] == (
            pytest.approx([FRAME_S] * (len(well.line.sent_at) - 3))
        )
        assert len(well.line.frames) == pytest.approx(1.5 / FRAME_S, abs=3)
        sent = len(ill.line.messages)
        ill.pacer.wake()
        await asyncio.sleep(0.5)
        assert len(ill.line.messages) == sent
        well.running.cancel()

    virtual_time.run(scenario())
