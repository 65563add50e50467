"""The language-model bot, in whatever language it is spoken to in: it switches when the caller does.

[agents.polyglot]
vendor = "bot"
id = "examples.bots.multilingual:MultilingualBot"
options = { voices = { en = "marin", hi = "coral" } }
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from examples.bots.language_model import LanguageModelBot, LanguageModelOptions
from examples.bots.providers import Heard

NAMES = {"en": "English", "hi": "Hindi", "ta": "Tamil", "te": "Telugu", "kn": "Kannada", "mr": "Marathi"}


class MultilingualOptions(LanguageModelOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`voices` by language; a language without one is spoken in the usual voice."""

    listen: Literal["openai", "deepgram"] = "deepgram"
    language: str = "en"
    voices: Mapping[str, str] = msgspec.field(default_factory=dict)


class MultilingualBot(LanguageModelBot):
    """Hears the language, tells the model to answer in it, changes the voice."""

    Options = MultilingualOptions

    async def on_start(self) -> None:
        self.language = self.options.language
        await super().on_start()
        self.voice = self.options.voices.get(self.language, "")

    def understood(self, heard: Heard) -> None:
        language = heard.language.partition("-")[0]  # en-IN is English
        if language in NAMES and language != self.language:
            self.log(f"the caller speaks {NAMES[language]} now")
            self.language = language
            self.voice = self.options.voices.get(language, "")
            self.messages.append({"role": "system", "content": f"From now on answer in {NAMES[language]}."})
