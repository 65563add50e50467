"""What goes to the caller next: the agent's unplayed speech over the ambience (design D2).

Pure: it knows no clock and no socket. The pacer asks it for the next n samples.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from relay.audio import pcm
from relay.audio.ambience import AmbienceTrack


class Readiness(Enum):
    """What a frame taken now would hold."""

    NOTHING = auto()
    """No speech and no ambience: the line can stay quiet."""
    PARTIAL = auto()
    """Some speech, but less than the frame, and more of it may come: better wait while the line can."""
    FULL = auto()
    """A frame's worth of speech, the end of an utterance, or ambience alone."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one utterance inside a frame: `samples` of it, beginning `offset` samples into the frame."""

    utterance: str
    offset: int
    samples: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One outbound media message.

    `pcm`: s16le mono at the line's rate; empty when only `ended` is news. `ended`: utterances complete with this frame.
    """

    pcm: bytes
    spans: tuple[Span, ...] = ()
    ended: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """Length in samples."""
        return len(self.pcm) // pcm.SAMPLE_BYTES


@dataclass(slots=True)
class _Utterance:
    name: str
    chunks: deque[bytes] = field(default_factory=deque)
    complete: bool = False


class Playout:
    """The queue towards one caller."""

    def __init__(self, ambience: AmbienceTrack | None = None) -> None:
        self.ambience = ambience
        self._queue: deque[_Utterance] = deque()
        self._queued = 0
        self._tools: set[str] = set()
        self._running = ""  # the utterance that filled the frame before to its end

    @property
    def queued_samples(self) -> int:
        """Speech that waits to be sent."""
        return self._queued

    @property
    def ending(self) -> bool:
        """There is an utterance whose end has yet to be sent, though it may have no sound left."""
        return any(entry.complete for entry in self._queue)

    def say(self, utterance: str, sound: bytes) -> None:
        """Queue `sound` (pcm at the line's rate) as the next part of `utterance`.

        A new name closes the utterance before it: agents don't always say that one is complete. An utterance that is
        still waiting gets what comes for it, wherever it stands.
        """
        entry = next((entry for entry in reversed(self._queue) if entry.name == utterance), None)
        if entry is None:
            if self._queue:
                self._queue[-1].complete = True
            entry = _Utterance(utterance)
            self._queue.append(entry)
        if sound:
            entry.chunks.append(sound)
            self._queued += len(sound) // pcm.SAMPLE_BYTES

    def complete(self, utterance: str) -> None:
        """Nothing more will come for `utterance`: its tail need not wait."""
        for entry in self._queue:
            if entry.name == utterance:
                entry.complete = True

    def complete_all(self) -> None:
        """Nothing more will come at all."""
        for entry in self._queue:
            entry.complete = True

    def busy(self, tool: str, *, done: bool = False) -> None:
        """A tool works, or has finished: meanwhile the caller hears typing, where the agent is set up for it."""
        (self._tools.discard if done else self._tools.add)(tool)
        self._type()

    def idle(self) -> None:
        """No tool works any more: the agent is gone."""
        self._tools.clear()
        self._type()

    def _type(self) -> None:
        if self.ambience is not None and self.ambience.over is not None:
            self.ambience.over.enabled = bool(self._tools)

    def flush(self) -> tuple[str, ...]:
        """Drop all unplayed speech (interruption) and name the utterances cut short. Ambience goes on.

        An utterance of which nothing was left is not cut short, even if more of it might have come.
        """
        cut = tuple(entry.name for entry in self._queue if entry.chunks)
        self._queue.clear()
        self._queued = 0
        self._running = ""
        return cut

    def readiness(self, count: int) -> Readiness:
        """What `pull(count)` would hold now."""
        if self._queue:
            if self._queued >= count or self._queue[-1].complete:
                return Readiness.FULL
            if self._queued:
                return Readiness.PARTIAL
        if self.ambience is None or self.ambience.silent:
            return Readiness.NOTHING
        return Readiness.FULL

    def pull(self, count: int) -> Frame:
        """The next `count` samples: speech, padded with silence where there is too little, over the ambience.

        Where more of an utterance will follow, its first words are padded in front: an agent that speaks in real time
        would otherwise be heard with a hole after its first syllable.
        """
        parts, spans, ended = self._take_speech(count)
        if self.ambience is None or self.ambience.silent:
            if not parts:
                return Frame(b"", spans, ended)
            sound = b"".join(parts)
            return Frame(sound + bytes(count * pcm.SAMPLE_BYTES - len(sound)), spans, ended)
        background = self.ambience.take(
            count, (spans[0].offset, spans[-1].offset + spans[-1].samples) if spans else (0, 0)
        )
        if not parts:
            return Frame(background.tobytes(), spans, ended)
        speech = np.zeros(count, dtype=np.int16)
        joined = pcm.samples(b"".join(parts))
        speech[: len(joined)] = joined
        return Frame(pcm.mix(speech, background).tobytes(), spans, ended)

    def _take_speech(self, count: int) -> tuple[list[bytes], tuple[Span, ...], tuple[str, ...]]:
        parts: list[bytes] = []
        spans: list[Span] = []
        ended: list[str] = []
        filled = begins = 0
        while self._queue and filled < count:
            utterance = self._queue[0]
            begins = len(parts)
            taken = self._take_from(utterance, count - filled, parts)
            if taken:
                spans.append(Span(utterance.name, filled, taken))
                filled += taken
            if utterance.chunks:
                break
            if not utterance.complete:
                break
            ended.append(utterance.name)
            self._queue.popleft()
        while self._queue and self._queue[0].complete and not self._queue[0].chunks:
            ended.append(self._queue.popleft().name)
        self._queued -= filled
        missing = count - filled
        last = spans[-1] if spans else None
        if last and missing and self._queue and self._queue[0].name == last.utterance != self._running:
            parts.insert(begins, bytes(missing * pcm.SAMPLE_BYTES))
            spans[-1] = Span(last.utterance, last.offset + missing, last.samples)
            missing = 0
        self._running = last.utterance if last and not missing else ""
        return parts, tuple(spans), tuple(ended)

    @staticmethod
    def _take_from(utterance: _Utterance, count: int, parts: list[bytes]) -> int:
        want = count * pcm.SAMPLE_BYTES
        taken = 0
        while utterance.chunks and taken < want:
            chunk = utterance.chunks[0]
            piece = chunk[: want - taken]
            parts.append(piece)
            taken += len(piece)
            if len(piece) == len(chunk):
                utterance.chunks.popleft()
            else:
                utterance.chunks[0] = chunk[len(piece) :]  # see Playout.say: agents send a second or less at a time
        return taken // pcm.SAMPLE_BYTES
