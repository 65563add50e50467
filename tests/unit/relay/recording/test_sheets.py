"""Pieces while they are written: random access over files without a name."""

import os

import numpy as np
import pytest

from common.recording import HEAD_BYTES, read_head
from relay.audio import pcm
from relay.recording import sheets
from relay.recording.sheets import Sheets
from tests.unit.relay.recording.studio import as_kept
from tests.unit.relay.tone import noise

SIZE = 64_000


def sides(file) -> np.ndarray:
    with file:
        content = os.pread(file.fileno(), 10**6, 0)
    _, channels, frames = read_head(content)
    assert len(content) == HEAD_BYTES + frames * channels
    return pcm.ulaw_decode(content[HEAD_BYTES:]).reshape(frames, channels).T


def test_sound_over_a_border_is_in_both_pieces():
    one, sound = Sheets(8000, 2), noise(2000, seed=1)
    one.write([(1, SIZE - 500, [sound[:700].tobytes(), sound[700:].tobytes()])])
    first, second = sides(one.take(0)), sides(one.take(1))
    assert np.array_equal(first[1][-500:], as_kept(sound[:500]))
    assert np.array_equal(second[1][:1500], as_kept(sound[500:]))
    assert not first[1][:-500].any()
    assert not second[1][1500:].any()
    assert not first[0].any()


def test_what_is_moved_leaves_silence_behind_and_may_cross_a_border():
    one, sound = Sheets(8000, 2), noise(4000, seed=1)
    one.write([(1, SIZE - 4000, [sound.tobytes()])])
    one.write([(0, SIZE - 4000, [sound.tobytes()])])
    one.shift(1, SIZE - 3000, SIZE, 2500)
    first, second = sides(one.take(0)), sides(one.take(1))
    assert np.array_equal(first[1][-4000:-3000], as_kept(sound[:1000]))
    assert not first[1][-3000:-500].any()
    assert np.array_equal(np.concatenate([first[1][-500:], second[1][:2500]]), as_kept(sound[1000:]))
    assert np.array_equal(first[0][-4000:], as_kept(sound))  # the other side stays


def test_what_is_done_is_not_touched_again():
    one, sound = Sheets(8000, 1), noise(1000, seed=1)
    one.write([(0, 0, [sound.tobytes()])])
    one.write([(0, SIZE, [sound.tobytes()])])
    assert np.array_equal(sides(one.take(0))[0][:1000], as_kept(sound))
    one.write([(0, 0, [sound.tobytes()])])
    one.shift(0, 0, SIZE + 1000, 100)
    assert one.take(0) is None
    second = sides(one.take(1))[0]
    assert not second[:100].any()
    assert np.array_equal(second[100:1100], as_kept(sound))


def test_silence_needs_no_file():
    one = Sheets(8000, 2)
    one.silence(0, 0, 10 * SIZE)
    assert one.take(0) is None
    assert one.lost == {}


def test_a_full_disk_costs_the_piece_and_is_said(monkeypatch):
    one = Sheets(8000, 2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sheets.os, "pwrite", full)
    one.write([(0, 0, [bytes(320)])])
    one.write([(0, 320, [bytes(320)])])
    assert one.take(0) is None
    assert one.lost == {0: "No space left on device"}


def test_pieces_far_ahead_are_not_opened():
    """A place that is wrong must not cost a file for each piece between."""
    one = Sheets(8000, 1)
    for number in range(20):
        one.write([(0, number * SIZE, [bytes(320)])])
    assert sum(one.take(number) is not None for number in range(20)) == 4


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory files are Linux's")
def test_without_a_folder_to_write_to_memory_serves(monkeypatch):
    monkeypatch.setattr(sheets, "on_disk", lambda: False)
    monkeypatch.setattr(sheets.tempfile, "TemporaryFile", None)
    one, sound = Sheets(8000, 1), noise(1000, seed=1)
    one.write([(0, 0, [sound.tobytes()])])
    assert np.array_equal(sides(one.take(0))[0][:1000], as_kept(sound))
