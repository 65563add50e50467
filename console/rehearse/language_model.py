"""A chat model at an OpenAI-compatible endpoint: plays callers, and judges calls by written rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import msgspec

from common.documents import decode, number, objects, text
from common.env import Env

_PATIENCE_S: Final = 30.0
_LARGEST: Final = 256 * 1024


class ModelError(RuntimeError):
    """The model could not be reached, or its answer is unusable."""


@dataclass(frozen=True, slots=True)
class Message:
    """`role`: system, user or assistant."""

    role: str
    content: str


@dataclass(slots=True)
class LanguageModel:
    """`url`: of the API, up to and without /chat/completions. Counts the tokens it has used."""

    url: str
    name: str
    key: str
    tokens: int = field(default=0)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "LanguageModel | None":
        """REHEARSE_MODEL_URL, REHEARSE_MODEL, REHEARSE_MODEL_KEY; None if no URL is set. Raises SettingError."""
        env = Env(environ)
        url = env.text("REHEARSE_MODEL_URL")
        if not url:
            return None
        name = env.required("REHEARSE_MODEL", "the name of the model at REHEARSE_MODEL_URL")
        return cls(url.rstrip("/"), name, env.text("REHEARSE_MODEL_KEY"))

    async def say(self, messages: Sequence[Message], *, json: bool = False, tokens: int = 300) -> str:
        """The model's next message. Raises ModelError."""
        body: dict[str, object] = {
            "model": self.name,
            "messages": [msgspec.to_builtins(message) for message in messages],
            "max_tokens": tokens,
        }
        if json:
            body["response_format"] = {"type": "json_object"}
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S), trust_env=True) as http,
                http.post(f"{self.url}/chat/completions", json=body, headers=headers, allow_redirects=False) as answer,
            ):
                content = await answer.content.read(_LARGEST)
                if answer.status != 200:
                    raise ModelError(f"{self.url} answered {answer.status}: {content[:200].decode(errors='replace')}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ModelError(f"{self.url}: {error or 'no answer in time'}") from None
        try:
            document = decode(content)
        except ValueError as error:
            raise ModelError(f"{self.url}: {error}") from None
        self.tokens += int(number(document, "usage", "total_tokens") or 0)
        choices = objects(document, "choices")
        said = text(choices[0], "message", "content") if choices else ""
        if not said:
            raise ModelError(f"{self.url}: the answer holds no message")
        return said
