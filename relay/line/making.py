"""Makes an agent's sound from what it sent, in the order in which it came, when it is about to be played."""

from collections.abc import Callable

from relay.audio.convert import Converter
from relay.audio.speech_level import SpeechLevel
from relay.audio.utterance import Coming
from relay.line.answers import Answers


class Part(Coming):
    """A part of an utterance as it came at `at`, and what converts it. `late`: the utterance is an earlier one. `last`:
    with all that the converter holds. `tail`: only what it holds of the current one, and what the level does.
    """

    __slots__ = ("_making", "at", "converter", "data", "dropped", "last", "late", "sound", "tail", "utterance")

    def __init__(
        self,
        samples: int,
        utterance: str,
        converter: Converter,
        data: bytes,
        at: float,
        *,
        late: bool = False,
        last: bool = False,
        tail: bool = False,
    ) -> None:
        super().__init__(samples)
        self._making: Making | None = None
        self.utterance = utterance
        self.converter = converter
        self.data = data
        self.at = at
        self.late = late
        self.last = last
        self.tail = tail
        self.dropped = False
        self.sound = b""

    def waits(self, making: "Making") -> None:
        """It is to be played: `making` makes it then."""
        self._making = making

    def made(self) -> bytes:
        if self._making is not None:
            self._making.make(self)
        sound, self.sound = self.sound, b""
        return sound

    def drop(self) -> None:
        self.dropped, self.data = True, b""
        self._making = None  # which holds this

    def done(self, sound: bytes) -> None:
        """It has been made."""
        self._making, self.data = None, b""
        self.sound = sound


class Making:
    """Of one agent's time in a call. `level`: how loud the caller hears it. `answers` is told what has come. `on_slip`
    is called when the agent's sound was one byte off, and `on_defect` with an error in here: that sound is left out.
    """

    def __init__(
        self,
        level: SpeechLevel,
        answers: Answers | None,
        on_slip: Callable[[], None] | None,
        on_defect: Callable[[Exception], None] | None,
    ) -> None:
        self._level = level
        self._answers = answers
        self._on_slip = on_slip
        self._on_defect = on_defect
        self._waiting: list[Part] = []

    def add(self, part: Part) -> Part | bytes:
        """To be made after all that came before it; returns what to put into the playout.

        Nobody asks for a part without samples: it is made as soon as that is.
        """
        if part.samples:
            part.waits(self)
        elif not self._waiting:
            self._finish(part)
            return b""
        self._waiting.append(part)
        return part if part.samples else b""

    def forget(self) -> None:
        """What came is not wanted any more."""
        self._waiting.clear()

    def make(self, part: Part) -> None:
        """`part`, after all that came before it."""
        waiting = self._waiting
        while waiting and (first := waiting.pop(0)) is not part:
            self._finish(first)
        self._finish(part)
        while waiting and not waiting[0].samples:
            self._finish(waiting.pop(0))

    def _finish(self, part: Part) -> None:
        if part.dropped:
            return
        converter = part.converter
        slips = converter.slips
        try:
            sound = converter.convert(part.data, last=part.last)
            if self._answers is not None and not part.tail:
                self._answers.arrived(part.utterance, sound, part.at)
            made = self._level.beside(sound) if part.late else self._level.process(sound, last=part.tail)
        except Exception as error:
            part.done(b"")
            if self._on_defect is None:
                raise
            self._on_defect(error)
            return
        part.done(made)
        if converter.slips > slips and self._on_slip is not None:
            self._on_slip()
