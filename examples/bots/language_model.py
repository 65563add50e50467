"""Listens, thinks, speaks: speech to text, a language model and text to speech, each over HTTP and each replaceable.

[agents.assistant]
vendor = "bot"
id = "examples.bots.language_model:LanguageModelBot"
options = { prompt = "You answer for Acme Health.", listen = "deepgram", speak = "deepgram" }
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from examples.bots.providers import DEEPGRAM, OPENAI, Deepgram, Heard, OpenAI
from examples.bots.turns import SpeechBegan, SpeechOver, TurnDetector
from relay.agents.bot import Bot

_SENTENCE_END = re.compile(r"(?<=[.!?।])\s+")


class LanguageModelOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who listens and who speaks; the model is OpenAI's, or any that is served in its shapes."""

    prompt: str = "You are a friendly assistant on the telephone. Answer in one or two short sentences."
    greeting: str = "Hello, how can I help you?"
    listen: Literal["openai", "deepgram"] = "openai"
    speak: Literal["openai", "deepgram"] = "openai"
    openai_url: str = OPENAI
    deepgram_url: str = DEEPGRAM


class LanguageModelBot(Bot):
    """A conversation in turns. The caller can cut in at any time."""

    Options = LanguageModelOptions

    @classmethod
    def needs(cls, options: LanguageModelOptions) -> tuple[str, ...]:
        deepgram = ("DEEPGRAM_API_KEY",) if "deepgram" in {options.listen, options.speak} else ()
        return ("OPENAI_API_KEY", *deepgram)

    async def on_start(self) -> None:
        openai = OpenAI(self.http, self.environ["OPENAI_API_KEY"], self.options.openai_url)
        deepgram = Deepgram(self.http, self.environ.get("DEEPGRAM_API_KEY", ""), self.options.deepgram_url)
        self.model = openai
        self.ears = deepgram if self.options.listen == "deepgram" else openai
        self.mouth = deepgram if self.options.speak == "deepgram" else openai
        self.voice = ""
        self.turns = TurnDetector()
        self.answering: asyncio.Task[None] | None = None
        roles = {"caller": "user", "agent": "assistant"}
        self.messages = [{"role": "system", "content": self.options.prompt}]
        self.messages += [{"role": roles[said.speaker], "content": said.text} for said in self.call.said_so_far]
        self.answering = self.spawn(self.utter(self.options.greeting))

    def on_audio(self, pcm: bytes) -> None:
        match self.turns.hear(pcm):
            case SpeechBegan():
                self.stop_answering()
            case SpeechOver(said):
                self.stop_answering()
                self.answering = self.spawn(self.answer(said))

    def on_interrupted(self, heard_ms: int) -> None:
        self.messages.append({"role": "system", "content": f"The caller cut in after {heard_ms} ms of your answer."})

    def stop_answering(self) -> None:
        """The caller has the word."""
        if self.answering is not None:
            self.answering.cancel()
        if self.speaking:
            self.clear()

    async def answer(self, said: bytes) -> None:
        """One turn: what was said, what to say to it."""
        heard = await self.ears.transcribe(said)
        if not heard.text:
            return
        self.caller_said(heard.text)
        self.understood(heard)
        self.messages.append({"role": "user", "content": heard.text})
        async for sentence in sentences(self.model.answer(self.messages)):
            await self.utter(sentence)

    def understood(self, heard: Heard) -> None:
        """For bots that make something of how it was said."""

    async def utter(self, text: str) -> None:
        """Say a sentence; its sound is heard from the first piece on."""
        self.messages.append({"role": "assistant", "content": text})
        words = text
        async for pcm in self.mouth.speak(text, self.voice):
            self.say(pcm, words)
            words = ""


async def sentences(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Whole sentences as soon as there is one: the first is spoken while the model still makes the second."""
    text = ""
    async for piece in pieces:
        *whole, text = _SENTENCE_END.split(text + piece)
        for sentence in whole:
            yield sentence
    if text.strip():
        yield text.strip()
