"""The sound of one call in both directions: its parts, and what connects them."""

from collections.abc import Callable

from relay.agents.roster import AgentSpec
from relay.audio.ambience import AmbienceTrack
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.control.ambience import AmbienceChange
from relay.events.records import Quality
from relay.line import exotel
from relay.line.answers import Answers
from relay.line.echo_guard import EchoGuard
from relay.line.framing import Framing
from relay.line.heard import HeardCallback
from relay.line.pacer import Pacer
from relay.line.socket import Line
from relay.line.uplink import Uplink
from relay.logs import CallLog
from relay.services import Services
from relay.sounds import Apology


class CallSound:
    """`uplink` takes the caller's sound to the agent, `pacer` sends what is in `playout` to the line, and `answers`
    measures how long the caller waits.

    `agent` says which ambience there is and whether echoes are guarded; None: neither. `rate_hz`: one of LINE_RATES.
    """

    def __init__(
        self,
        line: Line,
        start: exotel.Start,
        services: Services,
        agent: AgentSpec | None,
        *,
        rate_hz: int,
        quality: Quality,
        log: CallLog,
        on_heard: HeardCallback,
        on_defect: Callable[[Exception], None],
    ) -> None:
        """`on_heard`: see Pacer, `on_defect`: see Uplink."""
        self._quality = quality
        self._sounds = services.lineup.sounds
        self._echo: EchoGuard | None = None  # if it is off, frames skip the guard
        if agent is not None and agent.echo_guard != "off":
            self._echo = EchoGuard(rate_hz, agent.echo_guard, services.echo_pool, log)
        ambience = self._sounds.ambience(agent, rate_hz, start.call_sid) if agent else None
        self.format = AudioFormat(Encoding.PCM, rate_hz)
        self.playout = Playout(ambience, rate_hz=rate_hz)
        self.uplink = Uplink(self.format, quality, echo=self._echo, on_defect=on_defect)
        self.answers = Answers(self.uplink.voice, rate_hz)
        self.pacer = Pacer(
            line,
            exotel.Encoder(start.stream_sid, rate_hz, start.encoding),
            self.playout,
            Framing.of(services.settings, rate_hz, start.encoding),
            quality=quality,
            on_heard=on_heard,
            answers=self.answers,
            echo=self._echo,
            ticker=services.ticker,
        )
        self.uplink.on_uneven = self.pacer.line_uneven

    def waiting(self, file: str) -> AmbienceTrack | None:
        """The sound of a tool, while it works."""
        return self._sounds.waiting(file, self.format.rate_hz)

    def idle(self, agent: AgentSpec) -> Apology | None:
        """The agent's recorded speech for a silent caller, None if it has none."""
        return self._sounds.idle(agent, self.format.rate_hz)

    def change_ambience(self, change: AmbienceChange) -> None:
        """Applied at once, as a ramp; does nothing in a call without ambience."""
        if self.playout.ambience is not None:
            change.apply(self.playout.ambience)
            self.pacer.wake()

    @property
    def queued_s(self) -> float:
        """Agent speech waiting to be played, in seconds."""
        return self.playout.queued_samples / self.format.rate_hz

    def settle(self) -> None:
        """The agents are done: note in the call's quality what the pacer and the echo guard have found."""
        self.pacer.settle()
        if self._echo is not None:
            self._echo.close(self._quality)
