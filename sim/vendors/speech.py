"""Fakes of speech to text, language model and text to speech over HTTP, in OpenAI's and Deepgram's formats.

Speech is recognised if it is a line of the scenarios, and text is spoken if it is one.
"""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from aiohttp import web
from msgspec import Struct

from sim.agent_ear import made_out
from sim.sound import Pcm
from sim.speech import line, lines
from sim.vendors.sounds import sound

CHUNK_MS = 200
LANGUAGE_NAMES = {"en": "english", "hi": "hindi"}


class ChatMessage(Struct, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: str


class Chat(Struct, forbid_unknown_fields=True):
    model: str
    messages: list[ChatMessage]
    stream: Literal[True]


class Speech(Struct, forbid_unknown_fields=True):
    model: str
    input: str
    voice: str
    response_format: Literal["pcm"]


class Speak(Struct, forbid_unknown_fields=True):
    text: str


class FakeSpeechServices:
    """`answers`: what the model says to which line. `languages`: of lines that are not English, for those who ask.

    `status` other than 200 is what every request is answered with. `asked` holds what the services were asked for.
    """

    def __init__(self, answers: Mapping[str, str], *, languages: Mapping[str, str] | None = None) -> None:
        self.answers = {line(heard).text: line(said).text for heard, said in answers.items()}
        self.languages = languages or {}
        self.status = 200
        self.chats: list[Chat] = []
        self.spoken: list[tuple[str, str]] = []
        self.transcribed: list[str] = []

    def app(self) -> web.Application:
        """A new application."""
        app = web.Application(client_max_size=32 << 20)
        app.add_routes(
            [
                web.post("/v1/audio/transcriptions", self._transcriptions),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/audio/speech", self._speech),
                web.post("/v1/listen", self._listen),
                web.post("/v1/speak", self._speak),
            ]
        )
        return app

    def _check(self, request: web.Request, scheme: str) -> None:
        if request.headers.get("Authorization", "").partition(" ")[0] != scheme:
            raise web.HTTPUnauthorized(text="invalid key")
        if self.status != 200:
            raise web.HTTPServiceUnavailable(text="try again later")

    async def _transcriptions(self, request: web.Request) -> web.Response:
        self._check(request, "Bearer")
        form = await request.post()
        file = form["file"]
        if not isinstance(file, web.FileField) or not form.get("model"):
            raise web.HTTPBadRequest(text="file and model are required")
        text, language = await asyncio.to_thread(self._heard, file.file.read())
        answer: dict[str, Any] = {"text": text}
        if form.get("response_format") == "verbose_json":
            answer["language"] = LANGUAGE_NAMES[language]
        return web.json_response(answer)

    async def _listen(self, request: web.Request) -> web.Response:
        self._check(request, "Token")
        if request.content_type != "audio/wav":
            raise web.HTTPBadRequest(text="audio/wav is expected")
        text, language = await asyncio.to_thread(self._heard, await request.read())
        channel: dict[str, Any] = {"alternatives": [{"transcript": text, "confidence": 0.99}]}
        if request.query.get("detect_language") == "true":
            channel["detected_language"] = language
        return web.json_response({"results": {"channels": [channel]}})

    def _heard(self, data: bytes) -> tuple[str, str]:
        """Takes a while: in a thread, because in a demo the line runs in this process too."""
        with wave.open(io.BytesIO(data)) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
            callers = tuple(one.name for one in lines().values() if one.speaker == "caller")
            name, _ = made_out(pcm, file.getframerate(), callers)
        self.transcribed.append(name)
        return (line(name).text if name else "", self.languages.get(name, "en"))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._check(request, "Bearer")
        chat = msgspec.json.decode(await request.read(), type=Chat)
        self.chats.append(chat)
        asked = next(message.content for message in reversed(chat.messages) if message.role == "user")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in self.answers.get(asked, "I do not know.").split(" "):
            delta = {"choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
            await response.write(b"data: " + msgspec.json.encode(delta) + b"\n\n")
            await asyncio.sleep(0.02)
        await response.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        return response

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        self._check(request, "Bearer")
        speech = msgspec.json.decode(await request.read(), type=Speech)
        self.spoken.append((speech.input, speech.voice))
        return await _stream(request, _voiced(speech.input, 24_000), 24_000)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        self._check(request, "Token")
        if request.query.get("container") != "none" or request.query.get("encoding") != "linear16":
            raise web.HTTPBadRequest(text="linear16 without a container is expected")
        text = msgspec.json.decode(await request.read(), type=Speak).text
        self.spoken.append((text, request.query.get("model", "")))
        rate_hz = int(request.query["sample_rate"])
        return await _stream(request, _voiced(text, rate_hz), rate_hz)


def _voiced(text: str, rate_hz: int) -> Pcm:
    name = next((one.name for one in lines().values() if one.text == text), f"tone:300:{60 * len(text)}")
    return sound(name, rate_hz)


async def _stream(request: web.Request, pcm: Pcm, rate_hz: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    await response.prepare(request)
    try:
        async for chunk in _chunks(pcm.astype("<i2").tobytes(), rate_hz * CHUNK_MS // 1000 * 2 + 1):
            await response.write(chunk)
    except ConnectionError:
        pass  # the caller cut in, so nobody needs the rest
    return response


async def _chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    """Pieces that cut samples in half now and then, a little faster than they play."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        await asyncio.sleep(CHUNK_MS / 1000 / 4)
