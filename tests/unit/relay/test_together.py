"""What is found in several voices at once is what is found in each alone."""

import numpy as np
import pytest

from relay.audio.levels import block_levels
from relay.audio.together import Together
from relay.audio.voice_runs import hisses_of
from tests.unit.relay.tone import noise


def voices(rate_hz):
    """Of all lengths, quiet and loud, with and without a rest, more of them than fit into one row."""
    for number, seconds in enumerate((0.5, 0.26, 1.1, 0.01, 0.513, 0.0251, 0.5, 0.5, 3.0, 0.2)):
        slower = rate_hz // 8000 * (1 + number % 2)  # 40 changes of sign in a block, or 20
        sound = np.repeat(noise(rate_hz, seed=number), slower)[: round(seconds * rate_hz)] // (1 if number % 3 else 40)
        if number in {1, 4, 7}:
            sound[[5, 17, 80]] = 32767, -32768, -32767
        yield sound


def frames_of(sound):
    data = sound.tobytes()
    return [data[at : at + 334] for at in range(0, len(data), 334)]


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_each_voice_has_its_own_levels_and_hisses_and_samples_at_full_scale(rate_hz):
    together, block = Together(rate_hz), rate_hz // 100
    sounds = list(voices(rate_hz))
    rests = [together.add(frames_of(sound), 2 * len(sound)) for sound in sounds]
    levels = together.levels()
    assert len(levels) == together.ends[-1]
    assert len(together._rows) > 3
    assert together.firsts == [0, *together.ends[:-1]]
    clipped = []
    for number, sound in enumerate(sounds):
        alone, whole = block_levels(sound, rate_hz), len(sound) // block * block
        assert rests[number] == sound[whole:].tobytes()
        assert levels[together.firsts[number] : together.ends[number]].tolist() == alone.tolist()
        assert together.hisses(number) == hisses_of(sound[:whole], block, [0])
        clipped.append(together.clipped(number, float(alone.max())))
    assert clipped == [0, 3, 0, 0, 3, 0, 0, 3, 0, 0]
    assert {1, 0} == set(b"".join(map(together.hisses, range(len(sounds)))))


def test_no_voice_changes_its_sign_because_another_one_came_before_it():
    together, ends, begins = Together(8000), np.full(80, -9, np.int16), np.full(80, 9, np.int16)
    begins[1:28:2] = -9  # 27 changes, one less than a hiss has
    begins[28:] = -9
    for sound in (ends, begins):
        together.add([sound.tobytes()], 160)
    together.levels()
    assert len(together._rows) == 1
    assert (together.hisses(0), together.hisses(1)) == (b"\0", b"\0")
    begins[29:] = 9
    assert hisses_of(begins, 80, [0]) == b"\1", "one more is a hiss"
