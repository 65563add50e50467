"""The agent's sound on its way to the caller: converted to the line's format, utterance by utterance."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from relay.at_once import DONE, Later
from relay.audio.convert import AudioFormat, Converter
from relay.audio.playout import Playout
from relay.audio.speech_level import SpeechLevel
from relay.line.answers import Answers
from relay.line.making import Making, Part
from relay.line.pacer import Pacer

PLAYOUT_SECONDS: Final = 300.0  # speech that may wait to be played; above it the agent is not read
_PIECE_SECONDS: Final = 1.0  # converted at a time, so that a burst does not delay other calls
_FORMER: Final = 8  # utterances whose late sound is still recognised


class Downlink:
    """What the filter holds, and half a sample, belong to the utterance they came with, and to no other.

    Agents send their speech ahead of time, and many may begin at once. So it is kept as it came, and converted and
    measured when it is about to be played, in the order in which it came. What is cut off before that never is.

    `limit_s`: speech that may wait. The other options are Making's.
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
        on_slip: Callable[[], None] | None = None,
        on_defect: Callable[[Exception], None] | None = None,
    ) -> None:
        self._level = level or SpeechLevel(line.rate_hz)
        self._loop = asyncio.get_running_loop()
        self._playout = playout
        self._pacer = pacer
        self._line = line
        self._limit_samples = round(limit_s * line.rate_hz)
        self._former: list[str] = []
        self._making = Making(self._level, answers, on_slip, on_defect)
        self.attach(line)

    def attach(self, spoken: AudioFormat) -> None:
        """From now on the agent speaks `spoken`."""
        self._pacer.new_agent()
        self._utterance = ""
        self._came = 0  # bytes of it
        self._spoken = spoken
        self._converter = Converter(spoken, self._line, realigned=True)
        self._piece = round(_PIECE_SECONDS * spoken.bytes_per_second)

    def say(self, utterance: str, data: bytes) -> Awaitable[None]:
        """The next part of `utterance`, in the agent's format. Usually DONE (relay.at_once); if there is no room for it
        in the playout, what is returned has to be awaited before anything else is said.

        A new name ends the previous utterance, including what the filter still holds of it. Late sound of an earlier
        one is played after the current one, and does not change that.
        """
        if utterance != self._utterance and utterance not in self._former:
            self._end()
            self._utterance = utterance
        return self._take(utterance, data, 0, None if utterance == self._utterance else self._new_converter())

    def _take(self, utterance: str, data: bytes, at: int, late: Converter | None) -> Awaitable[None]:
        """What is in `data` from `at` on. `late`: converts it, if the utterance is an earlier one."""
        while True:
            if self._excess >= 0:
                return Later(partial(self._take_with_room, partial(self._take, utterance, data, at, late)))
            piece = data if len(data) <= self._piece else data[at : at + self._piece]
            before, at = at, at + len(piece)
            last, now = at >= len(data), self._loop.time()
            if late is None:
                samples = -self._returned()
                self._came += len(piece)
                samples += self._returned()
                part = Part(samples, utterance, self._converter, piece, now)
            else:
                samples = late.returned(at, last=last) - late.returned(before)
                part = Part(samples, utterance, late, piece, now, late=True, last=last)
            self._playout.say(utterance, self._making.add(part))
            self._pacer.said(utterance, samples)
            if last:
                return DONE

    def _new_converter(self) -> Converter:
        return Converter(self._spoken, self._line)

    def _returned(self) -> int:
        """Samples that have become of the current utterance, as far as nothing has to be put right."""
        return max(0, self._converter.returned(self._came) - self._level.behind)

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
        """What was said is dropped, here too: its rest must not be heard in what comes next."""
        self._making.forget()
        self._came = 0
        self._converter.reset()
        self._level.reset()

    def _end(self) -> None:
        if not self._utterance:
            return
        rest = self._converter.returned(self._came, last=True) - self._returned()
        tail = Part(rest, self._utterance, self._converter, b"", 0.0, last=True, tail=True)
        if rest and not self._playout.drained(self._utterance):
            self._playout.say(self._utterance, self._making.add(tail))
        else:
            tail.samples = 0  # it would be a click: the word was faded out long ago
            self._making.add(tail)
        self._playout.complete(self._utterance)
        self._former = [*self._former[1 - _FORMER :], self._utterance]
        self._utterance, self._came = "", 0

    @property
    def _excess(self) -> int:
        return self._playout.queued_samples - self._limit_samples

    async def _take_with_room(self, go_on: Callable[[], Awaitable[None]]) -> None:
        while (excess := self._excess) >= 0:  # noqa: ASYNC110 - it plays in real time
            await asyncio.sleep(min(_PIECE_SECONDS, (excess + 1) / self._line.rate_hz))
        await go_on()
