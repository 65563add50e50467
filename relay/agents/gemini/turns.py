"""The turns of a conversation with Gemini: what its sound and its words say to the call, and in which order."""

import asyncio
from typing import Final

from relay.agents.budget import joined
from relay.agents.late_sound import TurnGate
from relay.agents.seam import (
    AgentEvent,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallerTurn,
    Interruption,
    TurnDone,
    TurnFailed,
    UtteranceDone,
)

_NOT_FAILED: Final = frozenset({"", "NEED_MORE_INPUT", "TURN_COMPLETE_REASON_UNSPECIFIED"})


class Turns:
    """An utterance is a turn of the model, counted here: the vendor's messages have no ids.

    `between`: set while the model is not in the middle of one.
    """

    def __init__(self, between: asyncio.Event) -> None:
        self._between = between
        self._number = 0
        self._gate = TurnGate()
        self._reason = ""
        self._done = True  # the current turn needs no UtteranceDone any more
        self._model_words = ""
        self._caller_words = ""
        self._caller_turn = ""

    @property
    def stale(self) -> bool:
        """Sound and words that arrive now are from before an interruption."""
        return self._gate.is_shut

    @property
    def unfinished(self) -> bool:
        """The model is in the middle of an utterance."""
        return not self._done

    def audio(self, data: bytes) -> tuple[AgentEvent, ...]:
        """Sound that is not stale."""
        return (*self._begin(), Audio(data, str(self._number)))

    def words(self, text: str) -> tuple[AgentEvent, ...]:
        """The next words of what the model says; whole with the end of the turn."""
        if self.stale:
            return ()
        begun = self._begin()
        self._model_words = joined(self._model_words, text)
        return begun

    def caller_words(self, text: str, *, finished: bool) -> tuple[AgentEvent, ...]:
        """The next words of what the model heard."""
        self._caller_words = joined(self._caller_words, text)
        return self._caller_text() if finished else (CallerHeard(),)

    def interrupted(self) -> tuple[AgentEvent, ...]:
        """Drop all sound until the turn is complete, or for longer than any late sound takes."""
        said = self._said()
        self._done = True
        self._gate.shut()
        return (*self._caller_text(), *said, Interruption())

    def generated(self) -> tuple[AgentEvent, ...]:
        """The model has nothing to add to this turn."""
        said = self._said()
        if self._done:
            return said
        self._done = True
        return (*said, UtteranceDone(str(self._number)))

    def because(self, reason: str) -> None:
        """Why the turn is about to be complete, in the vendor's word."""
        self._reason = reason

    def complete(self, *, tools_wait: bool) -> tuple[AgentEvent, ...]:
        """What the model announced is final now, unless the caller has interrupted this turn.

        `tools_wait`: tool calls without an answer; a turn that made some has not failed.
        """
        reason, self._reason = self._reason, ""
        silent = self._between.is_set()  # it had neither sound nor words
        self._between.set()
        if self.stale:
            self._gate.open()
            return self._caller_text()
        if silent and reason not in _NOT_FAILED and not tools_wait:
            return (*self._caller_text(), TurnFailed(reason.lower(), f"the turn failed: {reason}"))
        return (*self._caller_text(), *self.generated(), TurnDone())

    def resumed(self) -> None:
        """On another socket: what was stale will not come any more."""
        self._gate.open()

    def unsaid(self) -> tuple[AgentEvent, ...]:
        """Words that came in pieces and will not be completed."""
        return (*self._caller_text(), *self._said())

    def _begin(self) -> tuple[AgentEvent, ...]:
        """The first sign of a turn of the model: the caller's words before it must be reported first."""
        if not self._between.is_set():
            return ()
        said = self._said()  # from a turn that was cut off
        self._between.clear()
        self._number += 1
        self._done = False
        self._caller_turn = f"caller{self._number}"
        return (*said, CallerTurn(self._caller_turn))

    def _said(self) -> tuple[AgentEvent, ...]:
        text, self._model_words = self._model_words.strip(), ""
        return (AgentText(text, str(self._number)),) if text else ()

    def _caller_text(self) -> tuple[AgentEvent, ...]:
        """The caller's words before the model's current turn, or after its last one."""
        text, self._caller_words = self._caller_words.strip(), ""
        turn, self._caller_turn = self._caller_turn, ""
        return (CallerText(text, turn),) if text else ()
