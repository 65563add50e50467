"""Checks the sound of the latest calls by their records: echo that agents heard, agents that are too quiet or loud."""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from heapq import nlargest
from itertools import islice
from typing import Final

from common.documents import Document, mapping, number, objects, readable, text
from console.checks.finding import Finding, Verdict
from console.checks.stages import NO_STORE, skipped
from console.checks.subject import Subject
from console.records.loudness import EXPECTED_DB, advice, heard_db, off
from console.words import counted
from functions.common.store import Store, StoreError, open_store

CHECKS: Final = ("calls.echo", "calls.level")
_LISTED: Final = 20_000  # keys are not sorted by time
_READ: Final = 100


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """See CHECKS. Reads the newest records, and writes nothing."""
    url = subject.environ.get("STORE", "").strip()
    if not url:
        async for finding in skipped(CHECKS, NO_STORE):
            yield finding
        return
    try:
        records = await asyncio.to_thread(lambda: newest(open_store(url, read_only=True)))
    except (ValueError, StoreError):
        async for finding in skipped(CHECKS, "can't be checked before store.reachable is fixed"):
            yield finding
        return
    for finding in look(records):
        yield finding


def newest(store: Store) -> list[Document]:
    """Up to _READ records, of the first _LISTED in the store. Raises StoreError."""
    listed = islice(store.versions("logs/"), _LISTED)
    keys = [one.key for one in nlargest(_READ, listed, key=lambda one: one.written_at)]
    stored = [one for one in store.read_all(keys) if one is not None]
    return [readable(one.body) for one in stored]


def look(records: Sequence[Document]) -> Iterator[Finding]:
    """Findings for each of CHECKS; one for each agent that is too quiet or too loud."""
    if not records:
        for check in CHECKS:
            yield Finding(check, Verdict.PASS, "the store holds no record yet")
        return
    yield _echo(records)
    yield from _levels(records)


def _echo(records: Sequence[Document]) -> Finding:
    qualities = [mapping(record, "quality") for record in records]
    latest = f"the latest {counted(len(records), 'call')}"
    echoes = [one for one in qualities if number(one, "echo_db") is not None]
    if not echoes:
        return Finding("calls.echo", Verdict.PASS, f"no echo in {latest}")
    level = statistics.median(number(one, "echo_db") or 0.0 for one in echoes)
    found = f"an echo of the agent's voice in {len(echoes)} of {latest}, of {level:.0f} dB"
    heard = sum(not number(one, "echo_muted_ms") for one in echoes)
    if not heard:
        return Finding("calls.echo", Verdict.PASS, f"{found}, and it was kept from the agent")
    advice = (
        'Is echo_guard = "off" for the agent, or pywebrtc-audio missing, or were all places taken (ECHO_CALLS), or '
        "was the CPU used up (relay_echo_unguarded_total counts such calls)?"
    )
    return Finding("calls.echo", Verdict.WARN, f"{found}; in {heard} of them the agent may have heard itself", advice)


def _levels(records: Sequence[Document]) -> Iterator[Finding]:
    levels: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for agent in objects(record, "agents"):
            if (level := heard_db(agent)) is not None:
                levels[text(agent, "alias") or text(agent, "id")].append(level)
    medians = {agent: statistics.median(those) for agent, those in sorted(levels.items())}
    wrong = {agent: level for agent, level in medians.items() if off(level)}
    for name, level in wrong.items():
        found = f"{name!r} speaks {off(level)} ({level:.0f} dBov)"
        yield Finding("calls.level", Verdict.WARN, found, advice(level))
    if not wrong:
        found = f"{counted(len(medians), 'agent')} measured, at about {EXPECTED_DB:.0f} dBov"
        yield Finding("calls.level", Verdict.PASS, found if medians else "no agent's level is known yet")
