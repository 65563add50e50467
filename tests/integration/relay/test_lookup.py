"""The look-up before the greeting: what it changes for the caller, with every vendor, and what it can't break."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from common.signature import RELAY_HEADER, Verdict, verify
from relay.agents import VENDORS
from relay.call.call import Call
from relay.call.conversation import Conversation
from relay.events.records import EndReason
from relay.sounds import Sounds
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.serving import serving
from tests.integration.agents.world import TALKING, UNLIKE, Entry, lines_heard, world
from tests.support.virtual import virtual

SECRET = "secret-of-the-look-up"
GREETING = AgentScript(replies=(Reply(on="start", say=("agent_greeting",)),))
HANG_UP = (Step(when=When.AGENT_FINISHED, ms=1000, hang_up=True),)
OVERRIDES = {"first_message": "Namaste!", "prompt": "Be brief.", "language": "ta-IN", "voice": "asha", "speed": 1.1}


@dataclass
class Crm:
    """The user's server: answers with `answer` after `after_s`."""

    answer: Any = field(default_factory=dict)
    after_s: float = 0.0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def app(self):
        app = web.Application()
        app.router.add_post("/who", self._answer)
        return app

    async def _answer(self, request):
        body = await request.read()
        self.verdicts.append(verify(body, request.headers.get(RELAY_HEADER), [SECRET]))
        self.asked.append(json.loads(body))
        await asyncio.sleep(self.after_s)
        text = self.answer if isinstance(self.answer, str) else json.dumps(self.answer)
        return web.Response(text=text, status=self.status, headers=self.headers)


@asynccontextmanager
async def asked(tmp_path, crm, *entries, settings=None, **more):
    """A relay that asks `crm`."""
    async with serving(crm.app()) as url:
        chosen = {"lookup_url": f"{url}/who", "lookup_secret": SECRET, **(settings or {})}
        async with world(tmp_path, *entries, settings=chosen, **more) as at:
            yield at


@virtual
async def test_the_look_up_request_and_what_the_record_keeps(tmp_path):
    crm = Crm({"tags": ["vip", "hindi"], "variables": {"name": "Asha"}}, after_s=0.25)
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call(script=HANG_UP, query="?flow=book")
        at.assert_no_violations(call)
        assert crm.verdicts == [Verdict.VALID]
        assert crm.asked == [
            {
                "call_sid": call.call_sid,
                "stream_sid": call.stream_sid,
                "from": "+919876500001",
                "to": "+918047100002",
                "custom_parameters": {"flow": "book"},
                "agent": "front",
            }
        ]
        record = at.record(call)
        assert record["lookup"] == {"ms": 250, "outcome": "ok", "problem": ""}
        assert record["tags"] == ["vip", "hindi"]
        assert at.seen("front").record.variables["name"] == "Asha"
        text = at.relay.metrics.render().decode()
        assert 'relay_lookups_total{outcome="ok"} 1.0' in text
        assert "relay_lookup_seconds_count 1.0" in text


@pytest.mark.parametrize("vendor", TALKING)
@virtual
async def test_variables_and_overrides_reach_every_vendor_its_own_way(tmp_path, vendor):
    overrides = OVERRIDES | ({"voice": "en-IN-NeerjaNeural"} if vendor == "azure_voice_live" else {})
    crm = Crm({"variables": {"name": "Asha", "call_sid": "forged"}, "overrides": overrides})
    script = AgentScript(
        replies=GREETING.replies,
        allowed_overrides=("agent.first_message", "agent.prompt.prompt", "agent.language", "tts.voice_id", "tts.speed"),
    )
    options = {} if vendor in {"elevenlabs", "bot", "sarvam"} else {"prompt": "The caller is {{name}}."}
    async with asked(tmp_path, crm, Entry("front", vendor, script, options=options)) as at:
        call = await at.call(script=HANG_UP)
        at.assert_no_violations(call)
        seen = at.seen("front").record
        assert at.record(call)["lookup"]["outcome"] == "partly"  # call_sid is ours
        assert "variables.call_sid" in at.record(call)["lookup"]["problem"]
        if vendor == "bot":
            assert seen.setup["overrides"] == OVERRIDES
            assert seen.setup["variables"]["name"] == "Asha"
            assert seen.setup["variables"]["call_sid"] == call.call_sid
            return
        said = json.dumps([seen.setup, seen.told])
        taken = VENDORS[vendor].takes
        assert {"first_message"} <= taken if vendor == "sarvam" else {"first_message", "prompt"} <= taken
        if vendor == "sarvam":
            said = json.dumps({name: value for name, value in seen.setup.items() if name != "agent_variables"})
            overrides = overrides | {"language": "Tamil"}  # as Sarvam calls it
        for name, value in overrides.items():
            whole = re.escape(json.dumps(value).strip('"'))  # 1.1 is also a part of some times
            assert bool(re.search(rf"(?<![\w.]){whole}(?![\w.])", said)) == (name in taken), name


@pytest.mark.parametrize("vendor", [vendor for vendor in UNLIKE if vendor not in {"bot", "ultravox", "sarvam"}])
@virtual
async def test_an_answer_that_comes_before_the_agent_is_reached_costs_the_caller_nothing(tmp_path, vendor):
    """At most 5 ms of the first word, though the agent is told what the answer says."""
    first_ms = []
    for number, url in enumerate((None, "")):
        folder = tmp_path / str(number)
        folder.mkdir()
        script = AgentScript(replies=GREETING.replies, upgrade_after_s=0.35)
        crm = Crm({"variables": {"name": "Asha"}}, after_s=0.3)
        more = {} if url is None else {"lookup_url": url}
        async with asked(folder, crm, Entry("front", vendor, script, more=more)) as at:
            call = await at.call(script=HANG_UP)
            first_ms.append(at.record(call)["quality"]["first_audio_ms"])
            assert len(crm.asked) == (url is None)
    with_lookup, without = first_ms
    assert 0 <= with_lookup - without <= 5


@pytest.mark.parametrize(
    ("crm", "outcome", "ms"),
    [
        (Crm(after_s=10.0), "timeout", 1500),
        (Crm(status=500), "http_500", 0),
        (Crm(status=302, headers={"Location": "http://127.0.0.1:1/"}), "redirect", 0),
        (Crm("not JSON"), "malformed", 0),
        (Crm([]), "malformed", 0),
        (Crm({"name": "x" * 70_000}), "too_large", 0),
        (Crm("{}", headers={"Content-Encoding": "br"}), "too_large", 0),
        (Crm({"agent": 5, "tags": "vip", "reject": "yes" * 200, "ambience_volume": 7}), "partly", 0),
        (Crm(status=204), "ok", 0),
        (Crm({"of a later release": 1}), "ok", 0),
    ],
    ids=["slow", "error", "redirect", "text", "list", "large", "packed", "wrong", "nothing", "unknown"],
)
@virtual
async def test_whatever_the_server_does_the_caller_gets_the_agent(tmp_path, crm, outcome, ms):
    if outcome == "partly":
        crm.answer["reject"] = 1
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING), ambience=True) as at:
        call = await at.call(script=HANG_UP)
        at.assert_no_violations(call)
        assert lines_heard(call, ("agent_greeting",))[0].is_whole
        assert not call.gaps  # the ambience is heard meanwhile
        assert call.first_sound_s < 0.3
        record = at.record(call)
        assert (record["lookup"]["outcome"], record["lookup"]["ms"]) == (outcome, ms)
        assert record["quality"]["first_audio_ms"] < ms + 500
        assert record["end_reason"] == "caller_hung_up"
        assert f'relay_lookups_total{{outcome="{outcome}"}} 1.0' in at.relay.metrics.render().decode()


@virtual
async def test_nobody_answers_there(tmp_path):
    settings = {"lookup_url": "http://127.0.0.1:1/who", "lookup_secret": SECRET}
    async with world(tmp_path, Entry("front", "elevenlabs", GREETING), settings=settings) as at:
        call = await at.call(script=HANG_UP)
        assert at.record(call)["lookup"]["outcome"] == "failed"
        assert lines_heard(call, ("agent_greeting",))[0].is_whole


@virtual
async def test_another_agent_is_chosen_among_those_there_are(tmp_path):
    crm = Crm({"agent": "vip", "overrides": {"first_message": "Welcome back!"}}, after_s=0.3)
    vip = Entry("vip", "openai", AgentScript(replies=(Reply(on="start", say=("backup_greeting",)),)))
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING), vip) as at:
        call = await at.call(script=HANG_UP)
        at.assert_no_violations(call)
        assert [line.name for line in lines_heard(call, ("agent_greeting", "backup_greeting"))] == ["backup_greeting"]
        assert [agent["alias"] for agent in at.record(call)["agents"]] == ["vip"]
        assert "Welcome back!" in at.seen("vip").told
        (reached,) = at.fakes["front"].conversations
        assert (reached.setup, reached.ended_by, reached.ready_at) == ({}, "client", None)


@virtual
async def test_an_agent_that_is_not_configured_is_not_chosen(tmp_path):
    crm = Crm({"agent": "agent_of_somebody_else", "variables": {"name": "Asha"}})
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call(script=HANG_UP)
        record = at.record(call)
        assert [agent["alias"] for agent in record["agents"]] == ["front"]
        assert record["lookup"]["problem"] == "agent: expected one of front"
        assert at.seen("front").record.variables["name"] == "Asha"


@virtual
async def test_ambience_of_the_answer(tmp_path):
    """From one to the other without a hole, at the volume that was asked for; an unknown one changes nothing."""
    crm = Crm({"ambience": "street", "ambience_volume": 0.9}, after_s=0.5)
    other = Entry("other", "echo", more={"ambience": "street"})  # so it has been read
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", AgentScript()), other, ambience=True) as at:
        call = await at.call(script=(Step(when=When.AT, ms=3000, hang_up=True),))
        assert not call.gaps
        level = at.record(call)["quality"]["ambience_level_db"]
        assert level > -32  # 0.9 of -30 dBFS; 0.3 of it would be -40
        crm.answer = {"ambience": "waterfall"}
        call = await at.call(script=(Step(when=When.AT, ms=3000, hang_up=True),))
        assert at.record(call)["quality"]["ambience_level_db"] < -39
        assert at.record(call)["lookup"]["outcome"] == "partly"
        crm.answer = {"ambience": ""}
        call = await at.call(script=(Step(when=When.AT, ms=3000, hang_up=True),))
        assert call.heard[2000:4000].any()
        assert not call.heard[-8000:].any()


@virtual
async def test_a_recording_that_nobody_would_keep_is_not_made(tmp_path):
    """Without EVENTS_URL there is nobody to ask for leave to upload."""
    async with asked(tmp_path, Crm({"record": "both"}), Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call(script=HANG_UP)
        assert at.record(call)["lookup"]["problem"] == "record: expected EVENTS_URL to be set"
        assert at.record(call)["end_reason"] == "caller_hung_up"


@virtual
async def test_straight_to_a_human(tmp_path):
    crm = Crm({"transfer": {"target": "billing", "summary": "owes nothing"}, "tags": ["vip"]}, after_s=0.2)
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call()
        record = at.record(call)
        assert record["end_reason"] == "transferred"
        assert (record["transfer"]["target"], record["transfer"]["summary"]) == ("billing", "owes nothing")
        assert record["agents"] == []
        assert call.duration_s < 1.0
        assert call.close_code == 1000


@virtual
async def test_a_human_who_is_not_configured_is_not_called(tmp_path):
    """The functions know the targets: what they refuse is said, and the agent answers."""
    events = []

    async def refuse(request):
        event = json.loads(await request.read())
        events.append(event)
        refusal = {"accepted": False, "target": None, "reason": "'billing' is not configured"}
        return web.json_response({"status": "ok", "transfer": refusal})

    app = web.Application()
    app.router.add_post("/", refuse)
    crm = Crm({"transfer": "billing"})
    async with serving(app) as url:
        settings = {"events_url": url, "events_secret": "s" * 32}
        async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING), settings=settings) as at:
            call = await at.call(script=HANG_UP)
            await at.until(lambda: events and events[-1]["type"] == "call.ended")
            assert lines_heard(call, ("agent_greeting",))[0].is_whole
    assert events[-1]["lookup"]["problem"] == "transfer: transfer refused: 'billing' is not configured"
    assert {"call.started", "call.transfer_requested", "call.ended"} <= {event["type"] for event in events}


@pytest.mark.parametrize(("reject", "detail"), [(True, ""), ("calls too often", "calls too often")])
@virtual
async def test_a_call_that_is_not_taken(tmp_path, reject, detail):
    async with asked(tmp_path, Crm({"reject": reject}), Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call()
        record = at.record(call)
        assert (record["end_reason"], record["ended_by"], record["end_detail"]) == ("rejected", "relay", detail)
        assert record["agents"] == []
        assert call.close_code == 1000
        assert call.duration_s < 1.0


@virtual
async def test_an_agent_that_allows_no_overrides_is_had_without_them(tmp_path, caplog):
    """ElevenLabs closes at an override that the agent's settings don't allow: the caller would have had no agent."""
    crm = Crm({"overrides": {"voice": "asha"}, "variables": {"name": "Asha"}})
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call(script=HANG_UP)
        assert lines_heard(call, ("agent_greeting",))[0].is_whole
        first, second = at.fakes["front"].conversations
        assert first.close_code == 1008
        assert "conversation_config_override" not in second.setup
        assert second.variables["name"] == "Asha"
        assert len(at.record(call)["agents"]) == 1
    noted = [line.getMessage() for line in caplog.records if "override_not_taken" in line.getMessage()]
    assert len(noted) == 1
    assert "voice" in noted[0]


@virtual
async def test_an_agent_that_takes_over_is_told_the_variables_and_not_the_overrides(tmp_path):
    """A voice of one vendor's is none of another's."""
    crm = Crm({"overrides": {"voice": "asha"}, "variables": {"name": "Asha"}})
    back = Entry("back", "openai", options={"prompt": "The caller is {{name}}."})
    async with asked(tmp_path, crm, Entry("front", "elevenlabs", AgentScript(upgrade_status=403)), back) as at:
        await at.call(max_s=5)
        setup = at.seen("back").record.setup
        assert setup["instructions"] == "The caller is Asha."
        assert setup["audio"]["output"]["voice"] == "marin"


@virtual
async def test_a_webhook_written_for_elevenlabs_own_telephony(tmp_path):
    config = {
        "agent": {"prompt": {"prompt": "Be brief.", "llm": "some-model"}, "first_message": "Namaste!"},
        "tts": {"voice_id": "asha", "stability": 0.3},
    }
    answer = {
        "type": "conversation_initiation_client_data",
        "dynamic_variables": {"customer_name": "Asha", "orders": 3, "gold": True, "system__caller_id": "1"},
        "conversation_config_override": config,
        "user_id": "u1",
    }
    allowed = ("agent.prompt.prompt", "agent.prompt.llm", "agent.first_message", "tts.voice_id", "tts.stability")
    script = AgentScript(replies=GREETING.replies, allowed_overrides=allowed)
    settings = {"lookup_shape": "elevenlabs", "lookup_headers": (("X-Key", "k1"),)}
    seen_headers = []
    crm = Crm(answer)

    @web.middleware
    async def note(request, handler):
        seen_headers.append(request.headers.get("X-Key"))
        return await handler(request)

    app = crm.app()
    app.middlewares.append(note)
    crm.app = lambda: app
    entry = Entry("front", "elevenlabs", script, id="agent_7")
    async with asked(tmp_path, crm, entry, settings=settings) as at:
        call = await at.call(script=HANG_UP)
        at.assert_no_violations(call)
        assert crm.asked == [
            {
                "caller_id": "+919876500001",
                "agent_id": "agent_7",
                "called_number": "+918047100002",
                "call_sid": call.call_sid,
            }
        ]
        assert seen_headers == ["k1"]
        said = at.seen("front").record.setup
        assert said["conversation_config_override"] == config
        assert said["user_id"] == "u1"
        variables = said["dynamic_variables"]
        assert (variables["customer_name"], variables["orders"], variables["gold"]) == ("Asha", 3, True)
        assert variables["call_sid"] == call.call_sid


@pytest.mark.parametrize("vendor", ["elevenlabs", "openai", "gemini", "bot"])
@virtual
async def test_a_caller_who_hangs_up_meanwhile_leaves_nothing_open(tmp_path, vendor):
    crm = Crm(after_s=1.4)
    async with asked(tmp_path, crm, Entry("front", vendor, GREETING)) as at:
        call = await at.call(script=(Step(when=When.AT, ms=400, hang_up=True),))
        assert at.record(call)["end_reason"] == "caller_hung_up"
        await at.until(lambda: not at.relay.calls and not at.relay.streams)
        assert all(one.ended_by == "client" for one in at.fakes["front"].conversations)


@virtual
async def test_each_agent_may_have_a_server_of_its_own_or_none(tmp_path):
    general, own = Crm(), Crm()
    async with serving(own.app()) as url:
        entries = (
            Entry("front", "elevenlabs", GREETING),
            Entry("mine", "elevenlabs", GREETING, more={"lookup_url": f"{url}/who"}),
            Entry("plain", "elevenlabs", GREETING, more={"lookup_url": ""}),
        )
        async with asked(tmp_path, general, *entries) as at:
            for alias in ("front", "mine", "plain"):
                call = await at.call(script=HANG_UP, query=f"?agent_id={alias}")
                assert ("lookup" in (record := at.record(call)) and record["lookup"] is not None) == (alias != "plain")
    assert [question["agent"] for question in general.asked] == ["front"]
    assert [question["agent"] for question in own.asked] == ["mine"]


@virtual
async def test_a_caller_who_hangs_up_as_the_connected_agent_is_to_take_over_leaves_no_socket_open(
    tmp_path, monkeypatch
):
    """The task in which agents talk is cancelled before it begins: nobody in it can close the socket."""
    calls, closed = [], []
    begin, close = Call._register, Conversation.close_session

    def registered(call):
        calls.append(call)
        begin(call)

    async def closing(conversation, session):
        closed.append(session)
        await close(conversation, session)

    def hangs_up(*_):
        calls[0].end(EndReason.CALLER_HUNG_UP, "just then")

    monkeypatch.setattr(Call, "_register", registered)
    monkeypatch.setattr(Conversation, "close_session", closing)
    monkeypatch.setattr(Sounds, "apology", hangs_up)
    async with asked(tmp_path, Crm({"tags": ["vip"]}, after_s=0.25), Entry("front", "elevenlabs", GREETING)) as at:
        call = await at.call(script=HANG_UP)
        assert at.record(call)["end_detail"] == "just then"
    assert len(closed) == 1
