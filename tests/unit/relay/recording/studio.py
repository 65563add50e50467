"""A recorder whose pieces stay here: written at once instead of in another thread, and never uploaded."""

import asyncio
from concurrent.futures import Executor, Future

import numpy as np

from common.recording import PIECE_SECONDS, read_head
from relay.audio import pcm
from relay.recording.recorder import Recorder
from relay.recording.spans import Spans


class AtOnce(Executor):
    """Does the work where it is asked for."""

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - for whoever asks the future
            future.set_exception(error)
        return future


class Shelf:
    """Takes the place of StreamUploads. `done_at`: when each piece was ready, in seconds of the call."""

    def __init__(self) -> None:
        self.pieces: dict[int, asyncio.Future] = {}
        self.done_at: dict[int, float] = {}
        self.missing = Spans()

    def add(self, number, piece) -> None:
        self.pieces[number] = piece
        self.done_at[number] = asyncio.get_running_loop().time()

    def give_up(self, why) -> None:
        pass

    async def close(self):
        return len(self.pieces), self.missing


class Studio:
    """A recorder of a call that began at the loop's 0."""

    def __init__(self, rate_hz: int = 8000, mode: str = "both", executor: Executor | None = None, **options) -> None:
        self.shelf = Shelf()
        self.rate_hz = rate_hz
        self.defects: list[BaseException] = []
        self.recorder = Recorder(
            rate_hz,
            mode,
            0.0,
            executor=executor or AtOnce(),
            uploads=self.shelf,
            on_defect=self.defects.append,
            **options,
        )

    async def developed(self):
        """The end of the call: its sides as samples, one row each, and what the record says."""
        said = await self.recorder.result()
        assert self.defects == []
        size = PIECE_SECONDS * self.rate_hz
        sides = np.zeros((said["channels"], (max(self.shelf.pieces, default=-1) + 1) * size), dtype=np.int16)
        for number, coming in self.shelf.pieces.items():
            file = await coming
            if file is None:
                continue
            with file:
                file.seek(0)
                content = file.read()
            rate_hz, channels, frames = read_head(content)
            assert (rate_hz, channels, frames) == (self.rate_hz, said["channels"], size)
            sound = pcm.ulaw_decode(content[-frames * channels :]).reshape(frames, channels).T
            sides[:, number * size : (number + 1) * size] = sound
        end = said["duration_ms"] * self.rate_hz // 1000
        assert not sides[:, end + self.rate_hz // 1000 :].any()  # a millisecond is what the figure is rounded to
        return sides[:, :end], said


def as_kept(sound) -> np.ndarray:
    """`sound` as μ-law leaves it."""
    return pcm.ulaw_decode(pcm.ulaw_encode(np.asarray(sound, dtype=np.int16)))
