"""The load: callers at one side of the relay, voice agents at the other, in one light process that times both.

A call talks like this, over and over: the agent says two seconds, sent as chunks of 250 ms at five times real time;
every second time it is interrupted after one second; two seconds later it speaks again. The caller's side sends 20 ms
frames all the time. Every time is taken where a message is handed to or comes from the kernel of this process.
"""

import asyncio
import binascii
import random
import ssl
from heapq import heappop, heappush
from time import perf_counter

import msgspec
import numpy as np

from relay.agents.elevenlabs.fake import MeasuredElevenLabs
from relay.audio import pcm
from tests.bench.figures import FRAME_IN_S, LINE_HZ, Samples
from tests.bench.player import HOLE_MIN, Player
from tests.bench.process import limit
from tests.bench.stamps import LEVELS, is_silence, noisy, sequence_of, stamped
from tests.bench.websocket import ClientPeer, ServerPeer

CYCLE_S = 4.0
UTTERANCE_S = 2.0
CHUNK_S = 0.25
BURST = 5
CUT_AFTER_S = 1.0
LOUD = 8000  # the agent's voice is noise around 16,000; no ambience at volume 0.3 comes near its half
LOUD_LEVELLED = 2500  # … and one of 4,000 when the relay has taken 12 dB off it

_WRITTEN = {"pcm": lambda sound: sound.tobytes(), "ulaw": pcm.ulaw_encode, "alaw": pcm.alaw_encode}
_VOICE_LEVEL = 16000
_TICK_S = 0.001
_VARIANTS = 16
_FRAMES = [
    [binascii.b2a_base64(stamped(sequence, variant), newline=False) for variant in range(_VARIANTS)]
    for sequence in range(LEVELS)
]
_MEDIA = (
    b'{"event":"media","sequence_number":"%d","stream_sid":"%b","media":{"chunk":"%d","timestamp":"%d","payload":"%b"}}'
)


class _FromRelay(msgspec.Struct):
    """What a line hears from the relay, as far as it is of use here."""

    event: str = ""
    media: dict[str, str] = {}
    mark: dict[str, str] = {}


_decode = msgspec.json.Decoder(_FromRelay).decode


class Call:
    """What the two ends of one call must know of each other to time what passes between them."""

    def __init__(self, call_sid: str, *, echoes: bool = False) -> None:
        self.call_sid = call_sid
        self.echoes = echoes  # its agent may get noise in place of a frame, which then can't be told
        self.sent_at: list[float] = []
        self.arrived = 0
        self.spoke_at: float | None = None
        self.interrupted_at: float | None = None
        self.talking = True


class Line(ClientPeer):
    """Exotel's side of a call."""

    def __init__(self, path: str, call: Call, load: "Load") -> None:
        super().__init__(path)
        self.call = call
        self._load = load
        self._player = Player()
        self._stream_sid = f"s{call.call_sid}".encode()
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self.up = asyncio.Event()

    def opened(self) -> None:
        self.send(b'{"event":"connected"}')
        start = {
            "event": "start",
            "sequence_number": "1",
            "stream_sid": self._stream_sid.decode(),
            "start": {
                "stream_sid": self._stream_sid.decode(),
                "call_sid": self.call.call_sid,
                "account_sid": "bench",
                "from": "09876500001",
                "to": "08047100002",
                "media_format": {"encoding": "base64", "sample_rate": str(LINE_HZ), "bit_rate": "128kbps"},
            },
        }
        self.send(msgspec.json.encode(start))
        self.up.set()

    def send_frame(self, now: float) -> None:
        """The caller's next 20 ms."""
        sequence = len(self.call.sent_at)
        payload = random.choice(_FRAMES[sequence % LEVELS])
        self.send(_MEDIA % (sequence + 2, self._stream_sid, sequence + 1, sequence * 20, payload))
        self.call.sent_at.append(now)
        self._load.samples.messages += self._load.samples.recording

    def hang_up(self) -> None:
        """`stop`, as Exotel says it."""
        self.call.talking = False
        self.send(b'{"event":"stop","stream_sid":"%b","stop":{"reason":"callended"}}' % self._stream_sid)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.call.talking:
            self.call.talking = False
            self._load.samples.failures.append(f"{self.call.call_sid}: the relay hung up")

    def received(self, text: bytes) -> None:
        now = perf_counter()
        message = _decode(text)
        self._load.samples.messages += self._load.samples.recording
        if message.event == "media":
            self._media(message.media["payload"], now)
        elif message.event == "mark":
            self._mark(message.mark["name"], now)
        elif message.event == "clear":
            self._clear(now)

    def _media(self, payload: str, now: float) -> None:
        size = len(payload) // 4 * 3 - payload.endswith("=") - payload.endswith("==")
        dry_at = self._player.dry_at
        begin, hole = self._player.play(size / 2 / LINE_HZ, now)
        samples, call = self._load.samples, self.call
        if hole and samples.recording:
            samples.holes.append(hole)
            if (sure := self._load.came_after - dry_at) > HOLE_MIN:
                samples.sure_holes.append(sure)
        if call.spoke_at is None:
            return
        loud = np.flatnonzero(pcm.samples(binascii.a2b_base64(payload)) > self._load.loud)
        if len(loud):
            if samples.recording:
                samples.wire.append(now - call.spoke_at)
                samples.heard.append(begin + loud[0] / LINE_HZ - call.spoke_at)
            call.spoke_at = None

    def _mark(self, name: str, now: float) -> None:
        """Echoed when everything before it has been played."""
        if name in self._marks:
            self._load.samples.failures.append(f"{self.call.call_sid}: mark {name} sent twice")
            return
        wait_s = max(0.0, (self._player.dry_at or now) - now)
        self._marks[name] = asyncio.get_running_loop().call_later(wait_s, self._echo, name)

    def _clear(self, now: float) -> None:
        self._player.clear(now)
        for name in list(self._marks):
            self._marks[name].cancel()
            self._echo(name)
        if self.call.interrupted_at is not None and self._load.samples.recording:
            self._load.samples.clear.append(now - self.call.interrupted_at)
            self._load.samples.silenced.append(max(now, self._player.dry_at or now) - self.call.interrupted_at)
        self.call.interrupted_at = None

    def _echo(self, name: str) -> None:
        del self._marks[name]
        self.send(msgspec.json.encode({"event": "mark", "stream_sid": "s", "mark": {"name": name}}))


class Agent(ServerPeer):
    """A vendor's side of a call. What it hears and says in which messages, the vendor's fake knows (Measured)."""

    def __init__(self, load: "Load") -> None:
        super().__init__()
        self._load = load
        self._call: Call | None = None
        self._event_id = 0
        self._loop = asyncio.get_running_loop()

    def begin(self, call_sid: str) -> None:
        """Ready, and this is the call."""
        self._call = self._load.calls[call_sid]
        self._load.on_ready(self)

    @property
    def call_sid(self) -> str:
        return self._call.call_sid

    def _hear(self, payload: str, now: float) -> None:
        call, samples = self._call, self._load.samples
        samples.messages += samples.recording
        if call.echoes:
            return
        sequence = sequence_of(payload.encode(), call.arrived, len(call.sent_at), law=self._load.law)
        if sequence != call.arrived and is_silence(sequence):
            return  # given by the relay while the line stood still: no frame of ours
        if samples.recording and sequence >= 0:
            samples.lost_frames += max(0, sequence - call.arrived)
            samples.uplink.append(now - call.sent_at[sequence])
        call.arrived = sequence + 1

    def speak(self) -> None:
        """Say something, and again, until the call is over."""
        if self.transport is None:
            return
        self._event_id += 1
        turn = self._event_id
        words = f"Utterance {turn}: two seconds of what an agent might say."
        self.say_words(turn, words)
        self._chunk(turn, round(UTTERANCE_S / CHUNK_S), first=True)
        if turn % 2:
            self._loop.call_later(CUT_AFTER_S, self._interrupt, turn)
        self._loop.call_later(CYCLE_S, self.speak)

    def say_words(self, turn: int, words: str) -> None:
        """What the caller said and what the answer is."""
        raise NotImplementedError

    def say_sound(self, turn: int, *, last: bool) -> None:
        """One chunk."""
        raise NotImplementedError

    def say_interrupted(self, turn: int) -> None:
        """The caller cut in."""
        raise NotImplementedError

    def _chunk(self, turn: int, left: int, *, first: bool = False) -> None:
        if self.transport is None:
            return
        if first:
            self._call.spoke_at = perf_counter()
        self._load.samples.messages += self._load.samples.recording
        self.say_sound(turn, last=left == 1)
        if left > 1:
            self._loop.call_later(CHUNK_S / BURST, self._chunk, turn, left - 1)

    def _interrupt(self, turn: int) -> None:
        if self.transport is not None:
            self._call.interrupted_at = perf_counter()
            self.say_interrupted(turn)

    def _send_json(self, **message: object) -> None:
        self.send(msgspec.json.encode(message))


class _ElevenLabsAgent(MeasuredElevenLabs, Agent):
    """Whose side most runs have."""


class Load:
    """All calls of one run."""

    def __init__(
        self, audio: str, samples: Samples, *, name: str = "bench", levelled: bool = False, echoing: int = 0
    ) -> None:
        """`audio`: the agents' format, `pcm_8000`, `pcm_16000` … or `ulaw_8000`; `name`: what call_sids begin with.

        `levelled`: the relay changes the agents' level. `echoing`: as many of the calls running may be guarded.
        """
        self.loud = LOUD_LEVELLED if levelled else LOUD
        self._echoing = echoing
        encoding, _, rate_hz = audio.partition("_")
        self.audio = audio
        self._name = name
        self.law = encoding
        voices = (noisy(_VOICE_LEVEL, round(CHUNK_S * int(rate_hz)), seed=(LEVELS, n)) for n in range(_VARIANTS))
        self._chunks = [binascii.b2a_base64(_WRITTEN[encoding](voice), newline=False) for voice in voices]
        self.samples = samples
        self.calls: dict[str, Call] = {}
        self.lines: list[Line] = []
        self._due: list[tuple[float, int, Line]] = []
        self._ticker: asyncio.TimerHandle | None = None
        self._ticked_at = self.came_after = perf_counter()
        """`came_after`: what is read now was not there yet at that time, in the turn of our loop before the last."""
        self._server: asyncio.Server | None = None

    @property
    def chunk(self) -> bytes:
        """A piece of an agent's voice, base64."""
        return random.choice(self._chunks)

    def agent(self) -> Agent:
        """The other end of a socket that the relay opens."""
        return _ElevenLabsAgent(self)

    def on_ready(self, agent: Agent) -> None:
        """An agent has its call: it begins to talk at any moment between two of the relay's frames, always the same."""
        delay_s = 0.5 + random.Random(agent.call_sid).random()
        asyncio.get_running_loop().call_later(delay_s, agent.speak)

    async def listen(self, tls: ssl.SSLContext | None) -> int:
        """Be the agents' host; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.agent, "127.0.0.1", 0, ssl=tls, backlog=1024)
        self._tick()
        return self._server.sockets[0].getsockname()[1]

    async def place(self, count: int, port: int, path: str, *, within_s: float) -> None:
        """Place `count` calls, spread over `within_s`, so that their agents don't all speak at once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + within_s * number / count - loop.time()))
            call = Call(f"{self._name}{len(self.calls):05d}", echoes=len(self.lines) < self._echoing)
            self.calls[call.call_sid] = call
            _, line = await loop.create_connection(lambda call=call: Line(path, call, self), "127.0.0.1", port)
            async with limit(10, f"the handshake of call {number + 1} of {count}"):
                await line.up.wait()
            self.lines.append(line)
            heappush(self._due, (perf_counter(), len(self.calls), line))

    async def hang_up(self, within_s: float = 20.0) -> None:
        """End all calls; raises TimeoutError with the number of those that the relay does not close."""
        lines, self.lines = self.lines, []
        for line in lines:
            line.hang_up()
        if lines:
            _, open_ = await asyncio.wait([line.closed for line in lines], timeout=within_s)
            if open_:
                raise TimeoutError(f"the relay has not closed {len(open_)} of {len(lines)} lines within {within_s:g} s")

    async def close(self) -> None:
        """After the last call."""
        if self._ticker is not None:
            self._ticker.cancel()
        if self._server is not None:
            self._server.close()

    def _tick(self) -> None:
        """Every frame that is due."""
        now = perf_counter()
        self.came_after, self._ticked_at = self._ticked_at, now
        while self._due and self._due[0][0] <= now:
            due, number, line = heappop(self._due)
            if line.call.talking:
                line.send_frame(perf_counter())
                if self.samples.recording:
                    self.samples.lateness.append(now - due)
                heappush(self._due, (due + FRAME_IN_S, number, line))
        self._ticker = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
