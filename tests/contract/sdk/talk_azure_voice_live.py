"""`python talk_azure_voice_live.py URL`: a conversation by Azure's own client, as talk_openai.py is one by OpenAI's."""

import asyncio
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
from talking import converse

RATE_HZ = 24000
TOOL = FunctionTool(
    name="look_up",
    description="Look something up.",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}},
)


async def main(url: str, caller: bytes) -> dict[str, Any]:
    session = RequestSession(
        modalities=[Modality.TEXT, Modality.AUDIO],
        voice=AzureStandardVoice(name="en-US-Ava:DragonHDLatestNeural"),
        input_audio_format="pcm16",
        output_audio_format="pcm16",
        input_audio_sampling_rate=RATE_HZ,
        turn_detection=AzureSemanticVadMultilingual(),
        tools=[TOOL],
    )
    async with connect(endpoint=url, credential=AzureKeyCredential("key_of_nobody"), model="gpt-4.1") as connection:
        await connection.session.update(session=session)
        return await converse(
            connection,
            caller,
            RATE_HZ,
            audio="response.audio",
            kind=lambda event: event["type"],
            sound=lambda event: event.delta,
            answer=lambda call_id: FunctionCallOutputItem(call_id=call_id, output="found"),
        )


print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
