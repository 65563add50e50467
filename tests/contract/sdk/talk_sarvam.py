"""`python talk_sarvam.py URL`: a conversation by Sarvam's own client. The caller's sound comes on standard input.

Prints what it was told and heard as one JSON object.
"""

import asyncio
import base64
import json
import sys
from typing import Any

from pydantic import SecretStr
from sarvam_conv_ai_sdk import AsyncSamvaadAgent, InteractionConfig
from sarvam_conv_ai_sdk.messages import InteractionType
from sarvam_conv_ai_sdk.messages.types import UserIdentifierType

RATE_HZ = 16000


async def main(url: str, caller: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"audio": 0, "texts": [], "tools": [], "caller": ""}
    replies = 0

    async def heard(message: Any) -> None:
        nonlocal replies
        found["audio"] += len(base64.b64decode(message.audio_base64))
        replies += message.status == "completed"

    async def said(message: Any) -> None:
        if message.role == "bot":
            found["texts"].append(message.content)
        else:
            found["caller"] = message.content

    config = InteractionConfig(
        user_identifier_type=UserIdentifierType.PHONE_NUMBER,
        user_identifier="09876500001",
        org_id="org",
        workspace_id="workspace",
        app_id="app",
        interaction_type=InteractionType.CALL,
        sample_rate=RATE_HZ,
    )
    agent = AsyncSamvaadAgent(
        api_key=SecretStr("key_of_nobody"),
        config=config,
        audio_callback=heard,
        transcript_callback=said,
        base_url=f"{url}/api/app-runtime/",
    )
    await agent.start()
    assert await agent.wait_for_connect()
    chunk = RATE_HZ * 2 // 10
    while replies < 2 and agent.is_connected():
        sound = bytes(chunk)
        if replies:
            sound, caller = caller[:chunk].ljust(chunk, b"\0"), caller[chunk:]
        await agent.send_audio(sound)
        await asyncio.sleep(0.1)
    await agent.stop()
    return found


print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.buffer.read()))))
