"""Speech to text, language model, text to speech over HTTP: three small protocols and who offers them.

A provider of your own is a class with the one method. Many hosts speak OpenAI's HTTP, so a base URL is often enough.
"""

import io
import json
import wave
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from relay.agents.bot import RATE_HZ
from relay.audio.convert import AudioFormat, Converter, Encoding

OPENAI = "https://api.openai.com"
DEEPGRAM = "https://api.deepgram.com"
LANGUAGES = {"english": "en", "hindi": "hi", "tamil": "ta", "telugu": "te", "kannada": "kn", "marathi": "mr"}
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


class ProviderError(Exception):
    """The service did not do it; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, and in which language (`en`, `hi`, …) if the service can tell."""

    text: str
    language: str = ""


class SpeechToText(Protocol):
    async def transcribe(self, pcm: bytes) -> Heard:
        """`pcm`: one utterance, 16 kHz s16le."""
        ...


class LanguageModel(Protocol):
    def answer(self, messages: Sequence[Mapping[str, str]]) -> AsyncIterator[str]:
        """Pieces of the answer as they are made. `messages`: `role` (system, user, assistant) and `content`."""
        ...


class TextToSpeech(Protocol):
    def speak(self, text: str, voice: str = "") -> AsyncIterator[bytes]:
        """16 kHz s16le as it is made; `voice` instead of the usual one."""
        ...


@dataclass(frozen=True, slots=True)
class OpenAI(SpeechToText, LanguageModel, TextToSpeech):
    """All three in the shapes of OpenAI's HTTP API."""

    http: aiohttp.ClientSession
    key: str
    base_url: str = OPENAI
    listen_model: str = "whisper-1"
    think_model: str = "gpt-4o-mini"
    speak_model: str = "gpt-4o-mini-tts"
    voice: str = "marin"

    async def transcribe(self, pcm: bytes) -> Heard:
        form = aiohttp.FormData({"model": self.listen_model, "response_format": "verbose_json"})
        form.add_field("file", _wav(pcm), filename="caller.wav", content_type="audio/wav")
        async with self._post("/v1/audio/transcriptions", data=form) as response:
            answer = await _checked(response).json()
        language = str(answer.get("language", "")).lower()
        return Heard(answer["text"].strip(), LANGUAGES.get(language, language))

    async def answer(self, messages: Sequence[Mapping[str, str]]) -> AsyncIterator[str]:
        body = {"model": self.think_model, "messages": list(messages), "stream": True}
        async with self._post("/v1/chat/completions", json=body) as response:
            async for line in _checked(response).content:
                data = line.removeprefix(b"data:").strip()
                if line.startswith(b"data:") and data != b"[DONE]":
                    for choice in json.loads(data)["choices"]:
                        yield choice["delta"].get("content") or ""

    async def speak(self, text: str, voice: str = "") -> AsyncIterator[bytes]:
        body = {"model": self.speak_model, "input": text, "voice": voice or self.voice, "response_format": "pcm"}
        to_ours = Converter(AudioFormat(Encoding.PCM, 24_000), AudioFormat(Encoding.PCM, RATE_HZ))
        async with self._post("/v1/audio/speech", json=body) as response:
            async for chunk in _checked(response).content.iter_any():
                yield to_ours.convert(chunk)
        yield to_ours.convert(b"", last=True)

    def _post(self, path: str, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.http.post(self.base_url + path, headers=headers, timeout=TIMEOUT, **kwargs)


@dataclass(frozen=True, slots=True)
class Deepgram(SpeechToText, TextToSpeech):
    """Listening and speaking."""

    http: aiohttp.ClientSession
    key: str
    base_url: str = DEEPGRAM
    listen_model: str = "nova-3"
    voice: str = "aura-2-thalia-en"

    async def transcribe(self, pcm: bytes) -> Heard:
        query = {"model": self.listen_model, "detect_language": "true", "smart_format": "true"}
        async with self._post("/v1/listen", query, data=_wav(pcm), headers={"Content-Type": "audio/wav"}) as response:
            channel = (await _checked(response).json())["results"]["channels"][0]
        return Heard(channel["alternatives"][0]["transcript"].strip(), channel.get("detected_language", ""))

    async def speak(self, text: str, voice: str = "") -> AsyncIterator[bytes]:
        form = {"encoding": "linear16", "sample_rate": str(RATE_HZ), "container": "none"}
        async with self._post("/v1/speak", {"model": voice or self.voice, **form}, json={"text": text}) as response:
            async for chunk in _checked(response).content.iter_any():
                yield chunk

    def _post(self, path: str, query: dict[str, str], headers: Mapping[str, str] = {}, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Token {self.key}", **headers}
        return self.http.post(self.base_url + path, params=query, headers=headers, timeout=TIMEOUT, **kwargs)


def _checked(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    if response.status != 200:
        raise ProviderError(f"{response.url.host}{response.url.path}: HTTP {response.status}")
    return response


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(pcm)
    return file.getvalue()
