"""What waits to be played of one utterance: sound, and behind it sound that is still as it came."""

from collections.abc import Callable
from dataclasses import dataclass, field

from relay.audio import pcm

Change = Callable[[bytes], bytes]


class Coming:
    """Sound that is made when it is about to be played. `samples`: how many there will be, as far as is known."""

    __slots__ = ("samples",)

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def made(self) -> bytes:
        """The sound, pcm at the line's rate; called once."""
        raise NotImplementedError

    def drop(self) -> None:
        """It will not be played."""


class _Made(Coming):
    """Sound that is ready, behind some that is not."""

    __slots__ = ("_sound",)

    def __init__(self, sound: bytes) -> None:
        super().__init__(len(sound) // pcm.SAMPLE_BYTES)
        self._sound = sound

    def made(self) -> bytes:
        return self._sound


class _Ending(Coming):
    """Sound whose end is changed."""

    __slots__ = ("_change", "_parts")

    def __init__(self, parts: list[Coming], change: Change) -> None:
        super().__init__(sum(part.samples for part in parts))
        self._parts = parts
        self._change = change

    def made(self) -> bytes:
        return self._change(b"".join(part.made() for part in self._parts))

    def drop(self) -> None:
        for part in self._parts:
            part.drop()


@dataclass(slots=True)
class Utterance:
    """`name`: empty for a pause, which is no utterance of anybody's."""

    name: str
    samples: int = 0
    """That can be taken."""
    complete: bool = False
    made: int = 0
    """How many of `samples` need not be made any more."""
    _chunks: list[bytes] = field(default_factory=list)
    _taken: int = 0  # bytes of the first of them
    _coming: list[Coming] = field(default_factory=list)

    def add(self, sound: bytes | Coming) -> None:
        """The next part."""
        if isinstance(sound, Coming):
            self._coming.append(sound)
            self.samples += sound.samples
        elif self._coming:
            self.add(_Made(sound))
        else:
            self.samples += len(sound) // pcm.SAMPLE_BYTES
            self._append(sound)

    def take(self, count: int) -> bytes:
        """The next `count` samples, fewer if there are no more."""
        if count > self.made and self._coming:
            self._make(count)
        count = count if count < self.samples else self.samples
        want = count * pcm.SAMPLE_BYTES
        self.samples -= count
        self.made -= count
        if want and (end := self._taken + want) < len(chunk := self._chunks[0]):  # usually
            part, self._taken = chunk[self._taken : end], end
            return part
        parts = []
        while want:
            part = self._chunks[0][self._taken : self._taken + want]
            self._taken += len(part)
            if self._taken == len(self._chunks[0]):
                self._chunks.pop(0)
                self._taken = 0
            parts.append(part)
            want -= len(part)
        return b"".join(parts)

    def end_with(self, change: Change, count: int) -> None:
        """`change` the last `count` samples or more, when they are made if they are not yet."""
        parts: list[Coming] = []
        while self._coming and sum(part.samples for part in parts) < count:
            parts.insert(0, self._coming.pop())
        ending = _Ending(parts, change)
        self.samples -= ending.samples
        if ending.samples < count and self.samples:  # what was made is short, too: a few hundredths of a second
            ending = _Ending([_Made(self.take(self.samples)), *parts], change)
        self.add(ending)

    def drop(self) -> None:
        """Nothing more of it will be played."""
        for coming in self._coming:
            coming.drop()

    def _make(self, count: int) -> None:
        while self.made < count and self._coming:
            coming = self._coming.pop(0)
            sound = coming.made()
            self.samples += len(sound) // pcm.SAMPLE_BYTES - coming.samples
            if sound:
                self._append(sound)

    def _append(self, sound: bytes) -> None:
        self._chunks.append(sound)
        self.made += len(sound) // pcm.SAMPLE_BYTES
