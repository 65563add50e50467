"""The actions on a running call from outside: a table with one row for each (design D10).

An action arrives by HTTP at this relay (relay.control.live_control), if it has a path, or as a command in the answer to
an event (relay.control.commands). An agent can do some of them to its own call with a tool (relay.call.tools).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from relay.agents.seam import MAX_NOTE
from relay.control.ambience import AmbienceChange
from relay.events.records import WISH, EndReason, Transfer

if TYPE_CHECKING:
    from relay.call.call import Call

TOLD_WITHIN: Final = 5.0  # seconds for an agent to take a note
_GOODBYE: Final = "A colleague takes over this call now. Say one short sentence of goodbye, and nothing else."


class NotDoneError(Exception):
    """The action is not possible for this call now; the text says why."""


Apply = Callable[["Call"], Awaitable[str]]
"""Does it, and says what there is to say of it. Raises NotDoneError."""


@dataclass(frozen=True, slots=True)
class Action:
    """One row. `parse` reads the request and who sent it; it raises ValueError if it is invalid.

    `path`: of its HTTP route, which shows `state`, the current value; without one the action is available by command
    only.
    """

    name: str
    parse: Callable[[Mapping[str, Any], str], Apply]
    path: str = ""
    state: "Callable[[Call], Any]" = lambda _: None


def _ambience(body: Mapping[str, Any], _: str) -> Apply:
    change = AmbienceChange.parse(body)

    async def apply(call: "Call") -> str:
        if call.sound.playout.ambience is None:
            raise NotDoneError("this call has no ambience")
        call.sound.change_ambience(change)
        return ""

    return apply


def _ambience_now(call: "Call") -> dict[str, Any] | None:
    track = call.sound.playout.ambience
    return {"enabled": track.enabled, "volume": track.volume} if track else None


def _end(body: Mapping[str, Any], by: str) -> Apply:
    detail = ": ".join(filter(None, (by, _text(body, "reason", 300, needed=False))))

    async def apply(call: "Call") -> str:
        call.end(EndReason.OPERATOR_ENDED, detail)
        return ""

    return apply


def _transfer(body: Mapping[str, Any], by: str) -> Apply:
    wish = {key: _text(body, key, length, needed=False) for key, length in WISH.items()}
    transfer = Transfer(wish["target"], wish["reason"] or f"requested by {by}", wish["summary"])

    async def apply(call: "Call") -> str:
        result = await call.parts.hand_over.request(transfer)
        if result.is_error:
            raise NotDoneError(result.text)
        call.parts.outbox.note(_GOODBYE, reply=True)
        return "the caller is handed over after the agent's goodbye"

    return apply


def _agent(body: Mapping[str, Any], by: str) -> Apply:
    alias = _text(body, "agent", 200)

    async def apply(call: "Call") -> str:
        roster = call.lineup.roster
        chain = roster.chain(alias)
        if not chain:
            raise NotDoneError(f"no agent {alias!r}: expected one of {', '.join(agent.alias for agent in roster)}")
        if not call.conversation.switch(chain, by):
            raise NotDoneError("no agent could be reached: the call is handed over")
        return ""

    return apply


def _note(body: Mapping[str, Any], _: str) -> Apply:
    text, reply = _text(body, "text", MAX_NOTE), body.get("reply") is True

    async def apply(call: "Call") -> str:
        told = call.parts.outbox.note(text, reply=reply)
        await asyncio.wait([told], timeout=TOLD_WITHIN)
        if not told.done():
            return "no agent is ready: the next agent gets it"
        if not told.result():
            raise NotDoneError("this agent accepts nothing but the caller's speech")
        return ""

    return apply


def _say(body: Mapping[str, Any], _: str) -> Apply:
    name = _text(body, "announcement", 200)

    async def apply(call: "Call") -> str:
        sounds, known = call.lineup.sounds, call.lineup.roster.announcements
        announcement = sounds.announcement(name, call.rate_hz)
        if announcement is None:
            expected = f"one of {', '.join(known)}" if known else "AGENTS_FILE to have [announcements]"
            raise NotDoneError(f"no announcement {name!r}: expected {expected}")
        parts = call.parts
        utterance = f"announcement{len(parts.transcript.turns)}"
        parts.transcript.agent_says(announcement.text, utterance, parts.facts.now())
        parts.playout.say(utterance, announcement.pcm)
        parts.playout.complete(utterance)
        parts.pacer.wake()
        return ""

    return apply


def _text(body: Mapping[str, Any], name: str, length: int, *, needed: bool = True) -> str:
    found = body.get(name)
    if found is None and not needed:
        return ""
    if not isinstance(found, str) or (needed and not found.strip()):
        raise ValueError(f"{name}: expected a text")
    return found.strip()[:length]


ACTIONS: Final = (
    Action("ambience", _ambience, "/bg-sound", _ambience_now),
    Action("end", _end),
    Action("transfer", _transfer),
    Action("agent", _agent),
    Action("note", _note),
    Action("say", _say),
)
BY_NAME: Final = {action.name: action for action in ACTIONS}
