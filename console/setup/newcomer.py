"""A new agent with the few settings that a person has to choose; the checks add what the relay needs."""

from dataclasses import dataclass
from typing import Final

from common.documents import Document

PROMPT: Final = """\
You answer the telephone of {{called_number}} as a friendly assistant. The caller's number is {{caller_number}}.

Speak as on the phone: one or two short sentences at a time, no lists, no links, and one question at a time. If
you did not understand, say so and ask again. If you don't know something, say that you don't; never make it up.

When the caller asks for a human, or you can't help, say that you connect them, and call transfer_to_human with the
reason and a summary of what was said. If that fails, tell the caller that nobody can be reached right now.
When the caller finds the background sound too loud or disturbing, call control_background_sound.
When the caller has nothing more to ask, say goodbye and call end_call.
"""
FIRST_MESSAGE: Final = "Hello, how can I help you?"


@dataclass(frozen=True)
class Newcomer:
    """`voice_id` empty: ElevenLabs' default. `language`: a code such as `en` or `hi`."""

    name: str
    prompt: str = PROMPT
    first_message: str = FIRST_MESSAGE
    language: str = "en"
    voice_id: str = ""

    def document(self) -> Document:
        """The agent before the checks."""
        # English agents must use v2 models, all others v2_5: the API refuses other combinations
        tts = {"model_id": "eleven_flash_v2" if self.language == "en" else "eleven_flash_v2_5"}
        return {
            "name": self.name,
            "conversation_config": {
                "tts": tts | ({"voice_id": self.voice_id} if self.voice_id else {}),
                "agent": {
                    "first_message": self.first_message,
                    "language": self.language,
                    "prompt": {"prompt": self.prompt},
                },
            },
            "platform_settings": {"auth": {"enable_auth": True}},
        }
