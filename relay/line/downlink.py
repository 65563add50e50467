"""The agent's sound on its way to the caller: converted to the line's format, utterance by utterance."""

import asyncio
from typing import Final

from relay.audio.convert import AudioFormat, Converter
from relay.audio.pcm import SAMPLE_BYTES
from relay.audio.playout import Playout
from relay.audio.speech_level import SpeechLevel
from relay.line.answers import Answers
from relay.line.pacer import Pacer

PLAYOUT_SECONDS: Final = 300.0  # speech that may wait to be played; above it the agent is not read
_PIECE_SECONDS: Final = 1.0  # converted at a time, so that a burst does not delay other calls
_FORMER: Final = 8  # utterances whose late sound is still recognised


class Downlink:
    """What the filter holds, and half a sample, belong to the utterance they came with, and to no other.

    `level`: how loud the caller hears it. `answers` is told what has come. `limit_s`: speech that may wait.
    """

    def __init__(
        self,
        playout: Playout,
        pacer: Pacer,
        line: AudioFormat,
        *,
        level: SpeechLevel | None = None,
        answers: Answers | None = None,
        limit_s: float = PLAYOUT_SECONDS,
    ) -> None:
        self._level = level or SpeechLevel(line.rate_hz)
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._playout = playout
        self._pacer = pacer
        self._line = line
        self._limit_samples = round(limit_s * line.rate_hz)
        self._former: list[str] = []
        self.attach(line)

    def attach(self, spoken: AudioFormat) -> None:
        """From now on the agent speaks `spoken`."""
        self._pacer.new_agent()
        self._utterance = ""
        self._spoken = spoken
        self._converter = Converter(spoken, self._line, realigned=True)
        self._piece = round(_PIECE_SECONDS * spoken.bytes_per_second)

    async def say(self, utterance: str, data: bytes) -> None:
        """The next part of `utterance`, in the agent's format. Returns once there is room for it in the playout.

        A new name ends the previous utterance, including what the filter still holds of it. Late sound of an earlier
        one is played after the current one, and does not change that.
        """
        if utterance != self._utterance and utterance not in self._former:
            self._end()
            self._utterance = utterance
        of_now = utterance == self._utterance
        converter = self._converter if of_now else Converter(self._spoken, self._line)
        for at in range(0, max(len(data), 1), self._piece):
            if at:
                await asyncio.sleep(0)
            await self._room()
            last = not of_now and at + self._piece >= len(data)
            sound = converter.convert(data[at : at + self._piece], last=last)
            if self._answers is not None:
                self._answers.arrived(utterance, sound, self._loop.time())
            sound = self._level.process(sound, last=last) if of_now else self._level.beside(sound)
            self._playout.say(utterance, sound)
            self._pacer.said(utterance, len(sound) // SAMPLE_BYTES)

    @property
    def slips(self) -> int:
        """How often the agent's sound was one byte off."""
        return self._converter.slips

    def duration_ms(self, data: bytes) -> float:
        """Length of a piece of the agent's sound."""
        return self._spoken.duration_ms(len(data))

    def done(self, utterance: str) -> None:
        """All of `utterance` has arrived."""
        if utterance == self._utterance:
            self._end()
        else:  # reported late: the current utterance is in the middle of a word
            self._playout.complete(utterance)
        self._pacer.wake()

    def cut(self) -> None:
        """What was said is dropped: its rest must not be heard in what comes next."""
        self._converter.reset()
        self._level.reset()

    def _end(self) -> None:
        if not self._utterance:
            return
        tail = self._level.process(self._converter.convert(b"", last=True), last=True)
        if tail and not self._playout.drained(self._utterance):  # else a click: its word was faded out long ago
            self._playout.say(self._utterance, tail)
        self._playout.complete(self._utterance)
        self._former = [*self._former[1 - _FORMER :], self._utterance]
        self._utterance = ""

    async def _room(self) -> None:
        """Wait while too much is waiting."""
        while (excess := self._playout.queued_samples - self._limit_samples) >= 0:  # noqa: ASYNC110 - it plays in real time
            await asyncio.sleep(min(_PIECE_SECONDS, (excess + 1) / self._line.rate_hz))
