"""What is written in C for the image gives the same samples as the Python that runs elsewhere."""

import os
import shutil
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.audio import ambience_loop, blocks, pcm
from tests.support.terraform import cannot_run

SAMPLE = st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, -32767, -1, 0, 32767]))
SOUND = st.lists(SAMPLE, max_size=70).map(lambda found: np.array(found, np.int16).tobytes())
GAIN = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5011872336272722, 1.0]))
STEP = st.one_of(st.floats(1e-7, 1.0), st.sampled_from([1.56e-4, 1.25e-3, 1 / 640]))


@pytest.fixture(scope="module")
def waves() -> ModuleType:
    """As all tests use it (tests/support/one_pass.py)."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        cannot_run("no C compiler is installed here, so what is written in C was not tested")
    assert pcm.WAVES is not None
    return pcm.WAVES


@given(one=SOUND, other=SOUND)
@example(one=b"\x00\x80" * 40, other=b"\x00\x80" * 40)
@example(one=b"\xff\x7f" * 40, other=b"\xff\x7f" * 40)
def test_sums_are_the_same(waves: ModuleType, one: bytes, other: bytes):
    size = min(len(one), len(other))
    assert waves.mixed(one[:size], other[:size]) == pcm._mixed(one[:size], other[:size])


@given(sound=SOUND)
@example(sound=b"\x00\x80")
def test_peaks_are_the_same(waves: ModuleType, sound: bytes):
    assert waves.peak(sound) == pcm._peak(sound)
    assert waves.peak(sound + b"\x7f") == pcm._peak(sound + b"\x7f")


@given(sound=SOUND, block=st.integers(1, 70), negative=st.booleans())
@example(sound=b"\x00\x80" * 300, block=300, negative=False)
@example(sound=b"\xff\x7f\x00\x80" * 200, block=400, negative=True)
@example(sound=b"\x01\x00" * 60 + b"\xff\x7f" * 20 + bytes(40) + b"\x01\x80" * 20, block=20, negative=False)
def test_levels_are_the_same(waves: ModuleType, sound: bytes, block: int, negative: bool):
    whole = sound[: len(sound) // 2 // block * block * 2]
    assert waves.measured(whole, block, negative) == blocks._measured(whole, block, negative)


RECORDS = st.binary(min_size=4, max_size=300).map(lambda found: found[: len(found) // 4 * 4])
LEVELS = st.binary(max_size=300).map(lambda found: found[: len(found) // 2 * 2])


@given(records=RECORDS, levels=LEVELS, most=st.integers(75, 200), share=st.integers(2, 12))
@example(records=bytes(4), levels=b"", most=150, share=10)
@example(records=b"\xff" * 280, levels=b"\xfe\xff" * 70, most=150, share=2)
@example(records=b"\x01\x02\x00\x07" * 60, levels=b"\x02\x01" * 150, most=150, share=3)
def test_what_is_said_of_levels_is_the_same(waves: ModuleType, records: bytes, levels: bytes, most: int, share: int):
    levels = levels[: 2 * most]
    assert waves.summary(records, levels, most, share) == blocks._summary(records, levels, most, share)


LOOP = st.tuples(SOUND.filter(len), st.integers(0, 2**20)).map(
    lambda found: (found[0], found[1] % (len(found[0]) // 2))
)
"""And a place in it."""


@given(loop=LOOP, count=st.integers(0, 200), gain=GAIN)
@example(loop=(b"\xff\x7f\x00\x80" * 40, 70), count=40, gain=1.0)
def test_parts_of_a_loop_are_the_same(waves: ModuleType, loop: tuple[bytes, int], count: int, gain: float):
    assert waves.scaled(*loop, count, gain) == ambience_loop._scaled(*loop, count, gain)


@given(loop=LOOP, count=st.integers(1, 200), factor=GAIN, start=GAIN, target=GAIN, step=STEP)
@example(loop=(b"\xff\x7f" * 50, 20), count=50, factor=1.0, start=1.0, target=1.0, step=0.1)
@example(loop=(b"\xff\x7f" * 50, 20), count=50, factor=1.0, start=1.0, target=0.5, step=0.01)
def test_glides_are_the_same(
    waves: ModuleType, loop: tuple[bytes, int], count: int, factor: float, start: float, target: float, step: float
):
    way = (factor, start, target, step)
    assert waves.glided(*loop, count, *way) == ambience_loop._glided(*loop, count, *way)


def test_what_is_no_sound_or_number_is_refused(waves: ModuleType):
    for wrong in (lambda: waves.peak("12"), lambda: waves.mixed(b"12", None), lambda: waves.mixed(b"12")):
        pytest.raises(TypeError, wrong)
    pytest.raises(ValueError, waves.mixed, b"12", b"1234")
    pytest.raises(TypeError, waves.glided, b"12", 0, 1, 1.0, "1", 1.0, 1.0)
    pytest.raises(TypeError, waves.scaled, b"12", 0, 1)
    pytest.raises(TypeError, waves.measured, b"12", 1)
    pytest.raises(TypeError, waves.summary, b"1234", "12", 400, 10)
    pytest.raises(TypeError, waves.summary, b"1234", b"12", "400", 10)
    for records, levels, most, share in ((b"123", b"", 9, 9), (b"1234" * 10, b"", 9, 9), (b"1234", b"12" * 10, 9, 9)):
        pytest.raises(ValueError, waves.summary, records, levels, most, share)
    pytest.raises(ValueError, waves.summary, b"1234", b"", 9, 1)
    pytest.raises(ValueError, waves.summary, b"1234", b"", 2**31, 9)
    pytest.raises(TypeError, waves.measured, b"12", "1", False)
    for size in (0, -1, 2):
        pytest.raises(ValueError, waves.measured, b"12", size, False)
    for place, count in ((1, 1), (-1, 1), (0, -1)):
        pytest.raises(ValueError, waves.scaled, b"12", place, count, 1.0)


def test_tests_of_the_source_run_with_it(waves: ModuleType):
    """As calls do (tests/support/one_pass.py)."""
    assert pcm.WAVES is waves
    used = [pcm._mix_bytes, pcm._peak_of, ambience_loop._scale_part, ambience_loop._glide_part]
    used += [blocks._records, blocks.summary]
    assert used == [waves.mixed, waves.peak, waves.scaled, waves.glided, waves.measured, waves.summary]
