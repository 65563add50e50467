"""The example bots over the real media socket, against fakes of what they need."""

import asyncio
import wave
from contextlib import asynccontextmanager

import numpy as np
import pytest

from common.env import SettingError
from relay.agents import HOSTED
from relay.app import create_app
from relay.settings import Settings
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from sim.heard import find_line
from sim.serving import serving
from sim.speech import ASSETS, line, spoken
from sim.vendors.registry import FAKES
from sim.vendors.speech import FakeSpeechServices
from tests.integration.agents.world import Entry, able, lines_heard, world
from tests.support.virtual import virtual

KEYS = {vendor.key_env: "key_of_nobody" for vendor in HOSTED.values()}
FINISHED = When.AGENT_FINISHED


def bot(name, **options):
    kind = "".join(part.capitalize() for part in name.split("_"))
    return Entry("front", "bot", id=f"examples.bots.{name}:{kind}Bot", options=options)


@asynccontextmanager
async def bot_world(tmp_path, name, *entries, services=None, **options):
    """A relay with one of the bots and, behind it, the services it needs."""
    async with serving((services or FakeSpeechServices({})).app()) as url:
        if services:
            options |= {"openai_url": url} if name == "transcriber" else {"openai_url": url, "deepgram_url": url}
        async with world(tmp_path, bot(name, **options), *entries, settings={"environ": KEYS}) as at:
            yield at


@virtual
async def test_echo(tmp_path):
    steps = (Step(when=When.AT, ms=300, say="caller_hours"), Step(ms=1000, hang_up=True))
    async with bot_world(tmp_path, "echo") as at:
        call = await at.call(query="?sample-rate=16000", script=steps)
        at.assert_no_violations(call)
        (said_at, _), *_ = call.said_lines
        heard = find_line(call.heard, 16000, "caller_hours")
        assert heard.is_whole
        assert 0.2 < heard.at_s - said_at < 0.5
        # said in pieces of 20 ms, each as long as the time to the next: once every piece was an utterance of its own,
        # filled up to a whole frame with silence
        assert len([mark for mark in call.marks if not mark.name.startswith("probe-")]) <= 1


@pytest.mark.parametrize("provider", ["openai", "deepgram"])
@virtual
async def test_language_model(tmp_path, provider):
    """A conversation in three services, with a caller who cuts in."""
    services = FakeSpeechServices({"caller_clinics": "agent_clinics", "caller_interrupts": "agent_hours"})
    options = {"greeting": line("agent_greeting").text, "listen": provider, "speak": provider}
    steps = (
        Step(when=FINISHED, ms=500, say="caller_clinics"),
        Step(when=When.AGENT_SPEAKING, ms=2500, say="caller_interrupts"),
        Step(when=FINISHED, ms=1500, hang_up=True),
    )
    async with bot_world(tmp_path, "language_model", services=services, **options) as at:
        call = await at.call(script=steps, max_s=60)
        at.assert_no_violations(call)
        greeting, hours = lines_heard(call, ("agent_greeting", "agent_hours"))
        assert greeting.is_whole
        assert hours.is_whole
        assert len(call.clears) == 1
        turns = at.record(call)["turns"]
        spoken_by_caller = [turn["text"] for turn in turns if turn["speaker"] == "caller"]
        assert spoken_by_caller == [line("caller_clinics").text, line("caller_interrupts").text]
        cut, *unheard = [turn["heard_ms"] for turn in turns if turn["interrupted"]]
        assert cut > 0
        assert not any(unheard)  # sentences that waited behind it
        assert any("cut in after" in message.content for message in services.chats[-1].messages)


@virtual
async def test_the_first_sentence_is_spoken_before_the_last_is_made(tmp_path):
    """Streaming from end to end: a long answer begins long before it is complete."""
    services = FakeSpeechServices({"caller_clinics": "agent_clinics"})
    steps = (Step(when=When.AT, ms=500, say="caller_clinics"), Step(when=FINISHED, ms=1500, hang_up=True))
    async with bot_world(tmp_path, "language_model", services=services, greeting="") as at:
        await at.call(script=steps, max_s=40)
        sentences = [text for text, _ in services.spoken if text]
        assert len(sentences) == 3
        assert " ".join(sentences) == line("agent_clinics").text


@virtual
async def test_transcriber(tmp_path):
    """Every utterance is in the record, in order, and nothing is said."""
    steps = (
        Step(when=When.AT, ms=500, say="caller_hours"),
        Step(ms=1500, say="caller_bill"),
        Step(ms=4000, hang_up=True),
    )
    async with bot_world(tmp_path, "transcriber", services=FakeSpeechServices({})) as at:
        call = await at.call(script=steps)
        turns = at.record(call)["turns"]
        assert [turn["text"] for turn in turns] == [line("caller_hours").text, line("caller_bill").text]
        assert not call.heard.any()


@virtual
async def test_multilingual(tmp_path):
    """The caller changes to Hindi: the model is told, the voice changes."""
    services = FakeSpeechServices(
        {"caller_hours": "agent_hours", "caller_thanks": "agent_digits"}, languages={"caller_thanks": "hi"}
    )
    options = {"greeting": line("agent_digits").text, "voices": {"en": "marin", "hi": "coral"}}
    steps = (
        Step(when=FINISHED, ms=500, say="caller_hours"),
        Step(when=FINISHED, ms=1500, say="caller_thanks"),
        Step(when=FINISHED, ms=1500, hang_up=True),
    )
    async with bot_world(tmp_path, "multilingual", services=services, **options) as at:
        call = await at.call(script=steps, max_s=60)
        at.assert_no_violations(call)
        assert [voice for _, voice in services.spoken] == ["marin", "marin", "coral"]
        told = [message.content for message in services.chats[-1].messages if message.role == "system"]
        assert told[-1] == "From now on answer in Hindi."


@pytest.mark.parametrize("vendor", sorted({*FAKES} & {*able("tools")} & {*able("notes")}))
@virtual
async def test_wrapped_agent(tmp_path, vendor):
    """The agent talks, is interrupted, uses a tool; at a certain word the bot has the caller put through."""
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_clinics",), tool=ToolUse("control_background_sound", {"volume": 0.1})),
            Reply(on="heard:caller_interrupts", say=("agent_saturday",)),
            Reply(on="heard:caller_complaint", say=("agent_takeover",)),
        )
    )
    steps = (
        Step(when=When.AGENT_SPEAKING, ms=6000, say="caller_interrupts"),
        Step(when=FINISHED, ms=1200, say="caller_complaint"),
    )
    wrapped = Entry("assistant", vendor, script)
    async with bot_world(tmp_path, "wrapped_agent", wrapped, agent="assistant", target="complaints") as at:
        calling = asyncio.create_task(at.call(script=steps, max_s=60))
        await asyncio.sleep(2)
        (running,) = at.relay.calls.values()
        assert await running.parts.outbox.note("The caller is a member.")
        call = await calling
        at.assert_no_violations(call)
        assert "The caller is a member." in at.seen("assistant").notes[0]
        clinics, saturday = lines_heard(call, ("agent_clinics", "agent_saturday"))
        assert not clinics.is_whole
        assert saturday.is_whole
        record = at.record(call)
        assert record["end_reason"] == "transferred"
        assert record["transfer"]["target"] == "complaints"
        assert record["transfer"]["reason"] == "said 'complain'"
        assert at.seen("assistant").tool_results == [("control_background_sound", "done")]
        assert [agent["vendor"] for agent in record["agents"]] == ["bot"]
        if vendor == "openai":
            (item, heard_ms), *_ = at.seen("assistant").record.truncations
            assert item == "item_1"
            assert abs(heard_ms - clinics.heard_ms) < 250


MENU = {
    "ask": str(ASSETS / "agent_digits.wav"),
    "found": {"4711": str(ASSETS / "agent_booking.wav")},
    "not_found": str(ASSETS / "sorry.wav"),
    "goodbye": str(ASSETS / "agent_goodbye.wav"),
    "patience_s": 3.0,
    "attempts": 2,
}


@virtual
async def test_menu(tmp_path):
    """The number is typed into the middle of the prompt, which stops at the first key."""
    steps = (Step(when=When.AGENT_SPEAKING, ms=800, press="4"), *(Step(ms=300, press=key) for key in "711"))
    async with bot_world(tmp_path, "menu", **MENU) as at:
        call = await at.call(script=steps)
        at.assert_no_violations(call)
        assert len(call.clears) == 1
        booking, goodbye = lines_heard(call, ("agent_booking", "agent_goodbye"))
        assert booking.is_whole
        assert goodbye.is_whole
        record = at.record(call)
        assert record["end_reason"] == "agent_ended"
        assert "[entered 4711]" in [turn["text"] for turn in record["turns"]]


@pytest.mark.parametrize("keys", ["0", ""])
@virtual
async def test_menu_hands_over_to_a_human(tmp_path, keys):
    """At 0, or when nothing is entered twice."""
    steps = tuple(Step(when=FINISHED, ms=500, press=key) for key in keys)
    async with bot_world(tmp_path, "menu", **MENU) as at:
        call = await at.call(script=steps, max_s=60)
        record = at.record(call)
        assert record["end_reason"] == "transferred"
        assert record["transfer"]["reason"] == "the menu could not help"
        assert bool(lines_heard(call, ("sorry",))) is (not keys)


VOICEMAIL = {"prompt": str(ASSETS / "agent_takeover.wav"), "thanks": str(ASSETS / "agent_goodbye.wav")}


@pytest.mark.parametrize("ending", ["key", "silence", "hang up"])
@virtual
async def test_voicemail(tmp_path, ending):
    """The message is kept however the call ends: as it was said, without the prompt, the beep or silence at its end."""
    endings = {"key": (Step(ms=300, press="#"),), "silence": (), "hang up": (Step(ms=300, hang_up=True),)}
    steps = (Step(when=FINISHED, ms=500, say="caller_complaint"), *endings[ending])
    async with bot_world(tmp_path, "voicemail", folder=str(tmp_path / "messages"), **VOICEMAIL) as at:
        call = await at.call(query="?sample-rate=16000", script=steps)
        at.assert_no_violations(call)
        async with asyncio.timeout(5):
            await at.until(lambda: (tmp_path / "messages" / f"{call.call_sid}.wav").exists())
        with wave.open(str(tmp_path / "messages" / f"{call.call_sid}.wav")) as file:
            assert file.getframerate() == 16000
            message = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert find_line(message, 16000, "caller_complaint").is_whole
        assert message.size < spoken("caller_complaint", 16000).size + 16000
        record = at.record(call)
        assert record["end_reason"] == ("caller_hung_up" if ending == "hang up" else "agent_ended")
        assert f"[leaves a message: {call.call_sid}.wav]" in [turn["text"] for turn in record["turns"]]
        assert bool(lines_heard(call, ("agent_goodbye",))) is (ending != "hang up")


@pytest.mark.parametrize(
    ("name", "key", "options"),
    [
        ("language_model", "OPENAI_API_KEY", {}),
        ("language_model", "DEEPGRAM_API_KEY", {"speak": "deepgram"}),
        ("transcriber", "OPENAI_API_KEY", {}),
        ("multilingual", "DEEPGRAM_API_KEY", {}),
    ],
)
def test_a_missing_key_is_said_in_one_line_at_the_start(tmp_path, name, key, options):
    entry = bot(name, **options)
    listed = "\n".join(f'{option} = "{value}"' for option, value in options.items())
    (tmp_path / "agents.toml").write_text(
        f'[agents.front]\nvendor = "bot"\nid = "{entry.id}"\n[agents.front.options]\n{listed}'
    )
    environ = {other: "x" for other in KEYS if other != key}
    with pytest.raises(SettingError, match=f"^{key} is not set: expected what agent 'front' ") as error:
        create_app(Settings(agents_file=str(tmp_path / "agents.toml"), environ=environ))
    assert "\n" not in str(error.value)


@virtual
async def test_a_service_that_is_down_hands_the_caller_to_the_fallback(tmp_path):
    services = FakeSpeechServices({})
    services.status = 503
    back = Entry("back", "deepgram", AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),)))
    async with bot_world(tmp_path, "language_model", back, services=services) as at:
        call = await at.call()
        record = at.record(call)
        assert [agent["end_reason"] for agent in record["agents"]] == ["defect", "ended"]
        assert "ProviderError: 127.0.0.1/v1/audio/speech: HTTP 503" in record["agents"][0]["end_detail"]
