"""A line that tapes what it is sent and plays it as Exotel would: a queue in real time, marks echoed as they pass."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.network import Network


@dataclass
class Played:
    """One media message on the line: when it came, when its sound starts."""

    sent_at: float
    start: float
    pcm: bytes
    rate_hz: float

    @property
    def end(self) -> float:
        return self.start + len(self.pcm) / 2 / self.rate_hz


class TapedLine:
    """Takes the place of relay.line.Line. `echo` is called with a mark's name once the line has played up to it.

    `latency`: seconds that a message takes, either way; or `network`, for what may happen on the way. A line whose
    clock is quicker than ours plays more of its own samples in a second of ours.
    """

    def __init__(
        self,
        rate_hz: int = 8000,
        echo: Callable[[str], None] | None = None,
        *,
        latency: float = 0.0,
        network: Network | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        network = network or Network(latency)
        self.down, self.up = network.path(1), network.path(2)
        self.rate_hz = rate_hz * (1 + network.drift_ppm / 1e6)
        self.echo = echo
        self.messages: list[tuple[float, str]] = []
        self.frames: list[Played] = []
        self.marks: list[tuple[float, str]] = []
        self.clears: list[float] = []
        self.delay = 0.0

    def write(self, message: bytes) -> bool:
        if self.delay:
            return False
        self._take(message)
        return True

    async def send(self, message: bytes) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        self._take(message)

    def _take(self, message: bytes) -> None:
        content = json.loads(message)
        now = self.loop.time()
        there = self.down.arrival(now)
        self.messages.append((now, content["event"]))
        match content["event"]:
            case "media":
                pcm = base64.b64decode(content["media"]["payload"])
                self.frames.append(Played(now, max(there, self.dry_at), pcm, self.rate_hz))
            case "mark":
                name = content["mark"]["name"]
                self.marks.append((now, name))
                if self.echo:
                    self.loop.call_at(max(there, self.dry_at), self._pass, name)
            case "clear":
                self.clears.append(now)
                self.frames = [frame for frame in self.frames if frame.start <= there]

    def _pass(self, name: str) -> None:
        """The line has come to a mark."""
        self.loop.call_at(self.up.arrival(self.loop.time()), self.echo, name)

    @property
    def dry_at(self) -> float:
        return self.frames[-1].end if self.frames else 0.0

    @property
    def utterances(self) -> list[str]:
        """Names of the marks that end one; the others only ask when they are heard."""
        return [name for _, name in self.marks if not name.startswith("probe-")]

    @property
    def sent_at(self) -> list[float]:
        return [frame.sent_at for frame in self.frames]

    def heard(self, until: float | None = None):
        """What the caller has heard since the loop's clock was 0, holes as silence."""
        sound = np.zeros(round((until or self.dry_at) * self.rate_hz), dtype=np.int16)
        for frame in self.frames:
            start = round(frame.start * self.rate_hz)
            samples = np.frombuffer(frame.pcm, dtype=np.int16)[: max(0, len(sound) - start)]
            sound[start : start + len(samples)] = samples
        return sound

    def holes(self) -> list[tuple[float, float]]:
        """Stretches between frames in which the line had nothing to play."""
        pairs = zip(self.frames, self.frames[1:], strict=False)
        return [(one.end, other.start) for one, other in pairs if other.start > one.end + 1e-9]

    def ahead(self) -> list[float]:
        """How much sound the line still had when each frame came."""
        pairs = zip(self.frames, self.frames[1:], strict=False)
        return [one.end - other.sent_at for one, other in pairs]
