"""A caller played by a language model: listens to the agent's words, thinks, and answers by voice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from console.rehearse.language_model import LanguageModel, Message, ModelError
from console.rehearse.person import Person, Room, Spoken, Words
from console.rehearse.suite import Goal
from sim.caller import SILENT, Doing
from sim.sound import Pcm

HANG_UP: Final = "[hang up]"
_FINISHED_MS: Final = 700.0
_NOBODY_SPOKE_MS: Final = 6000.0
_WORDS_LATE_MS: Final = 4000.0

Speak = Callable[[str], Awaitable[Pcm]]


def instructions(goal: Goal) -> str:
    """The model's instructions about the person it plays."""
    facts = "\n".join(f"- {fact}" for fact in goal.facts) or "- nothing else"
    return (
        f"You are on the phone, as the caller. You are {goal.persona}.\n"
        f"You speak {goal.language}. You are {goal.patience}.\n"
        f"You want: {goal.wants}\n"
        f"What you know, and may tell when you are asked:\n{facts}\n"
        "Answer with what you say next, one or two short spoken sentences, nothing else. Never invent a fact. "
        f"When you have what you want, or see that you will not get it, say goodbye and add {HANG_UP}."
    )


class GoalCaller(Person):
    """`problem`: why the model could not go on; the caller then hangs up."""

    def __init__(self, goal: Goal, model: LanguageModel, speak: Speak, rate_hz: int, words: Words, room: Room) -> None:
        super().__init__(rate_hz, words, room)
        self.problem = ""
        self._goal = goal
        self._model = model
        self._speak = speak
        self._messages = [Message("system", instructions(goal))]
        self._thinking: asyncio.Task[tuple[str, Pcm]] | None = None
        self._told = 0
        self._leaving = False
        self._tokens_before = model.tokens

    def _act(self, at_ms: float, size: int) -> Doing:
        if self._leaving:
            return Doing(None, hang_up=True)
        if self._thinking is not None:
            return self._answer(self._thinking, at_ms, size) if self._thinking.done() else SILENT
        quiet_ms = self._agent_was_quiet_ms(at_ms)
        # a deployed relay reports words some seconds after their sound
        patience_ms = _FINISHED_MS if len(self._words()) > self._told else _WORDS_LATE_MS
        finished = quiet_ms is not None and quiet_ms >= patience_ms
        if finished or at_ms - self._quiet_since_ms >= _NOBODY_SPOKE_MS:
            self._thinking = asyncio.ensure_future(self._think())
        return SILENT

    async def _think(self) -> tuple[str, Pcm]:
        words = self._words()
        agent_said, self._told = words[self._told :].strip(), len(words)
        self._messages.append(Message("user", agent_said or "(silence)"))
        said = await self._model.say(self._messages)
        self._messages.append(Message("assistant", said))
        return said, await self._speak(_spoken(said) or "Goodbye.")

    def _answer(self, thinking: asyncio.Task[tuple[str, Pcm]], at_ms: float, size: int) -> Doing:
        self._thinking = None
        try:
            said, pcm = thinking.result()
        except (ModelError, ValueError) as error:
            self.problem, self._leaving = str(error), True
            return SILENT
        spent = self._model.tokens - self._tokens_before
        self._leaving = HANG_UP in said or len(self.said) + 1 >= self._goal.turns or spent >= self._goal.tokens
        line = Spoken(_spoken(said), at_ms / 1000, cut_in=self.agent_is_speaking)
        return Doing(self._say(line, pcm, at_ms, size), begins=line.text)


def _spoken(said: str) -> str:
    return said.replace(HANG_UP, "").strip()
