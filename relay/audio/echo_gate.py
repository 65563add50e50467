"""Keeps an agent from hearing itself: decides of each piece of the caller's sound whether it is anything but echo.

WebRTC's AEC3 takes the echo away; what it leaves is only looked at. Where it leaves next to nothing the agent gets the
line's own noise, elsewhere the caller's sound as it came, untouched by any filter. `available` says whether the library
(pywebrtc-audio) is installed.
"""

from collections import deque
from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.voice import block_levels

try:
    import pywebrtc_audio
except ImportError:  # optional: not for every platform
    available = False
else:
    available = True

MARGIN_SECONDS: Final = 0.04  # the echo is looked for that long after the sound it is of
_SPEECH_DB: Final = -48.0  # left over by the canceller: of echo it leaves less
_CERTAIN_DB: Final = -40.0  # … so much is waited for by nobody
_SILENT_DB: Final = -50.0  # of the line: echo as quiet as that stops no agent
_OPEN_AFTER: Final = 2  # pieces with speech among the last three: a click opens nothing
_OPEN_SECONDS: Final = 0.15  # behind the last of them
_BEFORE_SECONDS: Final = 0.08  # it opens after a word has begun: so much of what was withheld follows at once
_NOISE_RISES_DB: Final = 3.0  # a second


class EchoGate:
    """One call. Not thread-safe: one piece after another."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._canceller = pywebrtc_audio.AudioProcessor(sample_rate=rate_hz, echo_cancellation=True)
        self._speech: deque[bool] = deque(maxlen=3)
        self._open_for = 0
        self._withheld: deque[bytes] = deque()
        self._ahead = 0  # samples given too early, to be left out of the next noise
        self._noise_db = -90.0
        self._noise = np.random.default_rng(1).standard_normal(rate_hz)
        self.is_new = True
        """It has not learned anything of the line."""
        self.muted = 0
        """Samples that were echo and nothing else."""

    def learn(self, heard: pcm.Samples, played: pcm.Samples) -> None:
        """What was said before there was a gate: it knows the line when its first piece comes."""
        self.is_new = False
        self._canceller.process(heard, played)

    def process(self, heard: bytes, played: pcm.Samples) -> bytes:
        """`heard` (pcm), or noise in its place; `played`: what its echo would be of, MARGIN_SECONDS earlier.

        When speech is found after pieces were withheld, the last of those come first: nothing of a soft beginning is
        lost, and nothing comes later than it could. Until the next noise, which is shorter by that, the agent is a
        moment ahead.
        """
        near = pcm.samples(heard)
        left = self._canceller.process(near, played)
        levels = block_levels(np.pad(near, (0, -len(near) % (self._rate_hz // 100))), self._rate_hz)
        self._noise_db = min(float(levels.min()), self._noise_db + _NOISE_RISES_DB * len(near) / self._rate_hz)
        remains = block_levels(np.pad(left, (0, -len(left) % (self._rate_hz // 100))), self._rate_hz)
        self._speech.append(bool(remains.max() >= _SPEECH_DB))
        if sum(self._speech) >= _OPEN_AFTER or remains.max() >= _CERTAIN_DB:
            self._open_for = round(_OPEN_SECONDS * self._rate_hz)
        else:
            self._open_for = max(0, self._open_for - len(near))
        if self._open_for:
            return self._with_its_beginning(heard)
        return heard if levels.max() < _SILENT_DB else self._withhold(heard)

    def _with_its_beginning(self, heard: bytes) -> bytes:
        if not self._withheld:
            return heard
        before = b"".join(self._withheld)
        self._withheld.clear()
        self._ahead += len(before) // pcm.SAMPLE_BYTES
        self.muted -= len(before) // pcm.SAMPLE_BYTES
        return before + heard

    def _withhold(self, heard: bytes) -> bytes:
        samples = len(heard) // pcm.SAMPLE_BYTES
        self._withheld.append(heard)
        while sum(map(len, self._withheld)) > _BEFORE_SECONDS * self._rate_hz * pcm.SAMPLE_BYTES:
            self._withheld.popleft()
        self.muted += samples
        given = min(samples, self._ahead)
        self._ahead -= given
        level = 32768 * 10 ** (max(self._noise_db, -90.0) / 20)
        return pcm.saturate(np.rint(np.resize(self._noise, samples - given) * level)).tobytes()
