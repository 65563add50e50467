"""Bots that others wrote become agents: real pipecat servers, with pipecat's own transport, parser and serializers.

The relay is their Exotel, or their Twilio; the caller comes from our fake of Exotel. No keys: the bot speaks tones.
"""

import json
import shutil
import textwrap
from contextlib import asynccontextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from aiohttp import web

from console.check_bot.command import _subject
from console.check_bot.examination import examined
from console.rehearse.relays import DeployedRelay
from console.rehearse.runs import Limits, Rehearsal
from console.rehearse.suite import load
from console.rehearse.voices import Voices
from functions.common.store import open_store
from relay.app import create_app
from relay.outgoing import outgoing
from relay.server import runner
from relay.settings import Settings
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.heard import find_line
from sim.speech import ASSETS
from tests.support.busy import real_time
from tests.support.processes import BARE, ROOT, free_port, server

PYTHON = ROOT / ".cache" / "pipecat" / "bin" / "python"
BOT = ROOT / "tests" / "contract" / "pipecat" / "bot.py"
KINDS = ("exotel", "twilio")
GREETING_HZ, ANSWER_HZ = 1000, 600


@pytest.fixture(scope="module")
def bot():
    assert PYTHON.exists(), "make .cache/pipecat/.installed sets pipecat up"
    port = free_port()
    with server([str(PYTHON), str(BOT), str(port)], port, BARE, within_s=120) as served:  # it imports for 10 s of CPU
        yield served


@asynccontextmanager
async def relay(folder, kind, bot_port):
    """A relay whose agent is the bot; behind it stands one that says a sentence from a file."""
    port = free_port()
    (folder / "agents.toml").write_text(
        f'default = "bot"\n[agents.bot]\nvendor = "{kind}"\nfallback = "file"\n'
        f'options = {{ url = "ws://127.0.0.1:{bot_port}/ws" }}\n'
        f'[agents.file]\nvendor = "script"\noptions.steps.sorry.play = ["{ASSETS / "backup_greeting.wav"}"]\n'
    )
    settings = Settings(
        host="127.0.0.1", agents_file=str(folder / "agents.toml"), store=folder, public_url=f"ws://127.0.0.1:{port}"
    )
    served = runner(create_app(settings))
    await served.setup()
    try:
        await web.TCPSite(served, "127.0.0.1", port).start()
        yield f"ws://127.0.0.1:{port}/media"
    finally:
        await served.cleanup()


def record_of(folder, result):
    return json.loads((folder / "logs" / f"{result.call_sid}.json").read_text())


def seconds_of(result, hz):
    """For how long a tone was heard."""
    block = result.rate_hz // 50
    frames = result.heard[: result.heard.size // block * block].reshape(-1, block).astype(float)
    wave = np.exp(-2j * np.pi * hz * np.arange(block) / result.rate_hz)
    return float((np.abs(frames @ wave) / block > 1000).sum() / 50)


@pytest.mark.parametrize("kind", KINDS)
@real_time
async def test_a_whole_call(tmp_path, bot, kind):
    """The bot greets, answers who has spoken, gets a key, and hangs up: by its socket, or by Twilio's REST API."""
    script = (
        Step(when=When.AGENT_FINISHED, ms=800, say="caller_hours"),
        Step(when=When.AGENT_FINISHED, ms=800, press="9"),
    )
    async with relay(tmp_path, kind, bot.port) as url:
        result = await FakeExotel().call(CallPlan(url=url, script=script, max_s=30))
    record = record_of(tmp_path, result)
    assert (record["end_reason"], result.ended_by) == ("agent_ended", "bot"), bot.output()[-6000:]
    assert not result.violations
    assert seconds_of(result, GREETING_HZ) == pytest.approx(2.5, abs=0.3)
    assert seconds_of(result, ANSWER_HZ) == pytest.approx(1.0, abs=0.2)
    assert [agent["alias"] for agent in record["agents"]] == ["bot"]
    said = [(turn["speaker"], turn["text"]) for turn in record["turns"]]
    assert said == [("agent", "…"), ("caller", "…"), ("agent", "…"), ("agent", "…")]
    assert record["agents"][0]["end_detail"] == {"exotel": "1000", "twilio": "end_call"}[kind]
    assert f"detected {kind}" in bot.output()


@pytest.mark.parametrize("kind", KINDS)
@real_time
async def test_a_caller_who_speaks_over_the_bot(tmp_path, bot, kind):
    """pipecat sends `clear`, and what it had sent ahead is not heard."""
    script = (
        Step(when=When.AGENT_SPEAKING, ms=400, say="caller_interrupts"),
        Step(when=When.AGENT_FINISHED, ms=1500, hang_up=True),
    )
    async with relay(tmp_path, kind, bot.port) as url:
        result = await FakeExotel().call(CallPlan(url=url, script=script, max_s=30))
    record = record_of(tmp_path, result)
    assert (record["end_reason"], record["quality"]["interruptions"]) == ("caller_hung_up", 1)
    assert result.clears
    assert seconds_of(result, GREETING_HZ) < 1.7
    assert seconds_of(result, ANSWER_HZ) > 0.5


@pytest.mark.parametrize("kind", KINDS)
@real_time
async def test_a_bot_that_dies_is_followed_by_another_agent(tmp_path, bot, kind):
    script = (
        Step(when=When.AGENT_FINISHED, ms=300, press="5"),
        Step(when=When.AGENT_FINISHED, ms=3000, hang_up=True),
    )
    async with relay(tmp_path, kind, bot.port) as url:
        result = await FakeExotel().call(CallPlan(url=url, script=script, max_s=30))
    record = record_of(tmp_path, result)
    assert [(agent["alias"], agent["end_reason"]) for agent in record["agents"]][0] == ("bot", "close_1006")
    assert record["agents"][1]["alias"] == "file"
    assert find_line(result.heard, result.rate_hz, "backup_greeting").is_whole


@pytest.mark.parametrize("kind", KINDS)
@real_time
async def test_check_bot_finds_nothing_to_fix_in_a_pipecat_bot(bot, kind):
    """What `console check-bot` says of a bot as pipecat's users deploy one."""
    options = SimpleNamespace(url=f"ws://127.0.0.1:{bot.port}/ws", protocol=kind, rate=8000, header=[])
    async with outgoing() as http:
        findings = [finding async for finding in examined(http, _subject(options))]
    assert {finding.check: finding.found for finding in findings if finding.verdict in {"fail", "skipped"}} == {}
    assert "bot.barge_in" in {finding.check for finding in findings}


CALLERS = {
    "asks": """
        title = "Asks something"
        [[steps]]
        when = "agent finished 800 ms"
        say = "file:caller_hours.wav"
        [[steps]]
        when = "agent finished 1 s"
        hang_up = true
        [expect]
        answer_p95 = 2500
        longest_silence = 3000
        talk_over = 500
    """,
    "cuts_in": """
        title = "Cuts into the greeting"
        [[steps]]
        when = "agent speaking 600 ms"
        say = "file:caller_interrupts.wav"
        [[steps]]
        when = "agent finished 1 s"
        hang_up = true
        [expect]
        stopped_within = 1500
        end_reason = "caller_hung_up"
    """,
    "speaker_phone": """
        title = "On a speaker phone"
        [line]
        echo_ms = 250
        echo_db = -10
        [[steps]]
        when = "at 8 s"
        hang_up = true
    """,
}


@real_time
async def test_a_rehearsal_tells_what_a_bot_that_others_wrote_can_and_can_not(tmp_path, bot):
    """It answers, and stops for a caller; on a speaker phone it hears itself and stops itself."""
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "suite.toml").write_text('title = "pipecat"\n')
    for name, text in CALLERS.items():
        (suite / f"{name}.toml").write_text(textwrap.dedent(text))
    for name in ("caller_hours", "caller_interrupts"):
        shutil.copy(ASSETS / f"{name}.wav", suite)
    found, played = load(str(suite)), []
    async with relay(tmp_path, "exotel", bot.port) as url:
        rehearsal = Rehearsal(
            found, DeployedRelay(url, "here", open_store(f"file:{tmp_path}")), Voices(found, tmp_path)
        )
        await rehearsal.play(times=1, parallel=3, limits=Limits(3, 5), on_played=played.append)
    blamed = {call.caller.name: [finding.expectation for finding in call.findings] for call in played}
    assert blamed == {"asks": [], "cuts_in": [], "speaker_phone": ["interruptions"]}
