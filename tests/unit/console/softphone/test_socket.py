"""The socket between page and console, without a browser."""

import json

import aiohttp
import pytest

from console.softphone.address import Address
from console.softphone.app import PAGE, Softphone
from console.web.local_page import open_page
from tests.support.relay_world import relay_world


async def told(socket, kind):
    """The next message of a kind; sound and others before it are left out."""
    while True:
        message = await socket.receive(timeout=20)
        assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}
        if message.type is aiohttp.WSMsgType.TEXT and (found := json.loads(message.data))["is"] == kind:
            return found


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "not json",
        "[]",
        '{"do": "explode"}',
        '{"do": "dial"}',
        '{"do": "dial", "rate_hz": 44100}',
        '{"do": "press", "digit": "12"}',
        '{"do": "network", "delay_ms": -1, "loss": 0}',
        '{"do": "network", "delay_ms": 0, "loss": 0.9}',
    ],
)
async def test_unreadable_input_is_reported_and_changes_nothing(tmp_path, junk):
    phone = Softphone(Address.parse("ws://127.0.0.1:9/media"), tmp_path, at_home=False)
    async with (
        open_page(PAGE, phone.routes()) as url,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}call") as socket,
    ):
        assert (await told(socket, "hello"))["address"] == "ws://127.0.0.1:9/media"
        await socket.send_str(junk)
        assert "can't read" in (await told(socket, "problem"))["sentence"]
        await socket.send_str('{"do": "hang_up"}')  # of no call: nothing happens
        await socket.send_str('{"do": "dial", "rate_hz": 8000}')
        assert "Nothing is listening at 127.0.0.1:9" in (await told(socket, "refused"))["sentence"]


async def test_closing_the_page_hangs_up_and_keeps_the_call(tmp_path):
    """Somebody closes the tab in the middle of a call: the relay sees a caller who hung up, and the sound is saved."""
    async with relay_world(tmp_path) as world:
        phone = Softphone(Address.parse(world.media_url), tmp_path, at_home=True)
        async with open_page(PAGE, phone.routes()) as url, aiohttp.ClientSession() as http:
            async with http.ws_connect(f"{url}call") as socket:
                await socket.send_str('{"do": "dial", "rate_hz": 8000}')
                call_sid = (await told(socket, "connected"))["call_sid"]
                await told(socket, "first_audio")
            await world.until(lambda: (tmp_path / "audio" / f"{call_sid}.wav").exists())
            await world.until(lambda: (tmp_path / "logs" / f"{call_sid}.json").exists())
            assert world.record(call_sid)["end_reason"] == "caller_hung_up"
            async with http.get(f"{url}sound/{call_sid}.wav") as response:
                assert (await response.read()).startswith(b"RIFF")
            async with http.get(f"{url}sound/{'0' * 32}.wav") as response:
                assert response.status == 404


@pytest.mark.parametrize("at_home", [True, False])
async def test_a_wrong_key_is_named_and_is_no_goodbye(tmp_path, at_home):
    """The relay closes with 1000 as ever: why is in its record, and where that is out of reach in the close frame."""
    async with relay_world(tmp_path, settings={"elevenlabs_api_key": "sk_of_somebody_else"}) as world:
        store = tmp_path if at_home else tmp_path / "elsewhere"
        phone = Softphone(Address.parse(world.media_url), store, at_home=at_home)
        async with (
            open_page(PAGE, phone.routes()) as url,
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{url}call") as socket,
        ):
            await socket.send_str('{"do": "dial", "rate_hz": 8000}')
            ended = await told(socket, "ended")
    assert ended["sentence"] == "ElevenLabs refused the API key."
    assert "ELEVENLABS_API_KEY" in ended["advice"]
    assert ended["trouble"] is True
