"""The callers' speech: synthesised once by the voice of the suite, and cached."""

import asyncio
import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import numpy as np
import soundfile

from console.rehearse.suite import Suite, SuiteError, Voice
from sim.sound import Pcm, level_db, resampled

SPEECH_DB: Final = -20.0
"""How loud callers speak, RMS relative to full scale: a usual level on a phone line."""
_PATIENCE_S: Final = 30.0
_LARGEST: Final = 8 * 1024 * 1024


class Voices:
    """Speaks texts for the callers of a suite. Files below `cache` are named by a hash of voice and text."""

    def __init__(self, suite: Suite, cache: Path) -> None:
        self._suite = suite
        self._cache = cache
        self._under_way: dict[Path, asyncio.Task[None]] = {}

    async def speak(self, text: str, voice: Voice, rate_hz: int) -> Pcm:
        """`text` as speech at `rate_hz` and SPEECH_DB. Raises SuiteError if it fails."""
        if text.startswith("file:"):
            return sound(self._suite.sound(text.removeprefix("file:")), rate_hz)
        name = hashlib.sha256(msgspec.json.encode([voice, text])).hexdigest()[:32]
        path = self._cache / f"{name}.wav"
        if not path.exists():
            task = self._under_way.get(path) or asyncio.ensure_future(self._render(text, voice, path))
            self._under_way[path] = task
            try:
                await task
            finally:
                self._under_way.pop(path, None)
        return sound(path, rate_hz)

    async def _render(self, text: str, voice: Voice, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if voice.url:
            spoken = await _from_url(text, voice)
        else:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "speech.wav"
                await _run(_command(text, voice, file))
                if not file.exists():
                    raise SuiteError(f"{voice.command[0]}: it wrote no file")
                spoken = file.read_bytes()
        try:
            soundfile.info(io.BytesIO(spoken))
        except soundfile.LibsndfileError as error:
            raise SuiteError(f"the speech for {text[:40]!r} is not a sound file: {error}") from None
        new = path.with_suffix(".new")
        new.write_bytes(spoken)
        new.replace(path)


def sound(path: Path, rate_hz: int) -> Pcm:
    """A file as mono samples at `rate_hz`, scaled to SPEECH_DB, without silence at both ends."""
    try:
        data, found_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SuiteError(f"{path.name}: {error}") from None
    pcm = resampled((np.clip(data.mean(axis=1), -1, 1) * 32767).astype(np.int16), found_hz, rate_hz)
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 300)
    if not loud.size:
        return pcm
    pcm = pcm[loud[0] : loud[-1] + 1]
    gain = 10 ** ((SPEECH_DB - level_db(pcm)) / 20)
    louder: Pcm = np.clip(pcm.astype(np.float32) * gain, -32000, 32000).astype(np.int16)
    return louder


def _command(text: str, voice: Voice, file: Path) -> list[str]:
    if voice.command:
        return [word.replace("{text}", text).replace("{file}", str(file)) for word in voice.command]
    if shutil.which("espeak-ng") is None:
        raise SuiteError("espeak-ng is not installed: install it (apt-get install espeak-ng), or name a command or url")
    return [
        "espeak-ng",
        "-v",
        voice.espeak or "en",
        "-s",
        str(voice.speed),
        "-p",
        str(voice.pitch),
        "-w",
        str(file),
        text,
    ]


async def _run(command: list[str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise SuiteError(f"{command[0]}: {error.strerror}") from None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise SuiteError(f"{command[0]}: took longer than {_PATIENCE_S:g} s") from None
    if process.returncode:
        raise SuiteError(
            f"{command[0]}: ended with {process.returncode}: {said.decode(errors='replace')[-200:].strip()}"
        )


async def _from_url(text: str, voice: Voice) -> bytes:
    key = os.environ.get(voice.key_env, "") if voice.key_env else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S), trust_env=True) as http,
            http.post(
                voice.url, json={"text": text, "voice": voice.espeak}, headers=headers, allow_redirects=False
            ) as answer,
        ):
            body = await answer.content.read(_LARGEST + 1)
            if answer.status != 200 or len(body) > _LARGEST:
                raise SuiteError(
                    f"{voice.url}: answered {answer.status} with {len(body)} bytes, expected 200 and a WAV file"
                )
            return body
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SuiteError(f"{voice.url}: {error or 'no answer in time'}") from None
