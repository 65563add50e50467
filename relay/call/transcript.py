"""Who said what, when, and how much of it was heard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from relay.agents.seam import Said
from relay.events.records import timestamp
from relay.line.answers import Answer


@dataclass(slots=True)
class Turn:
    """One utterance of either side, or one of the several texts of an agent's utterance.

    `heard_ms`: how much the caller heard of it. `answer`: how long the caller had waited for it. `start_ms`: the length
    of sound that preceded it in its utterance. `length_ms`: the length of its sound, once it was heard.
    """

    speaker: Literal["caller", "agent"]
    text: str
    at: datetime
    utterance: str = ""
    interrupted: bool = False
    heard_ms: int | None = None
    start_ms: float = 0.0
    length_ms: float = 0.0
    corrected: bool = False
    answer: Answer | None = None

    @property
    def as_said(self) -> str:
        """The words that the caller heard, as far as is known; empty if none."""
        if not self.interrupted or self.corrected:
            return self.text
        if self.heard_ms == 0:
            return ""
        if self.heard_ms is None or self.heard_ms >= self.length_ms:
            return f"{self.text} [cut off]"  # the full length is unknown
        words = self.text[: round(len(self.text) * self.heard_ms / self.length_ms)]
        return f"{words.rpartition(' ')[0]} …".lstrip()


@dataclass(slots=True)
class _Utterance:
    """What the agent says in one go, and how much of its sound was heard."""

    texts: list[Turn] = field(default_factory=list)
    sound_ms: float = 0.0
    heard_ms: int | None = None
    interrupted: bool = False
    complete: bool = False

    def measure(self) -> None:
        """Set for each text how much of its own part of the sound was heard."""
        if self.heard_ms is None:
            return
        for turn, start, length in self._stretches():
            is_last = turn is self.texts[-1]
            heard = max(self.heard_ms - start, 0.0)
            # after the known sound there is only the padding of the last frame
            turn.heard_ms, turn.length_ms = round(heard if is_last else min(heard, length)), length
            turn.interrupted = self.interrupted and (is_last or round(heard) < round(length))

    def _stretches(self) -> Iterator[tuple[Turn, float, float]]:
        """Each text with the start and length of its sound: the sound that came with it, up to the next text's.

        Texts that came together share the following sound in proportion to their length.
        """
        starts = [turn.start_ms for turn in self.texts]
        for start, group in groupby(self.texts, key=lambda turn: turn.start_ms):
            turns = list(group)
            end = next((later for later in starts if later > start), self.sound_ms)
            characters = sum(len(turn.text) for turn in turns)
            for turn in turns:
                length = (end - start) * len(turn.text) / characters
                yield turn, start, length
                start += length


@dataclass(slots=True)
class Transcript:
    """The turns of one stream, in the order in which they became known. `turn_ended`: called when a side is done
    speaking.
    """

    started_at: datetime
    turns: list[Turn] = field(default_factory=list)
    turn_ended: Callable[[], None] = lambda: None
    _utterances: dict[str, _Utterance] = field(default_factory=dict)
    _sounding: str = ""

    # --- the caller ---

    def caller_spoke(self, utterance: str, at: datetime) -> None:
        """A turn of the caller's whose text is still to come; if none comes it is dropped."""
        self.turns.append(Turn("caller", "", at, utterance))

    def caller_said(self, text: str, at: datetime, utterance: str = "") -> None:
        """A turn of the caller's, at the place reserved for `utterance` if there is one."""
        kept = self._last("caller", utterance) if utterance else None
        if kept is not None:
            kept.text = text
        elif text:
            self.turns.append(Turn("caller", text, at))
        self.turn_ended()

    # --- the agent ---

    def agent_says(self, text: str, utterance: str, at: datetime) -> None:
        """A turn of the agent's; the same words sent again are the same turn (elevenlabs.md A2.3).

        The first text of an utterance belongs to its sound from the beginning, whenever it comes; a later one to the
        sound that follows it.
        """
        said = self._utterance(utterance)
        if not text or any(turn.text == text for turn in said.texts):
            return
        turn = Turn("agent", text, at, utterance, start_ms=said.sound_ms if said.texts else 0.0)
        self.turns.append(turn)
        said.texts.append(turn)
        said.measure()

    def agent_sounds(self, utterance: str, length_ms: float) -> None:
        """More sound of `utterance` has arrived. A different utterance completes the previous one."""
        if self._sounding not in {utterance, ""}:
            self.complete(self._sounding)
        self._sounding = utterance
        self._utterance(utterance).sound_ms += length_ms

    def complete(self, utterance: str) -> None:
        """The agent has sent all of `utterance`."""
        self._utterance(utterance).complete = True

    def corrected(self, text: str, utterance: str) -> None:
        """The agent's own version of its last turn of `utterance`, after an interruption."""
        turn = self._last("agent", utterance)
        if turn is not None and text:
            turn.text, turn.corrected = text, True

    def heard(self, utterance: str, heard_ms: int, *, interrupted: bool) -> None:
        """How much of `utterance` was heard before it ended or was cut."""
        said = self._utterance(utterance)
        said.heard_ms = heard_ms
        said.interrupted = said.interrupted or interrupted
        said.measure()
        self.turn_ended()

    def answered(self, utterance: str, answer: Answer) -> None:
        """How long the caller had waited for `utterance`."""
        if texts := self._utterance(utterance).texts:
            texts[0].answer = answer

    def broke_off(self, prefix: str, *, speaking: bool) -> None:
        """The agent whose utterances begin with `prefix` is gone: what it had not sent is never heard.

        `speaking`: its sound is still being played; otherwise everything that has sound was heard to its end.
        """
        for name, said in self._utterances.items():
            open_end = not said.complete and said.heard_ms is None and (speaking or not said.sound_ms)
            if not name.startswith(prefix) or not open_end or not said.texts:
                continue
            said.interrupted = said.texts[-1].interrupted = True
            for turn in said.texts:
                if turn.start_ms >= said.sound_ms:
                    turn.heard_ms, turn.interrupted = 0, True

    # --- all of it ---

    def so_far(self) -> tuple[Said, ...]:
        """What was said and heard so far: context for an agent that takes over."""
        return tuple(Said(turn.speaker, said) for turn in self.turns if (said := turn.as_said))

    def as_json(self) -> list[dict[str, Any]]:
        """The `turns` of events and records (docs/contracts.md)."""
        return [self.turn_json(turn) for turn in self.turns if turn.text]

    def turn_json(self, turn: Turn) -> dict[str, Any]:
        """An entry of `turns`."""
        return {
            "speaker": turn.speaker,
            "text": turn.text,
            "at": timestamp(turn.at),
            "offset_ms": round((turn.at - self.started_at).total_seconds() * 1000),
            "interrupted": turn.interrupted,
            "heard_ms": turn.heard_ms,
            **(turn.answer.as_json() if turn.answer else {}),
        }

    def _utterance(self, name: str) -> _Utterance:
        if (known := self._utterances.get(name)) is not None:
            return known
        said = self._utterances[name] = _Utterance()
        return said

    def _last(self, speaker: str, utterance: str) -> Turn | None:
        return next(
            (turn for turn in reversed(self.turns) if turn.utterance == utterance and turn.speaker == speaker), None
        )
