"""Both sides of a recording stay together: a caller who sings back what is heard is recorded in the same place."""

import asyncio

import numpy as np
import pytest

from relay.line.framing import Framing
from sim.network import Network
from tests.unit.relay.recording.studio import Studio
from tests.unit.relay.test_pacer import RATE, Desk, at_desk, until

CLICK = (np.sign(np.sin(np.arange(160))) * 20_000).astype(np.int16).tobytes()


class Singer:
    """The caller: says exactly what the line plays, in the line's own time, over the line's own network."""

    def __init__(
        self, desk: Desk, studio: Studio, *, silent: tuple[float, float] = (0.0, 0.0), frame_s: float = 0.1
    ) -> None:
        self._desk = desk
        self._frame_s = frame_s
        self._studio = studio
        self._silent = silent
        self._next = 0  # of the line's frames

    async def run(self) -> None:
        line, loop, number = self._desk.line, asyncio.get_running_loop(), 0
        size = round(self._frame_s * RATE)
        while True:
            number += 1
            await asyncio.sleep(number * size / line.rate_hz - loop.time())
            if not self._silent[0] <= loop.time() < self._silent[1]:
                sound = self._heard((number - 1) * size, size)
                loop.call_at(line.up.arrival(loop.time()), self._arrive, sound)

    def _arrive(self, sound: bytes) -> None:
        self._studio.recorder.caller(sound, 0, asyncio.get_running_loop().time())

    def _heard(self, first: int, count: int) -> bytes:
        frames, sound = self._desk.line.frames, np.zeros(count, dtype=np.int16)
        at = self._next
        while at < len(frames):
            start = round(frames[at].start * self._desk.line.rate_hz) - first
            played = np.frombuffer(frames[at].pcm, dtype=np.int16)
            if start >= count:
                break
            low, high = max(0, start), min(count, start + len(played))
            if low < high:
                sound[low:high] = played[low - start : high - start]
            if start + len(played) <= count:
                self._next = at + 1
            at += 1
        return sound.tobytes()


def recorded(
    network: Network, seconds: float, *, every: float = 7.0, ambience: float | None = 0.02, frame: int = 800, **singer
):
    """Clicks of the agent's, every few seconds, and the caller's song: both sides, and the desk."""
    made = {}

    async def story(desk: Desk) -> None:
        studio = Studio()
        desk.pacer.recorder = studio.recorder
        studio.recorder.let_caller_in()
        singing = asyncio.create_task(Singer(desk, studio, **singer).run())
        for number in range(1, int(seconds / every)):
            await until(number * every)
            desk.say(f"u{number}", CLICK)
        await until(seconds)
        made["sides"], made["said"] = await studio.developed()
        made["shelf"] = studio.shelf
        singing.cancel()

    desk = at_desk(story, framing=Framing(RATE, frame, 160), ambience=ambience, network=network)
    return made["sides"], made, desk


def onsets(side) -> np.ndarray:
    loud = np.flatnonzero(np.abs(side.astype(np.int32)) > 8000)
    return loud[np.insert(np.diff(loud) > RATE // 2, 0, True)]


def apart_ms(sides) -> np.ndarray:
    """For each click: by how much the caller's song is later than what the caller heard."""
    left, right = onsets(sides[0]), onsets(sides[1])
    assert abs(len(left) - len(right)) <= 1  # the last may not have come back
    count = min(len(left), len(right))
    return (left[:count] - right[:count]) * 1000 / RATE


@pytest.mark.parametrize("drift_ppm", [100, pytest.param(-100, marks=pytest.mark.chaos)])
def test_an_hour_on_a_line_with_another_clock_and_a_stall(drift_ppm):
    """By the clocks alone it was a third of a second, and three seconds more after the network had stood still."""
    network = Network(0.03, drift_ppm=drift_ppm, stalls=((1801.0, 3.0),))
    sides, made, desk = recorded(network, 3600, frame=1600, frame_s=0.2)
    apart = apart_ms(sides)
    assert len(apart) >= 512
    assert np.abs(apart).max() <= 20
    assert made["said"]["missing"] == []
    assert desk.line.holes()[-1][0] > 1800  # it did stand still


def test_a_good_line_is_together_to_the_millisecond():
    apart = apart_ms(recorded(Network(0.05), 120)[0])
    assert np.abs(apart[1:]).max() <= 1


@pytest.mark.parametrize("latency", [0.02, 0.4])
def test_the_way_there_and_back_is_not_between_the_two(latency):
    """What the caller answers comes a way there and back after it was sent; in the recording they stand as they met.

    Also what was said before the first echo had told how long that way is.
    """
    apart = apart_ms(recorded(Network(latency), 30, every=0.6)[0])
    assert np.abs(apart).max() <= 5


def test_a_line_with_jitter_and_bursts():
    apart = apart_ms(recorded(Network(0.03, jitter_s=0.01, burst_s=0.06), 300)[0])
    assert np.abs(apart[1:]).max() <= 20


def test_a_line_that_is_quiet_between_words():
    """Each word begins when its own message comes: so much it may be off, and no more than that."""
    apart = apart_ms(recorded(Network(0.03, jitter_s=0.004), 300, ambience=None)[0])
    assert np.abs(apart[1:]).max() <= 20


@pytest.mark.parametrize("seconds", [0.4, 1.0, 4.0])
def test_after_a_stall_the_two_are_together_again(seconds):
    """Also what was sent before the stall was noticed: it stands where the caller heard it, not where it was meant."""
    sides, _, _ = recorded(Network(0.03, stalls=((40.0, seconds),)), 120, every=0.9)
    apart = apart_ms(sides)
    before = onsets(sides[1])[: len(apart)] < 40 * RATE
    after = onsets(sides[1])[: len(apart)] > (40 + seconds + 1) * RATE
    assert np.abs(apart[before][1:]).max() <= 5
    assert np.abs(apart[after]).max() <= 20


def test_sound_that_is_lost_leaves_its_time_behind():
    """A line that sends nothing for three seconds and has no count of its own: the rest must not slide forward."""
    sides, _, _ = recorded(Network(0.03), 120, every=1.3, silent=(50.0, 53.0))
    left, right = onsets(sides[0]), onsets(sides[1])
    assert not any((left > 50.1 * RATE) & (left < 52.9 * RATE))
    for one in left:
        assert np.abs(right - one).min() <= 0.02 * RATE


def test_at_most_ten_seconds_are_not_written_yet():
    """So much a relay loses that is killed: a piece, and the second or two in which it may still change."""
    _, made, _ = recorded(Network(0.03), 100)
    waited = [at - 8 * (number + 1) for number, at in made["shelf"].done_at.items()]
    assert len(waited) == 13
    assert max(waited) <= 2.1
