"""`make bench-sound`: what the relay does to sound, in figures, and what each part of it costs.

Exits with 1 when a figure that was reached once is not reached any more. Likeness (PESQ, STOI) is judged by others'
software in an environment of its own (tests/bench/likeness.py).
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import thread_time

import numpy as np
import pywebrtc_audio
import soxr

from relay.audio import pcm
from relay.audio.ambience import BUILT_IN, Ambience, AmbienceTrack
from relay.audio.caller_track import CallerTrack
from relay.audio.convert import AudioFormat, Converter, Encoding
from relay.audio.echo import EchoMeter
from relay.audio.echo_gate import EchoGate
from relay.audio.line_tape import LineTape
from relay.audio.loudness import LevelMeter
from relay.audio.playout import Playout
from relay.audio.resample import Resampler
from relay.audio.slip import one_byte_off
from relay.audio.speech_level import SpeechLevel
from relay.audio.voice import VoiceActivity
from sim.sound import level_db
from sim.speech import spoken
from tests.support import amr

RATE = 8000
FRAME = 160
SAID = np.concatenate([spoken(f"agent_{name}", RATE) for name in ("clinics", "hours", "booking")])
SECONDS = len(SAID) / RATE
Figure = tuple[str, float, str, bool]
"""What, its value, its unit, whether it is as good as it was."""


def through(source_hz: int, target_hz: int, sound: pcm.Samples, cuts: Iterable[int] = ()) -> pcm.Samples:
    resampler = Resampler(source_hz, target_hz)
    parts = np.split(sound, list(cuts))
    return np.concatenate([resampler.process(part, last=part is parts[-1]) for part in parts])


def tone(hz: float, rate_hz: int, seconds: float = 0.5) -> pcm.Samples:
    return np.rint(16384 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)


def gain_db(sound: pcm.Samples, hz: float, rate_hz: int) -> float:
    middle = sound[len(sound) // 4 : -len(sound) // 4].astype(float)
    phase = 2 * np.pi * hz * np.arange(len(middle)) / rate_hz
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, middle, rcond=None)
    return float(20 * np.log10(max(np.hypot(*fit), 1e-3) / 16384))


def resampling() -> list[Figure]:
    figures: list[Figure] = []
    for source, target in ((8000, 16_000), (16_000, 8000)):
        way = f"{source // 1000} → {target // 1000} kHz"
        flat = max(abs(gain_db(through(source, target, tone(hz, source)), hz, target)) for hz in range(200, 3401, 100))
        figures.append((f"resampler {way}, furthest from flat up to 3.4 kHz", flat, "dB", flat <= 0.05))
        up = target > source
        stray = max(
            gain_db(
                through(source, target, tone(8000 - hz if not up else hz, source)), hz if not up else 8000 - hz, target
            )
            for hz in range(300, 3000, 300)
        )
        figures.append((f"resampler {way}, loudest alias or image of what is below 3 kHz", stray, "dB", stray <= -82))
        sound = spoken("agent_clinics", source)
        rng = np.random.default_rng(1)
        same = all(
            np.array_equal(
                through(source, target, sound), through(source, target, sound, sorted(rng.integers(0, len(sound), 40)))
            )
            for _ in range(5)
        )
        figures.append((f"resampler {way}, cut anywhere: different samples", 0 if same else 1, "", same))
    return figures


def exactness() -> list[Figure]:
    line = AudioFormat(Encoding.PCM, RATE)
    passed = Converter(line, line).convert(SAID.tobytes()) == SAID.tobytes()
    loop = Ambience.load("office").at(RATE)
    track = AmbienceTrack(loop, 0.3)
    track.take(RATE)
    playout = Playout(track, rate_hz=RATE)
    playout.say("u", SAID.tobytes())
    playout.complete("u")
    heard = np.concatenate([pcm.samples(playout.pull(320).pcm) for _ in range(len(SAID) // 320)])
    expected = SAID[: len(heard)].astype(int) + loop.take(RATE, len(heard), 0.3)
    off = int(np.abs(heard - np.clip(expected, -32768, 32767)).max())
    return [
        ("equal formats: bytes changed", 0 if passed else 1, "", passed),
        ("speech over ambience against their sum, largest difference", off, "of 32,768", off == 0),
    ]


def over_the_office(duck_db: float) -> tuple[pcm.Samples, pcm.Samples]:
    """Speech at -26 dBov, and what is heard of it over the office at its default volume."""
    meter = LevelMeter(RATE)
    meter.hear(SAID.tobytes())
    quiet = np.rint(SAID * 10 ** ((-26 - meter.level_db) / 20)).astype(np.int16)
    playout = Playout(AmbienceTrack(Ambience.load("office").at(RATE), 0.3, duck_db=duck_db), rate_hz=RATE)
    playout.say("u", quiet.tobytes())
    playout.complete("u")
    heard = np.concatenate([pcm.samples(playout.pull(320).pcm) for _ in range(len(quiet) // 320)])
    return quiet[: len(heard)], heard


def suppressed() -> list[Figure]:
    """What a telephone that suppresses noise (WebRTC's, at its default) leaves of each ambience after two seconds."""
    figures: list[Figure] = []
    for name in BUILT_IN:
        sound = Ambience.load(name).at(RATE).take(0, 12 * RATE, 0.3)
        suppressor = pywebrtc_audio.AudioProcessor(sample_rate=RATE, noise_suppression=True)
        left = np.concatenate([suppressor.process(part) for part in np.split(sound, len(sound) // FRAME)])
        change = level_db(left[2 * RATE :]) - level_db(sound[2 * RATE :])
        figures.append((f"noise suppression at the caller's end: {name}", change, "dB", True))
    return figures


def on_a_mobile() -> list[Figure]:
    """What a mobile's codec with discontinuous transmission makes of each ambience at its best and at its slowest rate.

    Of noise it makes up its own, and at the slowest rate 3 dB quieter.
    """
    if amr.library() is None:
        print(f"a mobile's codec: not measured, {amr.LIBRARY} is not there", file=sys.stderr)
        return []
    figures: list[Figure] = []
    for name in BUILT_IN:
        loop = Ambience.load(name).at(RATE)
        sound = loop.take(0, len(loop), 0.3)
        for kbps in amr.MODES:
            sent, what = amr.transmit(sound, kbps), f"{name} at {kbps:g} kbit/s"
            change, switches = level_db(sent.sound) - level_db(sound), sent.switches_per_second
            bright = amr.bright_db(sent.sound)
            figures += [
                (f"{what}: level", change, "dB", abs(change) <= 2),
                (f"{what}: between speech and noise", switches, "times a second", switches <= 0.5),
                (f"{what}: 2 to 3.4 kHz", bright, "dB", -15 <= bright <= -12 or name == "typing"),
            ]
    return figures


def likeness() -> list[Figure]:
    """The resampler against soxr's best, 10 % of the caller's frames lost, speech over ambience: by PESQ (narrow band)
    and STOI."""
    wide = spoken("agent_clinics", 16_000)
    best = np.clip(np.rint(soxr.resample(wide.astype(np.float64), 16_000, 8000, "VHQ")), -32768, 32767).astype(np.int16)
    lost = np.random.default_rng(2).random(len(SAID) // FRAME) < 0.1
    lost[:4] = lost[-4:] = False
    track, silent, concealed = CallerTrack(RATE), SAID.copy(), []
    for number, gone in enumerate(lost):
        if gone:
            silent[number * FRAME : (number + 1) * FRAME] = 0
            continue
        frame = SAID[number * FRAME : (number + 1) * FRAME].tobytes()
        concealed += track.arrived(frame, (number + 1) * FRAME / RATE, number * 20, number + 1)
    filled = np.frombuffer(b"".join(concealed), dtype=np.int16)
    pairs = {
        "16 → 8 kHz against soxr VHQ": (best, through(16_000, 8000, wide)),
        "10 % of the frames lost, concealed": (SAID[: len(filled)], filled),
        "10 % of the frames lost, silence instead": (SAID[: len(filled)], silent[: len(filled)]),
        "speech at -26 dBov over the office": over_the_office(0),
        "… ducked by 6 dB": over_the_office(6),
    }
    python = Path(".cache/sound/bin/python")
    if not python.exists():
        print("PESQ and STOI: not measured, .cache/sound is not there (make bench-sound makes it)", file=sys.stderr)
        return []
    asked = json.dumps({name: [side.tolist() for side in pair] for name, pair in pairs.items()})
    told = subprocess.run([python, "tests/bench/likeness.py"], input=asked, capture_output=True, text=True, check=True)
    least = {"16 → 8 kHz against soxr VHQ": (4.5, 0.999), "10 % of the frames lost, concealed": (3.5, 0.98)}
    least["… ducked by 6 dB"] = (1.6, 0.925)
    figures: list[Figure] = []
    for name, (pesq, stoi) in json.loads(told.stdout).items():
        good = least.get(name, (0.0, 0.0))
        figures += [(f"{name}: PESQ", pesq, "", pesq >= good[0]), (f"{name}: STOI", stoi, "", stoi >= good[1])]
    return figures


def playing(duck_db: float) -> float:
    """Milliseconds of CPU for a second of speech over the office, in frames of 40 ms, with a pause of a second after
    every two: the best of five.
    """
    best, loop = np.inf, Ambience.load("office").at(RATE)
    frames = [SAID[at : at + 2 * FRAME].tobytes() for at in range(0, len(SAID) - 2 * FRAME, 2 * FRAME)]
    for _ in range(5):
        playout = Playout(AmbienceTrack(loop, 0.3, duck_db=duck_db), rate_hz=RATE)
        began = thread_time()
        for number, frame in enumerate(frames):
            playout.say(str(number // 50), frame)
            if number % 50 == 49:
                playout.complete(str(number // 50))
            playout.pull(2 * FRAME)
            for _ in range(25 if number % 50 == 49 else 0):
                playout.pull(2 * FRAME)
        best = min(best, (thread_time() - began) / SECONDS * 1000)
    return best


def costs() -> list[Figure]:
    """Milliseconds of CPU a second of sound, in frames of 20 ms."""
    frames = [SAID[at : at + FRAME] for at in range(0, len(SAID) - FRAME, FRAME)]
    data = [frame.tobytes() for frame in frames]
    loud = [np.clip(frame * 8.0, -32768, 32767).astype(np.int16).tobytes() for frame in frames]
    track, voice, meter, gate = CallerTrack(RATE), VoiceActivity(RATE), LevelMeter(RATE), EchoGate(RATE)
    levels = {"gain_db": SpeechLevel(RATE, gain_db=6), "level = auto": SpeechLevel(RATE, auto=True)}
    tapes, echo = (LineTape(RATE, 2.6), LineTape(RATE, 2.6)), EchoMeter(RATE)
    for tape in tapes:
        tape.write(SAID[: 2 * RATE].tobytes(), 0)
    sides = echo.sides(*tapes, 2 * RATE)

    def each(work: Callable[[int], object]) -> float:
        began = thread_time()
        for number in range(len(frames)):
            work(number)
        return (thread_time() - began) / SECONDS * 1000

    measured = {
        "the caller's time (gaps)": each(lambda n: track.arrived(data[n], n * 0.02, n * 20, n + 1)),
        "voice detector": each(lambda n: voice.hear(data[n], n * 0.02)),
        "level meter": each(lambda n: meter.hear(data[n])),
        **{name: each(lambda n, level=level: level.process(data[n])) for name, level in levels.items()},
        "guard against sound one byte off": each(lambda n: one_byte_off(data[n], RATE)),
        "… of speech at full scale": each(lambda n: one_byte_off(loud[n], RATE)),
        "echo gate, where there is echo": each(lambda n: gate.process(data[n], frames[n])),
    }
    began = thread_time()
    for _ in range(50):
        echo.look(*sides)
    measured["one search for an echo"] = (thread_time() - began) / 50 * 1000
    measured["ducking, beside playing"] = playing(6.0) - playing(0.0)
    limits = {"voice detector": 0.1, "one search for an echo": 2.0}
    return [(f"CPU: {name}", ms, "ms", ms <= limits.get(name, np.inf) * 2) for name, ms in measured.items()]


def main() -> int:
    figures = [*resampling(), *exactness(), *likeness(), *suppressed(), *on_a_mobile(), *costs()]
    print("| What | Figure | |\n|---|--:|---|")
    for what, value, unit, good in figures:
        print(f"| {what} | {value:.4g} | {unit}{'' if good else ' **worse than it was**'} |")
    return 0 if all(good for *_, good in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
