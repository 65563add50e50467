"""How the phone network plays what it gets: a queue, so a late frame is a hole in what the caller hears."""

from collections import deque

HOLE_MIN = 0.001


class Player:
    """One caller's ear. All times in seconds of one clock, all lengths in seconds."""

    def __init__(self) -> None:
        self.dry_at: float | None = None
        self._queue: deque[tuple[float, float]] = deque()

    def play(self, length: float, now: float) -> tuple[float, float]:
        """Queue `length` of sound that arrived `now`: (when it begins to be heard, for how long there was none)."""
        late = 0.0 if self.dry_at is None else now - self.dry_at
        begin = now if self.dry_at is None or late > 0 else self.dry_at
        self.dry_at = begin + length
        while self._queue and self._queue[0][1] <= now:
            self._queue.popleft()
        self._queue.append((begin, self.dry_at))
        return begin, late if late > HOLE_MIN else 0.0

    def clear(self, now: float) -> None:
        """Drop what has not begun; the frame that plays is finished (Exotel's `clear`)."""
        while self._queue and self._queue[-1][0] > now:
            self.dry_at = self._queue.pop()[0]
