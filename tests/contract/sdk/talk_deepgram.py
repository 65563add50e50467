"""`python talk_deepgram.py URL`: a conversation by Deepgram's own client, as talk_openai.py is one by OpenAI's."""

import asyncio
import json
import sys
from typing import Any

from deepgram import AsyncDeepgramClient
from deepgram.agent.v1.types import AgentV1SendFunctionCallResponse, AgentV1Settings
from deepgram.environment import DeepgramClientEnvironment
from talking import speak

RATE_HZ = 16000
TOOL = {
    "name": "look_up",
    "description": "Look something up.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
}


async def main(url: str, caller: bytes) -> dict[str, Any]:
    socket_url = url.replace("http", "ws", 1)
    environment = DeepgramClientEnvironment(base=url, production=socket_url, agent=socket_url, agent_rest=url)
    client = AsyncDeepgramClient(api_key="key_of_nobody", environment=environment)
    sound = {"encoding": "linear16", "sample_rate": RATE_HZ}
    settings = AgentV1Settings(
        audio={"input": sound, "output": {**sound, "container": "none"}},
        agent={
            "listen": {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}},
            "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}, "prompt": "Hi", "functions": [TOOL]},
            "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
            "greeting": "Good morning!",
        },
    )
    found: dict[str, Any] = {"audio": 0, "texts": [], "tools": [], "caller": ""}
    speaking = None
    async with client.agent.v1.connect() as connection:
        done = 0
        async for message in connection:
            if isinstance(message, bytes):
                found["audio"] += len(message)
                continue
            match message.type:
                case "Welcome":
                    await connection.send_settings(settings)
                case "SettingsApplied":
                    speaking = asyncio.create_task(speak(connection.send_media, caller, RATE_HZ))
                case "ConversationText" if message.role == "user":
                    found["caller"] = message.content
                case "ConversationText":
                    found["texts"].append(message.content)
                case "FunctionCallRequest":
                    for call in message.functions:
                        found["tools"].append([call.name, call.arguments])
                        answer = AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content="found")
                        await connection.send_function_call_response(answer)
                case "AgentAudioDone":
                    done += 1
            if done == 3:
                break
    if speaking:
        speaking.cancel()
    return found


print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
