"""`python talk_openai.py URL`: a conversation by OpenAI's own client. The caller's sound comes on standard input.

Prints what it was told and heard as one JSON object.
"""

import asyncio
import base64
import json
import sys
from typing import Any

from openai import AsyncOpenAI
from talking import converse

RATE_HZ = 24000
TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Look something up.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
}


async def main(url: str, caller: bytes) -> dict[str, Any]:
    client = AsyncOpenAI(api_key="key_of_nobody", base_url=f"{url}/v1")
    audio_format = {"type": "audio/pcm", "rate": RATE_HZ}
    audio = {"input": {"format": audio_format}, "output": {"format": audio_format, "voice": "marin"}}
    session = {"type": "realtime", "output_modalities": ["audio"], "audio": audio, "tools": [TOOL]}
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(session=session)
        return await converse(
            connection,
            caller,
            RATE_HZ,
            audio="response.output_audio",
            kind=lambda event: event.type,
            sound=lambda event: base64.b64decode(event.delta),
            answer=lambda call_id: {"type": "function_call_output", "call_id": call_id, "output": "found"},
        )


print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
