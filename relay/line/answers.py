"""How long the caller waited for each of the agent's turns, and how much of that the agent and the relay took.

Pure: gets events with their times (seconds of the event loop's clock). A turn answers what came last: the caller's
speech, keys, or a tool's result. If both sides speak at once nobody waited, and there is no answer time.
"""

from dataclasses import dataclass
from typing import Final, Literal

from relay.audio import pcm
from relay.audio.levels import samples_before_speech
from relay.audio.voice import VoiceActivity

_STILL_SPEAKING: Final = 0.04  # nobody answers this quickly: the two overlap
_GOES_ON: Final = 0.25  # a caller who goes on speaking this soon after the agent began was interrupted by it
_STOPS_WITHIN: Final = 0.3  # an agent that was interrupted may be heard for a moment after the caller's last word
_NEVER: Final = float("inf")

To = Literal["speech", "keys", "tool"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One wait in milliseconds: `agent_ms` until the agent's speech arrived, `relay_ms` from there until it was heard.

    `to`: what was answered.
    """

    to: To
    agent_ms: int
    relay_ms: int

    @property
    def answer_ms(self) -> int:
        """From the end of the caller's speech, keys or tool to the first speech heard."""
        return self.agent_ms + self.relay_ms

    def as_json(self) -> dict[str, int | str]:
        """The fields of a turn in the record."""
        return {
            "answers": self.to,
            "answer_ms": self.answer_ms,
            "agent_ms": self.agent_ms,
            "relay_ms": self.relay_ms,
        }


@dataclass(slots=True)
class _Utterance:
    """`quiet`: samples before its speech, which arrived by `speech_at`; the line plays it from `on_line_at`."""

    arrived_at: float
    samples: int = 0
    quiet: int = 0
    speech_at: float | None = None
    on_line_at: float | None = None

    @property
    def known(self) -> bool:
        """Whether the time of its first word is known."""
        return self.speech_at is not None and self.on_line_at is not None


@dataclass(frozen=True, slots=True)
class _Heard:
    """An utterance whose first word is heard at `at`; the previous one at `before`, and that one ended at
    `quiet_since`.
    """

    utterance: str
    at: float
    speech_at: float
    before: float
    quiet_since: float


class Answers:
    """The answers of one call.

    `first_heard_at`: when the caller first hears an agent speak; None until that is known.
    """

    def __init__(self, voice: VoiceActivity, rate_hz: int) -> None:
        self._voice = voice
        self._rate_hz = rate_hz
        self._utterances: dict[str, _Utterance] = {}
        self._speaking: _Utterance | None = None  # the last one heard, from `_heard_at` on
        self._heard_at = -_NEVER
        self._cut_at = _NEVER  # when it was silenced
        self._asked: tuple[tuple[To, float], ...] = ()
        self._open: list[_Heard] = []  # not known yet whether the caller went on speaking
        self._found: dict[str, Answer] = {}
        self.first_heard_at: float | None = None

    # --- events ---

    def keys(self, now: float) -> None:
        """The caller pressed a key."""
        self._asked = (*self._asked, ("keys", now))

    def tool(self, now: float) -> None:
        """The agent was given a tool's result."""
        self._asked = (*self._asked, ("tool", now))

    def arrived(self, utterance: str, sound: bytes, now: float) -> None:
        """The next part of an utterance has arrived, pcm at the line's rate."""
        said = self._utterances.setdefault(utterance, _Utterance(now))
        samples = len(sound) // pcm.SAMPLE_BYTES
        said.samples += samples
        if said.speech_at is None:
            quiet = samples_before_speech(pcm.samples(sound), self._rate_hz)
            said.quiet += quiet
            if quiet < samples:
                # silence that an agent sends before its speech counts as the agent's time, however fast it is sent
                said.speech_at = max(now, said.arrived_at + said.quiet / self._rate_hz)
                self._check(utterance, said)

    def on_line(self, utterance: str, at: float) -> None:
        """The line begins to play the utterance at `at`, which may be slightly in the future."""
        said = self._utterances.setdefault(utterance, _Utterance(at))
        if said.on_line_at is None:
            said.on_line_at = at
            self._check(utterance, said)

    def cut(self, now: float) -> None:
        """The agent was silenced: what was not heard by now will not be heard."""
        self._utterances.clear()
        self._cut_at = min(self._cut_at, now)
        self._open = [heard for heard in self._open if heard.at <= now]
        if self.first_heard_at is not None and self.first_heard_at > now:
            self.first_heard_at = None

    # --- results ---

    def found(self, now: float) -> dict[str, Answer]:
        """The answers by utterance; it takes a quarter of a second to know whether the caller went on speaking."""
        while self._open and now >= self._open[0].at + _GOES_ON:
            heard = self._open.pop(0)
            answer = self._answer(heard)
            if answer is not None:
                self._found.setdefault(heard.utterance, answer)
        return self._found

    def _check(self, utterance: str, said: _Utterance) -> None:
        """Once it has speech and is on the line, the time of its first word is known."""
        if said.speech_at is None or said.on_line_at is None:
            return
        at = said.on_line_at + said.quiet / self._rate_hz
        self.found(at)
        self._open.append(_Heard(utterance, at, said.speech_at, self._heard_at, self._quiet_since()))
        self._speaking, self._heard_at, self._cut_at = said, at, _NEVER
        self._utterances = {name: one for name, one in self._utterances.items() if one is said or not one.known}
        if self.first_heard_at is None:
            self.first_heard_at = at

    def _quiet_since(self) -> float:
        last = self._speaking
        if last is None or last.on_line_at is None:
            return -_NEVER
        return min(last.on_line_at + last.samples / self._rate_hz, self._cut_at)

    def _answer(self, heard: _Heard) -> Answer | None:
        """What the utterance answers, if anything: the last event since the agent was last heard."""
        # first, since it looks at more sound: the caller's last word may be in it
        goes_on = self._voice.spoke_between(heard.at, heard.at + _GOES_ON)
        asked = self._since_asked(heard)
        if asked is None or goes_on:
            return None
        to, since = asked
        agent_ms = round(max(0.0, heard.speech_at - since) * 1000)
        return Answer(to, agent_ms, max(0, round((heard.at - since) * 1000) - agent_ms))

    def _since_asked(self, heard: _Heard) -> tuple[To, float] | None:
        before = [(to, at) for to, at in self._asked if at < heard.at]
        self._asked = tuple((to, at) for to, at in self._asked if at >= heard.at)
        spoken = self._voice.last_end(heard.at)
        if spoken is not None and spoken < max(heard.before, heard.quiet_since - _STOPS_WITHIN):
            spoken = None  # that one was answered, or needs no answer
        if spoken is not None and heard.at - spoken < _STILL_SPEAKING:
            return None
        keys = max((at for to, at in before if to == "keys"), default=-_NEVER)
        if keys > (spoken or -_NEVER):
            return "keys", max(keys, heard.quiet_since)
        if spoken is not None:
            return "speech", spoken
        tool = max((at for to, at in before if to == "tool"), default=None)
        return None if tool is None else ("tool", max(tool, heard.quiet_since))
