"""Which cases are measured."""

from dataclasses import dataclass

from tests.bench.figures import Case

CALLS = (1, 10, 50, 100, 200, 300, 400)
TARGET_CALLS = 200  # the load for which design.md states its numbers


@dataclass(frozen=True, slots=True)
class Plan:
    """Cases in order, each with a window of `window_s` seconds of steady load."""

    cases: list[Case]
    window_s: float


def full() -> Plan:
    """Everything, in less than 15 minutes. The cases that have targets run three times: their median counts."""
    cases = [Case(calls, tls=tls) for tls in (False, True) for calls in CALLS]
    cases += [Case(TARGET_CALLS, tls=tls) for tls in (False, True) for _ in range(2)]
    cases += [Case(TARGET_CALLS, ambience=False)]
    cases += [Case(TARGET_CALLS, audio=audio) for audio in ("pcm_16000", "ulaw_8000")]
    cases += [Case(TARGET_CALLS, audio="pcm_16000", tls=True)]
    cases += [Case(TARGET_CALLS, tls=tls, bare=True) for tls in (False, True)]
    return Plan(cases, window_s=12)


def quick() -> Plan:
    """The cases that say most, in less than two minutes."""
    cases = [Case(10), Case(100), Case(TARGET_CALLS), Case(TARGET_CALLS, tls=True), Case(TARGET_CALLS, bare=True)]
    return Plan(cases, window_s=8)
