"""The outcome of a scenario: all observations, the figures, and which expectations failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.agents.elevenlabs.fake_record import ConversationRecord
from sim.applets import Exchange
from sim.exotel import CallResult
from sim.heard import HeardLine, find_line
from sim.scenario import Scenario
from sim.timeline import Happening


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds unless the name says otherwise; None where there was nothing to measure.

    `first_speech_ms`: from `start` until the caller heard the agent. `cut_in_to_clear_ms`: the longest way from the
    agent's interruption event to `clear` at the line; `cut_in_to_silence_ms`: until the cut line was no longer heard.
    """

    first_sound_ms: int | None
    first_speech_ms: int | None
    cut_in_to_clear_ms: int | None
    cut_in_to_silence_ms: int | None
    gaps: int
    gap_ms: int
    ahead_max_ms: int
    pong_max_ms: int | None
    connect_ms: int | None
    duration_s: float
    violations: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """`record` is logs/{call_sid}.json, empty when there is none; `lines` are the agents' that the caller heard."""

    scenario: Scenario
    call: CallResult
    conversations: tuple[ConversationRecord, ...]
    record: Mapping[str, Any]
    happenings: tuple[Happening, ...]
    lines: tuple[HeardLine, ...]
    figures: Figures
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all expectations were met."""
        return not self.failures


def judge(
    scenario: Scenario,
    call: CallResult,
    conversations: Sequence[ConversationRecord],
    record: Mapping[str, Any],
    happenings: Sequence[Happening],
) -> Outcome:
    """Find the lines in what was heard, compute the figures, compare with the expectations."""
    names = [name for one in conversations for turn in one.turns if turn.role == "agent" for name in turn.line.split()]
    names += [scenario.fallback_speech] if scenario.fallback_speech else []
    found = (find_line(call.heard, call.rate_hz, name) for name in dict.fromkeys(names))
    lines = tuple(sorted(filter(None, found), key=lambda one: one.at_s))
    failures = tuple(_failures(scenario, call, conversations, record, lines))
    return Outcome(
        scenario=scenario,
        call=call,
        conversations=tuple(conversations),
        record=record,
        happenings=tuple(happenings),
        lines=lines,
        figures=_figures(call, conversations, lines),
        failures=failures,
    )


def _figures(call: CallResult, conversations: Sequence[ConversationRecord], lines: Sequence[HeardLine]) -> Figures:
    cuts = [cut - call.started_at for one in conversations for cut in one.interruptions]
    clears = [min((clear - cut for clear in call.clears if clear >= cut), default=None) for cut in cuts]
    silences = []
    for cut in cuts:
        ends = [one.at_s + one.heard_ms / 1000 for one in lines if not one.is_whole and one.at_s < cut]
        silences += [max(0.0, end - cut) for end in ends if end >= cut - 0.5]
    pongs = [delay for one in conversations for delay in one.pong_delays]
    asked = [exchange for exchange in call.flow.exchanges if exchange.applet == "connect"]
    return Figures(
        first_sound_ms=_ms(call.first_sound_s),
        first_speech_ms=_ms(min((one.at_s for one in lines), default=None)),
        cut_in_to_clear_ms=_ms(max((clear for clear in clears if clear is not None), default=None)),
        cut_in_to_silence_ms=_ms(max(silences, default=None)),
        gaps=len(call.holes),
        gap_ms=round(sum(gap.length_s for gap in call.holes) * 1000),
        ahead_max_ms=round(call.ahead_max_s * 1000),
        pong_max_ms=_ms(max(pongs, default=None)),
        connect_ms=_ms(_connect_took(asked)),
        duration_s=round(call.duration_s, 2),
        violations=len(_violations(call, conversations)),
    )


def _connect_took(asked: Sequence[Exchange]) -> float | None:
    """From the first connect request to the last answer."""
    return asked[-1].at + asked[-1].took_s - asked[0].at if asked else None


def _violations(call: CallResult, conversations: Sequence[ConversationRecord]) -> list[str]:
    found = [f"line at {one.at_s:.2f} s: {one.rule}: {one.detail}" for one in call.violations]
    for conversation in conversations:
        since = call.started_at
        found += [f"agent at {one.at - since:.2f} s: {one.rule}: {one.detail}" for one in conversation.violations]
    return found + [f"flow: {what}" for what in call.flow.violations]


def _failures(
    scenario: Scenario,
    call: CallResult,
    conversations: Sequence[ConversationRecord],
    record: Mapping[str, Any],
    lines: Sequence[HeardLine],
) -> list[str]:
    expect = scenario.expect
    failures = [f"rule broken: {violation}" for violation in _violations(call, conversations)]

    def same(what: str, found: Any, expected: Any) -> None:
        if found != expected:
            failures.append(f"{what}: expected {expected!r}, found {found!r}")

    turns = [turn for one in conversations for turn in one.turns]
    results = [name for one in conversations for name in one.tools_done]
    told = "".join(message.text for one in conversations for message in one.messages)
    keys = "".join(character for character in told if character in "0123456789*#")
    same("line ended by", call.ended_by, expect.line_ended_by)
    if expect.line_ended_by == "bot":
        same("close code", call.close_code, 1000)
    same("conversations", len(conversations), expect.conversations)
    same("agent made out", [turn.line for turn in turns if turn.role == "user" and turn.line], [*expect.agent_heard])
    if not call.machine_was_late:
        same("heard whole", [one.name for one in lines if one.is_whole], [*expect.heard])
        same("heard cut off", [one.name for one in lines if not one.is_whole], [*expect.cut])
        if expect.gaps != "any":
            same("gaps", len(call.holes), expect.gaps)
    else:  # a hole that this process may have made itself looks like a line cut off
        same("heard", sorted(one.name for one in lines), sorted((*expect.heard, *expect.cut)))
    same("interruptions", sum(len(one.interruptions) for one in conversations), expect.interruptions)
    same("tools that succeeded", results, [*expect.tools])
    same("transfer", call.flow.transfer, expect.transfer)
    same("keys told to the agent", keys, expect.keys)
    failures += [
        f"{one.name}: heard {one.gain:.2f} times as loud as it was sent" for one in lines if not 0.7 <= one.gain <= 1.4
    ]
    for key, expected in {"end_reason": expect.end_reason, **expect.record}.items():
        same(f"record: {key}", _at(record, key), expected)
    return failures


def _at(record: Any, key: str) -> Any:
    """The value at a dotted key; numbers index lists."""
    for part in key.split("."):
        if isinstance(record, Mapping):
            record = record.get(part)
        elif isinstance(record, list) and part.isdigit() and int(part) < len(record):
            record = record[int(part)]
        else:
            return None
    return record


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
