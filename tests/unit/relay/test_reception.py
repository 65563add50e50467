"""From a call's `start` to its agent: every way that a look-up, a notice and the roster can lead."""

import asyncio
import contextlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from relay.agents.overrides import Overrides
from relay.agents.roster import AgentSpec, Roster
from relay.audio.pcm import LINE_RATES
from relay.call.lookup import LookedUp
from relay.call.lookup_answer import LookupAnswer
from relay.call.reception import Reception
from relay.call.tools import ToolResult
from relay.call.transcript import Transcript
from relay.events.records import CallFacts, EndReason, LookupEntry, Transfer
from relay.line import exotel
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.settings import Settings
from relay.sounds import Apology
from tests.support.virtual import virtual

pytestmark = pytest.mark.usefixtures("logged")

DESK = AgentSpec("desk", "echo", "")
NIGHT = AgentSpec("night", "echo", "", ambience="office", ambience_volume=0.3)
RATE = 8000


class Sounds:
    """What the agents' entries name; `ambience` says what it was asked for."""

    def __init__(self):
        self.of_notice = self.of_apology = None
        self.known, self.read = {"office", "rain"}, {"office", ""}
        self.loaded = []

    def ambience(self, spec, rate_hz, call_sid):
        return (spec.ambience, spec.ambience_volume, rate_hz, call_sid)

    def has(self, name):
        return not name or name in self.known

    def is_read(self, name):
        return name in self.read

    async def load(self, name):
        await asyncio.sleep(1)
        self.loaded.append(name)

    def notice(self, spec, rate_hz):
        return self.of_notice

    def apology(self, spec, rate_hz):
        return self.of_apology


class Session:
    def __init__(self, spec):
        self.spec, self.reached, self.closed = spec, False, False

    def reach(self):
        if self.spec.id == "broken":
            raise ZeroDivisionError("reach")
        self.reached = True


class Conversation:
    """Keeps what it is given."""

    def __init__(self):
        self.first = self.ran = self.known = None
        self.closed = []

    @property
    def has_begun_with(self):
        return self.first is not None

    def begin_with(self, spec, session):
        self.first = (spec, session)

    def know(self, variables, overrides):
        self.known = (variables, overrides)

    async def close_session(self, session):
        self.closed.append(session.spec.alias)

    async def close_unused(self):
        self.closed.append("unused")

    async def run(self, chain, apology):
        self.ran = ([spec.alias for spec in chain], apology)


class World:
    """One call. `answer`: of its look-up, None for no look-up; it takes a second."""

    def __init__(self, answer=None, *, spec=DESK, rate_hz=RATE, outcome="ok", events_url="https://functions"):
        self.loop = asyncio.get_running_loop()
        self.sounds, self.conversation, self.metrics = Sounds(), Conversation(), Metrics()
        self.ended, self.sessions, self.steps, self.changed = [], [], [], []
        self.refusal = None
        self._tasks = []
        self.facts = CallFacts("c", "s", "", "", datetime.now(UTC), self.loop.time)
        self.transcript = Transcript(self.facts.started_at)

        async def ask(url, start, asked):
            assert (url, asked) == ("https://who", spec)
            await asyncio.sleep(1)
            return LookedUp(answer, LookupEntry(1000, outcome))

        async def request(transfer, *, spoken):
            assert not spoken
            self.steps.append(("transfer", transfer.target))
            return ToolResult(self.refusal or "done", is_error=self.refusal is not None)

        lookup = SimpleNamespace(url_for=lambda _: "https://who" if answer else "", ask=ask)
        roster = Roster({"desk": DESK, "night": NIGHT}, default="desk")
        services = SimpleNamespace(
            settings=Settings(events_url=events_url),
            lookup=lookup,
            lineup=SimpleNamespace(roster=roster, sounds=self.sounds),
        )
        parts = SimpleNamespace(
            facts=self.facts,
            transcript=self.transcript,
            log=CallLog("c", "s"),
            metrics=self.metrics,
            playout=SimpleNamespace(
                change_ambience=self.changed.append,
                say=lambda name, pcm: self.steps.append(("say", name)),
                complete=lambda name: self.steps.append(("complete", name)),
            ),
            pacer=SimpleNamespace(wake=lambda: None, played_out=lambda: asyncio.sleep(0.5)),
            hand_over=SimpleNamespace(request=request),
            announce=lambda: self.steps.append(("announce",)),
            spawn=lambda work: self._tasks.append(asyncio.ensure_future(work)),
            end=lambda reason, detail: self.ended.append((reason, detail)),
        )
        recording = SimpleNamespace(
            follow=lambda agent, mode=None: self.steps.append(("follow", agent.alias, mode)),
            let_caller_in=lambda: self.steps.append(("let in",)),
        )
        self.reception = Reception(
            exotel.Start("c", "s", rate_hz=rate_hz),
            services,
            parts,
            self.conversation,
            recording,
            SimpleNamespace(refused=lambda reason, detail: self.steps.append(("refused", reason))),
            asked_for="no" * 100,
            spec=spec,
            rate_hz=RATE,
            new_session=self._new_session,
        )

    def _new_session(self, spec):
        session = Session(spec)
        self.sessions.append(session)
        return session

    async def run(self):
        await self.reception.run()
        await asyncio.gather(*self._tasks)
        return self


# --- without a look-up ---


@virtual
async def test_the_agent_s_chain_gets_the_call_with_its_apology():
    world = World()
    world.sounds.of_apology = Apology("Sorry", b"")
    await world.run()
    assert world.conversation.ran == (["desk"], Apology("Sorry", b""))
    assert world.steps == [("follow", "desk", None), ("let in",)]
    assert (world.facts.lookup, world.conversation.known, world.sessions) == (None, None, [])


@virtual
async def test_an_agent_that_is_not_configured_is_refused_by_name():
    world = await World(spec=None).run()
    reason, detail = world.ended[0]
    assert reason is EndReason.UNKNOWN_AGENT
    assert detail == f"no agent {'no' * 40!r}: expected one of desk, night"
    assert (world.steps, world.conversation.ran) == ([("refused", reason)], None)


@virtual
async def test_a_line_at_another_rate_is_refused():
    world = await World(rate_hz=11_025).run()
    assert world.ended == [(EndReason.UNSUPPORTED_FORMAT, f"line at 11025 Hz: expected one of {sorted(LINE_RATES)}")]
    assert world.conversation.ran is None


# --- the look-up ---


@virtual
async def test_the_agent_is_connected_while_the_server_is_asked():
    overrides = Overrides(language="hi")
    world = World(LookupAnswer(variables={"name": "Asha"}, overrides=overrides, tags=("vip",)))
    task = asyncio.create_task(world.run())
    await asyncio.sleep(0.5)
    [session] = world.sessions
    assert session.reached
    await task
    assert world.conversation.first == (DESK, session)
    assert world.conversation.known == ({"name": "Asha"}, overrides)
    assert (world.facts.lookup, world.facts.tags) == (LookupEntry(1000, "ok"), ("vip",))
    assert world.metrics.lookups.labels("ok")._value.get() == 1
    assert world.metrics.lookup_time._sum.get() == 1.0
    assert world.conversation.ran[0] == ["desk"]
    assert not world.changed, "neither the agent nor the ambience is another"


@virtual
async def test_another_agent_s_session_is_closed_and_its_ambience_changed():
    world = await World(LookupAnswer(agent="night")).run()
    assert (world.conversation.ran[0], world.conversation.first) == (["night"], None)
    assert world.conversation.closed == ["desk"]
    assert world.changed == [("office", 0.3, RATE, "c")]
    assert world.steps == [("follow", "night", None), ("let in",)]


@virtual
async def test_an_agent_that_nobody_knows_leaves_the_one_that_was_asked_for(caplog):
    world = await World(LookupAnswer(agent="nobody")).run()
    assert world.conversation.ran[0] == ["desk"]
    assert world.facts.lookup == LookupEntry(1000, "partly", "agent: expected one of desk, night")
    assert "agent: expected one of desk, night" in caplog.text


@virtual
async def test_a_rejected_call_gets_no_agent():
    world = await World(LookupAnswer(rejected="blocked")).run()
    assert world.ended == [(EndReason.REJECTED, "blocked")]
    assert (world.conversation.ran, world.conversation.closed) == (None, ["desk"])


@virtual
async def test_a_caller_who_is_transferred_at_once_gets_no_agent():
    world = await World(LookupAnswer(transfer=Transfer("sales", "vip", ""))).run()
    assert world.steps == [("announce",), ("transfer", "sales")]
    assert world.conversation.ran is None


@virtual
async def test_a_transfer_that_is_refused_leaves_the_agent():
    world = World(LookupAnswer(transfer=Transfer("sales", "vip", "")))
    world.refusal = "unknown target"
    await world.run()
    assert world.facts.lookup.problem == "transfer: unknown target"
    assert world.conversation.ran[0] == ["desk"]


@pytest.mark.parametrize(
    ("record", "events_url", "mode", "problem"),
    [
        ("both", "https://functions", "both", ""),
        ("both", "", None, "record: expected EVENTS_URL to be set"),
        ("agent", "", None, "record: expected EVENTS_URL to be set"),
        ("off", "", "off", ""),
        (None, "", None, ""),
    ],
)
@virtual
async def test_what_is_recorded_is_what_the_answer_says_if_it_can_be_kept(record, events_url, mode, problem):
    world = await World(LookupAnswer(record=record), events_url=events_url).run()
    assert world.steps[0] == ("follow", "desk", mode)
    assert world.facts.lookup.problem == problem


@virtual
async def test_problems_add_up_and_are_bounded():
    answer = LookupAnswer(agent="nobody", record="both", ambience="x" * 1000)
    world = await World(answer, outcome="partly", events_url="").run()
    assert world.facts.lookup.problem == (
        "record: expected EVENTS_URL to be set; agent: expected one of desk, night; "
        "ambience: expected one that comes with the relay, or that a setting or an agent names"
    )
    world.facts.lookup = LookupEntry(1, "ok", "y" * 499)
    world.reception._amend("more")
    assert len(world.facts.lookup.problem) == 500


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        (LookupAnswer(ambience="office"), ("office", DESK.ambience_volume)),
        (LookupAnswer(ambience=""), ("", DESK.ambience_volume)),
        (LookupAnswer(ambience_volume=0.9), (DESK.ambience, 0.9)),
        (LookupAnswer(agent="night", ambience_volume=0.9), ("office", 0.9)),
        (LookupAnswer(agent="night", ambience="unknown"), ("office", 0.3)),
    ],
)
@virtual
async def test_the_scene_is_the_agent_s_but_for_what_the_answer_names(answer, changed):
    world = await World(answer).run()
    assert [one[:2] for one in world.changed] == [changed]


@virtual
async def test_a_sound_that_has_to_be_read_first_does_not_hold_the_agent_up():
    world = World(LookupAnswer(ambience="rain"))
    await world.reception.run()
    assert world.loop.time() == pytest.approx(1.0)
    await asyncio.sleep(0)
    assert (world.conversation.ran[0], world.changed) == (["desk"], [])
    await asyncio.gather(*world._tasks)
    assert (world.sounds.loaded, [one[0] for one in world.changed]) == (["rain"], ["rain"])


@virtual
async def test_an_agent_that_cannot_be_made_is_left_to_the_conversation(caplog):
    broken = AgentSpec("desk", "echo", "broken")
    world = await World(LookupAnswer(), spec=broken).run()
    assert (world.conversation.first, world.conversation.ran is not None) == (None, True)
    assert "ZeroDivisionError" in caplog.text


@virtual
async def test_a_caller_who_hangs_up_during_the_look_up_leaves_no_session_open():
    world = World(LookupAnswer())
    task = asyncio.create_task(world.reception.run())
    await asyncio.sleep(0.5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert world.conversation.closed == ["desk"]


# --- the notice ---


def notice(seconds):
    return Apology("This call is recorded.", bytes(round(seconds * RATE) * 2))


@virtual
async def test_a_notice_is_played_before_the_agent_while_it_is_connected():
    world = World()
    world.sounds.of_notice = notice(3.0)
    task = asyncio.create_task(world.run())
    await asyncio.sleep(1.9)
    assert world.sessions == []
    await asyncio.sleep(0.2)
    assert world.conversation.first == (DESK, world.sessions[0])
    assert world.conversation.ran is None
    await task
    assert world.steps == [("follow", "desk", None), ("say", "notice"), ("complete", "notice"), ("let in",)]
    assert [turn.text for turn in world.transcript.turns] == ["This call is recorded."]
    assert world.loop.time() == pytest.approx(2.5)


@virtual
async def test_an_agent_that_is_connected_already_is_not_connected_again():
    world = World(LookupAnswer())
    world.sounds.of_notice = notice(0.5)
    await world.run()
    assert len(world.sessions) == 1


@pytest.mark.parametrize(
    ("entry", "record", "played"),
    [("both", "off", False), ("both", None, True), ("off", "off", True), ("off", None, True), ("both", "both", True)],
)
@virtual
async def test_a_call_that_is_not_recorded_after_all_has_no_notice_of_it(entry, record, played):
    """An agent whose entry records nothing may have a notice about something else."""
    world = World(LookupAnswer(record=record), spec=AgentSpec("desk", "echo", "", record=entry))
    world.sounds.of_notice = notice(0.5)
    await world.run()
    assert (("say", "notice") in world.steps) == played


@virtual
async def test_a_caller_who_hangs_up_during_the_notice_leaves_no_session_open():
    world = World()
    world.sounds.of_notice = notice(3.0)
    task = asyncio.create_task(world.reception.run())
    await asyncio.sleep(2.2)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert world.conversation.closed == ["unused"]
    assert ("let in",) not in world.steps
