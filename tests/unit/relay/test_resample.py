"""The filter between two rates: what it lets through, and its arithmetic, sample by sample."""

from itertools import pairwise, permutations
from math import ceil

import numpy as np
import pytest

from relay.audio.resample import _AT_ONCE, _UNIT, Resampler, _taps
from tests.unit.relay.tone import noise

RATES = (8000, 16000, 22050, 24000, 44100, 48000)
PAIRS = list(permutations(RATES, 2))


def steps(source_hz, target_hz):
    resampler = Resampler(source_hz, target_hz)
    return resampler._up, resampler._down


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_every_sample_is_the_sum_that_the_filter_says(source_hz, target_hz):
    """Reckoned again one product at a time, in whole numbers, which have no rounding to agree about."""
    sound = noise(120, level=9000)
    up, down = steps(source_hz, target_hz)
    taps = [[int(tap / _UNIT) for tap in phase] for phase in _taps(up, down)]
    half = len(taps[0]) // 2
    silence = [0] * half
    padded = [*silence, *map(int, sound), *silence]
    expected = []
    for number in range(ceil(len(sound) * up / down)):
        first, phase = divmod(number * down, up)
        total = sum(tap * sample for tap, sample in zip(taps[phase], padded[first:], strict=False))
        expected.append(max(-32768, min(32767, round(total * _UNIT))))
    assert Resampler(source_hz, target_hz).process(sound, last=True).tolist() == expected


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_the_same_sound_comes_out_however_it_was_cut(source_hz, target_hz):
    """A burst of a second is more than one product of matrices; a single sample, or none, is not one row."""
    sound = noise(source_hz + 77, level=30000)
    whole = Resampler(source_hz, target_hz).process(sound, last=True)
    assert len(whole) * 35 > _AT_ONCE
    cut = Resampler(source_hz, target_hz)
    ends = [0, 1, 1, 2, 40, 41, 200, 1007, 5000, len(sound)]
    pieces = [cut.process(sound[begin:end]) for begin, end in pairwise(ends)]
    assert np.concatenate([*pieces, cut.process(sound[:0], last=True)]).tolist() == whole.tolist()


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_the_band_passes_whole_and_nothing_else_does(source_hz, target_hz):
    """The telephone band ends at 3.4 kHz: an s lives there, and a filter that began earlier made speech dull."""
    up, down = steps(source_hz, target_hz)
    taps = _taps(up, down)
    # all phases interleaved, the latest tap first, are the one filter at up times the source's rate
    response = np.abs(np.fft.rfft(taps[:, ::-1].T.ravel() / up, 1 << 18))
    hz = np.fft.rfftfreq(1 << 18, 1 / (source_hz * up))
    edge = min(source_hz, target_hz) / 2
    in_band, out_of_band = response[hz <= 0.85 * edge], response[hz >= 1.15 * edge]
    assert np.abs(20 * np.log10(in_band)).max() < 0.01
    assert 20 * np.log10(out_of_band.max()) < -78


@pytest.mark.parametrize("target_hz", [16000, 24000, 48000])
def test_a_whole_multiple_keeps_the_samples_there_were(target_hz):
    sound = noise(400, level=9000)
    higher = Resampler(8000, target_hz).process(sound, last=True)
    assert (higher[:: target_hz // 8000] == sound).all()


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_a_steady_level_stays_where_it_is(source_hz, target_hz):
    steady = np.full(source_hz // 10, -12345, dtype=np.int16)
    middle = Resampler(source_hz, target_hz).process(steady)[target_hz // 100 :]
    assert set(middle.tolist()) == {-12345}


@pytest.mark.parametrize(("source_hz", "target_hz"), [(8000, 16000), (16000, 8000), (24000, 8000), (8000, 24000)])
def test_the_delay_is_two_milliseconds(source_hz, target_hz):
    """What has come out is aligned with what went in; what is still held back is all the delay there is."""
    click = np.zeros(source_hz // 10, dtype=np.int16)
    click[source_hz // 20] = 32767
    out = Resampler(source_hz, target_hz).process(click)
    assert np.argmax(np.abs(out)) == target_hz // 20
    held_back = len(click) / source_hz - len(out) / target_hz
    assert held_back == pytest.approx(0.0021, abs=0.0001)


def test_calls_share_one_filter_that_nobody_can_change():
    one, other = Resampler(8000, 16000), Resampler(16000, 32000)
    assert one._taps is other._taps
    with pytest.raises(ValueError, match="read-only"):
        one._taps[0, 0] = 1


def test_of_a_burst_only_what_the_filter_still_needs_is_kept():
    """A minute of speech in one message stayed in memory, at eight bytes a sample, until the agent spoke again."""
    resampler = Resampler(16000, 8000)
    resampler.process(noise(60 * 16000))
    assert resampler._held.base is None
    assert len(resampler._held) < resampler._window
