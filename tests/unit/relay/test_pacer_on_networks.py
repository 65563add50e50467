"""The pacer in virtual time on lines as networks make them: how late it is heard, and what holes there are."""

import asyncio
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.line.framing import Framing
from sim.network import Network
from tests.unit.relay.test_pacer import RATE, Desk, at_desk, now, speech, stall, until

FRAME_S = 0.04
AUTO = Framing(RATE, 320, 160)
FIXED = Framing(RATE, 320, 160, 0.1)


def on(network: Network, story, *, framing: Framing = AUTO, ambience: float | None = 0.5, caller=False) -> Desk:
    return at_desk(story, framing=framing, ambience=ambience, network=network, caller=caller)


def listening(seconds: float):
    async def story(desk):
        await until(seconds)

    return story


def answers(*moments: float, seconds: float = 0.5):
    """The agent says something at each of these moments, all at once."""

    async def story(desk):
        for number, moment in enumerate(moments):
            await until(moment)
            desk.say(f"u{number}", speech(seconds, seed=number + 1))
        await until(moments[-1] + 3)

    return story


def heard_after(desk: Desk, moments: tuple[float, ...], network: Network) -> list[float]:
    """For each answer: from the moment it was said until the caller heard its first sample."""
    ends = {name: at for at, name in desk.line.marks if not name.startswith("probe")}
    waits = []
    for number, moment in enumerate(moments):
        said = (frame for frame in desk.line.frames if moment <= frame.sent_at <= ends[f"u{number}"])
        first = next(said)
        waits.append(first.start - moment)
    return waits


# --- a good line ---


@pytest.mark.parametrize("latency", [0.0, 0.02, 0.15])
def test_after_ten_seconds_the_agent_is_heard_within_60_ms(latency):
    """It was 100 to 200: frames of 100 ms, one of them always ahead."""
    moments = tuple(12 + 0.7 * number for number in range(40))
    network = Network(latency)
    desk = on(network, answers(*moments, seconds=0.2))
    waits = [wait - latency for wait in heard_after(desk, moments, network)]
    assert max(waits) <= 0.06 + 1e-6
    assert sum(waits) / len(waits) <= 0.045
    assert desk.line.holes() == []
    assert desk.quality.gaps == 0


def test_a_standstill_of_our_own_is_not_held_against_the_line_as_well():
    """50 ms in which the relay did nothing made the caller's frames and the echoes late too. So a call kept a reserve
    for the line, and one for the loop on top of it, and for a minute.
    """
    wanted = []

    async def story(desk):
        for at in (12.01, 20.01, 20.5, 29.9, 30.2):
            await until(at)
            if at == 20.01:
                stall(0.05)
                await asyncio.sleep(0)
            desk.pacer.settle()
            wanted.append(desk.quality.lead_ms)

    desk = on(Network(0.02), story, caller=True)
    assert wanted == [60, 60, 90, 90, 60]
    assert sum(end - start for start, end in desk.line.holes()) <= 0.03 + 1e-6  # the floor had 20 ms in reserve


def test_an_interrupted_agent_is_silent_within_45_ms():
    """The frame in the air is played to its end, and what was cut off fades out: it was up to 100 ms."""

    async def story(desk):
        for number in range(20):
            await until(10 + number * 1.013)
            desk.say("u", speech(2.0, seed=number))
            await until(10.5 + number * 1.013)
            desk.pacer.interrupt()
        await until(40)

    desk = on(Network(), story)
    assert len(desk.line.clears) == 20
    for clear in desk.line.clears:
        last = max(frame.end for frame in desk.line.frames if frame.start < clear)
        assert last - clear <= FRAME_S
    assert desk.line.holes() == []


def test_a_line_that_echoes_nothing_is_asked_for_five_seconds_and_then_left_alone():
    desk = at_desk(listening(60), framing=AUTO, ambience=0.5, echo=False)
    assert 5 <= len(desk.line.marks) <= 7
    assert max(desk.line.ahead()) <= 0.06 + 1e-6  # 100 ms with the frame itself
    assert max(desk.line.ahead()[100:]) >= 0.06 - 1e-6


def test_a_line_that_echoes_is_asked_once_a_second():
    desk = on(Network(0.02), listening(60))
    assert 58 <= len(desk.line.marks) <= 61


# --- the network stands still ---


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 0.9, 2.0, 5.0])
@pytest.mark.parametrize("framing", [AUTO, FIXED], ids=["auto", "fixed"])
def test_after_a_stall_answers_are_heard_in_time_again(seconds, framing):
    """The line ran dry and then got everything at once. As ambience never ends, it played every answer from then on
    as late as the stall had been long: 0.4 s after one of 0.3, 1 s after one of 0.9. No hole was counted."""
    network = Network(0.02, stalls=((20.0, seconds),))
    moments = tuple(20 + 2 * seconds + 4 + 2.3 * number for number in range(6))
    desk = on(network, answers(*moments), framing=framing)
    assert max(heard_after(desk, moments, network)) <= 0.3
    assert desk.line.clears == []
    assert [heard for _, heard, _ in desk.heard] == [500] * len(moments)


@pytest.mark.parametrize("seconds", [0.6, 2.0, 5.0])
@pytest.mark.parametrize("framing", [AUTO, FIXED], ids=["auto", "fixed"])
def test_an_answer_soon_after_a_stall_is_heard_in_time(seconds, framing):
    """Ambience went on being sent into a network that stood still for five seconds, and the line played all of it
    before the next answer: 2.2 s late, two seconds after the stall. It is withheld while the echo of a mark is overdue.
    """
    network = Network(0.02, stalls=((20.0, seconds),))
    moment = 20 + seconds + 2.0
    desk = on(network, answers(moment), framing=framing)
    assert max(heard_after(desk, (moment,), network)) <= 0.3
    into_the_stall = [frame for frame in desk.line.frames if 20.0 <= frame.sent_at < 20.0 + seconds]
    assert len(into_the_stall) * FRAME_S <= 1.5  # a second until the next mark, and until its echo is overdue


def test_words_are_sent_into_a_stall():
    network = Network(0.02, stalls=((20.0, 3.0),))
    desk = on(network, answers(22.0, 30.0, seconds=2.0))
    assert desk.heard == [("u0", 2000, False), ("u1", 2000, False)]
    words = [frame.sent_at for frame in desk.line.frames if 22.0 <= frame.sent_at < 23.9]
    assert words[0] <= 22.0 + FRAME_S
    assert max(after - before for before, after in zip(words, words[1:], strict=False)) <= FRAME_S + 1e-6


def test_what_was_heard_of_words_that_were_sent_into_a_stall_is_known():
    """Between the ambience of before and the words nothing was sent; the line plays them without that pause."""
    told = []

    async def story(desk):
        await until(22)
        desk.say("u", speech(3.0))
        await until(26)
        told.append(desk.pacer.heard_ms("u"))
        desk.pacer.interrupt()
        await until(30)

    desk = on(Network(0.02, stalls=((20.0, 3.0),)), story)
    began = next(frame for frame in desk.line.frames if frame.sent_at >= 22).start
    assert told[0] == pytest.approx((26.0 - began) * 1000, abs=60)


def test_a_first_syllable_is_sent_into_a_stall_though_no_more_of_its_word_comes():
    """First words wait for more of them, but not for an echo."""

    async def story(desk):
        words = speech(1.0)
        await until(22)
        desk.say("u", words[:320], complete=False)
        await until(22.6)
        desk.say("u", words[320:])
        await until(30)

    desk = on(Network(0.02, stalls=((20.0, 3.0),)), story)
    first = next(frame.sent_at for frame in desk.line.frames if frame.sent_at >= 22.0)
    assert first <= 22.1
    assert desk.heard == [("u", 1000, False)]


def test_an_echo_after_the_ambience_has_gone_on_withholds_nothing():
    """After seven seconds without an echo the line gets its ambience again. An echo of before says nothing then."""
    desk = on(Network(0.02, stalls=((20.0, 9.0),)), listening(60))
    sent = [frame.sent_at for frame in desk.line.frames if frame.sent_at > 29.5]
    assert max(after - before for before, after in zip(sent, sent[1:], strict=False)) <= 3.0


def test_ambience_goes_on_when_a_line_stops_echoing():
    """A line whose echoes stay away is no network that stands still: after seven seconds it gets its ambience again."""

    async def story(desk):
        await until(20)
        desk.line.echo = None
        await until(60)

    desk = on(Network(0.02), story)
    sent = [frame.sent_at for frame in desk.line.frames]
    pauses = [(before, after) for before, after in zip(sent, sent[1:], strict=False) if after - before > 0.1]
    assert len(pauses) == 1
    assert pauses[0][1] - pauses[0][0] <= 7.0
    assert sent[-1] > 59.9


def one_echo_late(by: float) -> tuple[Desk, float]:
    """The first echo after 20 seconds comes `by` seconds late. Also returns when it came."""
    came = []

    async def story(desk):
        await until(20)
        echo = desk.line.echo

        def late(name):
            desk.line.echo = echo
            asyncio.get_running_loop().call_later(by, lambda: (came.append(now()), echo(name)))

        desk.line.echo = late
        await until(25)

    return on(Network(0.02), story), came[0]


@pytest.mark.parametrize("by", [0.25, 0.26, 0.27, 0.28, 0.29])
def test_an_echo_that_was_hardly_overdue_lets_the_ambience_go_on(by):
    """It was withheld for less than a frame: no reason to believe the line late."""
    desk, came = one_echo_late(by)
    assert max(after - before for before, after in itertools.pairwise(desk.line.sent_at)) <= 0.1
    assert any(came <= at < came + FRAME_S for at in desk.line.sent_at)


@pytest.mark.parametrize("by", [0.07, 0.09, 0.11, 0.13])
def test_a_line_that_turns_out_uneven_gets_its_reserve_at_once(by):
    desk, came = one_echo_late(by)
    assert [at for at in desk.line.sent_at if came <= at < came + 0.002] != []


def test_speech_is_not_held_back_because_the_line_is_late():
    """What is held back is ambience: a hole in a word is worse than a word that is late."""
    network = Network(0.02, stalls=((20.0, 1.0),))

    async def story(desk):
        await until(19)
        desk.say("u1", speech(12.0))
        await until(40)

    desk = on(network, story)
    said = [frame for frame in desk.line.frames if 21.1 <= frame.sent_at <= 30]
    pauses = [after.sent_at - before.sent_at for before, after in zip(said, said[1:], strict=False)]
    assert max(pauses) <= FRAME_S + 1e-6
    assert len([hole for hole in desk.line.holes() if hole[0] > 21.5]) == 0


def test_what_was_heard_is_known_though_the_line_is_late():
    """`heard_ms` was too large by as much as the line was late, and so was what a vendor is told to forget."""
    network = Network(0.02, stalls=((20.0, 1.0),))
    told = []

    async def story(desk):
        await until(19)
        desk.say("u1", speech(12.0))
        await until(25)
        desk.pacer.interrupt()
        told.append((now(), desk.pacer.heard_ms("u1")))
        await until(30)

    desk = on(network, story)
    began = next(frame for frame in desk.line.frames if frame.sent_at >= 19).start
    hole = next(hole for hole in desk.line.holes() if hole[0] > 19)
    actually = 25.0 - began - (hole[1] - hole[0])
    assert told[0][1] == pytest.approx(actually * 1000, abs=60)


def test_the_record_tells_how_late_the_line_was():
    async def story(desk):
        await until(40)
        desk.pacer.settle()

    quality = on(Network(0.02, stalls=((20.0, 0.9),)), story).quality
    assert quality.line_late_ms == pytest.approx(900, abs=100)
    assert quality.lead_ms == 60
    assert quality.line_ms["p50"] == 40


# --- other networks ---

NETWORKS = {
    "good": Network(0.02),
    "jitter of 5 ms": Network(0.02, jitter_s=0.005),
    "jitter of 20 ms": Network(0.02, jitter_s=0.02),
    "bursts of 50 ms": Network(0.02, burst_s=0.05, burst_every_s=2.0),
    "bursts of 150 ms": Network(0.03, jitter_s=0.003, burst_s=0.15, burst_every_s=3.0),
    "a stall": Network(0.02, stalls=((15.0, 0.4),)),
    "three stalls": Network(0.02, stalls=((15.0, 0.3), (40.0, 1.5), (60.0, 0.2))),
    "a quick clock": Network(0.02, drift_ppm=100),
    "a slow clock": Network(0.02, drift_ppm=-100),
}


def holes(network: Network, framing: Framing) -> list[tuple[float, float]]:
    """In two minutes of ambience: from when until when."""
    return on(network, listening(120), framing=framing, caller=True).line.holes()


def bursts(holes: list[tuple[float, float]], network: Network) -> int:
    """How many times the network was heard: a burst of 0.3 s may leave a hole in more than one frame."""
    begins = [since for since, _ in holes]
    return len(
        [at for before, at in zip([-1.0, *begins], begins, strict=False) if at - before > network.burst_length_s]
    )


def lengths(holes: list[tuple[float, float]]) -> float:
    return sum(until - since for since, until in holes)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_learned_lead_makes_no_more_holes_than_100_ms(name):
    """Of bursts of 50 ms a mark a second met none in the first ten seconds; the caller's own frames met them all."""
    assert len(holes(NETWORKS[name], AUTO)) <= len(holes(NETWORKS[name], FIXED))


def test_on_a_line_that_sends_evenly_the_lead_is_at_its_floor_after_ten_seconds():
    """Its own frames tell nothing then, and keep nothing back."""

    async def story(desk):
        await until(11)
        desk.pacer.settle()

    assert on(Network(0.02, jitter_s=0.002), story, caller=True).quality.lead_ms == 60


@settings(max_examples=8)
@example(Network(0.005, burst_s=0.05, burst_every_s=6.0, drift_ppm=-100.0))  # 5 and 20 ms, both in the first burst
@example(Network(0.2, burst_s=0.05, burst_every_s=6.0, drift_ppm=-100.0))  # and 3 ms, a second later
@given(
    st.builds(
        Network,
        latency_s=st.sampled_from([0.005, 0.04, 0.2]),
        jitter_s=st.sampled_from([0.0, 0.004, 0.012, 0.03]),
        burst_s=st.sampled_from([0.0, 0.05, 0.2]),
        burst_every_s=st.sampled_from([1.5, 6.0]),
        stalls=st.sampled_from([(), ((15.0, 0.4),), ((9.0, 2.0), (60.0, 0.3))]),
        drift_ppm=st.sampled_from([-100.0, 0.0, 100.0]),
    )
)
def test_on_any_network_learning_costs_the_reserve_that_was_given_up_at_most(network):
    """40 ms less in reserve, once for each time that the line was found to be late and fetched back.

    That is why a burst may be heard: the first one, on our way, where nothing was uneven for eight seconds before.
    """
    learned, fixed = holes(network, AUTO), holes(network, FIXED)
    fetched_back = 1 + len(network.stalls) + bool(network.drift_ppm)
    assert bursts(learned, network) <= bursts(fixed, network) + fetched_back
    assert lengths(learned) <= lengths(fixed) + 0.04 * fetched_back


@pytest.mark.parametrize("drift_ppm", [100, pytest.param(-100, marks=pytest.mark.chaos)])
def test_an_hour_with_another_clock(drift_ppm):
    """The line's queue grew by a third of a second, or ran dry 360 times over."""
    desk = on(Network(0.02, drift_ppm=drift_ppm), listening(3600))
    assert desk.line.holes() == []
    held = [frame.start - frame.sent_at for frame in desk.line.frames[500:]]
    assert max(held) <= 0.13


def test_an_agent_on_a_late_line_is_still_speaking_until_it_was_heard():
    """Taken for silent, an agent whom the caller cuts in on would not be stopped."""
    network = Network(0.02, stalls=((20.0, 3.0),))
    speaking = []

    async def story(desk):
        await until(19)
        desk.say("u1", speech(3.5), complete=False)  # all of it was sent before the line was known to be late
        for at in (25.2, 26.5):
            await until(at)
            speaking.append(desk.pacer.speaking)

    on(network, story)
    assert speaking == [True, False]
