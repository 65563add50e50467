"""The sound of a call that an echo is searched in: what was played and what was heard, no more of it than is needed."""

from typing import Final

from relay.audio import pcm
from relay.audio.echo import AUDIBLE_PEAK, LEAST_DELAY, LOOK_SECONDS, MOST_DELAY, SPEECH_PEAK, EchoMeter
from relay.audio.echo_ruled_out import RuledOut
from relay.audio.levels import BLOCK_SECONDS
from relay.audio.line_tape import LineTape, peaks
from relay.audio.recent_peaks import RecentPeaks
from relay.line.echo_gates import Learned

TAPE_SECONDS: Final = LOOK_SECONDS + MOST_DELAY + 0.6  # including what was sent ahead of time
_HEARD_SHARE: Final = 0.03  # of a second: noise has a peak or two now and then
_PAUSE_SECONDS: Final = 0.3  # of an agent, between two turns
_COMPARED: Final = 45  # hundredths of a second, at least at a time
_COMPARED_MOST: Final = 90
_SURE_FOR: Final = 1000  # so much later an echo may have begun
_BEFORE_SECONDS: Final = 0.04  # and what is heard began a little earlier


class EchoSides:
    """One call. Positions are samples of the event loop's clock."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.played = LineTape(rate_hz, TAPE_SECONDS)
        self.heard = LineTape(rate_hz, LOOK_SECONDS)
        self.peaks = RecentPeaks(rate_hz, LOOK_SECONDS)
        self._before = b""  # the latest noise
        self._block = round(BLOCK_SECONDS * rate_hz)
        self._reach = round(MOST_DELAY / BLOCK_SECONDS)
        self._speech_until = 0.0
        self._uncompared = 0  # hundredths of a second
        self._ruled_out = RuledOut(round(LEAST_DELAY / BLOCK_SECONDS), self._reach)

    @property
    def clean(self) -> bool:
        """Whether the line was quiet under the agent's voice in this turn: it returns nothing."""
        return self._ruled_out.all_delays

    def search(self, meter: EchoMeter, end: int, *, early: bool) -> bool:
        """Have what was heard up to `end` searched for an echo, if that is worth it. Returns whether it was."""
        if self.clean or not meter.worth_a_look(self.played, self.peaks, end, early=early):
            return False
        # half a millisecond: handing it to a thread would take the loop as long
        meter.look(*meter.sides(self.played, self.heard, end), early=early)
        return True

    def note(self, sound: bytes, end: int, *, whole: bool) -> None:
        """`sound` (pcm) was heard up to `end`. Unless `whole`, only its peaks are kept of a line on which nothing but
        noise is heard, and as much of what was played as an echo that begins now may be late.
        """
        latest = self.peaks.hear(sound)
        if whole:
            self._new_turn()
        else:
            self._compare(latest, end)
        before, self._before = self._before, b""
        if whole or self.peaks.share(AUDIBLE_PEAK) >= _HEARD_SHARE:
            self.heard.write(before + sound, end - len(before + sound) // pcm.SAMPLE_BYTES)
            back = LOOK_SECONDS + MOST_DELAY
        else:
            self.heard.wipe()
            self._before = sound[-round(_BEFORE_SECONDS * self._rate_hz) * pcm.SAMPLE_BYTES :]
            back = MOST_DELAY
        self.played.needed_from = end - round(back * self._rate_hz)

    def _compare(self, latest: int, end: int) -> None:
        self._uncompared += latest
        if self.clean:
            if self._uncompared >= _SURE_FOR:
                self._new_turn()
            return
        if self._uncompared < _COMPARED:
            return
        count, self._uncompared = min(self._uncompared, _COMPARED_MOST), 0
        samples = (count + self._reach) * self._block
        played: list[int] = peaks(self.played.codes(end - samples, samples), self._block).tolist()
        if max(played) >= SPEECH_PEAK:
            self._ruled_out.hear(played, self.peaks.audible(count, AUDIBLE_PEAK))

    def speaks(self, at: float, until: float) -> None:
        """The agent's speech is played between these times, in seconds of the clock."""
        if at > self._speech_until + _PAUSE_SECONDS:
            self._new_turn()
        self._speech_until = until

    def _new_turn(self) -> None:
        """An echo may have begun since the agent last spoke."""
        self._ruled_out.forget()
        self._uncompared = 0

    def last_second(self, end: int, hold: int) -> Learned:
        """What was heard in the second before `end`, and what was played `hold` samples earlier."""
        first, count = end - self._rate_hz, self._rate_hz
        return Learned(self.heard.codes(first, count).tobytes(), self.played.codes(first - hold, count).tobytes())

    def fall_silent(self) -> None:
        """Nothing that is heard from now on can be an echo, until the agent speaks again: then it is a new turn."""
        self._ruled_out.pause()
        self.wipe()

    def wipe(self) -> None:
        """Keep no sound until shortly before it is needed again."""
        self._before = b""
        self.played.wipe()
        self.heard.wipe()
