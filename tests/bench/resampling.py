"""`python -m tests.bench.resampling`: what each way to resample a live call costs, delays and does to the sound.

Every resampler is fed 20 ms of 16-bit samples at a time, as calls are, in both directions between 8 and 16 kHz, and has
to give 16-bit samples. It backs the choice in relay/audio/resample.py.

- CPU: milliseconds per second of sound, best of five (the machine's other work can only add).
- lag: how much later a sound comes out than a wire would bring it: where a click lands in the output, plus what the
  resampler still holds back when the moment to play it has come. Typical and worst over two seconds.
- SNR: of a 1 kHz tone, all that is not the tone counted as noise and distortion. 16 bits allow some 92 dB here.
- passband: gain of a 3.4 kHz tone, the upper end of the telephone band.
- rejection: of what must not be there: going down, a 5 kHz tone folded to 3 kHz; going up, the image of 3 kHz at 5 kHz.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
import samplerate
import soxr

from relay.audio import pcm, resample
from tests.bench.figures import FRAME_IN_S

Process = Callable[[pcm.Samples], pcm.Samples]

_SECONDS = 2.0
_LEVEL = 16384
_CLICK_S = 0.0005


@dataclass(frozen=True, slots=True)
class Resampler:
    """`make(source_hz, target_hz)` gives a function that keeps its state from chunk to chunk."""

    name: str
    make: Callable[[int, int], Process]


def _in_use(source_hz: int, target_hz: int) -> Process:
    return resample.Resampler(source_hz, target_hz).process


def _on_floats(process: Callable[[np.ndarray], np.ndarray]) -> Process:
    return lambda chunk: pcm.saturate(np.rint(process(chunk.astype(np.float32))))


def _libsamplerate(quality: str) -> Resampler:
    def make(source_hz: int, target_hz: int) -> Process:
        resampler = samplerate.Resampler(quality, 1)
        return _on_floats(lambda chunk: resampler.process(chunk, target_hz / source_hz))

    return Resampler(f"libsamplerate {quality}", make)


def _soxr(quality: str, *, vr: bool = False) -> Resampler:
    def make(source_hz: int, target_hz: int) -> Process:
        stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="float32", quality=quality, vr=vr)
        return _on_floats(stream.resample_chunk)

    return Resampler(f"soxr {'vr' if vr else 'stream'} {quality}", make)


RESAMPLERS = (
    Resampler("relay.audio.resample", _in_use),
    _libsamplerate("sinc_fastest"),
    _libsamplerate("sinc_medium"),
    _soxr("QQ"),
    _soxr("LQ"),
    _soxr("MQ"),
    _soxr("HQ"),
    _soxr("HQ", vr=True),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One resampler in one direction."""

    cpu_ms: float
    lag_ms: float
    worst_lag_ms: float
    snr_db: float
    passband_db: float
    rejection_db: float


def judge(resampler: Resampler, source_hz: int, target_hz: int) -> Verdict:
    """Measure everything."""

    def through(sound: pcm.Samples) -> pcm.Samples:
        return np.concatenate(_chunks(resampler.make(source_hz, target_hz), sound, source_hz))

    up = target_hz > source_hz
    stray = through(_tone(3000 if up else 5000, source_hz))
    lag, worst_lag = _lags(resampler, source_hz, target_hz)
    return Verdict(
        cpu_ms=min(_cpu_s(resampler, source_hz, target_hz) for _ in range(5)) / _SECONDS * 1000,
        lag_ms=lag * 1000,
        worst_lag_ms=worst_lag * 1000,
        snr_db=_snr_db(through(_tone(1000, source_hz)), 1000, target_hz),
        passband_db=_gain_db(through(_tone(3400, source_hz)), 3400, target_hz),
        rejection_db=-_gain_db(stray, 5000 if up else 3000, target_hz),
    )


def _tone(hz: float, rate_hz: int) -> pcm.Samples:
    time = np.arange(round(_SECONDS * rate_hz)) / rate_hz
    return np.rint(_LEVEL * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def _chunks(process: Process, sound: pcm.Samples, rate_hz: int) -> list[pcm.Samples]:
    size = round(FRAME_IN_S * rate_hz)
    return [process(sound[at : at + size]) for at in range(0, len(sound), size)]


def _cpu_s(resampler: Resampler, source_hz: int, target_hz: int) -> float:
    process, sound = resampler.make(source_hz, target_hz), _tone(1000, source_hz)
    began = process_time()
    _chunks(process, sound, source_hz)
    return process_time() - began


def _lags(resampler: Resampler, source_hz: int, target_hz: int) -> tuple[float, float]:
    """Median and worst, in seconds."""
    struck = _SECONDS / 2
    time = np.arange(round(_SECONDS * source_hz)) / source_hz
    click = (_LEVEL * np.exp(-(((time - struck) / _CLICK_S) ** 2))).astype(np.int16)
    given = _chunks(resampler.make(source_hz, target_hz), click, source_hz)
    landed = int(np.argmax(np.concatenate(given))) / target_hz
    fed = np.arange(1, len(given) + 1) * FRAME_IN_S
    held = fed - np.cumsum([len(chunk) for chunk in given]) / target_hz
    lags = landed - struck + held
    return float(np.median(lags)), float(lags.max())


def _fit(sound: pcm.Samples, hz: float, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """The steady middle of `sound`, and the sine of `hz` that fits it best."""
    middle = sound[len(sound) // 4 : len(sound) // 4 * 3].astype(np.float64)
    angle = 2 * np.pi * hz * np.arange(len(middle)) / rate_hz
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return middle, basis @ np.linalg.lstsq(basis, middle, rcond=None)[0]


def _snr_db(sound: pcm.Samples, hz: float, rate_hz: int) -> float:
    middle, sine = _fit(sound, hz, rate_hz)
    return 10 * np.log10(np.sum(sine**2) / np.sum((middle - sine) ** 2))


def _gain_db(sound: pcm.Samples, hz: float, rate_hz: int) -> float:
    """Of the part of `sound` at `hz`, against the level that went in; 100 dB less is nothing at all in 16 bits."""
    _, sine = _fit(sound, hz, rate_hz)
    return max(-100.0, 10 * np.log10(np.mean(sine**2) / (_LEVEL**2 / 2) + 1e-12))


def table() -> str:
    """Markdown."""
    lines = [
        "| resampler | kHz | CPU ms per s | lag ms | worst lag ms | SNR dB | passband dB | rejection dB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for resampler in RESAMPLERS:
        for source_hz, target_hz in ((8000, 16000), (16000, 8000)):
            it = judge(resampler, source_hz, target_hz)
            lines.append(
                f"| {resampler.name} | {source_hz // 1000} → {target_hz // 1000} | {it.cpu_ms:.2f} | {it.lag_ms:.1f} "
                f"| {it.worst_lag_ms:.1f} | {it.snr_db:.0f} | {it.passband_db:+.2f} | {it.rejection_db:.0f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.resampling")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    text = table()
    (args.out / "resampling.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
