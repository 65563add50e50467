"""What is sent to the caller next: the agent's unplayed speech over the ambience (design D2).

Pure: it has no clock and no socket. The pacer asks it for the next n samples.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from relay.audio import pcm
from relay.audio.ambience import CROSS_SECONDS, AmbienceTrack
from relay.audio.edges import CUT_SECONDS, fade_in, fade_out
from relay.audio.utterance import Coming, Utterance

_TORN_SECONDS: Final = 0.01  # the end of a word whose agent died
_BREATH_SECONDS: Final = 0.275  # between that word and the next agent's first


class Readiness(Enum):
    """The content of a frame that is taken now."""

    NOTHING = auto()
    """No speech and no ambience: the line can stay quiet."""
    EDGE = auto()
    """Nothing but what a cut has left to fade out: a few milliseconds."""
    AMBIENCE = auto()
    """No speech that may be taken."""
    PARTIAL = auto()
    """Some speech, but less than the frame, and more of it may come: better wait while the line can."""
    FULL = auto()
    """A frame's worth of speech, or the end of an utterance."""


_NOTHING, _EDGE, _AMBIENCE = Readiness.NOTHING, Readiness.EDGE, Readiness.AMBIENCE  # looked up, each takes 0.1 µs
_PARTIAL, _FULL = Readiness.PARTIAL, Readiness.FULL


# Both are made 25 times per second and call, so they must be cheap to make and to read. Compiled code reads them as it
# reads a struct of C, and calls an `__init__` that is written here directly, but not one that `dataclass` would add.


@dataclass(init=False, slots=True)
class Span:
    """A part of one utterance inside a frame: `samples` of it, `offset` samples into the frame."""

    utterance: str
    offset: int
    samples: int

    def __init__(self, utterance: str, offset: int, samples: int) -> None:
        self.utterance = utterance
        self.offset = offset
        self.samples = samples


@dataclass(init=False, slots=True)
class Frame:
    """One outbound media message.

    `pcm`: s16le mono at the line's rate; empty if only `ended` is news. `ended`: utterances that are complete with this
    frame. `edge`: the speech at its start, as much as a cut fades out; empty if it does not start with speech.
    """

    pcm: bytes
    spans: tuple[Span, ...]
    ended: tuple[str, ...]
    edge: bytes

    def __init__(
        self, pcm: bytes, spans: tuple[Span, ...] = (), ended: tuple[str, ...] = (), edge: bytes = b""
    ) -> None:
        self.pcm = pcm
        self.spans = spans
        self.ended = ended
        self.edge = edge

    @property
    def samples(self) -> int:
        """Length in samples."""
        return len(self.pcm) // pcm.SAMPLE_BYTES


class Playout:
    """The queue towards one caller."""

    def __init__(self, ambience: AmbienceTrack | None = None, *, rate_hz: int = 8000) -> None:
        self.ambience = ambience
        self._queue: list[Utterance] = []
        self._tools: dict[str, AmbienceTrack | None] = {}  # running tools, and what is heard meanwhile
        self._sound: AmbienceTrack | None = None
        self._running = ""  # the utterance that continues without a break
        self._torn = ""  # the utterance with a hole: what follows fades in
        self._edge = round(CUT_SECONDS * rate_hz)
        self._edge_bytes = self._edge * pcm.SAMPLE_BYTES
        self._torn_samples = round(_TORN_SECONDS * rate_hz)
        self._breath_samples = round(_BREATH_SECONDS * rate_hz)
        self._cut_edge = b""  # speech that was cut off, for the next frame to fade out

    @property
    def queued_samples(self) -> int:
        """Speech waiting to be sent."""
        return sum(entry.samples for entry in self._queue)

    @property
    def ending(self) -> bool:
        """Whether an utterance's end has yet to be sent, though it may have no sound left."""
        return any(entry.complete for entry in self._queue)

    @property
    def opening(self) -> str:
        """The last utterance, if more may come and nothing was taken of it since it began or had a hole."""
        if not self._queue or self._queue[-1].complete or self._queue[-1].name == self._running:
            return ""
        return self._queue[-1].name

    def say(self, utterance: str, sound: bytes | Coming) -> None:
        """Queue `sound` (pcm at the line's rate, or what will be) as the next part of `utterance`.

        A new name closes the previous utterance: agents don't always say that one is complete. Sound for an utterance
        that is still waiting is added to it, wherever it is in the queue.
        """
        entry = next((entry for entry in reversed(self._queue) if entry.name == utterance), None)
        if entry is None:
            if self._queue:
                self._queue[-1].complete = True
            entry = Utterance(utterance)
            self._queue.append(entry)
        if sound:
            entry.add(sound)

    def complete(self, utterance: str) -> None:
        """Nothing more will come for `utterance`: its tail need not wait."""
        for entry in self._queue:
            if entry.name == utterance:
                entry.complete = True

    def complete_all(self) -> None:
        """Nothing more will come at all."""
        for entry in self._queue:
            entry.complete = True

    def change_ambience(self, track: AmbienceTrack | None) -> None:
        """Another ambience, or none, from now on: crossfaded with the previous one."""
        before = self.ambience
        if track is None:
            if before is not None:
                before.fade_out(CROSS_SECONDS)
            return
        track.follow(before)
        self.ambience, self._sound = track, None
        self._type()

    def busy(self, tool: str, *, sound: AmbienceTrack | None = None, done: bool = False) -> None:
        """A tool is running, or has finished: meanwhile the caller hears its `sound`, or typing if the agent types."""
        if done:
            self._tools.pop(tool, None)
        else:
            self._tools[tool] = sound
            if sound is not None:
                self._wait_with(sound)
        self._type()

    def _wait_with(self, sound: AmbienceTrack) -> None:
        """Beside the ambience, in place of what was heard before, or alone."""
        before, self._sound = self._sound, sound
        if before is not None:
            sound.over, before.over = before.over, None
            sound.follow(before)
        elif self.ambience is not None:
            sound.over = self.ambience.over
        if self.ambience is None or self.ambience is before:
            self.ambience = sound
        else:
            self.ambience.over = sound

    @property
    def working(self) -> bool:
        """Whether a tool is running."""
        return bool(self._tools)

    def idle(self) -> None:
        """No tool is running any more: the agent is gone."""
        self._tools.clear()
        self._type()

    def _type(self) -> None:
        sound = self._sound
        typing = sound.over if sound is not None else self.ambience.over if self.ambience is not None else None
        if sound is not None:
            sound.enabled = sound in self._tools.values()
        if typing is not None:
            typing.enabled = bool(self._tools) and not (sound is not None and sound.enabled)

    def tear(self) -> None:
        """The agent failed: fade out its cut word, and leave a pause before the next agent."""
        if not self._queue or self._queue[-1].complete:
            return
        torn = self._queue[-1]
        torn.complete = True
        if torn.samples:
            torn.end_with(lambda sound: fade_out(sound, self._torn_samples), self._torn_samples)
        pause = Utterance("", complete=True)
        pause.add(bytes(self._breath_samples * pcm.SAMPLE_BYTES))
        self._queue.append(pause)

    def flush(self) -> tuple[str, ...]:
        """Drop all unplayed speech (interruption) and return the utterances that were cut. Ambience goes on.

        An utterance with nothing left is not cut, even if more of it might have come.
        """
        cut = tuple(entry.name for entry in self._queue if entry.samples and entry.name)
        running = self._queue and self._running and self._queue[0].name == self._running
        self._cut_edge = self._queue[0].take(self._edge) if running else b""
        for entry in self._queue:
            entry.drop()
        self._queue.clear()
        self._running = self._torn = ""
        return cut

    def cut(self, edge: bytes | None) -> None:
        """The line has dropped its unplayed sound; `edge`: the speech it would have played next, None if it had played
        everything.

        The next frame begins with the first 5 ms of it, faded out: a step would be heard as a click.
        """
        if edge is not None:
            self._cut_edge = edge

    def drained(self, utterance: str) -> bool:
        """Whether it has begun, may go on, and nothing of it waits: its last word was ended already."""
        begun = utterance in {self._running, self._torn}
        return begun and bool(self._queue) and self._queue[-1].name == utterance and not self._queue[-1].samples

    def readiness(self, count: int, *, held: str = "") -> Readiness:
        """What `pull(count, held=held)` would contain now."""
        if not self._queue:
            return self._without_speech
        ready, complete = 0, False
        for entry in self._queue:
            if entry.name == held and held:
                break
            ready, complete = ready + self._available(entry), entry.complete
        if ready >= count or complete:
            return _FULL
        if ready or self._kept:
            return _PARTIAL
        return self._without_speech

    @property
    def resting(self) -> bool:
        """Whether there is ambience to be heard, and nothing of any utterance waits."""
        return not self._queue and self.ambience is not None and not self.ambience.silent

    def goes_on(self, count: int) -> bool:
        """Whether an utterance that has begun has more than `count` samples left."""
        queue = self._queue
        return bool(queue) and queue[0].name == self._running and queue[0].samples - self._edge > count

    @property
    def _without_speech(self) -> Readiness:
        if self.ambience is None or self.ambience.silent:
            return _EDGE if self._cut_edge else _NOTHING
        return _AMBIENCE

    @property
    def available(self) -> int:
        """Samples of speech that can be taken without cutting a word."""
        return sum(map(self._available, self._queue))

    @property
    def _kept(self) -> bool:
        """Whether the end of a word is kept because it may go on."""
        return bool(self._queue) and self._queue[-1].name == self._running and self._queue[-1].samples > 0

    def _available(self, entry: Utterance) -> int:
        """The last 5 ms of speech that may go on are kept, to be faded out if the rest is late."""
        return entry.samples if entry.complete else max(0, entry.samples - self._edge)

    def pull(self, count: int, *, held: str = "", tear: bool = False) -> Frame:
        """The next `count` samples: speech, padded with silence if there is too little, over the ambience.

        `held`: the utterance that may not begin yet. `tear`: there is too little, and no time left to wait. If more of
        an utterance follows, its first words are padded in front: an agent that speaks in real time would otherwise be
        heard with a hole after its first syllable. Elsewhere the padding is a hole, and its edges are faded.
        """
        ambience = self.ambience
        if not self._queue and not self._cut_edge:  # most frames of a call
            return Frame(b"" if ambience is None or ambience.silent else ambience.raw(count))
        sound, spans, ended = self._take_speech(count, held, tear)
        edge = sound[: self._edge_bytes] if spans and not spans[0].offset else b""
        if self._cut_edge:
            sound = self._with_cut_edge(sound, count)
        if ambience is None or ambience.silent:
            if not sound:
                return Frame(b"", spans, ended)
            return Frame(sound.ljust(count * pcm.SAMPLE_BYTES, b"\0"), spans, ended, edge)
        background = ambience.raw(count, _extent(spans))
        if not sound:
            return Frame(background, spans, ended)
        if len(sound) < len(background):
            sound = sound.ljust(len(background), b"\0")
        return Frame(pcm.mixed(sound, background), spans, ended, edge)

    def _take_speech(self, count: int, held: str, tear: bool) -> tuple[bytes, tuple[Span, ...], tuple[str, ...]]:
        first = self._queue[0] if self._queue else None
        if first and first.name == self._running and first.name and not held and first.made - self._edge > count:
            return first.take(count), (Span(first.name, 0, count),), ()  # it goes on as it did: most frames of speech
        parts: list[bytes] = []
        spans: list[Span] = []
        ended: list[str] = []
        filled = begins = 0
        last: Utterance | None = None
        while self._queue and filled < count:
            entry = self._queue[0]
            if entry.name == held and held:
                break
            piece = entry.take(min(count - filled, entry.samples if tear else self._available(entry)))
            if piece:
                begins, last = len(parts), entry
                parts.append(self._faded_in(entry, piece))
                spans.append(Span(entry.name, filled, len(piece) // pcm.SAMPLE_BYTES))
                filled += len(piece) // pcm.SAMPLE_BYTES
            if not entry.complete or entry.samples:
                break
            ended.append(self._queue.pop(0).name)
        while self._queue and self._queue[0].complete and not self._queue[0].samples:
            ended.append(self._queue.pop(0).name)
        self._settle_end(parts, spans, begins, count - filled, last, tear)
        named = tuple(span for span in spans if span.utterance)
        return b"".join(parts), named, tuple(name for name in ended if name)

    def _settle_end(
        self, parts: list[bytes], spans: list[Span], begins: int, missing: int, last: Utterance | None, tear: bool
    ) -> None:
        """A frame that is `missing` samples short: first words move to its end, a hole gets an edge."""
        goes_on = last is not None and not last.complete
        drained = tear and last is not None and not last.samples and last.name == self._running
        if not last or not (missing or (drained and goes_on)):
            self._running = last.name if last and (goes_on or last.samples) else ""
            return
        if not goes_on:
            self._running = ""
        elif last.name != self._running:
            parts.insert(begins, bytes(missing * pcm.SAMPLE_BYTES))
            spans[-1] = Span(last.name, spans[-1].offset + missing, spans[-1].samples)
            self._running = last.name
        else:
            parts[-1] = fade_out(parts[-1], self._edge)
            self._running, self._torn = "", last.name

    def _faded_in(self, entry: Utterance, piece: bytes) -> bytes:
        """What follows a hole in its utterance is faded in."""
        if entry.name != self._torn or not self._torn:
            return piece
        self._torn = ""
        return fade_in(piece, self._edge)

    def _with_cut_edge(self, sound: bytes, count: int) -> bytes:
        edge, self._cut_edge = fade_out(self._cut_edge, self._edge), b""
        size = count * pcm.SAMPLE_BYTES
        return pcm.mixed(sound.ljust(size, b"\0"), edge[:size].ljust(size, b"\0"))


def _extent(spans: tuple[Span, ...]) -> tuple[int, int]:
    """Where the speech of a frame begins and ends; both 0 without any."""
    return (spans[0].offset, spans[-1].offset + spans[-1].samples) if spans else (0, 0)
