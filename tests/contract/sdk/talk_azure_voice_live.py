"""`python talk_azure_voice_live.py URL`: a conversation by Azure's own client for Voice Live.

The caller's sound comes on standard input. Prints what it was told and heard as one JSON object.
"""

import asyncio
import base64
import json
import sys
from typing import Any

from azure.ai.voicelive.aio import connect
from azure.ai.voicelive.models import (
    AzureSemanticVadMultilingual,
    AzureStandardVoice,
    FunctionCallOutputItem,
    FunctionTool,
    Modality,
    RequestSession,
)
from azure.core.credentials import AzureKeyCredential

RATE_HZ = 24000
TOOL = FunctionTool(
    name="look_up",
    description="Look something up.",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}},
)


async def main(url: str, caller: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"audio": 0, "texts": [], "tools": [], "caller": ""}
    async with connect(endpoint=url, credential=AzureKeyCredential("key_of_nobody"), model="gpt-4.1") as connection:
        session = RequestSession(
            modalities=[Modality.TEXT, Modality.AUDIO],
            voice=AzureStandardVoice(name="en-US-Ava:DragonHDLatestNeural"),
            input_audio_format="pcm16",
            output_audio_format="pcm16",
            input_audio_sampling_rate=RATE_HZ,
            turn_detection=AzureSemanticVadMultilingual(),
            tools=[TOOL],
        )
        await connection.session.update(session=session)
        await connection.response.create()
        speaking = None
        async for event in connection:
            match event["type"]:
                case "response.audio.delta":
                    found["audio"] += len(event.delta)
                case "response.audio_transcript.done":
                    found["texts"].append(event.transcript)
                case "conversation.item.input_audio_transcription.completed":
                    found["caller"] = event.transcript
                case "response.function_call_arguments.done":
                    found["tools"].append([event.name, event.arguments])
                    output = FunctionCallOutputItem(call_id=event.call_id, output="found")
                    await connection.conversation.item.create(item=output)
                case "response.done" if found["tools"] and len(found["texts"]) == 2:
                    await connection.response.create()
                case "response.done" if len(found["texts"]) == 1 and speaking is None:
                    speaking = asyncio.create_task(speak(connection, caller))
            if len(found["texts"]) == 3 and found["caller"]:
                break
    if speaking:
        speaking.cancel()
    return found


async def speak(connection: Any, caller: bytes) -> None:
    """In real time, and silence after it for as long as it takes."""
    chunk = RATE_HZ * 2 // 10
    while True:
        sound, caller = caller[:chunk].ljust(chunk, b"\0"), caller[chunk:]
        await connection.input_audio_buffer.append(audio=base64.b64encode(sound).decode())
        await asyncio.sleep(0.1)


print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
