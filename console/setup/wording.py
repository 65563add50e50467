"""Describes a plan for people: current values, new values, and reasons."""

import textwrap
from collections.abc import Iterator
from typing import Final

from console.elevenlabs.observation import Observation
from console.setup.plan import Plan

_WIDTH: Final = 110
_OPTIONS: Final = {
    "agent.auth": "--private",
    "webhook.auth": "--webhook-url",
    "webhook.configured": "--webhook-url",
    "webhook.retries": "--retries",
}
"""Options without which a check is left to the person."""


def describe(plan: Plan) -> str:
    """Paragraphs, the last ending with an empty line."""
    is_new = not plan.situation.agent_id
    lines: list[str] = []
    if plan.changes:
        lines += ["What will be done:", "", *(line for one in plan.changes for line in _entry(one, "will be", is_new))]
    if plan.left:
        lines += [
            "What is left for you to do:",
            "",
            *(line for one in plan.left for line in _entry(one, "better", is_new)),
        ]
        if options := sorted({_OPTIONS[one.check] for one in plan.left if one.check in _OPTIONS}):
            lines += [f"With {', '.join(options)} this command does more of it.", ""]
    return "\n".join(lines)


def _entry(one: Observation, wanted: str, is_new: bool) -> Iterator[str]:
    yield f"  {one.check}  {one.where}"
    if not is_new:  # a new agent has no current values
        yield from _field("is", one.found)
    yield from _field(wanted, one.wanted)
    yield from _field("because", one.why)
    yield ""


def _field(name: str, value: str) -> list[str]:
    indent = " " * 13
    return textwrap.wrap(f"    {name:<8} {value}", _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
