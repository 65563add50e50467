"""Judges a call by the suite's expectations. Each unmet expectation is one sentence."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.documents import decode, objects, text
from console.rehearse.person import Spoken
from console.rehearse.spoken_numbers import says
from console.rehearse.suite import SCRIPTS, Expect
from console.rehearse.timing import Timing, percentile

_MOSTLY: Final = 0.6
"""Names and brands may be in another script."""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What the line measured. `started_s`: on the clock that all calls of a run share; `late_ms`: the largest delay of
    this machine with a frame of the caller's.
    """

    placed: bool = True
    started_s: float = 0.0
    late_ms: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """A finished call. `record`: the relay's, empty if it could not be read; `turns`: what the agent said."""

    duration_s: float
    record: Mapping[str, Any]
    turns: Sequence[str]
    said: Sequence[Spoken]
    timing: Timing
    cost: float | None = None
    problem: str = ""
    line: LineFacts = LineFacts()

    @property
    def words(self) -> str:
        """All that the agent said."""
        return " ".join(self.turns)

    @property
    def interruptions(self) -> int | None:
        """How often the agent was stopped according to the relay; None without a record."""
        found = (self.record.get("quality") or {}).get("interruptions")
        return found if isinstance(found, int) else None


@dataclass(frozen=True, slots=True)
class Finding:
    """An unmet expectation. `expectation`: its name in the suite."""

    expectation: str
    sentence: str


def judge(expect: Expect, call: Observed) -> list[Finding]:
    """All unmet expectations. A call that could not be played is one finding."""
    if call.problem:
        return [Finding("played", call.problem)]
    return [*_words(expect, call), *_deeds(expect, call), *_times(expect, call)]


def _words(expect: Expect, call: Observed) -> Iterator[Finding]:
    for pattern in expect.said:
        if not re.search(pattern, call.words, re.IGNORECASE):
            yield Finding("said", f"The agent never said /{pattern}/.")
    for pattern in expect.never_said:
        if found := re.search(pattern, call.words, re.IGNORECASE):
            yield Finding("never_said", f"The agent said {found[0]!r}, which /{pattern}/ forbids.")
    for figure in expect.figures:
        if not says(call.words, figure):
            yield Finding("figures", f"The agent did not read out {figure}.")
    if expect.language:
        script = SCRIPTS[expect.language]
        strange = [turn for turn in call.turns if (share := _share_of(turn, script)) is not None and share < _MOSTLY]
        if strange:
            yield Finding("language", f"The agent said {strange[0][:80]!r}, which is not {expect.language!r}.")


def _deeds(expect: Expect, call: Observed) -> Iterator[Finding]:
    used = objects(dict(call.record), "tools")
    for wanted in expect.tools:
        same_name = [tool for tool in used if text(tool, "name") == wanted.name]
        if not same_name:
            yield Finding("tools", f"The tool {wanted.name} was not called.")
        elif not any(_has(tool, wanted.parameters) for tool in same_name):
            yield Finding("tools", f"The tool {wanted.name} was called, but not with {dict(wanted.parameters)}.")
    if expect.transfer is not None:
        target = text(dict(call.record), "transfer", "target")
        if target != expect.transfer:
            yield Finding("transfer", f"Transferred to {target or 'nobody'}, not to {expect.transfer or 'nobody'}.")
    for name in ("ended_by", "end_reason"):
        wanted_end = getattr(expect, name)
        found = text(dict(call.record), name)
        if wanted_end and found != wanted_end:
            yield Finding(name, f"The call's {name} is {found or 'unknown'}, not {wanted_end}.")
    if expect.cost is not None and call.cost is not None and call.cost > expect.cost:
        yield Finding("cost", f"The call cost {call.cost:.3f}, more than {expect.cost:.3f}.")


def _has(tool: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    try:
        given = decode(text(dict(tool), "arguments").encode())
    except ValueError:
        return not wanted
    return all(given.get(name) == value for name, value in wanted.items())


def _times(expect: Expect, call: Observed) -> Iterator[Finding]:
    timing = call.timing
    if timing.first is None:
        yield Finding("heard", "The agent was never heard.")
        return
    answer = percentile(timing.answers, 0.95)
    if expect.answer_p95 is not None and answer is not None and answer > expect.answer_p95:
        yield Finding("answer_p95", f"Answers took up to {answer} ms (p95), more than {expect.answer_p95} ms.")
    if expect.longest_silence is not None and timing.longest_silence > expect.longest_silence:
        yield Finding(
            "longest_silence", f"Nobody spoke for {timing.longest_silence} ms, longer than {expect.longest_silence} ms."
        )
    if expect.talk_over is not None and timing.talk_over > expect.talk_over:
        yield Finding("talk_over", f"Both spoke at once for {timing.talk_over} ms, more than {expect.talk_over} ms.")
    if expect.stopped_within is not None:
        slow = [stopped for stopped in timing.stopped if stopped > expect.stopped_within]
        if slow:
            yield Finding(
                "stopped_within", f"The agent spoke on for {max(slow)} ms after the caller cut in, "
                f"longer than {expect.stopped_within} ms.",
            )  # fmt: skip
    allowed = expect.interruptions
    if allowed is None:
        allowed = sum(line.cut_in and not line.back_channel for line in call.said)
    stopped_too_often = call.interruptions is not None and call.interruptions > allowed
    if stopped_too_often:
        times = "once" if call.interruptions == 1 else f"{call.interruptions} times"
        yield Finding(
            "interruptions", f"The agent was stopped {times}; the caller cut in {allowed or 'not at all'}"
            f"{' time' + 's' * (allowed != 1) if allowed else ''}.",
        )  # fmt: skip


def _share_of(words: str, script: str) -> float | None:
    """The share of letters of a script; None if there are too few to tell."""
    letters = [character for character in words if character.isalpha()]
    if len(letters) < 10:
        return None
    return sum(unicodedata.name(letter, "").startswith(script) for letter in letters) / len(letters)
