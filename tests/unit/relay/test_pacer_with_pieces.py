"""Agents that send their speech in pieces, in real time or slower: no hole that could be helped."""

import numpy as np
import pytest

from relay.audio.ambience import AmbienceTrack
from relay.audio.edges import fade_out
from relay.line.framing import Framing
from tests.unit.relay.test_pacer import RATE, Desk, at_desk, now, speech, stall, until

FRAMING = Framing(RATE, 320, 160)


def pieces(piece_s: float, *, speed: float = 1.0, seconds: float = 2.0, begins_at: float = 5.0, utterances: int = 1):
    """An agent that sends `piece_s` of speech at a time, `speed` times as quick as it is spoken."""

    async def story(desk):
        size = round(piece_s * RATE) * 2
        for utterance in range(utterances):
            sound = speech(seconds, seed=utterance + 1)
            began = begins_at + utterance * (seconds / speed + 2.0)
            for number, at in enumerate(range(0, len(sound), size)):
                await until(began + number * piece_s / speed)
                desk.say(f"u{utterance}", sound[at : at + size], complete=at + size >= len(sound))
        await until(now() + 4.0)

    return story


def spoken_on(desk: Desk, ambience: float | None):
    """What was heard without the ambience."""
    heard = desk.line.heard().astype(int)
    return heard - AmbienceTrack(desk.endless, ambience).take(len(heard)) if ambience else heard


@pytest.mark.parametrize("ambience", [None, 1.0])
@pytest.mark.parametrize("begins_at", [5.0, 5.013, 5.029])
@pytest.mark.parametrize("piece_ms", [10, 20, 30, 40, 60, 101])
def test_regular_pieces_have_no_hole(piece_ms, begins_at, ambience):
    """Perfectly regular ones had a hole of 40 to 60 ms in the first word of every utterance, and design D2 said that
    they had none."""
    desk = at_desk(pieces(piece_ms / 1000, begins_at=begins_at, utterances=3), framing=FRAMING, ambience=ambience)
    spoken = spoken_on(desk, ambience)
    for utterance in range(3):
        words = np.frombuffer(speech(2.0, seed=utterance + 1), np.int16)
        began = begins_at + utterance * 4.0
        place = next(at for at in range(round(began * RATE), len(spoken)) if spoken[at] == words[0] != 0)
        assert (spoken[place : place + len(words)] == words).all()
        assert place / RATE - began <= 0.055 + 0.06 + 1e-6
    assert desk.quality.gaps == 0


@pytest.mark.parametrize("ambience", [None, 0.5])
def test_an_agent_slower_than_speech_pauses_instead_of_stuttering(ambience):
    """Speech at 0.8 of its pace had 59 holes of 25 ms in six seconds."""
    desk = at_desk(pieces(0.02, speed=0.8, seconds=4.8), framing=FRAMING, ambience=ambience)
    spoken = spoken_on(desk, ambience)
    pauses = 0
    quiet = np.abs(spoken[5 * RATE :]) < 3
    first, last = np.flatnonzero(~quiet)[[0, -1]]
    run = 0
    for is_quiet in quiet[first:last]:
        run = run + 1 if is_quiet else 0
        pauses += run == RATE // 100
    assert 1 <= pauses <= 6
    assert desk.heard == [("u0", 4800, False)]


def test_the_edges_of_a_hole_are_soft():
    async def story(desk):
        loud = np.full(RATE, 16_000, np.int16).tobytes()
        await until(1)
        desk.say("u1", loud[:4000], complete=False)
        await until(2)
        desk.say("u1", loud[:4000])
        await until(4)

    desk = at_desk(story, framing=FRAMING)
    heard = desk.line.heard()[RATE + 10 :]
    steps = np.abs(np.diff(heard.astype(int)))
    begins_and_ends = np.flatnonzero(steps > 1600)
    assert len(begins_and_ends) == 1  # the end of the utterance is as the agent made it
    assert desk.quality.gaps == 1


@pytest.mark.parametrize("ambience", [None, 0.5])
def test_an_interruption_ends_softly(ambience):
    async def story(desk):
        await until(1)
        desk.say("u1", np.full(3 * RATE, 16_000, np.int16).tobytes())
        await until(2.017)
        desk.pacer.interrupt()
        await until(4)

    desk = at_desk(story, framing=FRAMING, ambience=ambience)
    spoken = spoken_on(desk, ambience)
    end = np.flatnonzero(np.abs(spoken) > 2)[-1]
    assert end / RATE - 2.017 <= 0.045 + 1e-6
    assert np.abs(np.diff(spoken[end - 200 : end + 200])).max() <= 16_000 / 40 * 2


def test_a_busy_loop_is_answered_with_more_reserve():
    async def story(desk):
        await until(20)
        for _ in range(3):
            stall(0.1)
            await until(now() + 1)
        await until(30)

    desk = at_desk(story, framing=FRAMING, ambience=0.5)
    assert desk.quality.gaps <= 2
    assert desk.pacer._lead.seconds >= 0.1


def test_what_fades_out_behind_an_interruption_is_what_would_have_come_next():
    sound = np.frombuffer(speech(3.0), np.int16)

    async def story(desk):
        await until(1)
        desk.say("u1", sound.tobytes())
        await until(2.017)
        desk.pacer.interrupt()
        await until(4)

    desk = at_desk(story, framing=FRAMING)
    heard = desk.line.heard()
    began = next(at for at in range(RATE, 2 * RATE) if heard[at] == sound[0] != 0)
    edge = desk.line.frames[-1]
    at = round(edge.start * RATE) - began
    expected = fade_out(sound[at : at + 40].tobytes(), 40)
    assert edge.pcm[:80] == expected
