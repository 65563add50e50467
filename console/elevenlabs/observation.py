"""What was found, what it should be, and the changes in between; no I/O."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from common.documents import Document, at
from console.checks.finding import Finding, Verdict


@dataclass(frozen=True)
class Put:
    """A value to set in the agent; lists and maps are already merged with the existing ones."""

    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class PutTool:
    """A tool to create (no `tool_id`) or to change into this form, and to add to the agent if it lacks it."""

    config: Document
    tool_id: str = ""
    attached: bool = False
    in_shape: bool = False


class WebhookWork(Enum):
    """What to do about the webhook."""

    ASSIGN = auto()
    """Take one to the right URL, or make it, and have the agent's conversations sent there."""
    OPTIONS = auto()
    """Have the right things sent."""
    ENABLE = auto()
    RETRIES = auto()


Mend = Put | PutTool | WebhookWork


@dataclass(frozen=True)
class Observation:
    """One observed setting. `verdict` pass: it is as wanted, and `wanted`, `why` and `mend` are empty."""

    check: str
    """Its stable name, such as `agent.client_events`."""
    where: str
    """Where it is set, as a dotted path of the API."""
    found: str
    verdict: Verdict = Verdict.PASS
    wanted: str = ""
    why: str = ""
    """One sentence."""
    mend: Mend | None = None
    """None: nothing to do, or for a person to decide."""


@dataclass(frozen=True)
class Place:
    """A value of the agent and where it is set."""

    check: str
    path: tuple[str, ...]
    value: object = field(compare=False)

    @classmethod
    def of(cls, agent: Document, check: str, path: str) -> "Place":
        """`path`: dotted, from the agent's root."""
        steps = tuple(path.split("."))
        return cls(check, steps, at(agent, *steps))

    def fine(self, found: object) -> Observation:
        """As wanted."""
        return Observation(self.check, ".".join(self.path), str(found))

    def differs(
        self, found: object, wanted: object, why: str, *, verdict: Verdict = Verdict.WARN, put: Any = None
    ) -> Observation:
        """Not as wanted; `put`: the value that would fix it, None if a person has to decide."""
        mend = None if put is None else Put(self.path, put)
        return Observation(self.check, ".".join(self.path), str(found), verdict, str(wanted), why, mend)


def patched(document: Document, puts: list[Put]) -> Document:
    """A copy of `document` with the values set; everything else stays."""
    result = dict(document)
    for put in puts:
        level = result
        for key in put.path[:-1]:
            inner = level.get(key)
            level[key] = dict(inner) if isinstance(inner, dict) else {}
            level = level[key]
        level[put.path[-1]] = put.value
    return result


def as_finding(observation: Observation, whose: str, remedy: str) -> Finding:
    """As a finding of the doctor. `whose`: the agent's alias, empty if `where` is enough; `remedy`: a sentence."""
    found = f"{f'{whose}: ' if whose else ''}{observation.where}: {observation.found}"
    if observation.verdict is Verdict.PASS:
        return Finding(observation.check, observation.verdict, found)
    advice = f"Wanted: {observation.wanted}. {observation.why} {remedy}"
    return Finding(observation.check, observation.verdict, found, advice.strip())
