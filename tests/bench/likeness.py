"""PESQ (narrow band) and STOI of pairs of sounds at 8 kHz. Runs in .cache/sound: pesq and pystoi are not ours to lock.

Standard input: {name: [reference, judged]}, both as lists of 16-bit samples. Standard output: {name: [pesq, stoi]}.
"""

import json
import sys

import numpy as np
from pesq import pesq
from pystoi import stoi

RATE = 8000


def judged(pair: list[list[int]]) -> list[float]:
    reference, sound = (np.array(side, dtype=np.float64) for side in pair)
    size = min(len(reference), len(sound))
    reference, sound = reference[:size], sound[:size]
    return [float(pesq(RATE, reference, sound, "nb")), float(stoi(reference, sound, RATE))]


if __name__ == "__main__":
    json.dump({name: judged(pair) for name, pair in json.load(sys.stdin).items()}, sys.stdout)
