"""A caller who is played by a language model: listens to the agent's words, thinks, answers by voice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from console.rehearse.caller import Room, Spoken, Words
from console.rehearse.language_model import LanguageModel, Message, ModelError
from console.rehearse.suite import Goal
from sim.caller import SILENT, Doing, Ear
from sim.sound import Pcm

HANG_UP: Final = "[hang up]"
_FINISHED_MS: Final = 700.0
_NOBODY_SPOKE_MS: Final = 6000.0

Speak = Callable[[str], Awaitable[Pcm]]


def instructions(goal: Goal) -> str:
    """What the model is told about the person it plays."""
    facts = "\n".join(f"- {fact}" for fact in goal.facts) or "- nothing else"
    return (
        f"You are on the phone, as the caller. You are {goal.persona}.\n"
        f"You speak {goal.language}. You are {goal.patience}.\n"
        f"You want: {goal.wants}\n"
        f"What you know, and may tell when you are asked:\n{facts}\n"
        "Answer with what you say next, one or two short spoken sentences, nothing else. Never invent a fact. "
        f"When you have what you want, or see that you will not get it, say goodbye and add {HANG_UP}."
    )


class GoalCaller:
    """See sim.caller.Caller. `problem` says why the model could not play on; the caller then hangs up."""

    def __init__(self, goal: Goal, model: LanguageModel, speak: Speak, rate_hz: int, words: Words, room: Room) -> None:
        self.said: list[Spoken] = []
        self.problem = ""
        self._goal = goal
        self._model = model
        self._speak = speak
        self._rate_hz = rate_hz
        self._words = words
        self._room = room
        self._ear = Ear()
        self._messages = [Message("system", instructions(goal))]
        self._thinking: asyncio.Task[tuple[str, Pcm]] | None = None
        self._speaking: Pcm | None = None
        self._told = 0
        self._leaving = False
        self._quiet_since_ms = 0.0
        self._heard_at_done_ms = 0.0
        self._tokens_before = model.tokens

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """One frame of the call."""
        self._ear.hear(at_ms, heard, size / self._rate_hz * 1000)
        doing = self._act(at_ms, size)
        if doing.pcm is not None or self._ear.speaking_since_ms is not None:
            self._quiet_since_ms = at_ms
        if self._room.quiet:
            return doing
        return Doing(self._room.mix(doing.pcm, heard, size), doing.digits, doing.hang_up, doing.begins)

    def _act(self, at_ms: float, size: int) -> Doing:
        if self._speaking is not None:
            return Doing(self._next_frame(at_ms, size))
        if self._leaving:
            return Doing(None, hang_up=True)
        if self._thinking is not None:
            return self._answer(at_ms, size) if self._thinking.done() else SILENT
        spoke = self._ear.heard_speech_ms - self._heard_at_done_ms >= 200
        finished = spoke and self._ear.quiet_ms(at_ms) >= _FINISHED_MS
        if finished or at_ms - self._quiet_since_ms >= _NOBODY_SPOKE_MS:
            self._thinking = asyncio.ensure_future(self._think())
        return SILENT

    async def _think(self) -> tuple[str, Pcm]:
        words = self._words()
        agent_said, self._told = words[self._told :].strip(), len(words)
        self._messages.append(Message("user", agent_said or "(silence)"))
        said = await self._model.say(self._messages)
        self._messages.append(Message("assistant", said))
        text = said.replace(HANG_UP, "").strip()
        return said, await self._speak(text or "Goodbye.")

    def _answer(self, at_ms: float, size: int) -> Doing:
        thinking, self._thinking = self._thinking, None
        assert thinking is not None
        try:
            said, self._speaking = thinking.result()
        except (ModelError, ValueError) as error:
            self.problem, self._leaving = str(error), True
            return SILENT
        spent = self._model.tokens - self._tokens_before
        self._leaving = HANG_UP in said or len(self.said) + 1 >= self._goal.turns or spent >= self._goal.tokens
        text = said.replace(HANG_UP, "").strip()
        self.said.append(Spoken(text, at_ms / 1000, cut_in=self._ear.speaking_since_ms is not None))
        return Doing(self._next_frame(at_ms, size), begins=text)

    def _next_frame(self, at_ms: float, size: int) -> Pcm | None:
        if self._speaking is None:
            return None
        frame, self._speaking = self._speaking[:size], self._speaking[size:]
        if not self._speaking.size:
            self._speaking = None
            self.said[-1].end_s = at_ms / 1000 + frame.size / self._rate_hz
            self._heard_at_done_ms = self._ear.heard_speech_ms
        if frame.size == size:
            return frame
        padded: Pcm = frame.copy()
        padded.resize(size)
        return padded
