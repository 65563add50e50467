"""What the relay needs from an agent at ElevenLabs, one check after the other; no I/O (elevenlabs.md A2.4, A3, A7)."""

import re
from collections.abc import Callable
from typing import Final

from common.documents import Document, mapping, number, objects
from console.checks.finding import Verdict
from console.elevenlabs.configured import Wishes
from console.elevenlabs.observation import Observation, Place
from console.words import counted
from relay.agents.elevenlabs.codec import FORMATS, PLACES
from relay.agents.seam import CallInfo
from relay.agents.tool_descriptions import END_CALL
from relay.audio.convert import AudioFormat, Encoding

EVENTS: Final = {
    # event: (what is lost without it, severity)
    "audio": ("the agent is not heard", Verdict.FAIL),
    "interruption": ("callers can't cut in: the agent talks on over them", Verdict.FAIL),
    "client_tool_call": ("no tool is ever run: nobody reaches a human during the call", Verdict.FAIL),
    "agent_response": ("transcripts lack the agent's words", Verdict.WARN),
    "agent_response_correction": ("transcripts show words that were cut off as said", Verdict.WARN),
    "user_transcript": ("transcripts lack the caller's words", Verdict.WARN),
    "agent_tool_response": ("a goodbye before end_call can be cut short", Verdict.WARN),
    "agent_tool_request": ("silence while a tool of the agent's own runs is taken for no answer", Verdict.WARN),
    "mcp_tool_call": ("a tool that waits for approval is never answered", Verdict.WARN),
    "agent_response_complete": ("the end of a reply is not known, so heard milliseconds are estimates", Verdict.WARN),
    "client_error": ("the log does not say why a conversation failed", Verdict.WARN),
    "ping": ("the connection is not watched", Verdict.WARN),
    "conversation_initiation_metadata": ("the formats and the conversation's id are not told", Verdict.WARN),
}
"""Every event that an agent should send to the relay."""

LONGEST_CALL_S: Final = 3600
"""Exotel cuts a stream after an hour."""
_DEFAULT_LIMIT_S: Final = 600
_FAREWELL_S: Final = 60
_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_OURS: Final = frozenset(CallInfo("", "", "", "", AudioFormat(Encoding.PCM, 8000)).variables)

Check = Callable[[Document, Wishes], Observation]


def observe(agent: Document, wishes: Wishes) -> list[Observation]:
    """Everything except the client tools (console.elevenlabs.tools) and the webhook (console.elevenlabs.webhook)."""
    return [check(agent, wishes) for check in _CHECKS]


def _input_format(agent: Document, wishes: Wishes) -> Observation:
    return _format(Place.of(agent, "agent.input_format", "conversation_config.asr.user_input_audio_format"), wishes)


def _output_format(agent: Document, wishes: Wishes) -> Observation:
    return _format(Place.of(agent, "agent.output_format", "conversation_config.tts.agent_output_audio_format"), wishes)


def _format(place: Place, wishes: Wishes) -> Observation:
    name = place.value or "pcm_16000"  # the API's default
    wanted = f"pcm_{wishes.line_hz}"
    put = wanted if wanted in FORMATS else None
    known = FORMATS.get(str(name))
    if known is None:
        why = f"The relay does not know it and can't take calls; it knows {', '.join(FORMATS)}."
        return place.differs(name, wanted, why, verdict=Verdict.FAIL, put=put)
    if known.rate_hz == wishes.line_hz:
        return place.fine(f"{name}, the line's own rate: nothing is resampled")
    why = (
        f"Sound is resampled to the line's {wishes.line_hz} Hz: about 1 ms of CPU for each second of a call, "
        "and a little delay."
    )
    return place.differs(name, wanted, why, put=put)


def _client_events(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.client_events", "conversation_config.conversation.client_events")
    there = [str(event) for event in place.value] if isinstance(place.value, list) else []
    missing = [event for event in EVENTS if event not in there]
    if not missing:
        return place.fine(f"{counted(len(there), 'event')}, among them all that the relay reads")
    verdict = Verdict.FAIL if any(EVENTS[event][1] is Verdict.FAIL for event in missing) else Verdict.WARN
    why = "; ".join(f"without {event} {EVENTS[event][0]}" for event in missing)
    wanted = f"also {', '.join(missing)}"
    return place.differs(
        ", ".join(there) or "empty", wanted, f"{why[:1].upper()}{why[1:]}.", verdict=verdict, put=there + missing
    )


def _text_only(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.text_only", "conversation_config.conversation.text_only")
    if place.value is True:
        return place.differs("true", "false", "The agent neither listens nor speaks.", verdict=Verdict.FAIL, put=False)
    return place.fine("false")


def _max_duration(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.max_duration", "conversation_config.conversation.max_duration_seconds")
    limit_s = number(place.value) or _DEFAULT_LIMIT_S
    ceiling_s = min(wishes.max_call_s, LONGEST_CALL_S)
    wanted_s = max(60, int(ceiling_s - _FAREWELL_S))
    if limit_s == _DEFAULT_LIMIT_S < wanted_s:
        why = "600 s is the default: longer calls end in mid-sentence after ten minutes."
        return place.differs(f"{limit_s:g} s", f"{wanted_s} s", why, put=wanted_s)
    if limit_s > ceiling_s:
        why = f"The call is cut after {ceiling_s:g} s anyhow, before the agent can end it with a word."
        return place.differs(f"{limit_s:g} s", f"{wanted_s} s", why, put=wanted_s)
    return place.fine(f"{limit_s:g} s")


def _end_call(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.end_call", "conversation_config.agent.prompt.built_in_tools")
    tools = place.value if isinstance(place.value, dict) else {}
    inline = objects(agent, "conversation_config", "agent", "prompt", "tools")
    if tools.get(END_CALL) or any(tool.get("name") == END_CALL for tool in inline):
        return place.fine("with end_call")
    tool = {"type": "system", "name": END_CALL, "description": "", "params": {"system_tool_type": END_CALL}}
    why = "The agent can't hang up: after the goodbye the line stays open until the caller or a time limit ends it."
    others = {name: value for name, value in tools.items() if value}
    return place.differs(", ".join(others) or "empty", "also end_call", why, put=others | {END_CALL: tool})


def _data_collection(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.data_collection", "platform_settings.data_collection")
    fields = mapping(place.value)
    entry = fields.get(wishes.transfer_field)
    put = fields | {wishes.transfer_field: _transfer_field(wishes)}
    if not isinstance(entry, dict):
        why = "After the call nobody can see from the webhook that the caller still wants a human."
        return place.differs(", ".join(fields) or "empty", f"also {wishes.transfer_field}", why, put=put)
    if entry.get("type") not in {"boolean", "string"}:
        why = "The webhook function understands yes or no, or the name of a transfer target."
        found = f"{wishes.transfer_field} of type {entry.get('type')}"
        return place.differs(found, f"{wishes.transfer_field} as boolean or string", why, put=put)
    return place.fine(f"with {wishes.transfer_field} ({entry['type']})")


def _transfer_field(wishes: Wishes) -> Document:
    asked = "the caller asked for a human, or needs one, and was not connected to one during the call"
    if len(wishes.targets) < 2:
        return {"type": "boolean", "description": f"Whether {asked}."}
    return {
        "type": "string",
        "description": f"Which team to connect the caller to if {asked}; otherwise no.",
        "enum": [*wishes.targets, "no"],
    }


def _first_message(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.first_message", "conversation_config.agent.first_message")
    if str(place.value or "").strip():
        return place.fine("set")
    why = "The agent waits for the caller to speak first; on the phone most callers wait, too."
    return place.differs("empty", "a greeting", why)


def _variables(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.variables", "conversation_config.agent")
    texts = f"{mapping(place.value).get('first_message')} {mapping(place.value, 'prompt').get('prompt')}"
    used = {name for name in _VARIABLE.findall(texts) if not name.startswith(("system__", "secret__"))}
    if unknown := sorted(used - _OURS):
        why = (
            "A conversation ends before it begins when one of them is missing: send it as a custom parameter of "
            "Exotel's applet in every call, or take it out of the text."
        )
        return place.differs(f"text with {', '.join(unknown)}", f"of {', '.join(sorted(_OURS))} only", why)
    return place.fine(f"text with {', '.join(sorted(used))}" if used else "text without variables")


def _auth(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.auth", "platform_settings.auth.enable_auth")
    if place.value is True:
        return place.fine("true: only holders of the API key can open a conversation")
    why = "Anybody who learns the agent's id can talk to it at your cost. A widget on a web site may need it so."
    return place.differs("false", "true", why, put=True if wishes.private else None)


def _allowlist(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.allowlist", "platform_settings.auth.allowlist")
    hosts = [str(entry.get("hostname")) for entry in objects(place.value)]
    if not hosts:
        return place.fine("empty")
    strict = mapping(agent, "platform_settings", "auth").get("require_origin_header") is True
    why = "It is matched with the Origin header of browsers, and the relay, being none, sends none" + (
        ": with require_origin_header every call is refused."
        if strict
        else "; it should not be mixed with signed URLs."
    )
    return place.differs(", ".join(hosts), "empty", why, verdict=Verdict.FAIL if strict else Verdict.WARN)


def _overrides(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.overrides", "platform_settings.overrides.conversation_config_override")
    allowed = _true_leaves(place.value, "")
    private = mapping(agent, "platform_settings", "auth").get("enable_auth") is True
    wanted = {".".join(place) for place in PLACES.values()} if wishes.looked_up else set()
    if missing := sorted(wanted - set(allowed)):
        why = "An answer of the look-up with one of them costs the caller a second, and is not followed."
        if not private:
            why += " The agent is public, so anybody might override what is allowed: make it private first."
        put = _with_leaves(mapping(place.value), missing) if private else None
        return place.differs(", ".join(allowed) or "none", f"also {', '.join(missing)}", why, put=put)
    if wanted and private:
        return place.fine(f"{', '.join(allowed)} allowed, to holders of the API key")
    if not allowed:
        return place.fine("none allowed, and the relay sends none")
    if private:
        return place.fine(f"{', '.join(allowed)} allowed, to holders of the API key; the relay sends none")
    why = "The agent is public: anybody may change these in a conversation of theirs. The relay needs none of them."
    return place.differs(", ".join(allowed), "none", why)


def _true_leaves(value: object, path: str) -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _true_leaves(inner, f"{path}.{key}" if path else key)]
    return [path] if value is True else []


def _with_leaves(document: Document, paths: list[str]) -> Document:
    result: Document = dict(document)
    for path in paths:
        level = result
        *above, last = path.split(".")
        for key in above:
            inner = level.get(key)
            level[key] = dict(inner) if isinstance(inner, dict) else {}
            level = level[key]
        level[last] = True
    return result


def _retention(agent: Document, wishes: Wishes) -> Observation:
    place = Place.of(agent, "agent.retention", "platform_settings.privacy")
    privacy = mapping(place.value)
    lost = "A call whose webhook is lost can't be fetched any more"
    if privacy.get("zero_retention_mode") is True:
        return place.differs("zero_retention_mode", "a retention of a day or more", f"{lost}.")
    if number(privacy, "retention_days") == 0:
        return place.differs("retention_days 0", "a retention of a day or more", f"{lost}.")
    if wishes.fetch_audio and privacy.get("record_voice") is False:
        return place.differs("record_voice false", "record_voice true", "FETCH_AUDIO is on, but there is no audio.")
    days = number(privacy, "retention_days")
    return place.fine("without a limit" if days is None or days < 0 else counted(days, "day"))


_CHECKS: Final[tuple[Check, ...]] = (
    _input_format,
    _output_format,
    _client_events,
    _text_only,
    _max_duration,
    _end_call,
    _data_collection,
    _first_message,
    _variables,
    _auth,
    _allowlist,
    _overrides,
    _retention,
)
