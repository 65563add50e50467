"""Time goes on for the agent as it does for the caller, whatever the line loses, delays or says of its time."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.audio.caller_track import CONCEALED_SECONDS, PATIENCE, CallerTrack
from sim.speech import spoken
from tests.unit.relay.tone import largest_step, noise, sine

RATE = 8000
FRAME = 160
FRAME_S = FRAME / RATE
RIGHT = -999_999


@dataclass
class Heard:
    """A line that sends `sound` in frames, and what an agent behind a CallerTrack gets of it."""

    sound: np.ndarray
    track: CallerTrack = field(default_factory=lambda: CallerTrack(RATE))
    messages: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def frame(
        self, number: int, *, at: float | None = None, stamp: int | None = RIGHT, chunk: int | None = RIGHT
    ) -> None:
        """Frame `number` (from 0) comes when it was spoken, or `at`, with the RIGHT stamp and chunk or others."""
        at = (number + 1) * FRAME_S if at is None else at
        data = self.sound[number * FRAME : (number + 1) * FRAME].tobytes()
        stamp = number * 20 if stamp == RIGHT else stamp
        self._give(at, *self.track.arrived(data, at, stamp, number + 1 if chunk == RIGHT else chunk))

    def wait(self, until: float, step: float = 0.01) -> None:
        """Time passes in which nothing comes."""
        for now in np.arange(self.times[-1] if self.times else 0.0, until, step):
            self._give(float(now), self.track.waited(float(now)))

    def _give(self, at: float, *sounds: bytes) -> None:
        for sound in sounds:
            if sound:
                self.messages.append(sound)
                self.times.append(at)

    @property
    def all(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.messages), dtype=np.int16)


def lossy(sound: np.ndarray, lost: set[int], **how) -> Heard:
    heard = Heard(sound)
    for number in range(len(sound) // FRAME):
        if number not in lost:
            heard.frame(number, **how)
    return heard


# --- nothing is missing ---


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=40),
    st.sampled_from(["both", "stamp", "chunk", "none"]),
    st.lists(st.floats(0, 0.18), min_size=40, max_size=40),
)
def test_a_whole_line_is_bit_exact_however_it_is_cut_and_delayed(sizes, told, delays):
    """Frames of any size, up to 180 ms late: the very bytes that came, one message each."""
    sound, track, at, now, passed = noise(sum(sizes)), CallerTrack(RATE), 0, 0.0, []
    for number, (size, delay) in enumerate(zip(sizes, delays, strict=False)):
        data = sound[at : at + size].tobytes()
        stamp = at * 1000 // RATE if told in ("both", "stamp") else None
        at += size
        now = max(now, at / RATE + delay)
        assert track.waited(now) == b""
        passed += track.arrived(data, now, stamp, number if told in ("both", "chunk") else None)
    assert b"".join(passed) == sound.tobytes()
    assert len(passed) == len(sizes)
    assert (track.gap_ms, track.lost) == (0, 0)


@pytest.mark.parametrize(
    ("stamps", "chunks"),
    [
        ("ahead", "right"),
        ("ahead", None),
        ("double", None),
        ("restart", "restart"),
        ("restart", None),
        ("repeat", "repeat"),
        ("repeat", "right"),
        ("zero", "zero"),
        ("scattered", "right"),
        ("scattered", None),
        ("backwards", "backwards"),
        (None, "by ten"),
        ("huge", "huge"),
    ],
)
def test_a_line_whose_numbers_are_nonsense_is_bit_exact_all_the_same(stamps, chunks):
    """Real lines run ahead of the sound, start again, repeat themselves: no time has passed, nothing is missing."""
    scatter = np.random.default_rng(5).integers(-7, 8, 300)

    def told(how: str | None, number: int, unit: int) -> int | None:
        return {
            None: None,
            "right": number * unit,
            "ahead": number * unit * 5,
            "double": number * unit * 2,
            "restart": number % 70 * unit,
            "repeat": number // 2 * unit,
            "zero": 0,
            "scattered": number * unit + int(scatter[number]),
            "backwards": -number * unit,
            "by ten": number * 10,
            "huge": 10**11 + number**3,
        }[how]

    heard = Heard(noise(300 * FRAME))
    for number in range(300):
        jitter = 0.015 * (number % 3)
        at = (number + 1) * FRAME_S + jitter
        heard.frame(number, at=at, stamp=told(stamps, number, 20), chunk=told(chunks, number, 1))
    assert heard.all.tobytes() == heard.sound.tobytes()
    assert (heard.track.gap_ms, heard.track.lost) == (0, 0)


def test_a_line_that_begins_with_a_burst_is_bit_exact():
    """The first second comes at once, as behind a slow handshake."""
    heard = Heard(noise(100 * FRAME))
    for number in range(100):
        heard.frame(number, at=max(1.0, (number + 1) * FRAME_S))
    assert heard.all.tobytes() == heard.sound.tobytes()


# --- frames that never come ---


@pytest.mark.parametrize("told", ["both", "stamp", "chunk"])
def test_a_tenth_of_the_frames_lost_leaves_the_length_and_every_other_frame_as_it_was(told):
    """Lost frames were closed up: 8 s became 7.1 s, with steps up to 9,107 where the ends met."""
    sound = np.resize(np.concatenate([spoken(name, RATE) for name in ("caller_booking", "caller_bill")]), 8 * RATE)
    lost = {int(n) for n in np.flatnonzero(np.random.default_rng(2).random(400) < 0.1) if 3 < n < 398}
    without = {"both": {}, "stamp": {"chunk": None}, "chunk": {"stamp": None}}[told]
    heard = lossy(sound, lost, **without)
    assert len(heard.all) == len(sound)
    for number in set(range(400)) - lost:
        at = number * FRAME
        assert (heard.all[at : at + FRAME] == sound[at : at + FRAME]).all()
    assert heard.track.lost == len(lost)
    assert heard.track.gap_ms == 20 * len(lost)
    joints = [n * FRAME for n in range(1, 400) if (n in lost) != (n - 1 in lost)]
    steps = [abs(int(heard.all[at]) - int(heard.all[at - 1])) for at in joints]
    assert max(steps) <= largest_step(sound)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_up_to_60_ms_are_concealed(count):
    sound = sine(200, RATE, 1.0)
    heard = lossy(sound, set(range(20, 20 + count)))
    hole = heard.all[20 * FRAME : (20 + count) * FRAME].astype(float)
    assert len(heard.all) == len(sound)
    assert np.sqrt((hole**2).mean()) == pytest.approx(10_000 / np.sqrt(2), rel=0.15)
    assert largest_step(heard.all) <= 1.2 * largest_step(sound)


def test_a_longer_hole_is_silence_with_soft_edges():
    assert round(CONCEALED_SECONDS / FRAME_S) == 3
    sound = sine(200, RATE, 1.0)
    heard = lossy(sound, set(range(20, 24)))
    hole = heard.all[20 * FRAME : 24 * FRAME]
    assert len(heard.all) == len(sound)
    assert (hole[80:-80] == 0).all()
    assert largest_step(heard.all) <= 1.2 * largest_step(sound)


def test_a_line_that_leaves_out_silence_by_its_time_alone():
    """Chunks go on as if nothing were missing, the timestamp jumps: two seconds are two seconds."""
    heard = Heard(noise(150 * FRAME))
    for number in [*range(20), *range(120, 150)]:
        heard.frame(number, chunk=number if number < 20 else number - 100)
    assert len(heard.all) == 150 * FRAME
    assert (heard.all[120 * FRAME :] == heard.sound[120 * FRAME :]).all()
    assert (heard.track.gap_ms, heard.track.lost) == (2000, 100)


def test_a_loss_that_only_the_chunks_tell_is_filled():
    """Stamps that count what was sent on, and not what was spoken, follow each other as if nothing were missing."""
    heard, sound = Heard(noise(20 * FRAME)), 0
    for number in range(20):
        if number != 9:
            heard.frame(number, stamp=sound * 20)
            sound += 1
    assert len(heard.all) == 20 * FRAME
    assert (heard.track.gap_ms, heard.track.lost) == (20, 1)
    assert np.array_equal(heard.all[10 * FRAME :], heard.sound[10 * FRAME :])


def test_stamps_that_went_wrong_once_are_not_believed_at_once():
    heard = Heard(noise(60 * FRAME))
    for number in range(60):
        late = 0.25 if number == 30 else 0.0  # a stall, so that there was time for something to be missing
        stamp = number * 20 if number < 29 else number * 100
        heard.frame(number, at=(number + 1) * FRAME_S + late, stamp=stamp, chunk=None)
    assert heard.all.tobytes() == heard.sound.tobytes()


def test_a_frame_that_overtook_another_moves_nothing_for_good():
    heard = Heard(noise(60 * FRAME))
    for number in [*range(20), 21, 20, *range(22, 60)]:
        at = (max(number, 21) + 1) * FRAME_S if number in (20, 21) else None
        heard.frame(number, at=at)
    assert len(heard.all) == 61 * FRAME
    assert (heard.all[-38 * FRAME :] == heard.sound[-38 * FRAME :]).all()


# --- a line that says nothing ---


def test_silence_comes_in_real_time_while_the_line_says_nothing():
    """An agent that counts samples never noticed the end of a turn on a line that had gone quiet."""
    heard = Heard(sine(200, RATE, 0.4))
    for number in range(20):
        heard.frame(number)
    heard.wait(2.4)
    given = np.cumsum([len(message) // 2 for message in heard.messages]) / RATE
    assert given[-1] == pytest.approx(2.4, abs=0.05)
    for at, until in zip(heard.times[20:], given[20:], strict=True):
        assert until == pytest.approx(at, abs=0.045)  # never more than has passed, never more than two frames less
        assert until <= at
    assert heard.times[20] == pytest.approx(0.4 + PATIENCE, abs=0.011)
    assert (heard.all[20 * FRAME + 80 :] == 0).all()
    assert largest_step(heard.all) <= 1.2 * largest_step(heard.sound)
    assert {len(message) for message in heard.messages[21:]} == {2 * FRAME}


@pytest.mark.parametrize("told", ["both", "stamp"])
def test_after_a_silence_that_was_lost_time_is_right_again(told):
    heard = Heard(noise(200 * FRAME))
    for number in range(20):
        heard.frame(number)
    heard.wait(2.39)
    for number in range(119, 200):
        heard.frame(number, **({} if told == "both" else {"chunk": None}))
    assert len(heard.all) == 200 * FRAME
    assert (heard.all[119 * FRAME :] == heard.sound[119 * FRAME :]).all()
    assert heard.track.gap_ms == 99 * 20
    assert heard.track.lost == 99


def test_what_was_late_and_not_lost_is_passed_on_whole_behind_the_silence():
    heard = Heard(sine(200, RATE, 2.0))
    for number in range(20):
        heard.frame(number)
    heard.wait(1.39)
    for number in range(20, 100):
        heard.frame(number, at=max(1.4, (number + 1) * FRAME_S))
    assert (heard.all[: 20 * FRAME] == heard.sound[: 20 * FRAME]).all()
    assert (heard.all[-80 * FRAME :] == heard.sound[20 * FRAME :]).all()
    assert largest_step(heard.all) <= 1.2 * largest_step(heard.sound)
    assert heard.track.lost == 0
    assert 900 <= heard.track.gap_ms <= 1010


def test_of_what_was_held_back_every_word_is_passed_on_and_the_pauses_make_room():
    """Five seconds at once behind five of silence: fed so far ahead agents refuse, and words must not be lost."""
    sound = np.zeros(400 * FRAME, dtype=np.int16)
    for first, last in ((40, 90), (130, 180)):
        sound[first * FRAME : last * FRAME] = noise((last - first) * FRAME, first)
    heard = Heard(sound)
    for number in range(20):
        heard.frame(number)
    heard.wait(5.39)
    silent = len(heard.all)
    for number in range(20, 400):
        heard.frame(number, at=max(5.4, (number + 1) * FRAME_S))
    late = heard.all[silent + 80 :]
    words = [sound[first * FRAME : last * FRAME] for first, last in ((40, 90), (130, 180))]
    first = int(np.flatnonzero(late)[0])
    assert first == pytest.approx(0.1 * RATE, abs=FRAME)
    assert (late[first : first + len(words[0])] == words[0]).all()
    second = first + len(words[0]) + 5 * FRAME
    assert (late[second : second + len(words[1])] == words[1]).all()
    ahead_s = (len(heard.all) - 400 * FRAME) / RATE
    assert ahead_s == pytest.approx(2 * len(words[0]) / RATE + 3 * 0.1, abs=0.1)


def test_after_a_pause_that_the_line_does_not_count_every_word_is_passed_on():
    """A line that sends and numbers only what is not silence is like one that was held back, but does not rush."""
    heard = Heard(noise(200 * FRAME))
    for number in range(20):
        heard.frame(number)
    heard.wait(5.39)
    for number in range(20, 200):
        heard.frame(number, at=5.4 + (number - 20) * FRAME_S)
    assert (heard.all[-180 * FRAME :] == heard.sound[20 * FRAME :]).all()


def test_a_line_that_never_spoke_gets_no_silence():
    track = CallerTrack(RATE)
    assert track.waited(100.0) == b""
    assert track.due(100.0) == 100.0 + PATIENCE


def test_it_asks_to_be_asked_when_there_is_something_to_give():
    """Asked when it wants to be, it always gives; a call's timer neither spins nor is late."""
    track = CallerTrack(RATE)
    track.arrived(bytes(2 * FRAME), 1.0, 0, 1)
    now, given = 1.0, []
    for _ in range(50):
        now = track.due(now) + 0.001
        given.append((now, track.waited(now)))
    assert all(sound for _, sound in given)
    assert np.diff([at for at, _ in given]) == pytest.approx(np.full(49, FRAME_S), abs=0.0021)


def test_an_empty_message_is_neither_sound_nor_a_sign_of_loss():
    heard = Heard(noise(40 * FRAME))
    for number in range(40):
        heard.frame(number)
        assert heard.track.arrived(b"", (number + 1) * FRAME_S, number * 20, number + 1) == ()
    assert heard.all.tobytes() == heard.sound.tobytes()


def test_the_last_three_frames_are_kept_whether_they_are_in_turn_or_not():
    track, said = CallerTrack(RATE), [bytes([number]) * 2 * FRAME for number in range(20)]
    for number, frame in enumerate(said):
        stamp = number * 20 if number < 10 else None
        track.arrived(frame, (number + 1) * FRAME_S, stamp, None)
        assert b"".join(track._recent) == b"".join(said[: number + 1][-3:])


def test_a_line_whose_first_frames_came_late_is_measured_by_those_that_came_in_time():
    """What is lost later was not filled: by the first frame's time nothing seemed to be missing."""
    sound = noise(20 * FRAME, 1)
    heard = Heard(sound)
    for number in range(6):
        heard.frame(number, at=6 * FRAME_S)
    for number in (6, 7, 9, 10):
        heard.frame(number)
    assert (heard.track.lost, heard.track.gap_ms) == (1, 20)
    assert len(heard.all) == 11 * FRAME
    assert heard.track.position_s == 11 * FRAME_S
