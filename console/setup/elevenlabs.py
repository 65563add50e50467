"""Read the configuration, show the difference, ask, change it, and read it again to verify."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

import aiohttp

from common.documents import text
from common.env import SettingError
from console.elevenlabs.client import Api, ApiError, Trouble
from console.elevenlabs.configured import Wishes, chosen_agent, elsewhere
from console.setup.carry_out import KeepSecret, Made, UnfinishedError, carry_out
from console.setup.newcomer import PROMPT, Newcomer
from console.setup.plan import Plan, Situation, Wanted, make_plan, side_effects
from console.setup.wording import describe

DONE: Final = 0
REFUSED: Final = 1
FAILED: Final = 2
_SECRET: Final = "ELEVENLABS_WEBHOOK_SECRET"


class SetupError(Exception):
    """Why nothing was changed, in a sentence."""


@dataclass(frozen=True)
class Terminal:
    """Input and output. Tests pass their own."""

    out: TextIO
    ask: Callable[[str], str] | None
    """None: nobody is there to answer."""
    shows_secrets: bool
    """Whether `out` is a screen, and not a file or a log."""

    @classmethod
    def of_process(cls) -> "Terminal":
        return cls(sys.stdout, input if sys.stdin.isatty() else None, sys.stdout.isatty())

    def say(self, line: str) -> None:
        print(line, file=self.out, flush=True)


async def set_up(options: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    """Returns the exit status. Raises SetupError, SettingError, ApiError or OSError if nothing has been changed yet."""
    wishes = replace(Wishes.from_env(environ, options.line_rate), private=options.private)
    one = elsewhere(environ, "") if options.create else chosen_agent(environ, options.agent)
    wanted = Wanted(wishes.of(one), options.webhook_url, options.retries, options.leave)
    if not one.agent.api_key:
        raise SettingError("ELEVENLABS_API_KEY", None, "a key of the agent's workspace")
    newcomer = _newcomer(options) if options.create else None
    async with aiohttp.ClientSession() as session:
        api = Api(session, one.agent.rest_url, one.agent.api_key)
        agent_id = await _id_of(options.create, api) if options.create else one.agent.agent_id
        plan = make_plan(await _look(api, agent_id, newcomer, wanted), wanted, time.time())
        terminal.say(f"{api.base}, {f'agent {agent_id}' if agent_id else f'new agent {options.create}'}\n")
        if agent_id and options.create:
            terminal.say(f"{options.create} already exists: its prompt, its first words, language and voice stay.\n")
        if agent_id and not plan.changes:
            terminal.say("Nothing to do.\n")
            terminal.say(describe(plan))
            return DONE
        terminal.say(describe(plan))
        if options.dry_run:
            return DONE
        with _secret_kept(plan, options.secret_file, terminal) as keep_secret:
            if not _agreed(options, terminal):
                terminal.say("Nothing was changed.")
                return REFUSED
            try:
                made = await carry_out(plan, api, terminal.say, keep_secret)
            except UnfinishedError as error:
                terminal.say(f"failed: {error}\nnot done: {', '.join(error.undone)}")
                terminal.say("Run the same command again to continue from here.")
                return FAILED
        if not agent_id:
            terminal.say(
                f"Give the relay ELEVENLABS_AGENT_ID={made.agent_id}, or an entry of AGENTS_FILE with this id."
            )
        return await _look_again(api, plan, made, wanted, terminal)


async def _id_of(name: str, api: Api) -> str:
    """Id of the agent with this name; empty if there is none."""
    found = await api.agents_named(name)
    if len(found) > 1:
        raise SetupError(f"{len(found)} agents are named {name}: choose one with --agent ({', '.join(found)})")
    return found[0] if found else ""


def _newcomer(options: argparse.Namespace) -> Newcomer:
    try:
        prompt = options.prompt_file.read_text(encoding="utf-8-sig") if options.prompt_file else PROMPT
    except UnicodeDecodeError:
        raise SetupError(f"{options.prompt_file} is not a text in UTF-8") from None
    return Newcomer(options.create, prompt, options.first_message, options.language, options.voice)


async def _look(api: Api, agent_id: str, newcomer: Newcomer | None, wanted: Wanted) -> Situation:
    agent = newcomer.document() if newcomer and not agent_id else await api.agent(agent_id)
    tools = await api.tools()
    try:
        return Situation(agent_id, agent, tools, await api.settings(), await api.webhooks())
    except ApiError as error:
        if error.trouble is not Trouble.PERMISSION:
            raise
        if wanted.webhook_url:
            raise SetupError(f"{error}; webhooks are for a key of a workspace administrator") from None
        return Situation(agent_id, agent, tools)


def _agreed(options: argparse.Namespace, terminal: Terminal) -> bool:
    if options.yes:
        return True
    if terminal.ask is None:
        raise SetupError("there is no terminal to ask on: check with --dry-run, then give --yes")
    try:
        return terminal.ask("Do this? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:  # Ctrl-D
        return False


@contextmanager
def _secret_kept(plan: Plan, path: Path | None, terminal: Terminal) -> Iterator[KeepSecret]:
    """Prepares the place for a new webhook's secret before the webhook is created. Raises SetupError."""
    if not plan.creates_webhook:
        yield lambda secret: None
    elif path is None:
        if not terminal.shows_secrets:
            raise SetupError(
                "a webhook's secret is shown only once, and the output is not a terminal: give --secret-file"
            )
        yield lambda secret: terminal.say(f"\nShown only once, for the webhook function:\n\n    {_SECRET}={secret}\n")
    else:
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise SetupError(f"{path} already exists: name a new file for the webhook's secret") from None
        kept = False

        def keep(secret: str) -> None:
            nonlocal kept
            os.write(file, f"{_SECRET}={secret}\n".encode())
            kept = True
            terminal.say(f"The webhook's secret is in {path}: give it to the webhook function as {_SECRET}.")

        try:
            yield keep
        finally:
            os.close(file)
            if not kept:
                path.unlink()


async def _look_again(api: Api, plan: Plan, made: Made, wanted: Wanted, terminal: Terminal) -> int:
    """Verify that everything is as wanted, and that nothing else has changed."""
    try:
        situation = await _look(api, made.agent_id, None, wanted)
    except (ApiError, SetupError) as error:
        terminal.say(f"done, but it can't be looked at again: {error}")
        return FAILED
    if plan.situation.agent_id:
        for path in side_effects(plan.situation.agent, situation.agent, plan.puts(made.tool_ids, made.webhook_id)):
            terminal.say(f"look at this: {path} has changed, too, which was not requested")
    # what the API does not show would be repeated each time
    still = make_plan(situation, replace(wanted, retries=False), time.time()).changes
    for one in still:
        terminal.say(f"still not as wanted: {one.check}, {one.where} is {one.found}")
    if still:
        return FAILED
    terminal.say(f"\nAgent {made.agent_id} ({text(situation.agent, 'name')}) is set up.")
    return DONE
