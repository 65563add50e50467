"""Keeps an agent from hearing itself: decides for each piece of the caller's sound whether it is only echo.

WebRTC's AEC3 removes the echo; its output is only measured. If almost nothing is left, the agent gets the line's own
noise, otherwise the caller's original sound, unchanged by any filter.
"""

from collections import deque
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.canceller import Canceller
from relay.audio.echo_room import EchoRoom
from relay.audio.levels import BLOCK_SECONDS, block_levels

MARGIN_SECONDS: Final = 0.04  # an echo is searched for up to this long after its sound
_SPEECH_DB: Final = -48.0  # level after the canceller: echo is below this
_CERTAIN_DB: Final = -40.0  # … and one piece this loud is speech without a second one
_SILENT_DB: Final = -50.0  # level on the line: echo this quiet stops no agent
_OPEN_AFTER: Final = 2  # pieces with speech among the last three: a click does not open the gate
_OPEN_SECONDS: Final = 0.15  # after the last of them
_BEFORE_SECONDS: Final = 0.08  # it opens after a word has begun: this much withheld sound is sent at once
_NOISE_RISES_DB: Final = 3.0  # a second
WITHIN_REACH_SECONDS: Final = 0.4  # the canceller finds an echo this long after its sound by itself, with some to spare
REACH_SECONDS: Final = 1.5  # of what was played, needed in doubt: the greatest delay of an echo, and the room's
_DOUBT_LEAST: Final = 0.06  # seconds of sound that are enough to tell a caller from most echoes
_DOUBT_MOST: Final = 0.14  # … and from any echo, even a clipped one or one from a large room
_PERHAPS_ECHO: Final = 0.4  # likeness to an echo with any delay from which on more must be heard
_MOVED: Final = 0.55  # … from which on it is an echo whose delay changed; a caller's words reach 0.5
_APART: Final = 0.15  # by which the likeness with the former delay must be lower
_STAYED: Final = 0.9  # likeness to an echo with the former delay: little else can be in the sound
_FOLLOWS: Final = 0.7  # … while the canceller has yet to follow a changed delay
_MOVING_SECONDS: Final = 2.0
_TRUSTED_SECONDS: Final = 1.0  # a caller whose speech was passed on is not doubted again for this long


class EchoGate:
    """One call. Not thread-safe: one piece after another.

    Speech that the canceller leaves is a caller, or an echo whose delay has jumped. Once the room is known
    (relay/audio/echo_room.py), such speech is in doubt until it was compared with the room's echo.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._canceller = Canceller(rate_hz)
        self._room = EchoRoom(rate_hz)
        self._speech: deque[bool] = deque(maxlen=3)
        self.open_for = 0
        """Samples for which all that is heard next is passed on, whatever it is."""
        self._trusted_for = 0
        self._moving_for = 0
        self._doubted = 0  # samples
        self._withheld: deque[bytes] = deque()
        self._ahead = 0  # samples passed on early, to be left out of the next noise
        self._noise_db = -90.0
        self._noise = _noise(rate_hz)
        self.hold = 0
        """Samples by which the played sound must be delayed before it is compared."""
        self.muted = 0
        """Samples withheld so far because they were only echo."""

    @property
    def doubts(self) -> bool:
        """Whether the next call of `process` needs `before`."""
        return self._doubted > 0

    def follow(self, hold: int) -> None:
        """The echo's delay has changed: from now on delay the played sound by `hold` samples."""
        self.hold, self._doubted = hold, 0
        self._moving_for = round(_MOVING_SECONDS * self._rate_hz)
        self._room.spoil()

    def learn(self, heard: pcm.Samples, played: pcm.Samples) -> None:
        """Learn from sound of before the gate existed, so that it knows the line when its first piece arrives."""
        self._canceller.process(heard, played)
        self._room.learn(heard, played)

    def process(self, heard: bytes, played: pcm.Samples, before: pcm.Samples | None = None) -> bytes:
        """Returns `heard` (pcm), or noise in its place. `played`: the sound whose echo `heard` may contain, sent `hold`
        samples before it, which leaves a margin of MARGIN_SECONDS. `before`: REACH_SECONDS of played sound, up to the
        end of `heard`.

        If speech is found after pieces were withheld, the last of these are returned first: nothing of a soft beginning
        is lost, and nothing is later than necessary. The next noise is shorter by that much; until then the agent is
        slightly ahead.
        """
        near = pcm.samples(heard)
        left = self._canceller.process(near, played)
        levels, remains = _levels(near, left, self._rate_hz)
        self._noise_db = min(float(levels.min()), self._noise_db + _NOISE_RISES_DB * len(near) / self._rate_hz)
        self._speech.append(bool(remains.max() >= _SPEECH_DB))
        speaks = sum(self._speech) >= _OPEN_AFTER or bool(remains.max() >= _CERTAIN_DB)
        if speaks and not self._is_echo(heard, before):
            self.open_for = round(_OPEN_SECONDS * self._rate_hz)
            self._trusted_for = round(_TRUSTED_SECONDS * self._rate_hz)
        else:
            self.open_for = max(0, self.open_for - len(near))
            self._trusted_for = max(0, self._trusted_for - len(near))
        self._moving_for = max(0, self._moving_for - len(near))
        if any(self._speech) or self.open_for:
            self._room.spoil()
        elif self._doubted:
            self._doubted = 0
        self._room.learn(near, played)
        if self.open_for:
            return self._with_its_beginning(heard)
        return heard if levels.max() < _SILENT_DB and not self._doubted else self.withhold(heard)

    def _is_echo(self, heard: bytes, before: pcm.Samples | None) -> bool:
        """Whether what the canceller left may still be echo."""
        if self._trusted_for or not self._room.known:
            return False
        self._doubted += len(heard) // pcm.SAMPLE_BYTES
        if self._doubted < _DOUBT_LEAST * self._rate_hz or before is None:
            return True
        last = b"".join((*self._withheld, heard))[
            -pcm.SAMPLE_BYTES * min(self._doubted, round(_DOUBT_MOST * self._rate_hz)) :
        ]
        match = self._room.find(pcm.samples(last), before, self.hold)
        if self._doubted < _DOUBT_MOST * self._rate_hz:
            if match.likeness >= _PERHAPS_ECHO:
                return True
        elif match.likeness >= _MOVED and match.here < match.likeness - _APART:
            self.follow(match.late)
            return True
        elif match.here >= (_FOLLOWS if self._moving_for else _STAYED):
            return True
        self._doubted = 0
        return False

    def _with_its_beginning(self, heard: bytes) -> bytes:
        if not self._withheld:
            return heard
        before = b"".join(self._withheld)
        self._withheld.clear()
        self._ahead += len(before) // pcm.SAMPLE_BYTES
        self.muted -= len(before) // pcm.SAMPLE_BYTES
        return before + heard

    def withhold(self, heard: bytes) -> bytes:
        """The noise that stands in for `heard`."""
        samples = len(heard) // pcm.SAMPLE_BYTES
        self._withheld.append(heard)
        kept = _BEFORE_SECONDS + (_DOUBT_MOST if self._doubted else 0)
        while sum(map(len, self._withheld)) > kept * self._rate_hz * pcm.SAMPLE_BYTES:
            self._withheld.popleft()
        self.muted += samples
        given = min(samples, self._ahead)
        self._ahead -= given
        level = 32768 * 10 ** (max(self._noise_db, -90.0) / 20)
        wanted = samples - given
        noise = self._noise[:wanted] if wanted <= len(self._noise) else np.resize(self._noise, wanted)
        noise = noise * level
        return pcm.saturate(np.rint(noise, out=noise)).tobytes()


@cache
def _noise(rate_hz: int) -> NDArray[np.float64]:
    """A second of it, for all calls: 64 KB."""
    return np.random.default_rng(1).standard_normal(rate_hz)


def _levels(one: pcm.Samples, other: pcm.Samples, rate_hz: int) -> NDArray[np.float32]:
    """The levels of each hundredth of a second of both, and of what is left at their ends as if silence followed."""
    size = round(BLOCK_SECONDS * rate_hz)
    both = np.zeros((2, -(-len(one) // size) * size), np.int16)
    both[0, : len(one)], both[1, : len(other)] = one, other
    return block_levels(both.ravel(), rate_hz).reshape(2, -1)
