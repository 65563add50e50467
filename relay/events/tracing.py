"""A call as spans, made from its `call.ended` after the end: frames cost nothing extra.

call                       the root, from `start` to the end
  agent NAME               each agent that had the call, with how it ended (a failover is the next one)
    connect                until it had answered
    turn                   what was said, with the parts of the answer time; `interrupted` is a span event
    tool NAME              with its outcome
  transfer                 the request for a human
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from common.documents import mapping, number, objects, text
from common.times import to_unix
from common.trace import Tracing

if TYPE_CHECKING:
    from opentelemetry.context import Context

_NS: Final = 1_000_000_000
_MS: Final = 1_000_000


class CallTracing:
    """Exports each call to a collector. Attributes follow OpenTelemetry's GenAI conventions where they exist."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Raises SettingError if tracing is not installed."""
        self._tracing = Tracing(environ, "voice-bridge-relay")

    def close(self) -> None:
        """Send waiting spans. Blocks as long as the collector takes, at most ten seconds."""
        self._tracing.close()

    def ended(self, event: Mapping[str, Any]) -> None:
        """`event`: the `call.ended` as it is posted (docs/contracts.md)."""
        document = dict(event)
        call_sid = text(document, "call_sid")
        start, end = _ns(document, "started_at"), _ns(document, "ended_at")
        failed = text(document, "end_reason") if text(document, "ended_by") in {"relay", "line"} else ""
        root = self._tracing.span(
            "call",
            start,
            end,
            parent=self._tracing.of_call(call_sid, root=True),
            root_of=call_sid,
            error=failed,
            attributes={
                "call.sid": call_sid,
                "call.stream_sid": text(document, "stream_sid"),
                "call.end_reason": text(document, "end_reason"),
                "call.ended_by": text(document, "ended_by"),
                **_figures(mapping(document, "quality")),
            },
        )
        agents = objects(document, "agents")
        contexts = [self._agent(agent, root, start, end, mapping(document, "quality")) for agent in agents]
        starts = [_ns(agent, "started_at") or start for agent in agents]
        for turn in objects(document, "turns"):
            self._turn(turn, _of(contexts, starts, _at(turn, start), root), start)
        for tool in objects(document, "tools"):
            self._tool(tool, _of(contexts, starts, _ns(tool, "at"), root))
        if wish := mapping(document, "transfer"):
            self._tracing.span("transfer", end, end, parent=root, attributes={"transfer.target": text(wish, "target")})

    def _agent(
        self, agent: dict[str, Any], root: "Context", start: int, end: int, quality: dict[str, Any]
    ) -> "Context":
        began = _ns(agent, "started_at") or start
        reason = text(agent, "end_reason")
        context = self._tracing.span(
            f"agent {text(agent, 'alias')}",
            began,
            _ns(agent, "ended_at") or end,
            parent=root,
            error="" if reason in _GOOD_ENDS else f"{reason} {text(agent, 'end_detail')}".strip(),
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": text(agent, "vendor"),
                "gen_ai.agent.name": text(agent, "alias"),
                "gen_ai.agent.id": text(agent, "id") or None,
                "gen_ai.conversation.id": text(agent, "conversation_id") or None,
            },
        )
        connect_ms = number(quality, "agent_connect_ms")
        if connect_ms is not None and began - start < _NS:  # the value is the first agent's
            self._tracing.span("connect", began, began + round(connect_ms * _MS), parent=context, attributes={})
        return context

    def _turn(self, turn: dict[str, Any], agent: "Context", start: int) -> None:
        began = _at(turn, start)
        heard_ms = number(turn, "heard_ms") or 0.0
        self._tracing.span(
            "turn",
            began,
            began + round(heard_ms * _MS),
            parent=agent,
            attributes={
                "turn.speaker": text(turn, "speaker"),
                "turn.interrupted": turn.get("interrupted") is True,
                "turn.answers": text(turn, "answers") or None,
                **{f"turn.{name}": number(turn, name) for name in ("heard_ms", "answer_ms", "agent_ms", "relay_ms")},
                "turn.text": text(turn, "text") if self._tracing.words else None,
            },
        )

    def _tool(self, tool: dict[str, Any], agent: "Context") -> None:
        began, took_ms = _ns(tool, "at"), number(tool, "ms") or 0.0
        status = text(tool, "status")
        self._tracing.span(
            f"tool {text(tool, 'name')}",
            began,
            began + round(took_ms * _MS),
            parent=agent,
            error="" if status in {"", "done"} or status.startswith("2") else status,
            attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": text(tool, "name")},
        )


_GOOD_ENDS: Final = {"", "ended", "transferred", "caller_hung_up"}


def _figures(quality: Mapping[str, Any]) -> dict[str, float | None]:
    names = ("first_audio_ms", "agent_connect_ms", "interruptions", "gaps", "gap_ms", "clear_ms_max")
    return {f"call.{name}": number(quality, name) for name in names}


def _of(contexts: "list[Context]", starts: list[int], at: int, root: "Context") -> "Context":
    """The agent that had the call then."""
    had = [context for context, start in zip(contexts, starts, strict=True) if start <= at]
    return had[-1] if had else root


def _at(item: Mapping[str, Any], start: int) -> int:
    return start + round((number(item, "offset_ms") or 0.0) * _MS)


def _ns(document: Mapping[str, Any], name: str) -> int:
    return round((to_unix(text(document, name)) or 0.0) * _NS)
