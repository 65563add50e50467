"""The ambience as the caller hears it: no seam, no click, never lost its place."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.audio import pcm
from relay.audio.ambience import LEVEL_DB, Ambience, AmbienceTrack, normalised
from relay.audio.ambience_loop import Loop
from relay.audio.edges import glide
from relay.audio.files import SoundFileError
from relay.audio.pcm import LINE_RATES
from tests.unit.relay.tone import largest_step, noise, pitch, sine, wav

RATE = 8000


def loop(sound=None) -> Loop:
    return Loop(noise(4 * RATE // 2) if sound is None else sound, RATE)


def whole(endless: Loop):
    return endless.take(0, len(endless), 1.0)


def steady(track: AmbienceTrack) -> AmbienceTrack:
    """Past its first ramp, at the start of the loop."""
    taken = track.take(len(track._loop))
    assert len(taken) == len(track._loop)
    return track


def flat(volume: float) -> AmbienceTrack:
    """On a constant sound, behind the seam: every step of the gain can be seen."""
    track = steady(AmbienceTrack(loop(np.full(5 * RATE, 10_000, dtype=np.int16)), volume))
    track.take(RATE // 20)
    return track


def played(track: AmbienceTrack, sizes: list[int]):
    return np.concatenate([track.take(size) for size in sizes])


# --- the loop ---


@pytest.mark.parametrize("hz", [100, 317.3, 1003.7])
def test_the_seam_is_not_heard(hz):
    """The tone does not fit the loop a whole number of times, so without a crossfade there would be a click."""
    endless = loop(sine(hz, RATE, 1.0))
    around = np.concatenate([whole(endless)] * 3)
    inside = largest_step(sine(hz, RATE, 1.0))
    assert largest_step(around) <= inside * 1.45  # equal power: correlated sound may rise by the root of two
    assert np.abs(around).max() <= 10_000 * 1.42


def test_the_seam_of_noise_is_as_loud_as_the_rest():
    endless = whole(loop(noise(2 * RATE))).astype(float)
    seam, rest = endless[:400], endless[400:]
    assert np.sqrt((seam**2).mean()) == pytest.approx(np.sqrt((rest**2).mean()), rel=0.15)


def test_a_loud_seam_is_held_at_the_limit():
    endless = whole(loop(np.full(RATE, 32767, dtype=np.int16)))
    assert endless.min() > 30_000


def test_the_loop_is_the_sound_without_the_part_faded_into_its_start():
    sound = noise(RATE)
    endless = loop(sound)
    seam = RATE // 20
    assert len(endless) == len(sound) - seam
    assert (whole(endless)[seam:] == sound[seam:-seam]).all()


def test_one_loop_is_shared_by_all_calls():
    ambience = Ambience(noise(RATE), RATE)
    assert ambience.at(8000) is ambience.at(8000)
    first, second = (AmbienceTrack(ambience.at(8000), 0.5) for _ in range(2))
    assert steady(first).take(100).tolist() == steady(second).take(100).tolist()
    assert first._loop is second._loop


@pytest.mark.parametrize("rate_hz", sorted(LINE_RATES))
def test_every_line_rate_has_the_same_pitch(rate_hz):
    ambience = Ambience(sine(440, 44100, 2.0), 44100)
    endless = ambience.at(rate_hz)
    assert endless.rate_hz == rate_hz
    assert pitch(whole(endless)[rate_hz // 10 :], rate_hz) == pytest.approx(440, abs=0.5)


@pytest.mark.parametrize("gain", [0.0, 0.07, 0.3, 1.0])
def test_a_part_of_the_loop_is_scaled_sample_by_sample(gain):
    endless = loop(noise(1000, seed=2))
    around = np.tile(whole(endless), 5).astype(np.float32)
    for start, count in (
        (0, 320),
        (100, 1),
        (len(endless) - 1, 1),
        (len(endless) - 1, 2),
        (50, 3 * len(endless)),
        (7, 0),
    ):
        assert (
            endless.take(start, count, gain) == (around[start : start + count] * np.float32(gain)).astype(int)
        ).all()


# --- files ---


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype"), [(8000, 1, "PCM_16"), (44100, 2, "PCM_24"), (48000, 2, "FLOAT")]
)
def test_any_file_becomes_an_ambience(tmp_path, rate_hz, channels, subtype):
    sound = sine(440, rate_hz, 1.0) / 32768
    path = wav(tmp_path / "a.wav", np.stack([sound] * channels, axis=1), rate_hz, subtype)
    endless = whole(Ambience.load(str(path)).at(8000))
    assert pitch(endless[800:], 8000) == pytest.approx(440, abs=0.5)
    assert np.abs(endless[800:]).max() == pytest.approx(32768 * 10 ** (LEVEL_DB / 20) * 2**0.5, rel=0.05)


def test_raw_sound_becomes_an_ambience(tmp_path):
    (tmp_path / "a.pcm").write_bytes(noise(RATE).tobytes())
    assert (whole(Ambience.load(str(tmp_path / "a.pcm")).at(8000))[400:] == normalised(noise(RATE))[400:-400]).all()


def test_the_office_comes_with_the_relay():
    office = Ambience.load("office").at(8000)
    assert len(office) > 10 * 8000
    assert 100 < np.abs(whole(office)).max() < 32767


def test_too_short_an_ambience_is_refused(tmp_path):
    path = wav(tmp_path / "blip.wav", noise(RATE // 4), RATE)
    with pytest.raises(SoundFileError, match=r"blip\.wav: expected at least half a second, got 0\.25 s"):
        Ambience.load(str(path))
    with pytest.raises(SoundFileError, match=r"got 0\.49 s"):
        Ambience.load(str(wav(tmp_path / "blip.wav", noise(round(0.49 * RATE)), RATE)))
    assert Ambience.load(str(wav(tmp_path / "half.wav", noise(RATE // 2), RATE)))


def test_an_ambience_that_is_not_there():
    with pytest.raises(SoundFileError, match=r"no/such\.wav"):
        Ambience.load("no/such.wav")


# --- a call's place in it ---


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=30), st.sampled_from([0.1, 0.3, 1.0]))
def test_a_steady_ambience_is_the_scaled_loop_sample_by_sample(sizes, volume):
    endless = loop(noise(RATE))
    track = steady(AmbienceTrack(endless, volume))
    heard = played(track, sizes)
    around = np.tile(whole(endless), sum(sizes) // len(endless) + 1)[: len(heard)]
    assert np.abs(heard - around * volume).max() <= 1


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=10), st.lists(st.integers(1, 3000), min_size=1, max_size=10))
def test_frames_of_any_size_give_the_same_sound(sizes, others):
    endless = loop(noise(RATE))
    count = min(sum(sizes), sum(others))
    one, other = (played(AmbienceTrack(endless, 0.5), cut)[:count] for cut in (sizes, others))
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_a_frame_longer_than_the_loop_goes_round_it():
    endless = loop(noise(RATE))
    track = steady(AmbienceTrack(endless, 1.0))
    assert (track.take(2 * len(endless) + 5) == np.tile(whole(endless), 3)[: 2 * len(endless) + 5]).all()


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0), (0.2, 0.9), (0.9, 0.2)])
@pytest.mark.parametrize("frame", [160, 800, 1600])
def test_a_change_of_volume_is_a_ramp(start, end, frame):
    track = flat(start)
    before = track.take(frame)
    track.volume = end
    heard = np.concatenate([before, played(track, [frame] * 8)])
    assert heard[0] == pytest.approx(10_000 * start, abs=1)
    assert heard[-1] == pytest.approx(10_000 * end, abs=1)
    assert largest_step(heard) <= 10_000 / (0.08 * RATE) + 2
    changing = np.count_nonzero(np.diff(heard))
    assert changing / RATE <= 0.08 + 0.001  # it is over before anybody wonders whether it was heard


def test_a_change_in_the_middle_of_a_ramp_goes_on_from_there():
    track = flat(0.0)
    track.volume = 1.0
    rising = track.take(160)
    track.volume = 0.0
    falling = track.take(160)
    assert rising[-1] == pytest.approx(2500, abs=5)
    assert largest_step(np.concatenate([rising, falling])) <= 18
    assert falling[-1] <= 20


@given(
    st.lists(
        st.tuples(st.integers(1, 900), st.none() | st.floats(0, 1), st.booleans(), st.integers(0, 1600)),
        min_size=1,
        max_size=25,
    )
)
def test_it_keeps_its_place_whatever_is_changed(steps):
    """Volume, switching and rewinding move nothing but what they are for: each sample is the loop's at its place."""
    endless = loop(noise(RATE))
    full = whole(endless).astype(float)
    track, place = AmbienceTrack(endless, 0.5), 0
    gain = 0.0
    for count, volume, enabled, back in steps:
        track.volume = track.volume if volume is None else volume
        track.enabled = enabled
        target = round(track.volume, 2) if enabled else 0.0  # gains come in hundredths
        heard = track.take(count)
        step = 1 / (0.08 * RATE)
        gains = np.array(
            [gain + np.sign(target - gain) * min(step * (n + 1), abs(target - gain)) for n in range(count)]
        )
        gain = gains[-1]
        assert np.abs(heard - full[(place + np.arange(count)) % len(full)] * gains).max() <= 3
        track.rewind(back)
        place += count - back


def test_it_starts_from_silence():
    heard = AmbienceTrack(loop(np.full(RATE, 10_000, dtype=np.int16)), 1.0).take(800)
    assert heard[0] < 30
    assert largest_step(heard[400:]) <= 18
    assert heard[700] == 10_000


def test_silent_means_that_the_line_can_be_left_alone():
    track = AmbienceTrack(loop(), 0.5, enabled=False)
    assert track.silent
    track.enabled = True
    assert not track.silent  # asked for, if not heard yet
    track.take(800)
    track.volume = 0.0
    assert not track.silent  # the ramp down is still to come
    track.take(800)
    assert track.silent


def test_rewinding_plays_the_same_again():
    track = steady(AmbienceTrack(loop(), 0.5))
    first = track.take(1000)
    track.rewind(600)
    assert (track.take(600) == first[400:]).all()


def test_rewinding_over_the_seam():
    endless = loop()
    track = steady(AmbienceTrack(endless, 1.0))
    track.rewind(10)
    assert (track.take(20) == np.concatenate([whole(endless)[-10:], whole(endless)[:10]])).all()


# --- as loud as any other ---


@pytest.mark.parametrize("level", [30, 500, 8000, 25_000])
def test_any_file_is_as_loud_as_any_other(level):
    """Files came as loud as their makers had left them: 0.3 was 10 dB under the voice with one, 46 with the next."""
    rms = np.sqrt((normalised(noise(RATE, level=level)).astype(float) ** 2).mean())
    assert 20 * np.log10(rms / 32768) == pytest.approx(LEVEL_DB, abs=0.1)


def test_rare_loud_sounds_are_not_clipped_to_make_the_rest_louder():
    sound = np.zeros(10 * RATE, dtype=np.int16)
    sound[::4000] = 3000
    assert normalised(sound).max() == 30_000
    assert np.count_nonzero(normalised(sound)) == len(sound[::4000])


def test_silence_stays_silence():
    assert not normalised(np.zeros(RATE, dtype=np.int16)).any()


def test_a_call_may_begin_anywhere():
    endless = loop()
    late = AmbienceTrack(endless, 1.0, start=3 * len(endless) + 500)
    early = AmbienceTrack(endless, 1.0)
    early.take(500)
    steady(late), steady(early)
    assert (late.take(1000) == early.take(1000)).all()


# --- under speech ---


def ducked(duck_db: float = 6.0, volume: float = 1.0) -> AmbienceTrack:
    track = AmbienceTrack(loop(np.full(5 * RATE, 10_000, dtype=np.int16)), volume, duck_db=duck_db, start=RATE)
    track.take(RATE)
    return track


@pytest.mark.parametrize("frame", [160, 320, 800])
def test_it_makes_room_for_speech_in_50_ms_and_comes_back_in_400(frame):
    track = ducked()
    low = round(10_000 * 10 ** (-6 / 20))
    down = played_under(track, [(frame, (0, frame))] * (RATE // 2 // frame))
    up = played_under(track, [(frame, (0, 0))] * (RATE // frame))
    assert down[0] < 10_000
    assert abs(down[round(0.05 * RATE)] - low) <= 1
    assert abs(down[-1] - low) <= 1
    assert abs(up[round(0.2 * RATE)] - (10_000 + low) // 2) <= 20
    assert up[round(0.4 * RATE) + 1] == 10_000
    assert largest_step(np.concatenate([down, up])) <= (10_000 - low) / (0.05 * RATE) + 2


def test_ducking_starts_with_the_speech_and_not_before():
    track = ducked()
    heard = track.take(1600, (600, 1200))
    assert (heard[:600] == 10_000).all()
    assert (np.diff(heard.astype(int))[600:990] < 0).all()
    assert heard[1199] == heard[1100]
    assert heard[-1] > heard[1199]


def test_after_speech_it_rises_to_its_own_volume():
    track, low = ducked(volume=0.3), 3000 * 10 ** (-6 / 20)
    played_under(track, [(800, (0, 800))] * 2)
    rise = [track.take(320) for _ in range(10)]
    assert rise[0][0] == pytest.approx(low, abs=2)
    assert rise[4][-1] == pytest.approx((low + 3000) / 2, abs=2)
    assert rise[9][-1] == 3000


@pytest.mark.parametrize("speech", [(1, 800), (0, 1), (799, 800), (0, 799)])
def test_speech_may_begin_or_end_one_sample_from_the_edge_of_a_frame(speech):
    """A ramp of a single sample: the volume goes on from where it is, to its end."""
    track, low = ducked(), 10_000 * 10 ** (-6 / 20)
    heard = played_under(track, [(800, speech)] + [(800, (0, 800))] * 2)
    assert largest_step(heard) <= (10_000 - low) / (0.05 * RATE) + 2
    assert heard[-1] == pytest.approx(low, abs=1)


def test_without_ducking_speech_changes_nothing():
    track, other = ducked(0.0), ducked(0.0)
    assert (track.take(1000, (100, 900)) == other.take(1000)).all()


def test_a_change_of_volume_under_speech():
    track = ducked()
    played_under(track, [(800, (0, 800))] * 2)
    track.volume = 0.5
    heard = played_under(track, [(800, (0, 800))] * 2)
    assert abs(heard[-1] - 5000 * 10 ** (-6 / 20)) <= 1
    assert largest_step(heard) <= 10_000 * 0.51 / (0.08 * RATE) + 2


def played_under(track: AmbienceTrack, frames: list[tuple[int, tuple[int, int]]]):
    return np.concatenate([track.take(count, speech) for count, speech in frames])


def test_a_ramp_always_arrives():
    """In 32-bit numbers start + (target - start) is not always target: a ramp never ended, and cost every frame."""
    track = AmbienceTrack(loop(noise(RATE)), 0.3)
    for hundredths in range(101):
        track.volume = hundredths / 100
        track.take(RATE // 8)
        assert type(track._gains(1)) is float


# --- from one to another ---


def test_another_ambience_comes_up_while_the_one_before_goes_down():
    """No hole, no click, and after that nothing of the first."""
    before, after = flat(1.0), AmbienceTrack(loop(np.full(RATE, 5_000, dtype=np.int16)), 1.0)
    after.take(RATE // 20)
    after._gain = 0.0
    after.follow(before)
    heard = np.concatenate([np.full(1, 10_000, np.int16), played(after, [320] * 10)])
    assert heard.min() >= 5_000
    assert largest_step(heard) < 50
    assert (heard[-1600:] == 5_000).all()
    assert after._leaving is None


def test_an_ambience_that_is_followed_by_silence_is_heard_going():
    before, after = flat(1.0), AmbienceTrack(loop(), 0.0)
    after.follow(before)
    assert not after.silent
    heard = played(after, [320] * 10)
    assert heard[0] > 9_000
    assert not heard[-320:].any()
    assert after.silent


def test_no_more_than_two_are_heard_at_the_same_time():
    first, second, third = flat(1.0), AmbienceTrack(loop(), 0.5), AmbienceTrack(loop(), 0.5)
    second.follow(first)
    third.follow(second)
    assert second._leaving is None


def test_what_the_line_dropped_is_played_again_of_both():
    before, after = flat(1.0), AmbienceTrack(loop(), 0.5)
    after.follow(before)
    places = before._cursor, after._cursor
    after.take(320)
    after.rewind(320)
    assert (before._cursor, after._cursor) == places


class Written(AmbienceTrack):
    """One sound alone, with its gains written out for every sample of a frame: slow, and easy to see through."""

    def take(self, count, speech=(0, 0)):
        sound = np.take(whole(self._loop), range(self._cursor, self._cursor + count), mode="wrap")
        self._cursor = (self._cursor + count) % len(self._loop)
        steady = self._gain == self._target
        gains, ducked = self._way(count), np.full(count, self._ducked, np.float32)
        first, last = speech
        for target, begin, end, step in (
            (1.0, 0, first, self._rise),
            (self._floor, first, last, self._fall),
            (1.0, last, count, self._rise),
        ):
            if begin < end and self._ducked != target:
                steady = False
                ducked[begin:end] = glide(self._ducked, target, step, end - begin)
                self._ducked = target if ducked[end - 1] == np.float32(target) else float(ducked[end - 1])
            elif begin < end:
                ducked[begin:end] = target
        if steady:  # a glide of one sample is none of these
            return pcm.scale(sound, round(float(self._gain) * float(self._ducked), 4))
        return pcm.scale(sound, gains * ducked)

    def _way(self, count):
        if self._gain == self._target:
            return np.full(count, self._gain, np.float32)
        gains = glide(self._gain, self._target, self._step, count)
        self._gain = self._target if gains[-1] == np.float32(self._target) else float(gains[-1])
        return gains


@example([("", 1256, (0, 0)), ("", 1, (0, 1))])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "louder", "quieter", "off", "on", "fade"]),
            st.integers(1, 900),
            st.tuples(st.integers(0, 900), st.integers(0, 900)),
        ),
        max_size=20,
    )
)
def test_a_frame_is_made_of_its_gains_sample_by_sample(steps):
    """Whatever a frame is made from (a whole loop, a glide in one pass, arrays), none of it makes another sound."""
    tracks = [kind(loop(noise(4000, seed=4)), 0.5, duck_db=6.0) for kind in (AmbienceTrack, Written)]
    for what, count, ends in steps:
        for track in tracks:
            if what in {"louder", "quieter"}:
                track.volume = {"louder": 1.0, "quieter": 0.07}[what]
            elif what in {"off", "on"}:
                track.enabled = what == "on"
            elif what == "fade":
                track.fade_out(0.1)
        speech = (min(*ends, count), min(max(ends), count)) if min(ends) < count else (0, 0)
        heard, written = (track.take(count, speech) for track in tracks)
        assert heard.tolist() == written.tolist()
