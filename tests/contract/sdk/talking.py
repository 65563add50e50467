"""What the vendors' own clients have in common when they hold a conversation: the caller, and OpenAI's messages."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

CHUNKS_A_SECOND = 10


async def speak(send: Callable[[bytes], Awaitable[Any]], caller: bytes, rate_hz: int) -> None:
    """`caller`, 16-bit samples, in real time, and silence after it for as long as it takes."""
    chunk = rate_hz * 2 // CHUNKS_A_SECOND
    while True:
        sound, caller = caller[:chunk].ljust(chunk, b"\0"), caller[chunk:]
        await send(sound)
        await asyncio.sleep(1 / CHUNKS_A_SECOND)


async def converse(
    connection: Any,
    caller: bytes,
    rate_hz: int,
    *,
    audio: str,
    kind: Callable[[Any], str],
    sound: Callable[[Any], bytes],
    answer: Callable[[str], Any],
) -> dict[str, Any]:
    """Over a connection that is configured and speaks OpenAI's messages; what was told and heard.

    `audio`: what events of sound are called, `response.output_audio` at OpenAI. `kind` of an event, `sound` of one that
    has some, `answer`: the item that answers a call of a tool, by its id.
    """

    async def send(said: bytes) -> None:
        await connection.input_audio_buffer.append(audio=base64.b64encode(said).decode())

    found: dict[str, Any] = {"audio": 0, "texts": [], "tools": [], "caller": ""}
    await connection.response.create()
    speaking = None
    async for event in connection:
        match kind(event):
            case name if name == f"{audio}.delta":
                found["audio"] += len(sound(event))
            case name if name == f"{audio}_transcript.done":
                found["texts"].append(event.transcript)
            case "conversation.item.input_audio_transcription.completed":
                found["caller"] = event.transcript
            case "response.function_call_arguments.done":
                found["tools"].append([event.name, event.arguments])
                await connection.conversation.item.create(item=answer(event.call_id))
            case "response.done" if found["tools"] and len(found["texts"]) == 2:
                await connection.response.create()
            case "response.done" if len(found["texts"]) == 1 and speaking is None:
                speaking = asyncio.create_task(speak(send, caller, rate_hz))
        if len(found["texts"]) == 3 and found["caller"]:
            break
    if speaking:
        speaking.cancel()
    return found
