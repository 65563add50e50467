"""The caller's sound on its way to the agent."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from relay.agents.seam import AgentSession
from relay.agents.sound_out import SoundOut, sound_out_of
from relay.at_once import DONE, Later
from relay.audio.caller_track import CallerTrack
from relay.audio.convert import AudioFormat, Converter
from relay.audio.loudness import LevelMeter
from relay.audio.voice import VoiceActivity
from relay.events.records import Quality
from relay.line import exotel
from relay.line.echo_guard import EchoGuard
from relay.line.evenness import Evenness
from relay.line.ticker import Ticker
from relay.recording.recorder import Recorder
from relay.tasks import Spawn

BUFFER_SECONDS: Final = 1.5  # a caller's first words while the agent connects; with more it would answer old speech
_UNEVEN_S: Final = 0.01
_ON_THE_LATE_SIDE: Final = 0.001  # a timer that fires slightly early would find nothing to do, repeatedly


class Uplink:
    """Passes sound on as it arrives, without gaps; while there is no agent, keeps the latest part of it."""

    def __init__(
        self,
        line: AudioFormat,
        quality: Quality,
        *,
        echo: EchoGuard | None = None,
        on_defect: Callable[[Exception], None] | None = None,
    ) -> None:
        """`echo` removes the agent's own voice, `voice` and `meter` listen in to what is left. Nothing that comes from
        the line waits for it: it would look late, and the line uneven.

        `on_defect` gets an exception of the session, which then gets no more sound.
        """
        # what a frame meets stands together: it has left the processor's cache when the next one comes
        self._loop = asyncio.get_running_loop()
        self._ticker: Ticker | None = None
        self._track = CallerTrack(line.rate_hz)
        self.recorder: Recorder | None = None
        self._evenness = Evenness()
        self._echo = echo
        self._taken: asyncio.Future[None] | None = None  # done when the session has taken what came before `_unsent`
        self._meter = LevelMeter(line.rate_hz)
        self.voice = VoiceActivity(line.rate_hz, meter=self._meter)
        self._session: AgentSession | None = None
        self._sound_out: SoundOut | None = None  # of the session, in place of its `send_audio`
        self._converter: Converter | None = None
        self.frames_in = 0
        self._line = line
        self._quality = quality
        self._on_defect = on_defect
        if echo is not None:
            echo.passed = self._heard_later
        self.on_uneven: Callable[[float], None] = lambda late_s: None
        """Told by how much a frame was later than the quickest."""
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._finished = False
        self._unsent: list[bytes] = []  # while a session has not taken what came before
        self._spawn: Spawn | None = None

    @property
    def meter(self) -> LevelMeter:
        """How loud the caller was so far, without what the echo guard keeps from the agent."""
        self.voice.look()
        return self._meter

    def hear(self, media: exotel.Media) -> Awaitable[None]:
        """One inbound frame; what is missing before it is filled first. Usually DONE (relay.at_once).

        Of all that a relay reads, these are most, so frames to the lines that are late go out between them.
        """
        now, sound, track = self._loop.time(), media.pcm, self._track
        self.frames_in += 1
        if self._ticker is not None:
            self._ticker.hurry(now)
        if not track.in_its_turn(sound, now, media.timestamp_ms, media.chunk):
            sound = b"".join(track.arrived(sound, now, media.timestamp_ms, media.chunk))
            self._quality.caller_gap_ms, self._quality.caller_lost = track.gap_ms, track.lost
        if self.recorder is not None:
            self.recorder.caller(media.pcm, track.missing, now)
        if not sound:
            return DONE
        if (late_s := self._evenness.arrived(track.position_s, now)) > _UNEVEN_S:
            self.on_uneven(late_s)
        if self._echo is not None:
            sound = self._echo.heard(sound, now)
            if self._taken is not None:
                return self._in_turn(sound, now, self._taken)
            if not sound:
                return DONE
        self.voice.hear(sound, now)
        if self._session is None:
            self._keep(sound)
            return DONE
        return self._pass_on(sound, self._session)

    def _heard_later(self, sound: bytes, arrived: float) -> None:
        """What the echo guard had to look at first."""
        if self._spawn is None:
            return  # the call is over
        self.voice.hear(sound, arrived)
        if self._taken is not None:
            self._unsent.append(sound)
        elif (rest := self.send(sound)) is not DONE:
            self._taken = self._loop.create_future()
            self._spawn(self._catch_up(rest, self._taken))

    def _in_turn(self, sound: bytes, now: float, taken: "asyncio.Future[None]") -> Awaitable[None]:
        """The session does not read, and the line has to wait for it."""
        if sound:
            self.voice.hear(sound, now)
            self._unsent.append(sound)
        return Later(lambda: asyncio.shield(taken))

    async def _catch_up(self, rest: Awaitable[None], taken: "asyncio.Future[None]") -> None:
        try:
            await rest
            while self._unsent:
                await self.send(self._unsent.pop(0))
        finally:
            self._taken = None
            if not taken.done():
                taken.set_result(None)

    def begin(self, ticker: Ticker, spawn: Spawn) -> None:
        """Until `stop` the agent hears silence while the line sends nothing, otherwise it would wait for the end of a
        turn. `spawn` runs a task of the call.
        """
        self._ticker, self._spawn = ticker, spawn
        self._look_at(self._loop.time())

    def stop(self) -> None:
        """Fill no more gaps."""
        self._spawn = None

    def tick(self, when: float, now: float) -> None:
        """See Ticking: is a frame missing? Those that arrive put that off, so this looks again and again: a task that
        waits takes 2 KB of each call.
        """
        if self._spawn is None:
            return
        if (due := self._track.due(now)) > now:
            self._look_at(due)
        else:
            self._spawn(self._fill())

    async def _fill(self) -> None:
        if silence := self._track.waited(self._loop.time()):
            self._evenness.restart()
            if self._echo is not None:
                silence = self._echo.give_up() + silence
            if self._taken is not None:
                await asyncio.shield(self._taken)
            await self.send(silence)
        self._look_at(self._loop.time())

    def _look_at(self, time: float) -> None:
        if self._ticker is not None and self._spawn is not None:
            self._ticker.at(time + _ON_THE_LATE_SIDE, self)

    def send(self, pcm: bytes) -> Awaitable[None]:
        """Sound that follows what was sent before, in the line's format. Usually DONE."""
        if self._session is None:
            self._keep(pcm)
            return DONE
        return self._pass_on(pcm, self._session)

    async def attach(self, session: AgentSession, heard: AudioFormat) -> None:
        """Send to `session` from now on, stored sound first. Sound that arrives in the meantime stays in order."""
        self._converter = None if heard == self._line else Converter(self._line, heard)
        while self._kept:
            pcm = self._kept.pop(0)
            self._kept_bytes -= len(pcm)
            await self._pass_on(pcm, session)
        self._session, self._sound_out = session, sound_out_of(session)

    def detach(self) -> None:
        """The agent is gone; store sound for the next one."""
        self._session = self._sound_out = None

    def finish(self) -> None:
        """No agent will come any more: store nothing."""
        self._session = self._sound_out = None
        self._finished = True
        self._kept.clear()

    def _pass_on(self, pcm: bytes, session: AgentSession) -> Awaitable[None]:
        if self._converter is not None:
            pcm = self._converter.convert(pcm)
        if not pcm:
            return DONE
        try:
            rest = session.send_audio(pcm) if self._sound_out is None else self._sound_out.send(pcm)
        except Exception as error:  # noqa: BLE001 - a session may be the user's code
            self._failed(error)
            return DONE
        return DONE if rest is DONE else Later(partial(self._take, rest))

    async def _take(self, rest: Awaitable[None]) -> None:
        try:
            await rest
        except Exception as error:  # noqa: BLE001 - a session may be the user's code
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._on_defect is None:
            raise error
        self._session = self._sound_out = None
        self._on_defect(error)

    def _keep(self, pcm: bytes) -> None:
        if self._finished:
            return
        self._kept.append(pcm)
        self._kept_bytes += len(pcm)
        while self._kept_bytes > BUFFER_SECONDS * self._line.bytes_per_second:
            dropped = len(self._kept.pop(0))
            self._kept_bytes -= dropped
            self._quality.caller_audio_dropped_ms += round(self._line.duration_ms(dropped))
