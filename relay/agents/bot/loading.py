"""Makes an agent from an entry of AGENTS_FILE that names a class of yours: a Bot, or a Wrapper."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.env import Env, SettingError
from relay.agents.bot.bot import Bot
from relay.agents.bot.function_tool import check, marked
from relay.agents.bot.session import BotSession
from relay.agents.bot.wrapper import Wrapper, WrapperSession
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession
from relay.agents.tool_descriptions import ALL_TOOLS
from relay.agents.vendor import NewSession, VendorContext, read_options
from relay.settings import Settings


@dataclass(frozen=True, slots=True)
class OwnAgent:
    """Opens one session per call. `wraps`: the alias of the wrapped agent, empty for a bot."""

    kind: type[Bot] | type[Wrapper]
    options: Any
    environ: Mapping[str, str]
    wraps: str

    def __call__(self, context: VendorContext) -> AgentSession:
        own = self.kind()
        own.options, own.environ, own.http = self.options, self.environ, context.http
        if isinstance(own, Wrapper):
            return WrapperSession(own, self.kind.__name__, context.new_session(self.wraps))
        return BotSession(own, self.kind.__name__, context)


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError for a class that can't be loaded, unknown options, or missing keys."""
    kind = _load(spec, settings)
    options = read_options(spec, kind.Options, settings) if kind.Options else dict(spec.options)
    env = Env(settings.environ)
    for name in kind.needs(options):
        env.required(name, f"what agent {spec.alias!r} ({spec.id}) needs")
    wraps = ""
    if issubclass(kind, Wrapper):
        wraps = kind.wraps(options)
        if not wraps:
            raise SettingError(
                "AGENTS_FILE", settings.agents_file, f"agents.{spec.alias}.options.agent to name an agent"
            )
        _check_tools(spec, kind, settings)
    return OwnAgent(kind, options, settings.environ, wraps)


def _check_tools(spec: AgentSpec, kind: type[Wrapper], settings: Settings) -> None:
    place = f"agents.{spec.alias}.id"
    taken = {*ALL_TOOLS, *spec.tools}
    try:
        check(kind)
    except TypeError as error:
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place}: {kind.__name__}.{error}") from None
    for name in marked(kind):
        if name in taken:
            problem = f"{place}: tool {kind.__name__}.{name} to have a name of its own: {name} is there already"
            raise SettingError("AGENTS_FILE", settings.agents_file, problem)


def _load(spec: AgentSpec, settings: Settings) -> type[Bot] | type[Wrapper]:
    module_name, _, class_name = spec.id.partition(":")
    place = f"agents.{spec.alias}.id"
    if not module_name or not class_name:
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be module:Class, not {spec.id!r}")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # importing runs the user's code
        problem = f"{type(error).__name__}: {error}"
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be importable: {problem}") from error
    if not (isinstance(kind, type) and issubclass(kind, Bot | Wrapper)):
        raise SettingError(
            "AGENTS_FILE", settings.agents_file, f"{place} to be a subclass of relay.agents.bot.Bot or Wrapper"
        )
    return kind
