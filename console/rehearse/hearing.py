"""The agent's words as they were heard, by speech recognition, if the suite asks for it."""

import asyncio
import importlib
import tempfile
from pathlib import Path
from typing import Any, Final

from console.rehearse.suite import SuiteError
from sim.sound import Pcm, resampled
from sim.speech import write_wav

_MODEL_HZ: Final = 16_000
_PATIENCE_S: Final = 120.0


async def words(heard: Pcm, rate_hz: int, hearing: str | tuple[str, ...]) -> str:
    """The text of what the caller heard. `hearing` is `pocketsphinx` or a command. Raises SuiteError."""
    if hearing == "pocketsphinx":
        return await asyncio.to_thread(_pocketsphinx, heard, rate_hz)
    if isinstance(hearing, str):
        raise SuiteError(f"hearing = {hearing!r}: expected record, pocketsphinx, or a command as a list of words")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "heard.wav"
        write_wav(file, rate_hz, heard)
        command = [word.replace("{file}", str(file)) for word in hearing]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise SuiteError(f"hearing: {command[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                text, problem = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise SuiteError(f"hearing: {command[0]} took longer than {_PATIENCE_S:g} s") from None
    if process.returncode:
        raise SuiteError(f"hearing: {command[0]}: {problem.decode(errors='replace')[-200:].strip()}")
    return text.decode(errors="replace").strip()


def check(hearing: str | tuple[str, ...]) -> None:
    """Called before the first call. Raises SuiteError."""
    if hearing == "pocketsphinx":
        _decoder()
    elif isinstance(hearing, str) and hearing != "record":
        raise SuiteError(f"hearing = {hearing!r}: expected record, pocketsphinx, or a command as a list of words")


def _pocketsphinx(heard: Pcm, rate_hz: int) -> str:
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(resampled(heard, rate_hz, _MODEL_HZ).tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


def _decoder() -> Any:
    try:
        return importlib.import_module("pocketsphinx").Decoder(loglevel="FATAL")
    except ModuleNotFoundError:
        raise SuiteError("hearing = 'pocketsphinx': pip install pocketsphinx") from None
