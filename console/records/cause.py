"""Why a call failed, as a sentence with advice: from its record, or from the reason in the relay's close frame.

`kind` groups calls, and is a filter of the explorer. In order of importance: the call's own end, then a transfer that
reached nobody, then an agent that was never heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.documents import Document, number, objects, text
from console.words import named
from relay.agents import HOSTED

SILENT_S: Final = 4.0
"""A call at least this long in which nothing was heard from the agent counts as failed; shorter ones were cut short."""


@dataclass(frozen=True, slots=True)
class Cause:
    """`kind`: a stable word. `sentence`: what happened. `advice`: what to do; may be empty."""

    kind: str
    sentence: str
    advice: str = ""


_ENDS: Final[Mapping[str, Cause]] = {
    "unknown_agent": Cause(
        "unknown_agent",
        "The call asked for an agent that is not configured.",
        "Compare the alias at the end of the Voicebot applet's URL with AGENTS_FILE.",
    ),
    "unsupported_format": Cause(
        "unsupported_format",
        "The phone line sent sound in a format that the relay does not know.",
        "Set sample-rate in the applet's URL to 8000, 16000 or 24000.",
    ),
    "line_lost": Cause(
        "line_lost",
        "The phone line broke off without a goodbye.",
        "One such call is a caller's lost network. Many at once: look for a proxy or balancer that cuts connections.",
    ),
    "line_stalled": Cause(
        "line_stalled",
        "The phone line stopped sending or taking sound.",
        "Many at once: look at the network between Exotel and the relay.",
    ),
    "shutdown": Cause(
        "shutdown",
        "The relay was shut down before the call was over.",
        "A deploy waits for calls for DRAIN_SECONDS: raise it if calls are cut by deploys.",
    ),
    "relay_lost": Cause(
        "relay_lost",
        "The relay died during the call.",
        "Look for its last log lines and for memory limits of the task.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """How an agent fails. Applies to these `reasons` (`http_5*`: all with that prefix), and to details with a word of
    `words`.

    In the texts `{name}` is the vendor, `{key}` the setting of its key, `{said}` the vendor's own words, in brackets.
    """

    kind: str
    sentence: str
    advice: str
    reasons: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()

    def applies(self, reason: str, said: str) -> bool:
        begins = tuple(one.removesuffix("*") for one in self.reasons if one.endswith("*"))
        return reason in self.reasons or reason.startswith(begins) or any(word in said for word in self.words)


_RULES: Final = (
    _Rule(
        "credit_used_up",
        "{name} says that the credit is used up.",
        "Top up, or raise the plan, at {name}.",
        words=("quota", "credit", "billing", "insufficient"),
    ),
    _Rule(
        "key_refused",
        "{name} refused the API key.",
        "Check {key} where the relay runs, and the key's permissions and region; make doctor names which.",
        frozenset({"http_401", "http_403", "invalid_api_key"}),
        ("api key", "api_key", "unauthorized", "authentication", "not authorized"),
    ),
    _Rule(
        "vendor_busy",
        "{name} had no capacity for another call.",
        "Ask {name} for more concurrent calls, or set a fallback agent.",
        frozenset({"http_429", "close_4300"}),
        ("rate limit", "rate_limit", "concurrent", "call limit", "too many"),
    ),
    _Rule(
        "agent_unknown",
        "{name} does not know the agent.",
        "Compare the agent's id (or model) in the settings with the one at {name}.",
        frozenset({"http_404", "model_not_found"}),
    ),
    _Rule(
        "vendor_unreachable",
        "{name} could not be reached.",
        "Look at the relay's network, at a proxy, and at the vendor's status page.",
        frozenset({"unreachable"}),
    ),
    _Rule(
        "vendor_unreachable",
        "{name} did not answer in time.",
        "Look at the relay's network, at a proxy, and at the vendor's status page.",
        frozenset({"connect_timeout", "silent"}),
    ),
    _Rule(
        "vendor_fault",
        "{name} had an internal error{said}.",
        "Look at the vendor's status page. A fallback agent takes over such calls.",
        frozenset({"http_5*", "close_1011", "close_1002", "close_1013", "server_error"}),
    ),
    _Rule(
        "conversation_refused",
        "{name} refused the conversation{said}.",
        "Look at the agent's settings at the vendor; make doctor checks those of ElevenLabs.",
        frozenset({"close_1008", "close_1007", "close_3000", "refused"}),
    ),
    _Rule(
        "agent_lost",
        "The connection to {name} was lost during the call.",
        "One such call is a network's hiccup. A fallback agent takes over such calls.",
        frozenset({"close_1006", "given_up"}),
    ),
    _Rule(
        "agent_format",
        "{name} speaks an audio format that the relay does not know.",
        "Set the agent's formats to pcm_8000; make doctor checks those of ElevenLabs.",
        frozenset({"unsupported_format"}),
    ),
    _Rule(
        "defect",
        "The relay made a mistake{said}.",
        "Please report it, with the record of the call.",
        frozenset({"defect"}),
    ),
)
_UNKNOWN_REASON: Final = _Rule("agent_failed", "{name} failed{said}.", "The relay's log lines of this call say more.")


def of_record(record: Document) -> Cause | None:
    """None for a call without a failure, or of which too little is known."""
    end_reason = text(record, "end_reason")
    if end_reason == "agent_failed":
        return _of_last_agent(record)
    if end_reason in _ENDS:
        return _ENDS[end_reason]
    return _of_transfer(record) or _of_silence(record)


def of_close(reason: str) -> Cause | None:
    """From the reason in the relay's close frame: `END_REASON [VENDOR AGENT_REASON]` (docs/contracts.md)."""
    end_reason, vendor, agent_reason = (*reason.split(" ")[:3], "", "", "")[:3]
    return of_record({"end_reason": end_reason, "agents": [{"vendor": vendor, "end_reason": agent_reason}]})


def failovers(record: Document) -> list[str]:
    """A sentence for each agent that failed and was followed by another."""
    agents = objects(record, "agents")
    return [
        f"{_named(one)} failed ({of_agent(one).sentence.rstrip('.')}); {_named(after)} took over."
        for one, after in zip(agents, agents[1:], strict=False)
    ]


def of_agent(agent: Document) -> Cause:
    """The cause for an entry of a record's `agents` that failed."""
    reason, detail = text(agent, "end_reason"), text(agent, "end_detail")
    vendor = HOSTED.get(text(agent, "vendor"))
    name, key = (vendor.title, vendor.key_env) if vendor else ("The agent", "the agent's key")
    rule = next((one for one in _RULES if one.applies(reason, f"{reason} {detail}".lower())), _UNKNOWN_REASON)
    said = _quoted(detail) or (f" ({named(reason)})" if reason else "")
    filled = {"name": name, "key": key, "said": said}
    return Cause(rule.kind, rule.sentence.format(**filled), rule.advice.format(**filled))


def _of_last_agent(record: Document) -> Cause:
    agents = objects(record, "agents")
    if not agents:
        detail = text(record, "end_detail")
        return Cause("agent_failed", f"No agent could be reached{_quoted(detail)}.", "Run make doctor.")
    return of_agent(agents[-1])


def _of_transfer(record: Document) -> Cause | None:
    state = text(record, "transfer", "state")
    target = text(record, "transfer", "target")
    whom = f"the transfer to {target}" if target else "the transfer"
    how = {
        "busy": "The line was busy",
        "no_answer": "Nobody answered",
        "failed": "The call could not be put through",
        "none": "There was nobody to dial",
    }.get(state)
    if how is None:
        return None
    advice = "Check the numbers of TRANSFER_TARGETS and when somebody is there; several numbers are dialled in turn."
    return Cause(f"transfer_{state}", f"{how}: {whom} reached nobody.", advice)


def _of_silence(record: Document) -> Cause | None:
    """An agent that was connected but never heard is a failure, whatever the end reason."""
    if not isinstance(record.get("quality"), dict) or number(record, "quality", "first_audio_ms") is not None:
        return None
    if not objects(record, "agents") or (number(record, "duration_s") or 0.0) < SILENT_S:
        return None
    advice = "Does the agent have a first message? Set first_audio_seconds and a fallback, so that another takes over."
    return Cause("agent_silent", "The caller heard nothing from the agent.", advice)


def _named(agent: Document) -> str:
    return text(agent, "alias") or text(agent, "id") or "an agent"


def _quoted(detail: str) -> str:
    """The vendor's words, cut to fit a sentence."""
    return f" ({detail[:160].rstrip('. ')})" if detail else ""
