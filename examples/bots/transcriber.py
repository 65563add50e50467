"""Speech to text only: writes down what the caller says, in the record and in the log, and never says a word.

[agents.transcriber]
vendor = "bot"
id = "examples.bots.transcriber:TranscriberBot"
"""

import asyncio

import msgspec

from examples.bots.providers import OPENAI, OpenAI
from examples.bots.turns import SpeechOver, TurnDetector
from relay.agents.bot import Bot


class TranscriberOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the service is; any that has OpenAI's shapes will do."""

    openai_url: str = OPENAI
    model: str = "whisper-1"


class TranscriberBot(Bot):
    """Each utterance is transcribed beside the next one; the record keeps them in the order of speaking."""

    Options = TranscriberOptions

    @classmethod
    def needs(cls, options: TranscriberOptions) -> tuple[str, ...]:
        return ("OPENAI_API_KEY",)

    def on_start(self) -> None:
        key = self.environ["OPENAI_API_KEY"]
        self.ears = OpenAI(self.http, key, self.options.openai_url, listen_model=self.options.model)
        self.turns = TurnDetector()
        self.last: asyncio.Task[None] | None = None

    def on_audio(self, pcm: bytes) -> None:
        event = self.turns.hear(pcm)
        if isinstance(event, SpeechOver):
            self.last = self.spawn(self.write_down(event.pcm, self.last))

    async def write_down(self, said: bytes, before: "asyncio.Task[None] | None") -> None:
        """Put an utterance on record, after the one `before` it."""
        heard = await self.ears.transcribe(said)
        if before is not None:
            await before
        if heard.text:
            self.caller_said(heard.text)
            self.log(f"an utterance of {len(said) / 32_000:.1f} s, {len(heard.text.split())} words")
