"""`python talk_gemini.py URL`: a conversation by Google's own client, as talk_openai.py is one by OpenAI's."""

import asyncio
import json
import sys
from typing import Any

from google import genai
from google.genai import types
from talking import speak

RATE_HZ = 16000
TOOL = {
    "name": "look_up",
    "description": "Look something up.",
    "parameters": {"type": "OBJECT", "properties": {"word": {"type": "STRING"}}},
}


async def main(url: str, caller: bytes) -> dict[str, Any]:
    client = genai.Client(api_key="key_of_nobody", http_options={"base_url": url, "api_version": "v1beta"})
    # by itself it speaks only TLS
    client._api_client._websocket_base_url = lambda options: url.replace("http", "ws", 1)
    client._api_client._websocket_ssl_ctx = {}
    config = types.LiveConnectConfig(
        response_modalities=["AUDIO"],
        system_instruction="You are a friendly assistant.",
        tools=[{"function_declarations": [TOOL]}],
        input_audio_transcription={},
        output_audio_transcription={},
        session_resumption={},
        realtime_input_config={"automatic_activity_detection": {"silence_duration_ms": 500}},
    )
    found: dict[str, Any] = {"audio": 0, "texts": [], "tools": [], "caller": ""}
    async with client.aio.live.connect(model="gemini-3.8-live", config=config) as session:

        async def send(sound: bytes) -> None:
            await session.send_realtime_input(audio=types.Blob(data=sound, mime_type=f"audio/pcm;rate={RATE_HZ}"))

        await session.send_realtime_input(text="Hello")
        speaking = None
        while len(found["texts"]) < 3:
            async for message in session.receive():
                content = message.server_content
                if message.data:
                    found["audio"] += len(message.data)
                if content and content.input_transcription:
                    found["caller"] += content.input_transcription.text or ""
                if content and content.output_transcription:
                    found["texts"].append(content.output_transcription.text)
                for call in message.tool_call.function_calls if message.tool_call else ():
                    found["tools"].append([call.name, json.dumps(call.args)])
                    answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": "found"})
                    await session.send_tool_response(function_responses=[answer])
            if speaking is None:
                speaking = asyncio.create_task(speak(send, caller, RATE_HZ))
    if speaking:
        speaking.cancel()
    return found


print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
