"""The agent of a softphone without an account: what it is told and can't answer is said, and not met with silence."""

import asyncio

import aiohttp

from console.softphone.fake_agent import AGENT_ID, API_KEY, CAPTIONS, application
from sim.serving import serving

PRESSED = "The caller pressed on the phone's keypad: "


async def told_of(key):
    """The captions that follow a key."""
    async with serving(application()) as url, aiohttp.ClientSession() as http:
        query = {"agent_id": AGENT_ID}
        signed = f"{url}/v1/convai/conversation/get-signed-url"
        async with http.get(signed, params=query, headers={"xi-api-key": API_KEY}) as response:
            address = (await response.json())["signed_url"]
        async with http.ws_connect(url + CAPTIONS) as captions, http.ws_connect(address) as socket:
            await socket.send_json({"type": "conversation_initiation_client_data"})
            assert (await socket.receive_json())["type"] == "conversation_initiation_metadata"
            await socket.send_json({"type": "user_message", "text": PRESSED + key})
            said = []
            async with asyncio.timeout(20):
                while not said or said[-1][0] not in {"unanswered", "agent"} or said[0][0] != "keys":
                    who, text = await captions.receive_json()
                    if said or who == "keys":
                        said.append((who, text))
            return said


async def test_a_key_without_a_step_is_said_to_have_none():
    """Key 4 led to silence, as a broken agent would."""
    (keys, pressed), (unanswered, sentence) = (await told_of("4"))[:2]
    assert (keys, unanswered) == ("keys", "unanswered")
    assert pressed.endswith("4")
    assert sentence == "It knows no key 4: it has 0, 1, 2, 3, 9."


async def test_a_key_with_a_step_is_answered():
    assert [who for who, _ in await told_of("1")] == ["keys", "agent"]
