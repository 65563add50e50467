"""The agent's loudness for the caller: as it speaks, with a fixed gain, or at the usual level of telephones."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.limiter import Limiter
from relay.audio.loudness import LevelMeter

TARGET_DB: Final = -20.0  # of full scale, without pauses
MOST_DB: Final = 12.0  # more would raise the agent's noise as well
_SURE_AFTER: Final = 0.2  # seconds of speech before the first estimate
_LOOK_EVERY: Final = 0.1  # seconds of sound
_SLEW_DB: Final = 15.0  # a second, while it is learned
_HOLD_DB: Final = 1.0  # once learned, the gain stays until it is wrong by more than this
_LEARNED_AFTER: Final = 2.0  # seconds of speech


class SpeechLevel:
    """One agent on one call. `meter` measures what the agent sends, before any gain.

    Without gain, sound passes unchanged, at once. With gain, the limiter keeps the last 2.5 ms until `last`.
    """

    def __init__(self, rate_hz: int, *, gain_db: float = 0.0, auto: bool = False) -> None:
        self.meter = LevelMeter(rate_hz)
        self._rate_hz = rate_hz
        self._auto = auto
        self._limiter = Limiter(rate_hz) if auto or gain_db else None
        self._gain_db = gain_db
        self._wanted_db = gain_db
        self._between = True  # the gain may jump between utterances: it is inaudible there
        self._next_look = _LOOK_EVERY
        self._unmeasured = 0.0  # seconds of sound since the level was last measured

    @property
    def gain_db(self) -> float:
        """The current gain."""
        return self._gain_db

    @property
    def behind(self) -> int:
        """How many samples are kept until `last`."""
        return 0 if self._limiter is None else self._limiter.ahead

    def process(self, sound: bytes, *, last: bool = False) -> bytes:
        """The next part of an utterance, pcm; `last`: it ends here."""
        self.meter.hear(sound)
        if self._limiter is None:
            return sound
        samples = pcm.samples(sound)
        gains_db = self._gains_db(len(samples)) if self._auto and len(samples) else self._gain_db
        louder = samples * 10 ** (np.asarray(gains_db) / 20)
        self._between = last
        return pcm.saturate(np.rint(self._limiter.process(louder, last=last))).tobytes()

    def beside(self, sound: bytes) -> bytes:
        """A late part of an earlier utterance, whole: as loud as what is said now, which it leaves alone."""
        if self._limiter is None:
            return sound
        louder = pcm.samples(sound).astype(np.float64) * 10 ** (self._gain_db / 20)
        return pcm.saturate(np.rint(Limiter(self._rate_hz).process(louder, last=True))).tobytes()

    def reset(self) -> None:
        """The utterance was cut off: none of it may be heard in the next one. The learned gain stays."""
        self._between = True
        if self._limiter is not None:
            self._limiter.reset()

    def _gains_db(self, count: int) -> float | NDArray[np.float64]:
        """The gain for the next `count` samples; during a change, one gain per sample."""
        self._learn(count / self._rate_hz)
        way = self._wanted_db - self._gain_db
        if self._between or not way:
            self._gain_db = self._wanted_db
            return self._gain_db
        before, slew = self._gain_db, np.minimum(np.arange(1, count + 1) * (_SLEW_DB / self._rate_hz), abs(way))
        self._gain_db = self._wanted_db if slew[-1] == abs(way) else before + float(np.copysign(slew[-1], way))
        gains: NDArray[np.float64] = before + np.copysign(slew, way)
        return gains

    def _learn(self, seconds: float) -> None:
        """Measure the level: often at first, seldom once another second would hardly change it."""
        self._unmeasured += seconds
        heard = self.meter.seconds if self._unmeasured >= self._next_look else 0.0
        level = self.meter.level_db if heard >= _SURE_AFTER else None
        if heard:
            self._unmeasured, self._next_look = 0.0, max(_LOOK_EVERY, heard / 8)
        if level is not None:
            wanted = min(MOST_DB, max(-MOST_DB, TARGET_DB - level))
            if heard < _LEARNED_AFTER or abs(wanted - self._wanted_db) > _HOLD_DB:
                self._wanted_db = wanted
