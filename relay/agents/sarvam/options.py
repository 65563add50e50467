"""Options of a Sarvam agent in AGENTS_FILE."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from relay.agents.vendor import TakingOptions

LANGUAGES: Final = {
    "as": "Assamese",
    "bn": "Bengali",
    "en": "English",
    "gu": "Gujarati",
    "hi": "Hindi",
    "kn": "Kannada",
    "kok": "Konkani",
    "ml": "Malayalam",
    "mr": "Marathi",
    "or": "Odia",
    "pa": "Punjabi",
    "ta": "Tamil",
    "te": "Telugu",
}
"""By their codes, as Sarvam calls them."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class SarvamOptions(TakingOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a Sarvam agent; prompt, voice and tools are set at Sarvam. Its `id` is only for the record."""

    org_id: Name
    workspace_id: Name
    app_id: Name
    version: Annotated[int, Meta(ge=1)] | None = None
    """Of the app; None: the one that is live."""
    language: str = ""
    """That the conversation begins in, as Sarvam calls it or by its code (`Hindi`, `hi`, `hi-IN`); empty: the app's."""
    greeting: str = ""
    """Said first instead of the app's own; places for variables as in a prompt."""
    takeover: str = ""
    """Said first instead of the greeting when another agent has failed before."""
    api_key_env: str = "SARVAM_API_KEY"
    base_url: str = "https://apps.sarvam.ai"

    takes: ClassVar[Mapping[str, str]] = {"first_message": "greeting", "language": "language"}

    def __post_init__(self) -> None:
        """Raises ValueError for a language that Sarvam does not speak."""
        if self.language and not self.language_name:
            raise ValueError(f"expected language to be one of {', '.join(LANGUAGES.values())}, or its code")

    @property
    def language_name(self) -> str:
        """Sarvam's name for it; empty if none is set or it is unsupported."""
        if self.language in LANGUAGES.values():
            return self.language
        return LANGUAGES.get(self.language.replace("_", "-").partition("-")[0].lower(), "")
