"""`python -m tests.bench.echo_guard`: what the search for an echo costs a relay of many calls, alone, in virtual time.

Calls on lines without an echo, which begin within four seconds. In each of them an agent speaks for three of six
seconds (`loud`: one or two of four, as in tests/bench/load.py), and the voice detector listens in. `--off` leaves the
guard out: what remains is the same for both.
"""

import argparse
import asyncio
import gc
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import thread_time

import numpy as np

from relay.allocator import limit_heap
from relay.audio import pcm
from relay.audio.voice import VoiceActivity
from relay.line.echo_guard import EchoGuard
from relay.line.echo_pool import EchoPool
from relay.logs import CallLog
from sim.speech import spoken
from tests.bench.stamps import LEVELS, noisy, stamped

RATE = 8000
SENT = 320  # samples of a frame to the line
HEARD = 160  # … and from it
AHEAD_S = 0.1
_WITHIN_S = 4.0
_SETTLED_S = 4.0  # of each call, before its CPU counts: the searches of its first words are over
_AGENT = ("agent_hours", "agent_clinics", "agent_booking")
_CALLER = ("caller_bill", "caller_complaint", "caller_hours")


@dataclass(frozen=True, slots=True)
class Sound:
    """Of one call; `speech`: where the agent speaks."""

    played: pcm.Samples
    heard: pcm.Samples
    speech: np.ndarray


def sound(caller: str, seconds: float) -> Sound:
    """`caller`: `loud` never stops, `converses` answers each turn, `listens` says nothing."""
    rng, count = np.random.default_rng(7), round(seconds * RATE)
    played, speech = rng.normal(0, 150, count).astype(np.int16), np.zeros(count, dtype=np.bool_)
    if caller == "loud":
        variant = Random(3).randrange
        frames = [pcm.samples(stamped(number % LEVELS, variant(16))) for number in range(count // HEARD)]
        for turn, first in enumerate(range(RATE, count - 2 * RATE, 4 * RATE)):
            length = RATE * (1 + turn % 2)
            played[first : first + length] = noisy(16000, length, seed=(LEVELS, turn))
            speech[first : first + length] = True
        return Sound(played, np.concatenate(frames), speech)
    agent, said = (np.concatenate([spoken(name, RATE) for name in names]) for names in (_AGENT, _CALLER))
    heard = rng.normal(0, 15, count)
    for turn, first in enumerate(range(RATE, count - 6 * RATE, 6 * RATE)):
        played[first : first + 3 * RATE] = np.resize(np.roll(agent, -3 * RATE * turn), 3 * RATE)
        speech[first : first + 3 * RATE] = True
        if caller == "converses":
            answer = first + 7 * RATE // 2
            heard[answer : answer + 2 * RATE] += np.resize(np.roll(said, -2 * RATE * turn), 2 * RATE)
    return Sound(played, np.rint(heard).astype(np.int16), speech)


class Call:
    """One call, 20 ms at a time."""

    def __init__(self, guard: EchoGuard | None, sound: Sound) -> None:
        self._guard, self._sound = guard, sound
        self._voice = VoiceActivity(RATE)
        self._sent = self._heard = 0

    async def go_on(self) -> None:
        """Another frame from the line, and those to it that are due."""
        first, now = self._heard, 100 + (self._heard + HEARD) / RATE
        self._heard += HEARD
        while self._sent < self._heard + AHEAD_S * RATE:
            part = slice(self._sent, self._sent + SENT)
            frame, speaks = self._sound.played[part].tobytes(), bool(self._sound.speech[part].any())
            if self._guard is not None:
                self._guard.played(frame, 100 + self._sent / RATE, speech=speaks)
            self._sent += SENT
        frame = self._sound.heard[first : self._heard].tobytes()
        if self._guard is not None:
            frame = self._guard.heard(frame, now)
        self._voice.hear(frame, now)


def resident_kb() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4


async def run(calls: int, seconds: float, caller: str, *, off: bool) -> None:
    """Print what they cost."""
    limit_heap()
    pool, one = EchoPool(0), sound(caller, seconds + _WITHIN_S + 1)
    await _spoken([Call(EchoGuard(RATE, "auto", pool, CallLog("warm", "up")), one)], 3.0)
    gc.collect()
    gc.freeze()
    before, running, spent = resident_kb(), [], 0.0
    for number in range(calls):
        guard = None if off else EchoGuard(RATE, "auto", pool, CallLog(f"c{number}", "s"))
        running.append(Call(guard, one))
        await _spoken(running, _WITHIN_S / calls)
    await _spoken(running, _SETTLED_S)
    for second in range(round(_WITHIN_S + _SETTLED_S), round(seconds)):
        began = thread_time()
        await _spoken(running, 1.0)
        spent += thread_time() - began
        if second % 4 == 3:
            print(f"after {second + 1:3} s: {(resident_kb() - before) / calls:6.1f} KB per call")
    counted = calls * (round(seconds) - round(_WITHIN_S + _SETTLED_S))
    print(f"CPU: {spent * 1000 / counted:.3f} ms per call-second")


async def _spoken(calls: list[Call], seconds: float) -> None:
    for _ in range(round(seconds * RATE / HEARD)):
        for call in calls:
            await call.go_on()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.echo_guard", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=28.0)
    parser.add_argument("--caller", choices=("loud", "converses", "listens"), default="loud")
    parser.add_argument("--off", action="store_true", help="without the guard")
    args = parser.parse_args()
    asyncio.run(run(args.calls, args.seconds, args.caller, off=args.off))


if __name__ == "__main__":
    main()
