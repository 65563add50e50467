"""The vendors' own clients hold a conversation with our fakes: greeting, question, answer, a tool, its result.

Each runs in the SDKs' environment, in real time; four at once, so that they take the time of two. A fake that
was stricter than the vendor, or said something that the vendor does not, would teach the relay a protocol of its own.
"""

import asyncio
import json

import pytest

from relay.agents import VENDORS
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.serving import serving
from sim.sound import AudioFormat
from sim.speech import line, spoken
from sim.vendors.registry import FAKES
from tests.support.sdk_models import SCRIPTS, sdk_python

LINES = ("agent_goodbye", "agent_transfer", "agent_digits")
SCRIPT = AgentScript(
    replies=(
        Reply(on="start", say=LINES[:1]),
        Reply(on="heard:caller_hours", say=LINES[1:2], tool=ToolUse("look_up", {"word": "hours"})),
        Reply(on="tool:look_up", say=LINES[2:], end_call=True),
    ),
    burst_speed=60.0,
    reply_after_ms=20,
)
WITHOUT_TOOLS = AgentScript(
    replies=(Reply(on="start", say=LINES[:1]), Reply(on="heard:caller_hours", say=LINES[1:2])),
    burst_speed=60.0,
    reply_after_ms=20,
)
"""For a vendor that runs its tools itself."""
LISTENS_MS = 1000
"""Silence of the caller's after the greeting."""

TOLERATED = {
    "openai": set(),
    "deepgram": set(),
    "gemini": set(),
    "elevenlabs": {"audio_before_ready"},
    "sarvam": set(),
    "azure_voice_live": set(),
}
"""What each client does that we would not do, and that its vendor puts up with."""
RATES_HZ = {
    "openai": 24000,
    "deepgram": 16000,
    "gemini": 16000,
    "elevenlabs": 16000,
    "sarvam": 16000,
    "azure_voice_live": 24000,
}


def script_for(vendor):
    return WITHOUT_TOOLS if "tools" in VENDORS[vendor].lacks else SCRIPT


async def converse(vendor):
    """The fake's record, and what the client says it was told."""
    script = script_for(vendor)
    fake = FAKES[vendor](script, api_key="key_of_nobody")
    async with serving(fake.app()) as url:
        client = await asyncio.create_subprocess_exec(
            sdk_python(),
            SCRIPTS / f"talk_{vendor}.py",
            url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        rate_hz = RATES_HZ[vendor]
        greeting, question = (spoken(name, rate_hz).astype("<i2").tobytes() for name in (LINES[0], "caller_hours"))
        sound = bytes(len(greeting) + LISTENS_MS * rate_hz // 1000 * 2) + question
        try:
            async with asyncio.timeout(45):
                said, problems = await client.communicate(sound)
        finally:
            if client.returncode is None:
                client.kill()
        assert client.returncode == 0, problems.decode()[-2000:]
        (record,) = fake.conversations
        return record, json.loads(said)


@pytest.fixture(scope="module")
def conversations():
    async def all_at_once():
        few = asyncio.Semaphore(4)  # an SDK is two seconds of work to import, and all of them talk in real time

        async def one(vendor):
            async with few:
                return await converse(vendor)

        return dict(zip(RATES_HZ, await asyncio.gather(*map(one, RATES_HZ), return_exceptions=True), strict=True))

    sdk_python()
    return asyncio.run(all_at_once())


@pytest.mark.parametrize("vendor", RATES_HZ)
def test_the_vendors_own_client_holds_a_conversation(conversations, vendor):
    outcome = conversations[vendor]
    if isinstance(outcome, BaseException):
        raise outcome
    record, told = outcome
    lines = LINES if script_for(vendor) is SCRIPT else LINES[:2]
    tools = [("look_up", {"word": "hours"})] if script_for(vendor) is SCRIPT else []
    assert told["texts"] == [line(name).text for name in lines]
    assert [(name, json.loads(arguments)) for name, arguments in told["tools"]][:1] == tools
    assert told["caller"] == line("caller_hours").text
    spoken_format = AudioFormat(getattr(record, "output_format", SCRIPT.output_format))
    sent = sum(spoken(name, spoken_format.rate_hz).size for name in lines)
    assert told["audio"] == sent * spoken_format.sample_bytes
    (question,) = [turn for turn in record.turns if turn.role == "user"]
    assert question.line == "caller_hours"
    assert [violation for violation in record.violations if not violation.is_tolerated] == []
    assert {str(violation.rule) for violation in record.violations} == TOLERATED[vendor]
