"""Pieces of a recording become one file when the call is over: once, whole, and only then do they go."""

import io
import json
import sys

import numpy as np
import pytest
import soundfile

from common import layout
from common.documents import encode
from common.env import SettingError
from common.recording import HEAD_BYTES, head
from common.times import rfc3339
from functions.webhook.flac import encoded
from functions.webhook.joining import join
from functions.webhook.settings import Settings
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore, MemoryStore

SIZE = 64_000
FILE = f"audio/{calls.CALL}.wav"


def piece(level: int, channels: int = 2, rate_hz: int = 8000) -> bytes:
    """Eight seconds in which each side holds one byte of its own."""
    sides = bytes([level, level + 100])[:channels]
    return head(rate_hz, channels, 8 * rate_hz) + sides * (8 * rate_hz)


def told(number: int = 50, stream: str = calls.STREAM, **more):
    recording = {
        "mode": "both",
        "rate_hz": 8000,
        "channels": 2,
        "duration_ms": 20_000,
        "pieces": 3,
        "paused": [{"from_ms": 5000, "to_ms": 6000, "why": "agent"}],
        "masked": [],
        "missing": [],
        **more,
    }
    return calls.event("recording.ended", number, calls.ENDED + 1, stream_sid=stream, recording=recording)


class World:
    def __init__(self, store=None) -> None:
        self.store = store or MemoryStore()
        self.clock = calls.Clock()
        self.app = calls.webhook_app(self.store, self.clock)

    def send(self, *events) -> None:
        for event in events:
            assert self.app.handle(calls.signed_event(event, now=self.clock.now)).status == 200

    def put(self, *levels, stream: str = calls.STREAM, **shape) -> None:
        """One piece for each level; none for None."""
        for number, level in enumerate(levels):
            if level is not None:
                key = f"recordings/{calls.CALL}/{stream}/{number:05}.wav"
                self.store.create(key, piece(level, **shape))

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.store.objects if key.startswith(prefix)]

    def sides(self, key: str = FILE):
        """The file's bytes, a row for each side."""
        with soundfile.SoundFile(io.BytesIO(self.store.objects[key])) as file:
            channels, frames = file.channels, file.frames
            assert (file.format, file.subtype) == ("WAV", "ULAW")
        sound = self.store.objects[key][HEAD_BYTES : HEAD_BYTES + frames * channels]
        return np.frombuffer(sound, dtype=np.uint8).reshape(frames, channels).T

    @property
    def recording(self):
        return json.loads(self.store.objects[f"logs/{calls.CALL}.json"])["recording"]


@pytest.fixture
def world():
    return World()


def test_a_call_that_is_over_is_one_file(world):
    world.put(1, 2, 3)
    world.send(calls.upload_wanted(), calls.started(), calls.ended(), told())
    world.app.sweep()
    left, right = world.sides()
    assert len(left) == 20 * 8000
    for number in range(3):
        assert set(left[number * SIZE : (number + 1) * SIZE]) == {number + 1}
        assert set(right[number * SIZE : (number + 1) * SIZE]) == {number + 101}
    assert world.keys("recordings/") == []
    assert world.recording["file"] == FILE
    assert world.recording["duration_ms"] == 20_000
    assert world.recording["pieces"] == 3
    assert world.recording["paused"] == [{"from_ms": 5000, "to_ms": 6000, "why": "agent"}]
    assert world.recording["missing"] == []
    assert world.recording["files"][0]["bytes"] == len(world.store.objects[FILE])


def test_then_nothing_is_left_to_do(world):
    world.put(1, 2, 3)
    world.send(calls.upload_wanted(), calls.started(), calls.ended(), told())
    world.app.sweep()
    before = dict(world.store.objects)
    for _ in range(3):
        world.clock.now += 400
        world.app.sweep()
    assert world.keys("pending/recordings/") == []
    assert {key: body for key, body in before.items() if not key.startswith("pending/")} == {
        key: body for key, body in world.store.objects.items() if not key.startswith("pending/")
    }


def test_a_sweep_goes_on_where_one_died_and_deletes_only_what_is_there(world, monkeypatch):
    """It asked the store to delete every piece that had ever been joined, each time it looked at the call."""
    world.put(1, 2, 3)
    world.send(calls.upload_wanted(), calls.started(), calls.ended(), told())
    gone = []
    delete = world.store.delete
    monkeypatch.setattr(world.store, "delete", lambda key: gone.append(key) or delete(key))
    assert join(calls.CALL, world.store, world.clock.now, 300)
    assert len(gone) == 3
    world.put(None, 2)  # as if the sweep had died before this one went
    assert join(calls.CALL, world.store, world.clock.now, 300)
    assert gone[3:] == [f"recordings/{calls.CALL}/{calls.STREAM}/00001.wav"]
    assert world.keys("audio/") == [FILE]


def test_a_running_call_is_left_alone(world):
    world.put(1, 2)
    world.send(calls.upload_wanted(), calls.started())
    world.clock.now += 400
    world.app.sweep()
    assert world.keys("audio/") == []
    assert len(world.keys("recordings/")) == 2
    assert len(world.keys("pending/recordings/")) == 1


def test_a_relay_that_still_uploads_is_waited_for(world):
    """The call is over, and its last pieces are on their way."""
    world.put(1, 2)
    world.send(calls.upload_wanted(), calls.started(), calls.ended())
    assert not join(calls.CALL, world.store, calls.ENDED + 299, 300)
    assert join(calls.CALL, world.store, calls.ENDED + 301, 300)


def test_what_a_relay_that_died_had_uploaded_is_waited_for_as_long(world):
    """It may only have been cut off from the functions, and not from the store."""
    world.put(1, 2)
    world.send(calls.upload_wanted(), calls.started())
    closing = {"stream_sid": calls.STREAM, "ended_at": rfc3339(calls.ENDED)}
    world.store.create(layout.piece(calls.CALL, "closed", calls.STREAM), encode(closing))
    assert not join(calls.CALL, world.store, calls.ENDED + 299, 300)
    assert join(calls.CALL, world.store, calls.ENDED + 301, 300)


def test_what_a_relay_that_died_had_uploaded_is_kept(world):
    """Nobody says how long it was, or why a piece is not there."""
    world.put(1, None, 3)
    world.send(calls.upload_wanted(), calls.started())
    for _ in range(40):
        world.clock.now += 400
        world.app.sweep()
    left, right = world.sides()
    assert len(left) == 24 * 8000
    assert set(left[SIZE : 2 * SIZE]) == set(right[SIZE : 2 * SIZE]) == {0xFF}
    assert world.recording["missing"] == [{"from_ms": 8000, "to_ms": 16_000, "why": "lost with its relay"}]
    assert world.recording["file"] == FILE
    assert world.keys("recordings/") == []


def test_missing_pieces_are_silence_as_the_relay_reported(world):
    missing = [{"from_ms": 8000, "to_ms": 16_000, "why": "HTTP 503"}]
    world.put(1, None, 3)
    world.send(calls.started(), calls.ended(), told(pieces=2, missing=missing))
    assert join(calls.CALL, world.store, world.clock.now, 300)
    assert set(world.sides()[0][SIZE : 2 * SIZE]) == {0xFF}
    assert world.recording["missing"] == missing


def test_a_recording_of_which_nothing_was_kept_is_still_told_of(world):
    missing = [{"from_ms": 0, "to_ms": 24_000, "why": "HTTP 503"}]
    world.send(calls.upload_wanted(), calls.started(), calls.ended(), told(pieces=0, missing=missing))
    world.app.sweep()
    assert (world.recording["file"], world.recording["missing"]) == (None, missing)
    assert world.keys("pending/recordings/") == [f"pending/recordings/{calls.CALL}/begun-{calls.STREAM}.json"]
    world.clock.now += 400
    world.app.sweep()
    assert world.keys("pending/recordings/") == []


def test_a_relay_that_says_nothing_of_its_recording_spoils_no_record(world):
    """An event without its details left the call without any record, for good: each fold fell over it."""
    nothing = calls.event("recording.ended", 50, calls.ENDED + 1)
    world.send(calls.started(), calls.ended(), nothing)
    assert (world.recording["file"], world.recording["channels"], world.recording["rate_hz"]) == (None, None, None)


def test_a_call_that_was_not_recorded_says_so(world):
    world.send(calls.started(), calls.ended())
    assert world.recording is None


def test_one_side_alone(world):
    world.put(1, 2, channels=1)
    world.send(calls.started(), calls.ended(), told(channels=1, mode="agent", duration_ms=12_000))
    assert join(calls.CALL, world.store, world.clock.now, 300)
    (only,) = world.sides()
    assert (len(only), set(only[:SIZE])) == (12 * 8000, {1})


def test_a_second_stream_lies_where_it_began(world):
    """A handshake's retry: its pieces count from its own beginning."""
    later = calls.started(20, stream_sid="second", started_at=calls.rfc3339(calls.STARTED + 10))
    ended = calls.ended(number=21, stream_sid="second", started_at=later["started_at"])
    world.put(1)
    world.put(7, stream="second", channels=1)
    world.send(calls.started(), calls.ended("replaced"), later, ended)
    span = {"from_ms": 100, "to_ms": 200, "why": "key"}
    world.send(told(duration_ms=6000), told(51, "second", duration_ms=8000, channels=1, masked=[span]))
    assert join(calls.CALL, world.store, world.clock.now, 300)
    left, right = world.sides()
    assert len(left) == 18 * 8000
    assert set(left[: 6 * 8000]) == {1}
    assert set(left[6 * 8000 :]) == {0xFF}
    assert set(right[6 * 8000 : 10 * 8000]) == {0xFF}
    assert set(right[10 * 8000 :]) == {7}
    assert world.recording["masked"] == [{"from_ms": 10_100, "to_ms": 10_200, "why": "key"}]


def test_what_comes_after_the_file_is_a_file_of_its_own(world):
    """The call came back to the bot when its recording had been joined."""
    world.put(1)
    world.send(calls.started(), calls.ended("transferred"), told(duration_ms=8000))
    assert join(calls.CALL, world.store, world.clock.now, 300)
    first = world.store.objects[FILE]
    later = calls.started(20, stream_sid="second", started_at=calls.rfc3339(calls.STARTED + 100))
    world.put(7, stream="second")
    world.send(later, calls.ended(number=21, stream_sid="second", started_at=later["started_at"]))
    world.send(told(51, "second", duration_ms=4000))
    assert join(calls.CALL, world.store, world.clock.now, 300)
    assert world.store.objects[FILE] == first
    second = f"audio/{calls.CALL}-2.wav"
    assert len(world.sides(second)[0]) == 4 * 8000
    assert [(one["key"], one["offset_ms"]) for one in world.recording["files"]] == [(FILE, 0), (second, 100_000)]


@pytest.mark.parametrize("body", [b"", b"RIFF", piece(2)[:-1], piece(2, rate_hz=16_000), b"\0" * len(piece(2))])
def test_a_damaged_piece_is_silence_and_said(world, body):
    world.put(1, None, 3)
    world.store.create(f"recordings/{calls.CALL}/{calls.STREAM}/00001.wav", body)
    world.send(calls.started(), calls.ended(), told())
    assert join(calls.CALL, world.store, world.clock.now, 300)
    left, _ = world.sides()
    assert set(left[SIZE : 2 * SIZE]) == {0xFF}
    assert set(left[2 * SIZE :]) == {3}
    assert world.recording["missing"] == [{"from_ms": 8000, "to_ms": 16_000, "why": "damaged"}]


def test_the_pieces_stay_where_the_file_is_somebody_elses(world):
    """As the softphone's, which writes its own."""
    world.put(1, 2, 3)
    world.store.create(FILE, b"another")
    world.send(calls.started(), calls.ended(), told())
    assert join(calls.CALL, world.store, world.clock.now, 300)
    assert world.store.objects[FILE] == b"another"
    assert len(world.keys("recordings/")) == 3
    assert world.recording["file"] is None


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_crash_at_any_point_loses_nothing(kind):
    """Before and after each operation on the store; the next sweep ends where the first would have."""

    def begun() -> World:
        world = World()
        world.put(1, 2, 3)
        world.send(calls.started(), calls.ended(), told())
        return world

    whole = begun()
    join(calls.CALL, whole.store, whole.clock.now, 300, kind=kind)
    counting = begun()
    counter = CrashingStore(counting.store, None)
    join(calls.CALL, counter, counting.clock.now, 300, kind=kind)
    for at in range(counter.operations):
        for after in (False, True):
            world = begun()
            crashing = CrashingStore(world.store, at, after=after)
            with pytest.raises(Crash):
                join(calls.CALL, crashing, world.clock.now, 300, kind=kind)
            kept = len(world.keys("recordings/"))
            assert kept == 3 or f"calls/{calls.CALL}/recording/{calls.CALL}.json" in world.store.objects
            assert join(calls.CALL, world.store, world.clock.now, 300, kind=kind)
            world.send(told())  # folds the record anew
            assert world.store.objects == whole.store.objects


def test_flac_has_the_samples_of_the_wav(world):
    """Silence for what is missing, too; the length is in its head, which a store does not let be written again."""
    files = {}
    for kind in ("wav", "flac"):
        world = World()
        world.put(1, None, 3)
        world.send(calls.started(), calls.ended(), told(duration_ms=20_001))
        assert join(calls.CALL, world.store, world.clock.now, 300, kind=kind)
        assert world.keys("recordings/") == []
        name = f"audio/{calls.CALL}.{kind}"
        [file] = world.recording["files"]
        assert (world.recording["file"], file["key"], file["bytes"]) == (name, name, len(world.store.objects[name]))
        with soundfile.SoundFile(io.BytesIO(world.store.objects[name])) as opened:
            assert (opened.format, opened.samplerate, opened.frames) == (kind.upper(), 8000, 160_008)
            files[kind] = opened.read(dtype="int16")
    assert (files["wav"] == files["flac"]).all()


def test_every_byte_of_g711_is_the_sample_that_a_wav_of_it_is():
    codes = bytes(range(256)) * 8
    expected, _ = soundfile.read(io.BytesIO(head(8000, 1, len(codes)) + codes), dtype="int16")
    written = b"".join(encoded(iter([codes[:5], codes[5:]]), 8000, 1, len(codes)))
    assert (soundfile.read(io.BytesIO(written), dtype="int16")[0] == expected).all()
    file = io.BytesIO()
    soundfile.write(file, expected, 8000, "PCM_16", format="FLAC")
    assert (written[:8], written[42:]) == (file.getvalue()[:8], file.getvalue()[42:])  # all but the head's figures


def test_flac_is_written_as_it_is_encoded():
    """An hour of it is never in memory as a whole; parts may cut a sample of both sides in two."""
    asked = 0

    def parts():
        nonlocal asked
        for _ in range(20):
            asked += 1
            yield np.random.default_rng(asked).bytes(127_999)

    frames = 20 * 127_999 // 2
    sizes = [(asked, len(part)) for part in encoded(parts(), 8000, 2, frames)]
    assert sizes[0][0] == 1
    assert sizes[0][1] > 0
    assert max(size for _, size in sizes) < 2 * 128_000


def test_what_comes_after_a_flac_file_is_a_file_of_its_own(world):
    for number, levels in enumerate(((1, 2, 3), (4, 5, 6)), start=1):
        stream = calls.STREAM if number == 1 else "second"
        world.put(*levels, stream=stream)
        since = calls.rfc3339(calls.STARTED + number)
        world.send(
            calls.started(number=10 * number, stream_sid=stream, started_at=since),
            calls.ended(number=10 * number + 1, stream_sid=stream, started_at=since),
            told(10 * number + 2, stream=stream),
        )
        assert join(calls.CALL, world.store, world.clock.now, 300, kind="flac")
    assert world.keys("audio/") == [f"audio/{calls.CALL}.flac", f"audio/{calls.CALL}-2.flac"]


def test_the_sweep_joins_into_what_the_setting_says():
    store = MemoryStore()
    store.create(f"recordings/{calls.CALL}/{calls.STREAM}/00000.wav", piece(1))
    app = calls.webhook_app(store, lambda: calls.NOW + 1000, RECORDING_FORMAT="flac")
    for event in (calls.upload_wanted(), calls.started(), calls.ended(), told(pieces=1)):
        assert app.handle(calls.signed_event(event, now=calls.NOW + 1000)).status == 200
    calls.webhook_app(store, lambda: calls.NOW + 2000, RECORDING_FORMAT="flac").sweep()
    assert [key for key in store.objects if key.startswith("audio/")] == [f"audio/{calls.CALL}.flac"]


def test_flac_without_its_library_is_refused_at_the_start(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(SettingError, match="RECORDING_FORMAT='flac': expected wav, or requirements/flac.txt"):
        Settings.from_env({**calls.ENVIRONMENT, "RECORDING_FORMAT": "flac"})
    assert Settings.from_env(calls.ENVIRONMENT).recording_format == "wav"


def test_an_hour_is_never_in_memory_as_a_whole(world, monkeypatch):
    """Parts of the file, as they are handed to the store: a piece each."""
    sizes = []

    def create_large(key, parts):
        sizes.extend(map(len, parts))
        return True

    world.put(*[1] * 30)
    world.send(calls.started(), calls.ended(), told(duration_ms=240_000))
    monkeypatch.setattr(world.store, "create_large", create_large)
    join(calls.CALL, world.store, world.clock.now, 300)
    assert max(sizes) == 2 * SIZE
    assert len(world.keys("recordings/")) == 30  # what was not written was not found again


def test_a_stream_nobody_knows_is_waited_for_and_then_joined(world):
    """Its events never came; after a day the sweep gives the marker up."""
    world.put(1, 2)
    assert not join(calls.CALL, world.store, world.clock.now, 300)
    assert join(calls.CALL, world.store, world.clock.now, 300, anyhow=True)
    assert len(world.sides()[0]) == 16 * 8000
