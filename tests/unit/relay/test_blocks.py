"""What is found in each hundredth of a second of sound, against what is known of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.audio.blocks import RECORD_BYTES, Blocks, levels_in
from relay.audio.levels import block_levels
from tests.unit.relay.tone import noise, sine

RATES = [8000, 16_000, 24_000, 44_100]


def levels(sound, rate_hz):
    """Of each block, in dB."""
    blocks = Blocks(rate_hz)
    return np.array([blocks.decibels(int(level)) for level in levels_in(blocks.hear(sound.tobytes()))])


def counts(sound, rate_hz):
    """Changes of sign and samples at full scale, of each block."""
    records = Blocks(rate_hz).hear(sound.tobytes())
    return [(records[at + 2], records[at + 3]) for at in range(0, len(records), RECORD_BYTES)]


@pytest.mark.parametrize("rate_hz", RATES)
def test_levels_are_those_of_the_sound(rate_hz):
    sound = np.rint(noise(3 * rate_hz, seed=3, level=20_000) * np.logspace(0, -4.4, 3 * rate_hz)).astype(np.int16)
    exact = block_levels(sound, rate_hz)
    assert exact.min() < -85 < -10 < exact.max()
    below = exact - levels(sound, rate_hz)
    assert -0.001 < below.min() <= below.max() < 0.035


def test_full_scale_and_silence():
    assert levels(np.full(80, -32768, np.int16), 8000) == pytest.approx([0], abs=0.001)
    assert levels(np.zeros(160, np.int16), 8000) == pytest.approx([-90, -90])
    assert levels(sine(1000, 8000, 0.01, 32767), 8000) == pytest.approx([-3.01], abs=0.035)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_level_in_decibels_is_that_of_the_blocks_that_are_as_loud(rate_hz):
    """What is louder by a little is not below it, what is quieter by a little is."""
    blocks = Blocks(rate_hz)
    for wanted in np.arange(-75, -3, 0.7):
        assert blocks.decibels(blocks.level(wanted)) == pytest.approx(wanted, abs=0.035)
        amplitude = 32768 * 10 ** (wanted / 20)
        if amplitude > 1000:
            for more, reached in ((1.004, True), (0.996, False)):
                sound = np.full(round(rate_hz / 100), round(amplitude * more), np.int16)
                [level] = levels_in(blocks.hear(sound.tobytes()))
                assert (level >= blocks.level(wanted)) == reached
    assert blocks.level(-95) == 0


@pytest.mark.parametrize("rate_hz", RATES)
def test_changes_of_sign_are_counted_also_between_two_blocks(rate_hz):
    block = round(rate_hz / 100)
    sound = np.ones(4 * block, dtype=np.int16)
    for number, changes in enumerate((28, 27, 0, 1)):
        for place in range(1, changes + 1):
            sound[number * block + place :] *= -1
    assert [changes for changes, _ in counts(sound, rate_hz)] == [28, 27, 0, 1]
    sound[block:] *= -1  # the first sample of the second block is a change as well
    assert [changes for changes, _ in counts(sound, rate_hz)] == [28, 28, 0, 1]


def test_samples_at_full_scale_are_counted_up_to_what_a_byte_holds():
    sound = noise(400, seed=2)
    sound[[5, 17, 79, 399]] = 32767, -32768, -32767, 32767
    sound[6] = -32766
    assert [full for _, full in counts(sound, 8000)] == [3, 0, 0, 0, 1]
    assert counts(np.full(441, 32767, np.int16), 44_100) == [(0, 255)]


@given(st.lists(st.integers(0, 900), min_size=1, max_size=40))
@settings(max_examples=30)
def test_however_the_sound_is_cut_each_block_is_the_same(sizes):
    sound = (noise(sum(sizes), seed=7) // 3).tobytes()
    whole, cut, at = Blocks(8000), Blocks(8000), 0
    records = b""
    for size in sizes:
        records += cut.hear(sound[2 * at : 2 * (at + size)])
        at += size
        assert len(cut.rest) < 160
    assert records == whole.hear(sound)
    assert cut.rest == whole.rest == sound[len(records) // RECORD_BYTES * 160 :]
