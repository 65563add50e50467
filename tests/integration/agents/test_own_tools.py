"""An HTTP tool of the user's, offered to every vendor's model, run by the relay, kept in the record."""

import asyncio

import numpy as np
import pytest
from aiohttp import web

from sim.agent_script import AgentScript, Reply, ToolUse
from sim.serving import serving
from sim.speech import write_wav
from tests.integration.agents.world import UNLIKE, Entry, able, lines_heard, world
from tests.support.virtual import virtual

ASKS = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",), tool=ToolUse("order_status", {"number": "A 7"})),
        Reply(on="tool:order_status", say=("agent_booking",), end_call=True),
    )
)


@pytest.mark.parametrize("vendor", able("tools", [name for name in UNLIKE if name != "bot"]))
@virtual
async def test_a_tool_is_offered_called_and_answered(tmp_path, vendor):
    asked = []

    async def shop(request: web.Request) -> web.Response:
        asked.append((request.raw_path, request.headers["Authorization"]))
        return web.json_response({"order": {"state": "shipped yesterday"}})

    app = web.Application()
    app.router.add_get("/{tail:.*}", shop)
    async with serving(app) as url:
        tool = {
            "description": "Look an order up.",
            "url": f"{url}/orders/{{number}}",
            "private": True,
            "answer": "order.state",
            "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
            "parameters": {"properties": {"number": {"type": "string"}}, "required": ["number"]},
        }
        entry = Entry("front", vendor, ASKS, more={"tools": {"order_status": tool}})
        async with world(tmp_path, entry, environ={"SHOP_TOKEN": "of-nobody"}) as at:
            call = await at.call(max_s=30)
            at.assert_no_violations(call)
            seen = at.seen("front")
            assert asked == [("/orders/A%207", "Bearer of-nobody")]
            assert seen.tool_results == [("order_status", "shipped yesterday")]
            if vendor != "elevenlabs":  # its tools are set up there
                assert "order_status" in str(seen.record.setup)
            (line,) = lines_heard(call, ("agent_booking",))
            assert line.is_whole
            record = at.record(call)
            (use,) = [use for use in record["tools"] if use["name"] == "order_status"]
            assert (use["status"], use["arguments"]) == ("200", '{"number":"A 7"}')
            assert use["ms"] is not None


@pytest.mark.parametrize("volume", [0.0, 0.5])
@pytest.mark.parametrize("vendor", ["elevenlabs", "openai", "gemini"])
@virtual
async def test_while_it_works_the_caller_hears_typing(tmp_path, vendor, volume):
    """Where it was asked for; else the line is left quiet."""
    worked = []

    async def shop(_: web.Request) -> web.Response:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(4.5)
        worked.append((began, asyncio.get_running_loop().time()))
        return web.json_response({"state": "shipped"})

    app = web.Application()
    app.router.add_get("/{tail:.*}", shop)
    async with serving(app) as url:
        tool = {"description": "Look an order up.", "url": f"{url}/orders", "private": True}
        more = {"tools": {"order_status": tool}, "typing_volume": volume}
        async with world(tmp_path, Entry("front", vendor, ASKS, more=more)) as at:
            call = await at.call(max_s=30)
    [(began, ended)] = worked
    until = round((ended - call.started_at) * 8000)
    meanwhile = call.heard[until - 8000 : until]  # the greeting is over by then
    assert ended - began > 4
    assert bool((np.abs(meanwhile) > 200).any()) == bool(volume)
    assert len(lines_heard(call, ("agent_booking",))) == 1


@pytest.mark.parametrize("ambience", [True, False])
@virtual
async def test_a_sound_file_is_heard_while_the_tool_works(tmp_path, ambience):
    """From the call to the answer, under no word of the agent's, and never asked of the model to be said."""
    tone = np.sin(np.arange(8000) * 2 * np.pi * 1000 / 8000) * 3000
    write_wav(tmp_path / "hold.wav", 8000, tone.astype(np.int16))

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/{tail:.*}", slow)
    async with serving(app) as url:
        tool = {"description": "Look an order up.", "url": url, "private": True, "timeout_seconds": 20}
        tool["waiting"] = str(tmp_path / "hold.wav")
        entry = Entry("front", "openai", ASKS, more={"tools": {"order_status": tool}})
        async with world(tmp_path, entry, ambience=ambience) as at:
            call = await at.call(max_s=30)
            at.assert_no_violations(call)
            assert "hold.wav" not in str(at.seen("front").record.setup)
            ends = [line.at_s + line.length_ms / 1000 for line in lines_heard(call, ("agent_greeting",))]
            (answer,) = lines_heard(call, ("agent_booking",))
            silent = call.heard[: call.heard.size // 800 * 800].reshape(-1, 800)
            spectrum = np.abs(np.fft.rfft(silent * np.hanning(800), axis=1))
            loud = spectrum[:, 100] / 1e4  # at 1000 Hz, ten times a second
            waiting = loud[round(ends[0] * 10) + 2 : round(answer.at_s * 10) - 4]
            assert waiting.size > 20
            assert waiting.min() > 2 * loud[-3:].max()
