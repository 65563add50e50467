"""Runs all parts concurrently, and returns their findings in order and without secrets."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from yarl import URL

from common.phone import mask_within
from console.checks import functions
from console.checks.finding import Finding, Part, Verdict
from console.checks.relay_address import SECRET_NAMES, RelayAddress
from console.checks.subject import Subject
from console.doctor import agents, calls, clock, elevenlabs, exotel, lookup, relay, settings, store, webhook

log = logging.getLogger(__name__)

PARTS: Mapping[str, Part] = {
    "settings": settings.examine,
    "relay": relay.examine,
    "functions": functions.examine,
    "store": store.examine,
    "calls": calls.examine,
    "clock": clock.examine,
    "agents": agents.examine,
    "lookup": lookup.examine,
    "elevenlabs": elevenlabs.examine,
    "webhook": webhook.examine,
    "exotel": exotel.examine,
}
"""What --only calls it → the part, in the order of the report."""

_ALONE = frozenset({"settings"})
"""Converting sounds holds the interpreter's lock for a second at a time: a test call beside it is heard in lumps."""

_SECRET = re.compile(r"(TOKEN|SECRET|KEY|AUTH|PASSWORD)S?$")
_SHORTEST = 4  # shorter ones could be ordinary words
_HIDDEN = "(hidden)"


async def examined(subject: Subject, parts: Mapping[str, Part] = PARTS) -> AsyncIterator[Finding]:
    """All parts run concurrently, except those in _ALONE. Findings are yielded as soon as all earlier parts are done.

    Each cause is reported once: later checks that fail for the same cause are skipped, and name the check that reported
    it.
    """
    secrets = known_secrets(subject)
    causes: dict[str, str] = {}
    queues: dict[str, asyncio.Queue[Finding | None]] = {name: asyncio.Queue() for name in parts}
    async with asyncio.TaskGroup() as group:
        for name, part in parts.items():
            following = group.create_task(_follow(name, part, subject, queues[name]))
            if name in _ALONE:
                await following
        for queue in queues.values():
            while (finding := await queue.get()) is not None:
                told = _once(finding, causes)
                yield replace(told, found=hide(told.found, secrets), advice=hide(told.advice, secrets))


def _once(finding: Finding, causes: dict[str, str]) -> Finding:
    """`causes`: those reported so far, with their checks. A part's own check may report several of one kind."""
    if not finding.cause or finding.verdict not in {Verdict.WARN, Verdict.FAIL}:
        return finding
    first = causes.setdefault(finding.cause, finding.check)
    if first == finding.check:
        return finding
    return Finding(finding.check, Verdict.SKIPPED, f"can't be checked before {first} is fixed")


async def _follow(name: str, part: Part, subject: Subject, queue: asyncio.Queue[Finding | None]) -> None:
    try:
        async for finding in part(subject):
            queue.put_nowait(finding)
    except Exception as error:  # an error in one part must not lose the others' findings
        log.debug("%s broke off", name, exc_info=True)
        said = mask_within(f"{type(error).__name__}: {error}"[:300])
        advice = "An error in the doctor itself: make doctor ARGS=--verbose shows where. Please report it."
        queue.put_nowait(Finding(f"{name}.broke_off", Verdict.FAIL, f"the checks of {name} failed ({said})", advice))
    finally:
        queue.put_nowait(None)


def known_secrets(subject: Subject) -> list[str]:
    """Everything that must not be printed: secrets in settings, and in addresses. Longest first."""
    found = {
        word
        for name, value in subject.environ.items()
        if _SECRET.search(name)
        for word in (value, *value.split(","), value.partition(":")[2])
    }
    for url in (subject.relay_url, subject.connect_url, subject.passthru_url, subject.webhook_url):
        with suppress(ValueError):
            parsed = URL(url)
            found |= {parsed.password or "", parsed.raw_password or ""}
            found |= {value for name, value in parsed.query.items() if name.lower() in SECRET_NAMES}
    with suppress(ValueError):
        found.add(RelayAddress.parse(subject.relay_url).token)
    return sorted({word.strip() for word in found if len(word.strip()) >= _SHORTEST}, key=len, reverse=True)


def hide(text: str, secrets: Iterable[str]) -> str:
    """The last line of defence: no secret is printed, whatever a part, a library or a server wrote."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text
