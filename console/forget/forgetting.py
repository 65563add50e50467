"""Deletes what `console.person.find` found: first at the vendor, whose copy the sweep would fetch again, then here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import aiohttp

from common.elevenlabs import REST_HOSTS, rest_base
from common.env import Env
from console.elevenlabs.client import Api, ApiError, Trouble
from console.elevenlabs.configured import by_workspace, configured_agents
from console.forget.receipt import Run
from console.person.reading import PersonStore
from console.words import counted

_HOPELESS: Final = frozenset({Trouble.KEY, Trouble.REGION, Trouble.PERMISSION, Trouble.ADDRESS, Trouble.UNREACHABLE})
_MOST_NAMED: Final = 3

Deletion = Callable[[str], Awaitable[bool]]
"""One workspace's: True when the conversation was deleted, False when it is not there; raises ApiError."""


def workspaces(environ: Mapping[str, str], session: aiohttp.ClientSession) -> list[Deletion]:
    """One for every key of the configured agents; empty without any. Raises SettingError."""
    env = Env(environ)
    found: dict[tuple[str, str], Deletion] = {}
    if env.text("AGENTS_FILE") or env.text("ELEVENLABS_AGENT_ID"):
        for base, key in by_workspace(configured_agents(environ)):
            if key:
                found[base, key] = Api(session, base, key).delete_conversation
    if key := env.text("ELEVENLABS_API_KEY"):
        region = env.choice("ELEVENLABS_REGION", default="default", choices=tuple(REST_HOSTS))
        base = rest_base(region, env.text("ELEVENLABS_BASE_URL"))
        found.setdefault((base, key), Api(session, base, key).delete_conversation)
    return list(found.values())


async def forget_at_vendor(run: Run, deletions: Sequence[Deletion]) -> bool:
    """Whether nothing is left there, according to the vendor. What is left is added to `run.left`."""
    conversations = run.found.conversations
    if conversations and not deletions:
        there = counted(len(conversations), "conversation")
        run.left.append(f"{there} at ElevenLabs: set ELEVENLABS_API_KEY, or give --keep-at-vendor")
        return False
    problems: dict[str, int] = {}
    for position, conversation_id in enumerate(conversations):
        try:
            deleted = [await delete(conversation_id) for delete in deletions]
        except ApiError as error:
            problems[str(error).replace(conversation_id, "…")] = problems.get(str(error), 0) + 1
            if error.trouble in _HOPELESS or len(problems) > _MOST_NAMED:
                run.left.append(f"{counted(len(conversations) - position, 'conversation')} at ElevenLabs: {error}")
                return False
            continue
        run.vendor_deleted += any(deleted)
        run.vendor_gone += not any(deleted)
    run.left += [f"conversations at ElevenLabs: {problem}" for problem in problems]
    return not problems


def forget_here(run: Run, store: PersonStore) -> None:
    """Every key with all of its versions. After an interruption, run it again. Raises StoreError."""
    for kind, key in run.found.all():
        versions = store.purge(key)
        run.versions += versions
        run.removed[kind] += bool(versions)
