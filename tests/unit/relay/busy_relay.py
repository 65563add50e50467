"""A relay on one core whose work takes time: calls with their lines and agents, which know of no standstill of ours.

Agents send each utterance as they do in tests/bench/load.py: pieces of 250 ms, at five times real time.
"""

import asyncio
import base64
import json
from itertools import count

from relay.at_once import DONE
from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.events.records import Quality
from relay.line import exotel
from relay.line.framing import Framing
from relay.line.pacer import Pacer
from relay.line.ticker import Ticker
from relay.line.uplink import Uplink
from sim import busy_time
from tests.unit.relay.tone import noise

RATE = 8000
PIECE_S, BURST = 0.25, 5
FRAME_IN_S = 0.02
_SENT_AHEAD = 50  # of a caller's frames: as many may wait to be read


class Work:
    """What each kind takes, in seconds: a frame to a line, one from it to the agent, a piece of an agent's speech."""

    def __init__(self, *, frame_s: float, caller_s: float, piece_s: float) -> None:
        self.frame_s, self.caller_s, self.piece_s = frame_s, caller_s, piece_s

    def load(self, calls: int) -> float:
        """What part of the core is taken while no agent speaks."""
        return calls * (self.frame_s / 0.04 + self.caller_s / FRAME_IN_S)


class BusyCall:
    """One call. Its line plays what it gets in real time, and echoes marks. It is its agent's session, too."""

    def __init__(self, relay: "BusyRelay", number: int) -> None:
        self.relay, self.loop, self.work = relay, relay.loop, relay.work
        self.quality = Quality()
        self.playout = Playout(AmbienceTrack(relay.office, 0.5), rate_hz=RATE)
        framing = Framing(RATE, 320, 160)
        self.pacer = Pacer(
            self,
            exotel.Encoder("s", RATE),
            self.playout,
            framing,
            quality=self.quality,
            on_heard=lambda *_: None,
            answers=self,
            ticker=relay.ticker,
        )
        self.uplink = Uplink(AudioFormat(Encoding.PCM, RATE), self.quality)
        self.uplink.on_uneven = self.pacer.line_uneven
        self.dry_at = 0.0
        self.sent_at: list[float] = []
        self.holes: list[tuple[float, float]] = []
        """(when, how long)"""
        self.waits: list[tuple[float, float]] = []
        """(when the agent began to speak, seconds until the line played it)"""
        self.caller_waits: list[tuple[float, float]] = []
        """(when a frame of the caller's came, seconds until the agent had it)"""
        self.spoken_at: dict[str, float] = {}
        self.utterances = count()

    async def begin(self) -> None:
        """Its first frames in both directions."""
        self.running = self.pacer.begin()
        await self.uplink.attach(self, AudioFormat(Encoding.PCM, RATE))
        self.uplink.begin(self.relay.ticker, asyncio.create_task)
        for number in range(_SENT_AHEAD):
            self._frame_comes(number, self.loop.time() + FRAME_IN_S * number)

    def _frame_comes(self, number: int, when: float) -> None:
        def read() -> None:
            self._frame_comes(number + _SENT_AHEAD, when + FRAME_IN_S * _SENT_AHEAD)
            self.arrived_at = when
            self.uplink.hear(exotel.Media(bytes(320), number * 20, number + 1))

        self.loop.arrives(when, read)

    # --- the agent ---

    def send_audio(self, pcm: bytes):
        self.loop.spend(self.work.caller_s)
        self.caller_waits.append((self.arrived_at, self.loop.time() - self.arrived_at))
        return DONE

    def speak(self, when: float, seconds: float = 2.0) -> None:
        """The agent says something; its first piece arrives at `when`."""
        name, pieces = f"u{next(self.utterances)}", round(seconds / PIECE_S)
        self.spoken_at[name] = when
        for number in range(pieces):
            last = number == pieces - 1
            self.loop.arrives(when + number * PIECE_S / BURST, lambda last=last: self._hear(name, last))

    def _hear(self, name: str, last: bool) -> None:
        self.loop.spend(self.work.piece_s)
        self.playout.say(name, self.relay.piece)
        if last:
            self.playout.complete(name)
        self.pacer.said(name, len(self.relay.piece) // 2)

    def on_line(self, utterance: str, at: float) -> None:
        """The line plays its first sample then (Answers)."""
        self.waits.append((self.spoken_at[utterance], at - self.spoken_at[utterance]))

    def cut(self, now: float) -> None:
        """See Answers."""

    # --- the line ---

    def write(self, message: bytes) -> bool:
        now, content = self.loop.time(), json.loads(message)
        if content["event"] == "media":
            if self.sent_at and now > self.dry_at + 1e-9:
                self.holes.append((now, now - self.dry_at))
            self.sent_at.append(now)
            starts_at = max(now, self.dry_at)
            self.dry_at = starts_at + len(base64.b64decode(content["media"]["payload"])) / 2 / RATE
            self.loop.spend(self.work.frame_s)
        elif content["event"] == "mark":
            name = content["mark"]["name"]
            self.loop.arrives(max(now, self.dry_at), lambda: self.pacer.mark_echoed(name))
        return True

    async def send(self, message: bytes) -> None:
        self.write(message)


class BusyRelay:
    """`calls` of them, all with ambience."""

    def __init__(self, calls: int, work: Work) -> None:
        self.loop, self.work = asyncio.get_running_loop(), work
        self.ticker = Ticker()
        self.office = Loop(noise(16_000, seed=99), RATE)
        self.piece = noise(round(PIECE_S * RATE), seed=1).tobytes()
        self.calls = [BusyCall(self, number) for number in range(calls)]

    async def begin(self) -> None:
        """All calls, spread evenly over half a second, and over the time of a frame."""
        for number, call in enumerate(self.calls):
            await asyncio.sleep(0.52 * number / len(self.calls) - self.loop.time())
            await call.begin()

    def holes(self, since: float = 0.0) -> list[float]:
        """Seconds of each, in any call."""
        return [length for call in self.calls for when, length in call.holes if when >= since]

    def waits(self, since: float = 0.0) -> list[float]:
        """Seconds from each beginning of speech until it was heard."""
        return sorted(wait for call in self.calls for when, wait in call.waits if when >= since)

    def caller_waits(self, since: float = 0.0) -> list[float]:
        """Seconds in which each frame of a caller waited to be read."""
        return sorted(wait for call in self.calls for when, wait in call.caller_waits if when >= since)


def told(story, calls: int, work: Work) -> BusyRelay:
    """Tell `story` to a relay with running calls."""

    async def scenario() -> BusyRelay:
        relay = BusyRelay(calls, work)
        await relay.begin()
        await story(relay)
        for call in relay.calls:
            assert not call.running.done(), call.running.exception()
            call.running.cancel()
        return relay

    return busy_time.run(scenario())
