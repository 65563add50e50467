"""The client tools that the relay answers: as they are in the workspace, and as they should be; no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from common.documents import Document, at, mapping, objects, text
from common.text import spelling
from console.checks.finding import Verdict
from console.elevenlabs.configured import Wishes
from console.elevenlabs.observation import Observation, PutTool
from relay.agents.tool_descriptions import AMBIENCE, RECORDING_TOOLS, TRANSFER, describe

_PROMPT: Final = ("conversation_config", "agent", "prompt")
TOOL_IDS: Final = (*_PROMPT, "tool_ids")

_LOST: Final[dict[str, tuple[str, Verdict]]] = {
    TRANSFER: ("The agent can't hand a caller to a human during the call.", Verdict.FAIL),
    AMBIENCE: ("The agent can't change the background sound when a caller asks for it.", Verdict.WARN),
}
_LOST_WHERE_RECORDED: Final = ("The agent can't keep a card's number out of the recording of a call.", Verdict.WARN)


@dataclass(frozen=True)
class _Fault:
    found: str
    wanted: str
    why: str
    verdict: Verdict


def observe_tools(agent: Document, workspace: list[Document], wishes: Wishes) -> list[Observation]:
    """`workspace`: its tools, each `{id, tool_config}`."""
    names = (*_LOST, *(RECORDING_TOOLS if wishes.recorded else ()), *wishes.own_tools)
    return [_observe(name, agent, workspace, wishes) for name in names]


def with_tool_ids(agent: Document, more: list[str]) -> list[str]:
    """The agent's tool ids followed by `more`, without duplicates."""
    return list(dict.fromkeys([*_tool_ids(agent), *more]))


def _observe(name: str, agent: Document, workspace: list[Document], wishes: Wishes) -> Observation:
    check, where = f"agent.{name}", ".".join(TOOL_IDS)
    candidates = [tool for tool in workspace if _is_client_tool(mapping(tool, "tool_config"), name)]
    attached = [tool for tool in candidates if text(tool, "id") in _tool_ids(agent)]
    if not attached:
        inline = [tool for tool in objects(agent, *_PROMPT, "tools") if _is_client_tool(tool, name)]
        if inline:  # older agents contain their tools, without an id to change them by
            return _judged(check, f"{'.'.join(_PROMPT)}.tools, {name}", list(_faults(inline[0], name, wishes)))
    tool = next(iter(attached or candidates), {})
    config, tool_id = mapping(tool, "tool_config"), text(tool, "id")
    faults = list(_faults(config, name, wishes))
    mend = PutTool(
        _in_shape(config, name, wishes), tool_id, attached=bool(attached), in_shape=bool(tool) and not faults
    )
    if attached:
        return _judged(check, f"tool {name} ({tool_id})", faults, mend)
    why, verdict = _lost(name)
    found = f"without {name}" + (f", though the workspace has one ({tool_id})" if tool_id else "")
    return Observation(check, where, found, verdict, f"also {name}", why, mend)


def _judged(check: str, where: str, faults: list[_Fault], mend: PutTool | None = None) -> Observation:
    if not faults:
        return Observation(check, where, "present, and waited for")
    return Observation(
        check,
        where,
        "; ".join(fault.found for fault in faults),
        Verdict.FAIL if any(fault.verdict is Verdict.FAIL for fault in faults) else Verdict.WARN,
        "; ".join(fault.wanted for fault in faults),
        " ".join(fault.why for fault in faults),
        mend,
    )


def _faults(config: Document, name: str, wishes: Wishes) -> Iterator[_Fault]:
    if config.get("expects_response") is not True:
        why = "The agent does not wait for the answer, and so never learns that something could not be done."
        yield _Fault("expects_response false", "expects_response true", why, _lost(name)[1])
    there = mapping(config, "parameters", "properties")
    for parameter, schema in _properties(name, wishes).items():
        kind = mapping(there.get(parameter)).get("type")
        if kind != schema.get("type"):
            found = f"parameter {parameter} {f'of type {kind}' if kind else 'missing'}"
            yield _Fault(
                found,
                f"{parameter}: {schema.get('type', 'anything')}",
                "The agent can't say what it wants.",
                Verdict.WARN,
            )
    if name == TRANSFER:
        yield from _target_faults(there, wishes)


def _target_faults(there: Document, wishes: Wishes) -> Iterator[_Fault]:
    listed = at(there, "target", "enum")
    offered = {spelling(str(target)) for target in listed} if isinstance(listed, list) else set()
    configured = {spelling(target) for target in wishes.targets}
    wanted = f"target one of {', '.join(wishes.targets)}"
    if configured and not offered <= configured:
        assert isinstance(listed, list)
        unknown = ", ".join(str(target) for target in listed if spelling(str(target)) not in configured)
        why = "A transfer to a target that TRANSFER_TARGETS does not have is refused."
        yield _Fault(f"target may be {unknown}", wanted, why, Verdict.FAIL)
    elif len(configured) > 1 and offered != configured:
        why = "The agent has to guess the names of the teams."
        yield _Fault("target does not list every team", wanted, why, Verdict.WARN)


def _in_shape(config: Document, name: str, wishes: Wishes) -> Document:
    """`config` with missing parts added; existing texts stay."""
    ours = _described(name, wishes)
    parameters = mapping(config, "parameters")
    there = mapping(parameters, "properties")
    properties = dict(there)
    for parameter, schema in ours["parameters"]["properties"].items():
        kept = mapping(there.get(parameter))
        if kept and kept.get("type") == schema.get("type"):
            properties[parameter] = kept | ({"enum": schema["enum"]} if "enum" in schema else {})
        else:
            properties[parameter] = schema
    required = [*_listed(parameters, "required"), *ours["parameters"].get("required", [])]
    return {
        **config,
        "type": "client",
        "name": name,
        "description": text(config, "description") or ours["description"],
        "expects_response": True,
        "parameters": {
            **parameters,
            "type": "object",
            "properties": properties,
            "required": list(dict.fromkeys(required)),
        },
    }


def _lost(name: str) -> tuple[str, Verdict]:
    """What is lost without this tool. A missing tool of the user's is as bad as a missing transfer."""
    if name in RECORDING_TOOLS:
        return _LOST_WHERE_RECORDED
    return _LOST.get(name) or (f"The agent can't use {name}, an HTTP tool of its entry in AGENTS_FILE.", Verdict.FAIL)


def _described(name: str, wishes: Wishes) -> Document:
    if name in wishes.own_tools:
        return wishes.own_tools[name].describe(name)
    # a single team needs no name: the relay takes the first
    return describe([name], wishes.targets if len(wishes.targets) > 1 else ())[0]


def _properties(name: str, wishes: Wishes) -> Document:
    return mapping(_described(name, wishes), "parameters", "properties")


def _is_client_tool(config: Document, name: str) -> bool:
    return config.get("name") == name and config.get("type", "client") == "client"


def _tool_ids(agent: Document) -> list[str]:
    return _listed(agent, *TOOL_IDS)


def _listed(value: object, *path: str) -> list[str]:
    found = at(value, *path)
    return [str(item) for item in found] if isinstance(found, list) else []
