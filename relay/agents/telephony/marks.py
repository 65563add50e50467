"""Which marks a bot has set after which sound, so that each is echoed when the caller has heard it (exotel.md 1.6)."""

from collections import deque


class Marks:
    """Divides what a bot says into utterances: a mark, a `clear` or a pause ends one.

    Utterances are rising numbers as text. Echoes come in the order of the marks, each once.
    """

    def __init__(self) -> None:
        self._number = 0
        self._open = False
        self._heard = 0  # all utterances up to this one were heard, or cut
        self._waiting: deque[tuple[int, str]] = deque()

    def sound(self) -> tuple[str, bool]:
        """Sound arrived: its utterance, and whether it begins it."""
        begins = not self._open
        if begins:
            self._number += 1
            self._open = True
        return str(self._number), begins

    def mark(self, name: str) -> tuple[str, list[str]]:
        """A mark: the utterance that it ends, empty if none is open, and the marks to echo at once."""
        ended = self.end()
        if self._number <= self._heard:  # then no mark is waiting either
            return ended, [name]
        self._waiting.append((self._number, name))
        return ended, []

    def end(self) -> str:
        """The current utterance is complete: its name, empty if there is none."""
        if not self._open:
            return ""
        self._open = False
        return str(self._number)

    def heard(self, utterance: str) -> list[str]:
        """The caller has heard `utterance` and all before it: the marks to echo."""
        self._heard = max(self._heard, int(utterance))
        echoes = []
        while self._waiting and self._waiting[0][0] <= self._heard:
            echoes.append(self._waiting.popleft()[1])
        return echoes

    def clear(self) -> list[str]:
        """The rest will not be heard: the marks to echo, as the carriers do."""
        self._open = False
        return self.heard(str(self._number))
