"""A gateway that others wrote: a call through LiteLLM's own proxy, with OpenAI's fake behind it.

To the relay it is an `openai` agent with another `base_url`, and a key of the gateway's.
"""

import json

import pytest
from aiohttp import web

from relay.agents.openai.fake import FakeOpenAI
from relay.app import create_app
from relay.server import runner
from relay.settings import Settings
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.heard import find_line
from sim.serving import serving
from sim.speech import line
from sim.toml import agents_file
from tests.support.processes import BARE, ROOT, free_port, server

GATEWAY = ROOT / ".cache" / "litellm" / "bin" / "litellm"
KEY, KEY_BEHIND = "sk-of-the-gateway", "key_of_nobody"
MODEL = "a-model-of-ours"
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1"}

SCRIPT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(
            on="heard:caller_hours", say=("agent_hours",), tool=ToolUse("control_background_sound", {"enabled": False})
        ),
        Reply(on="tool:control_background_sound", say=("agent_goodbye",), end_call=True),
    )
)


def config(folder, url):
    """What the gateway is told: one model, which is served by the fake."""
    model = {"model": "openai/gpt-realtime-2.1", "api_base": url, "api_key": KEY_BEHIND}
    said = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    path = folder / "gateway.json"  # which is YAML, too
    path.write_text(json.dumps(said))
    return path


async def call_through(folder, base_url, key=KEY):
    """A call, and its record. The agent is OpenAI's as far as the relay knows; behind it stands nobody."""
    options = {"base_url": base_url, "greeting": "Hello!", "codec": "pcma"}
    (folder / "agents.toml").write_text(agents_file({"front": {"vendor": "openai", "id": MODEL, "options": options}}))
    settings = Settings(
        host="127.0.0.1",
        agents_file=str(folder / "agents.toml"),
        store=folder,
        environ={"OPENAI_API_KEY": key},
        fallback_speech="none",
    )
    port = free_port()
    served = runner(create_app(settings))
    await served.setup()
    try:
        await web.TCPSite(served, "127.0.0.1", port).start()
        script = (Step(when=When.AGENT_FINISHED, ms=500, say="caller_hours"),)
        call = await FakeExotel().call(CallPlan(url=f"ws://127.0.0.1:{port}/media", script=script, max_s=40))
    finally:
        await served.cleanup()
    return call, json.loads((folder / "logs" / f"{call.call_sid}.json").read_text())


async def test_a_call_through_litellms_gateway(tmp_path):
    """Greeting, question, answer, a tool, a goodbye, and nothing that either side has to complain about."""
    assert GATEWAY.exists(), "make .cache/litellm/.installed sets LiteLLM up"
    fake = FakeOpenAI(SCRIPT, api_key=KEY_BEHIND)
    async with serving(fake.app()) as url:
        port = free_port()
        command = [str(GATEWAY), "--config", str(config(tmp_path, url)), "--host", "127.0.0.1", "--port", str(port)]
        with server(command, port, {**BARE, **OFFLINE, "HOME": str(tmp_path)}, within_s=150) as gateway:
            call, record = await call_through(tmp_path, gateway.url)
            refused, without = await call_through(tmp_path, gateway.url, key="sk-of-nobody")
    names = ("agent_greeting", "agent_hours", "agent_goodbye")
    assert record["end_reason"] == "agent_ended", gateway.output()[-4000:]
    assert all(find_line(call.heard, call.rate_hz, name).is_whole for name in names)
    said = [(turn["speaker"], turn["text"]) for turn in record["turns"]]
    assert said == [
        ("agent", line("agent_greeting").text),
        ("caller", line("caller_hours").text),
        ("agent", line("agent_hours").text),
        ("agent", line("agent_goodbye").text),
    ]
    (conversation,) = fake.conversations
    assert not conversation.violations
    assert [name for name, _ in conversation.tool_results] == ["control_background_sound"]
    assert (conversation.input_format, conversation.output_format) == ("alaw_8000", "alaw_8000")
    assert not call.violations
    # the gateway's key is the one that counts
    assert refused.ended_by == "bot"
    assert without["agents"][0]["end_reason"].startswith(("http_40", "close_"))


pytestmark = [pytest.mark.chaos, pytest.mark.timeout(280)]  # its environment has 600 MB
