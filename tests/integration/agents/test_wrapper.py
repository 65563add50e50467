"""Code around an agent: what it leaves alone is the same to the sample, what it changes is changed, its tools run."""

import asyncio
import sys
import types
from typing import Annotated

import msgspec
import numpy as np
import pytest

from common.env import SettingError
from relay.agents.bot import Wrapper, tool
from relay.agents.bot.function_tool import tools_of
from relay.agents.bot.wrapper import WrapperSession
from relay.agents.local import LocalSession
from relay.agents.seam import AgentError, AgentText, Audio, CallerText, CallInfo, Ended, Formats, Notice
from relay.app import create_app
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from tests.integration.agents.world import UNLIKE, Entry, lines_heard, world
from tests.support.virtual import virtual

FINISHED = When.AGENT_FINISHED
TALK = AgentScript(
    replies=(
        Reply(on="start", say=("agent_clinics",)),
        Reply(on="heard:caller_interrupts", say=("agent_saturday",)),
        Reply(on="heard:caller_thanks", say=("agent_goodbye",), end_call=True),
    )
)
CALLER = (
    Step(when=When.AGENT_SPEAKING, ms=3000, say="caller_interrupts"),
    Step(when=FINISHED, ms=1200, say="caller_thanks"),
)
BACK = Entry("back", "deepgram", AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),)))


@pytest.fixture
def entry(monkeypatch):
    """Makes an agent of a class, as if it had been found by its dotted name."""

    def make(kind, **options):
        module = types.ModuleType("wrappers_of_a_test")
        module.Kind = kind
        monkeypatch.setitem(sys.modules, "wrappers_of_a_test", module)
        return Entry("front", "bot", id="wrappers_of_a_test:Kind", options={"agent": "inner"} | options)

    return make


def told(record):
    """What a record says of the conversation."""
    return [(turn["speaker"], turn["text"], turn["interrupted"], turn["heard_ms"]) for turn in record["turns"]]


@pytest.mark.parametrize("vendor", [name for name in UNLIKE if name != "bot"])
@virtual
async def test_a_wrapper_that_changes_nothing_changes_no_sample_and_no_word(tmp_path, entry, vendor):
    """Once the sound was converted a second time, corrections and the ends of utterances were lost on the way."""
    heard, records, received = [], [], []
    inner, plain = Entry("inner", vendor, TALK), entry(type("Plain", (Wrapper,), {}))
    for front in ((inner,), (plain, inner)):
        folder = tmp_path / str(len(front))
        folder.mkdir()
        async with world(folder, *front) as at:
            call = await at.call(script=CALLER, max_s=60)
            at.assert_no_violations(call)
            heard.append(call.heard)
            records.append(at.record(call))
            received.append(at.seen("inner").received)
    assert len(records[0]["turns"]) >= 4
    assert told(records[1]) == told(records[0])
    assert records[1]["end_reason"] == records[0]["end_reason"] == "agent_ended"
    assert np.array_equal(heard[0], heard[1])
    assert np.array_equal(received[0], received[1])


@virtual
async def test_what_it_drops_is_not_heard_and_what_it_replaces_is_on_record(tmp_path, entry):
    class Discreet(Wrapper):
        def on_event(self, event):
            match event:
                case CallerText():
                    return CallerText("(something private)")
                case Audio() | AgentText() if self.quiet:
                    return None
            return event

        def on_start(self):
            self.quiet = True

    steps = (Step(when=When.AT, ms=6000, say="caller_thanks"), Step(ms=3000, hang_up=True))
    async with world(tmp_path, entry(Discreet), Entry("inner", "deepgram", TALK)) as at:
        call = await at.call(script=steps, max_s=30)
        turns = at.record(call)["turns"]
    assert not call.heard.any()
    assert [turn["text"] for turn in turns] == ["(something private)"]


class Desk(Wrapper):
    """With tools of its own."""

    @tool("Looks an order up.")
    async def order_status(self, number: Annotated[int, msgspec.Meta(description="The order's number.")]) -> str:
        if number == 13:
            raise ZeroDivisionError
        if number == 0:
            raise ValueError("there is no order 0")
        return f"order {number} is on its way"


@pytest.mark.parametrize(
    ("parameters", "answer", "status"),
    [
        ({"number": "7"}, "order 7 is on its way", "done"),
        ({"number": 0}, "error: there is no order 0", "refused"),
        ({"number": 13}, "error: the tool failed", "failed"),
        ({}, "error: Object missing required field `number`", "refused"),
    ],
)
@virtual
async def test_a_tool_of_its_own_is_offered_run_answered_and_on_record(tmp_path, entry, parameters, answer, status):
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_hours",), tool=ToolUse("order_status", parameters)),
            Reply(on="heard:caller_thanks", say=("agent_goodbye",), end_call=True),
        )
    )
    steps = (Step(when=FINISHED, ms=1500, say="caller_thanks"),)
    async with world(tmp_path, entry(Desk), Entry("inner", "openai", script)) as at:
        call = await at.call(script=steps, max_s=30)
        seen, record = at.seen("inner"), at.record(call)
    assert seen.tool_results == [("order_status", answer)]
    (used,) = [one for one in record["tools"] if one["name"] == "order_status"]
    assert used["status"] == status
    assert record["end_reason"] == "agent_ended"
    assert len(record["agents"]) == 1


def test_the_model_is_told_what_the_signature_says():
    (row,) = tools_of(Desk())
    assert row.describe() == {
        "name": "order_status",
        "description": "Looks an order up.",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer", "description": "The order's number."}},
            "required": ["number"],
        },
    }


@virtual
async def test_an_error_in_its_code_fails_the_call_over(tmp_path, entry, caplog):
    class Fragile(Wrapper):
        def on_event(self, event):
            raise ZeroDivisionError("division by zero")

    front = entry(Fragile)
    front.more["fallback"] = "back"
    async with world(tmp_path, front, Entry("inner", "deepgram", TALK), BACK) as at:
        call = await at.call(max_s=30)
        assert [agent["end_reason"] for agent in at.record(call)["agents"]] == ["defect", "ended"]
        assert lines_heard(call, ("backup_greeting",))[0].is_whole
    assert "Fragile.on_event: ZeroDivisionError: division by zero" in caplog.text


class _Burst(LocalSession):
    """Has much to say, then fails."""

    tools = ()
    can_wait = True
    wants_each_key = False

    def __init__(self, count):
        super().__init__()
        self.count, self.read = count, 0

    async def connect(self, call):
        pcm = AudioFormat(Encoding.PCM, 8000)
        return Formats(pcm, pcm)

    async def events(self):
        for number in range(1, self.count + 1):
            self.read = number
            yield Notice("burst", str(number))
        raise AgentError("flood", "too much")


@virtual
async def test_an_agent_that_says_more_than_the_call_takes_is_not_read_meanwhile():
    agent = _Burst(100)
    session = WrapperSession(Wrapper(), "Wrapper", agent)
    await session.connect(CallInfo("c", "s", "", "", AudioFormat(Encoding.PCM, 8000)))
    await asyncio.sleep(1)
    assert agent.read < 30
    events = [event async for event in session.events()]
    assert [event.text for event in events[:-1]] == [str(number) for number in range(1, 101)]
    assert events[-1] == Ended(by_agent=False, reason="flood", detail="too much")
    await session.close()


class _Attentive(_Burst):
    """Notes all that it is told."""

    def __init__(self):
        super().__init__(1)
        self.told = []
        for name in ("send_audio", "send_keys", "interrupted", "heard", "ask_again", "give_up", "answer_tool", "close"):
            setattr(self, name, self.notes(name))
        for name in ("prepare", "reach"):
            setattr(self, name, lambda name=name: self.told.append((name,)))

    def notes(self, name):
        async def note(*arguments, **named):
            self.told.append((name, *arguments, *named.values()))
            return True

        return note

    async def connect(self, call):
        self.told.append(("connect", [tool["name"] for tool in call.own_tools]))
        self.conversation_id = "conversation"
        return await super().connect(call)


@virtual
@pytest.mark.parametrize("answer", [True, False])
async def test_what_the_call_asks_an_agent_is_answered_by_the_wrapped_one(answer):
    agent = _Attentive()
    agent.can_wait = agent.wants_each_key = answer
    session = WrapperSession(Wrapper(), "Wrapper", agent)
    assert (session.can_wait, session.wants_each_key) == (answer, answer)


@virtual
async def test_all_that_the_call_tells_reaches_the_agent():
    agent = _Attentive()
    agent.late_audio_ms = 40.0
    session = WrapperSession(Desk(), "Desk", agent)
    session.prepare()
    session.reach()
    call = CallInfo("c", "s", "", "", AudioFormat(Encoding.PCM, 8000), own_tools=({"name": "http_tool"},))
    await session.connect(call)
    assert session.conversation_id == "conversation"
    await session.send_audio(b"sound")
    await session.send_keys("1")
    await session.interrupted("u1", 300)
    await session.heard("u1")
    assert await session.ask_again()
    await session.answer_tool("theirs", "done", is_error=False)
    await session.give_up("silent")
    assert [event async for event in session.events()]
    assert session.late_audio_ms == 40.0
    await session.close()
    assert agent.told == [
        ("prepare",),
        ("reach",),
        ("connect", ["http_tool", "order_status"]),
        ("send_audio", b"sound"),
        ("send_keys", "1"),
        ("interrupted", "u1", 300),
        ("heard", "u1"),
        ("ask_again",),
        ("answer_tool", "theirs", "done", False),
        ("give_up", "silent"),
        ("close",),
    ]


AGENTS = """[agents.front]
vendor = "bot"
id = "examples.bots.wrapped_agent:WrappedAgentBot"
options = {{ agent = "{inner}" }}
[agents.second]
vendor = "bot"
id = "examples.bots.wrapped_agent:WrappedAgentBot"
options = {{ agent = "front" }}
[agents.plain]
vendor = "echo"
"""


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("nobody", "agents.front.options.agent to be one of front, second, plain, not 'nobody'"),
        ("front", "agents.front not to wrap itself"),
        ("second", "agents.front not to wrap itself"),
        ("", "agents.front.options.agent to name an agent"),
    ],
)
def test_a_wrapper_of_nobody_or_of_itself_stops_the_start(tmp_path, inner, expected):
    (tmp_path / "agents.toml").write_text(AGENTS.format(inner=inner))
    with pytest.raises(SettingError, match="AGENTS_FILE") as error:
        create_app(Settings(agents_file=str(tmp_path / "agents.toml")))
    assert expected in str(error.value)


def test_a_tool_without_annotations_or_with_a_name_that_is_taken_stops_the_start(tmp_path, entry):
    class Careless(Wrapper):
        @tool("Anything.")
        async def look_up(self, number):
            return ""

    class Taken(Wrapper):
        @tool("Hangs up.")
        async def end_call(self) -> str:
            return ""

    for kind, expected in (
        (Careless, "Kind.look_up's parameter number to have an annotation"),
        (Taken, "tool Kind.end_call to have a name of its own"),
    ):
        kind.__name__ = "Kind"
        made = entry(kind)
        (tmp_path / "agents.toml").write_text(
            f'[agents.front]\nvendor = "bot"\nid = "{made.id}"\noptions = {{ agent = "plain" }}\n'
            '[agents.plain]\nvendor = "echo"\n'
        )
        with pytest.raises(SettingError) as error:
            create_app(Settings(agents_file=str(tmp_path / "agents.toml")))
        assert expected in str(error.value)
