"""Checks the look-up before the greeting: does the user's server answer in time, and with a usable answer?"""

from collections.abc import AsyncIterator

from common.env import SettingError
from console.checks.finding import Finding, Verdict
from console.checks.subject import Subject
from relay.agents import VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.roster import AgentSpec, Roster
from relay.call.lookup import LookedUp, Lookup
from relay.line.exotel import Start
from relay.outgoing import outgoing
from relay.settings import Settings

_CALL = Start("doctor", "doctor")
_SLOW = 0.5
"""Of LOOKUP_SECONDS: a server that takes more has little to spare."""
_ADVICE = "Callers get the agent all the same, without what the answer would say. docs/lookup.md says what is expected."


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """`lookup.answer` for each server, with a request about a made-up call."""
    try:
        settings = Settings.from_env(subject.environ)
        roster = (
            read_agents_file(settings.agents_file, VENDORS)
            if settings.agents_file
            else Roster.single(AgentSpec("default", "elevenlabs", settings.elevenlabs_agent_id))
        )
    except SettingError as error:
        yield Finding("lookup.answer", Verdict.SKIPPED, f"the settings can't be read, see settings.relay: {error}")
        return
    async with outgoing() as http:
        lookup = Lookup(http, settings)
        asked = {url: agent for agent in reversed(list(roster)) if (url := lookup.url_for(agent))}
        if not asked:
            yield Finding("lookup.answer", Verdict.SKIPPED, "no LOOKUP_URL: no look-up is made")
        for url, agent in asked.items():
            yield _finding(await lookup.ask(url, _CALL, agent), agent, roster, settings)


def _finding(found: LookedUp, agent: AgentSpec, roster: Roster, settings: Settings) -> Finding:
    entry, answer = found.entry, found.answer
    whose = f"the look-up for agent {agent.alias}"
    if entry.outcome not in {"ok", "partly"}:
        return Finding("lookup.answer", Verdict.FAIL, f"{whose}: {entry.outcome}: {entry.problem}", _ADVICE)
    problems = [entry.problem] if entry.problem else []
    if answer.agent and roster.find(answer.agent) is None:
        problems.append(f"agent: expected one of {', '.join(spec.alias for spec in roster)}")
    if problems:
        return Finding("lookup.answer", Verdict.WARN, f"{whose} was answered with {'; '.join(problems)}", _ADVICE)
    if entry.ms > settings.lookup_s * 1000 * _SLOW:
        slow = f"{whose} took {entry.ms} ms, of {settings.lookup_s * 1000:g} that are allowed"
        return Finding("lookup.answer", Verdict.WARN, slow, _ADVICE)
    return Finding("lookup.answer", Verdict.PASS, f"{whose} was answered within {entry.ms} ms")
