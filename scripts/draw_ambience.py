"""Draws docs/images/ambience.png: ten seconds of each ambience, on the line and after a mobile's codec at two rates.

Needs libopencore-amrnb0 from Debian. Blue marks comfort noise: the phone sent only a description of the sound.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from relay.audio.ambience import BUILT_IN, Ambience
from tests.support.amr import FRAME, RATE_HZ, transmit

TARGET = Path(__file__).parent.parent / "docs" / "images" / "ambience.png"
SECONDS = 10
VOLUME = 0.3
RATES = (12.2, 4.75)


def main() -> None:
    figure, axes = plt.subplots(len(BUILT_IN), 1 + len(RATES), figsize=(11, 8), sharex=True, sharey=True)
    for name, (plain, *phones) in zip(BUILT_IN, axes, strict=True):
        sound = Ambience.load(name).at(RATE_HZ).take(0, 2 * SECONDS * RATE_HZ, VOLUME)
        sent = [transmit(sound, kbps) for kbps in RATES]
        for axis, shown in zip((plain, *phones), (sound, *(one.sound for one in sent)), strict=True):
            axis.specgram(shown[SECONDS * RATE_HZ :].astype(float) + 1e-3, NFFT=160, Fs=RATE_HZ, noverlap=0,
                          vmin=-40, vmax=30, cmap="magma")  # fmt: skip
            axis.set_ylim(0, 3600)
        for phone, one in zip(phones, sent, strict=True):
            made_up = ~one.speech[SECONDS * RATE_HZ // FRAME :]
            times = np.arange(made_up.size) * FRAME / RATE_HZ
            phone.fill_between(times, 3450, 3600, where=made_up, color="deepskyblue", step="post")
        plain.set_ylabel(f"{name}\nHz")
    axes[0][0].set_title("on the line")
    for axis, kbps in zip(axes[0][1:], RATES, strict=True):
        axis.set_title(f"behind AMR {kbps:g} kbit/s with DTX")
    for axis in axes[-1]:
        axis.set_xlabel("s")
    figure.tight_layout()
    figure.savefig(TARGET, dpi=60)


if __name__ == "__main__":
    main()
