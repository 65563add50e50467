"""The sound of a call that an echo is searched in: what was played and what was heard, no more of it than is needed."""

from typing import Final

from relay.audio import pcm
from relay.audio.echo import AUDIBLE_PEAK, LOOK_SECONDS, MOST_DELAY
from relay.audio.line_tape import LineTape
from relay.audio.recent_peaks import RecentPeaks
from relay.line.echo_gates import Learned

TAPE_SECONDS: Final = LOOK_SECONDS + MOST_DELAY + 0.6  # including what was sent ahead of time
_HEARD_SHARE: Final = 0.03  # of a second: noise has a peak or two now and then
_BEFORE_SECONDS: Final = 0.04  # and what is heard began a little earlier


class EchoSides:
    """One call. Positions are samples of the event loop's clock."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.played = LineTape(rate_hz, TAPE_SECONDS)
        self.heard = LineTape(rate_hz, LOOK_SECONDS)
        self.peaks = RecentPeaks(rate_hz, LOOK_SECONDS)
        self._before = b""  # the latest noise

    def note(self, sound: bytes, end: int, *, whole: bool) -> None:
        """`sound` (pcm) was heard up to `end`. Unless `whole`, only its peaks are kept of a line on which nothing but
        noise is heard, and as much of what was played as an echo that begins now may be late.
        """
        self.peaks.hear(sound)
        before, self._before = self._before, b""
        if whole or self.peaks.share(AUDIBLE_PEAK) >= _HEARD_SHARE:
            self.heard.write(before + sound, end - len(before + sound) // pcm.SAMPLE_BYTES)
            back = LOOK_SECONDS + MOST_DELAY
        else:
            self.heard.wipe()
            self._before = sound[-round(_BEFORE_SECONDS * self._rate_hz) * pcm.SAMPLE_BYTES :]
            back = MOST_DELAY
        self.played.needed_from = end - round(back * self._rate_hz)

    def last_second(self, end: int, hold: int) -> Learned:
        """What was heard in the second before `end`, and what was played `hold` samples earlier."""
        first, count = end - self._rate_hz, self._rate_hz
        return Learned(self.heard.codes(first, count).tobytes(), self.played.codes(first - hold, count).tobytes())

    def wipe(self) -> None:
        """Keep no sound until shortly before it is needed again."""
        self._before = b""
        self.played.wipe()
        self.heard.wipe()
