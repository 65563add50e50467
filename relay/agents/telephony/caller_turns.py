"""The caller's turns for a bot whose protocol has no text: detected in the sound."""

from typing import Final

from relay.agents.seam import AgentEvent, CallerHeard, CallerText, CallerTurn
from relay.audio import pcm
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.voice import VoiceActivity

WORDLESS: Final = "…"
"""Text in the record for a turn without words: only the fact that somebody spoke is known."""
PAUSE: Final = 0.7  # seconds of silence after which the caller has finished
_LOOK_EVERY: Final = 10  # frames
_RECENT: Final = 0.4  # seconds


class CallerTurns:
    """`audio`: what the bot hears. Pure: it gets the time."""

    def __init__(self, audio: AudioFormat) -> None:
        self._ulaw = audio.encoding is Encoding.ULAW
        self._voice = VoiceActivity(audio.rate_hz)
        self._frames = 0
        self._speaks = False
        self._heard_at = 0.0
        self._turn = 0

    def hear(self, frame: bytes, now: float) -> tuple[AgentEvent, ...]:
        """The events for the call in the next frame, of 20 ms."""
        self._voice.hear(pcm.ulaw_decode(frame).tobytes() if self._ulaw else frame, now)
        self._frames += 1
        if self._frames % _LOOK_EVERY:
            return ()
        if self._voice.spoke_between(now - _RECENT, now):
            self._heard_at = now
            if self._speaks:
                return (CallerHeard(),)  # a caller who is still speaking does not wait for an answer
            self._speaks = True
            self._turn += 1
            return (CallerTurn(f"c{self._turn}"),)
        if self._speaks and now - self._heard_at >= PAUSE:
            self._speaks = False
            return CallerText(WORDLESS, f"c{self._turn}"), CallerHeard()
        return ()
