"""The sound of a call: our recording, or the softphone's (`audio/{call_sid}.wav` or `.flac`), else the vendor's.

A running call, or one that has just ended, has only pieces of a recording: they are joined here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from console.calls.source import Source
from functions.webhook.joining import so_far

SUFFIXES = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg"}
_SO_FAR = "recording-so-far-"
COLUMNS = 1200
"""Columns of a waveform: about two for each pixel of its width on a laptop."""
COLUMNS_A_SECOND, MOST_COLUMNS = 4, 9600
"""The same for a long call, so that it can be zoomed."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """`cache`: a folder for files that were fetched from a bucket for playback."""

    source: Source
    cache: Path

    def file(self, call_sid: str) -> Path | None:
        """The call's sound as a file on this machine; None if there is none."""
        for suffix in SUFFIXES:
            key = f"audio/{call_sid}{suffix}"
            if self.source.folder:
                path = self.source.folder / key
                if path.is_file():
                    return path
                continue
            path = self.cache / key.replace("/", "-")
            if path.exists():
                return path
            if body := self.source.read(key):
                path.write_bytes(body)
                return path
        return self._so_far(call_sid)

    def _so_far(self, call_sid: str) -> Path | None:
        found = so_far(call_sid, self.source.store)
        if found is None:
            return None
        number, parts = found
        path = self.cache / f"{_SO_FAR}{call_sid}-{number}.wav"
        if not path.exists():
            for older in self.cache.glob(f"{_SO_FAR}{call_sid}-*.wav"):
                older.unlink(missing_ok=True)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                file.writelines(parts)
            unfinished.replace(path)
        return path


def is_unfinished(path: Path) -> bool:
    """Whether the file holds only the part of a recording that existed when it was requested."""
    return path.name.startswith(_SO_FAR)


def waveform(path: Path) -> dict[str, Any]:
    """`duration_s`, and for each channel peaks of 0 to 1, COLUMNS or more. Raises ValueError if it is not sound."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            wanted = min(MOST_COLUMNS, max(COLUMNS, file.frames * COLUMNS_A_SECOND // file.samplerate))
            size = max(1, -(-file.frames // wanted))
            columns = [np.abs(block).max(axis=0) for block in file.blocks(size, dtype="float32", always_2d=True)]
            duration_s = file.frames / file.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise ValueError(f"The sound of this call can't be read: {error}") from None
    peaks = np.array(columns or [[0.0]])
    return {"duration_s": duration_s, "channels": [[round(float(peak), 3) for peak in side] for side in peaks.T]}
