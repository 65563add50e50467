"""Makes relay/audio/assets/*.flac: the ambiences that come with the relay. They are synthesised, the same every time.

They are made for telephones. If the voice detector of a mobile network takes sound for noise, the network sends only a
description of it, and the other end plays hiss. Sound that is detected as speech now and then comes in gusts. So each
ambience is detected as speech nearly all the time: three voices that are close enough, hardly a pause common to all of
them, no steady sound as loud as they are; or a fan, which hums. Between 2 and 3.4 kHz it is as loud as recordings of
real rooms. The codec's slowest rate has bits for one voice: so one of the three is always the closest, and keys
ring. The voices say no words. tests/unit/relay/test_assets.py tests all this through the codec.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from scripts.ambience_parts import RATE_HZ, Curve, Parts, Sound, level, rms

SECONDS = 64
LEVEL_DB = -30.0
BRIGHT_DB = -12.4
"""Power between 2 and 3.4 kHz relative to the whole telephone band."""
OWN_BRIGHT_DB = {
    "quiet": -12.2,
    "typing": -14.5,
}  # of a fan a codec of few bits loses more, brighter keys it makes quieter
TARGET = Path(__file__).parent.parent / "relay" / "audio" / "assets"

_AIR: Curve = ((25, -30), (60, -6), (120, 0), (300, -2), (700, -9), (2000, -21), (5000, -35), (8000, -46))
_FAN_AIR: Curve = (
    *((40, -50), (100, -16), (150, -6), (200, -3), (330, -3), (600, -5), (1000, -10), (1500, -16)),
    *((2000, -17.5), (2300, -16.5), (2700, -22), (3400, -33), (5000, -42), (8000, -56)),
)
_RECURS_S = 0.0155  # a codec sends what recurs this soon as sound, and describes the rest as noise


def office(parts: Parts) -> Sound:
    """Three colleagues at their desks, more behind the wall, typing, a telephone, a page."""
    near = parts.room(parts.talk((131.0, 192.0, 108.0), (0.15, 0.4), 0.3, 10.0), 0.25, 3400, direct=0.75)
    far = parts.room(parts.voices((105.0, 122.0, 178.0, 205.0), (0.4, 1.5)), 0.55, 1700, direct=0.1)
    things = np.zeros(parts.samples)
    parts.place(things, level(parts.ringing((620, 780), 18, 2), -32, peak=True), 17.6)
    parts.place(things, level(parts.ringing((880, 1020), 14, 3), -37, peak=True), 47.0)
    for at_s, length_s in ((9.3, 0.7), (30.8, 0.5), (55.1, 0.8)):
        parts.place(things, level(parts.paper(length_s), -33, peak=True), at_s)
    typing = parts.room(parts.typing((1.5, 6.0)), 0.3, 3800, direct=0.45)
    return (
        level(near, -31)
        + level(far, -48)
        + level(parts.noise(_AIR), -50)
        + level(typing, -22, peak=True)
        + parts.room(things, 0.5, 3000, direct=0.3)
    )


def call_centre(parts: Parts) -> Sound:
    """Agents to the left and right, a room full of them in the background, keyboards."""
    near = parts.room(parts.talk((118.0, 196.0, 214.0), (0.15, 0.4), 0.3, 10.0), 0.22, 3400, direct=0.75)
    many = parts.voices((100.0, 112.0, 126.0, 140.0, 170.0, 186.0, 207.0, 224.0), (0.2, 0.8))
    typing = parts.typing((0.4, 2.0)) + np.roll(parts.typing((0.6, 2.5)), 1000)
    return (
        level(near, -31)
        + level(parts.room(many, 0.6, 2200, direct=0.15), -47)
        + level(parts.noise(_AIR), -50)
        + level(parts.room(typing, 0.3, 3800, direct=0.4), -23, peak=True)
    )


def street(parts: Parts) -> Sound:
    """People on a pavement, traffic at some distance, a waiting auto-rickshaw, horns."""
    people = parts.room(parts.talk((125.0, 150.0, 210.0), (0.1, 0.3), 0.3, 10.0), 0.15, 3400, direct=0.8)
    rumble = parts.noise(((30, -10), (70, 0), (160, -3), (320, -22), (700, -40), (2000, -55), (8000, -70)))
    tyres = parts.noise(((200, -30), (700, -6), (1200, 0), (2500, -8), (6000, -24)))
    cars = parts.passing(tyres, (3.0, 11.5, 21.0, 29.0, 38.5, 46.0, 57.0), 5.0)
    horns = np.zeros(parts.samples)
    for at_s, tones, length_s in (
        (7.1, (410.0, 518.0), 0.45),
        (7.9, (410.0, 518.0), 0.3),
        (24.4, (620.0,), 0.25),
        (41.2, (365.0, 460.0), 0.7),
        (52.3, (700.0, 830.0), 0.2),
        (52.7, (700.0, 830.0), 0.2),
    ):
        parts.place(horns, level(parts.horn(tones, length_s), -35, peak=True), at_s)
    return (
        level(people, -31)
        + level(rumble, -40)
        + level(cars, -50)
        + level(parts.room(parts.engine(17.0), 0.2, 900, direct=0.5), -45)
        + parts.room(horns, 0.8, 2200, direct=0.2)
    )


def quiet(parts: Parts) -> Sound:
    """A room with a ceiling fan: the motor's soft hum, the air, and each blade as it passes.

    Below 1 kHz the air recurs in part, as in any small room. Its pitch wanders, so that no tone stands out.
    """
    wander = parts.wandering(-1, 1, 1.0)
    blades = parts.turning(4.6 * (1 + 0.06 * parts.wandering(-1, 1, 0.5)))
    recurs: Curve = ((100, 0.86), (170, 0.75), (240, 0.77), (330, 0.85), (850, 0.85), (1300, 0.6), (2000, 0.35))
    air = parts.recurring(_FAN_AIR, recurs, _RECURS_S)
    air = level(parts.swayed(air, 0.055 * wander + 0.008 * np.sin(blades)), -32.9)
    low, near_db = parts.below(air, 500), 2 * np.cos(blades)
    hum = np.sin(parts.turning(2 / _RECURS_S * (1 + 0.01 * wander))) * (1 + 0.15 * parts.wandering(-1, 1, 0.7))
    return low * 10 ** (near_db / 60) + (air - low) * 10 ** (near_db / 20) + level(hum, -33.1)


def typing(parts: Parts) -> Sound:
    """Somebody who types without a pause, played while an agent is busy."""
    keys = level(parts.room(parts.typing((0.02, 0.08)), 0.6, 3000, direct=0.65), -30)
    return np.tanh(keys / 0.15) * 0.15 + level(parts.noise(_AIR), -62)


RECIPES: dict[str, Callable[[Parts], Sound]] = {
    "office": office,
    "call-centre": call_centre,
    "street": street,
    "quiet": quiet,
    "typing": typing,
}


def brightened(sound: Sound, bright_db: float = BRIGHT_DB) -> Sound:
    """`sound` with its upper telephone band raised to `bright_db` by a shelf above 1.8 kHz, if it is quieter."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(sound.size, 1 / RATE_HZ)
    power = np.abs(spectrum) ** 2
    upper, rest = power[(hz >= 2000) & (hz < 3400)].sum(), power[(hz >= 100) & (hz < 2000)].sum()
    wanted = 10 ** (bright_db / 10)
    gain = np.sqrt(max(1.0, wanted / (1 - wanted) * rest / upper))
    shelf = 1 + (gain - 1) / (1 + np.exp(-(hz - 1850) / 60))
    return np.fft.irfft(spectrum * shelf, sound.size)


def make(name: str) -> Sound:
    """One ambience at LEVEL_DB, samples from -1 to 1 at RATE_HZ."""
    sound = RECIPES[name](Parts(SECONDS, seed=20260901 + sorted(RECIPES).index(name)))
    return level(brightened(sound, OWN_BRIGHT_DB.get(name, BRIGHT_DB)), LEVEL_DB)


def main() -> None:
    for name in sys.argv[1:] or RECIPES:
        sound = make(name)
        path = TARGET / f"{name}.flac"
        soundfile.write(path, np.round(sound * 32767).astype(np.int16), RATE_HZ, subtype="PCM_16")
        peak_db = 20 * np.log10(np.abs(sound).max())
        print(
            f"{path.name}: {SECONDS} s, {20 * np.log10(rms(sound)):.1f} dBFS, peak {peak_db:.1f} dBFS, "
            f"{path.stat().st_size / 1024:.0f} KiB"
        )


if __name__ == "__main__":
    main()
