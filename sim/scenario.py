"""Scenarios: who says what when, and what must be true at the end. Small TOML files in sim/scenarios/."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from sim.agent_script import AgentScript
from sim.applets import Person
from sim.caller import Step
from sim.exotel_spelling import Spelling
from sim.speech import lines

SCENARIOS = Path(__file__).parent / "scenarios"


class ScenarioError(ValueError):
    """A scenario file that can't be played; names the file and the error."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The call as the phone network places it. `query` is the applet URL's."""

    from_: str = msgspec.field(default="09876500001", name="from")
    to: str = "08047100002"
    query: str = ""
    spelling: Spelling = Spelling()
    max_s: float = 120.0


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Configured behind the stream: a Connect applet that asks the functions. `people` by number; `targets`:
    TRANSFER_TARGETS.
    """

    people: Mapping[str, Person] = {}
    targets: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must be true at the end. Besides this, nothing may break a rule of either side's protocol.

    `agent_heard`: the caller's lines as the agents made them out, in order. `heard`: the agents' lines that the caller
    heard from beginning to end; `cut`: those of which only the beginning was heard. `record`: dotted keys of
    logs/{call_sid}.json and their values. `gaps`: holes in the sound towards the caller (without ambience silence
    is not sent, so there are some); not judged when this machine was itself late.
    """

    end_reason: str
    line_ended_by: str = "bot"
    agent_heard: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    interruptions: int = 0
    tools: tuple[str, ...] = ()
    keys: str = ""
    transfer: str = ""
    record: Mapping[str, Any] = {}
    conversations: int = 1
    gaps: int | Literal["any"] = 0


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One scenario. `name` is the file's. `relay`: environment variables the relay runs with here. `backup`: the agent
    that takes over when the first fails; `fallback_speech`: the line spoken when none is left."""

    name: str = ""
    title: str
    about: str
    line: Line = Line()
    relay: Mapping[str, str] = {}
    caller: tuple[Step, ...]
    agent: AgentScript
    backup: AgentScript | None = None
    fallback_speech: str = ""
    transfer: Transfer | None = None
    webhook_delay_s: float = 2.5
    expect: Expect


def names() -> list[str]:
    """All built-in scenarios."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def load(name: str) -> Scenario:
    """The scenario called `name`, or read from a file of your own ending in .toml. Raises ScenarioError."""
    path = Path(name) if name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        scenario = msgspec.convert({"name": path.stem, **content}, Scenario)
    except FileNotFoundError:
        raise ScenarioError(f"no scenario {name!r}: expected one of {', '.join(names())}, or a .toml file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path.name}: {error}") from None
    unknown = sorted(_lines_used(scenario) - lines().keys())
    if unknown:
        raise ScenarioError(f"{path.name}: no line is called {unknown[0]!r}: sim/assets/lines.toml has them")
    return scenario


def _lines_used(scenario: Scenario) -> set[str]:
    used = {step.say for step in scenario.caller}
    for script in filter(None, (scenario.agent, scenario.backup)):
        used |= {*script.lines_to_say(), *script.lines_to_expect()}
    used |= {scenario.fallback_speech, *scenario.expect.heard, *scenario.expect.cut, *scenario.expect.agent_heard}
    return used - {""}
