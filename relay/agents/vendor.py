"""A vendor's declaration, and its set-up when the relay starts: options checked, key found."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Self, TypeVar

import aiohttp
import msgspec

from common.env import Env, SettingError
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession, CallInfo, Notice, not_taken
from relay.agents.telephony.rest import RestCalls
from relay.agents.tool_descriptions import ALL_TOOLS, ToolName
from relay.settings import Settings


@dataclass(frozen=True, slots=True)
class VendorContext:
    """What a session may use: the shared connection pool, the settings, and the other agents by alias."""

    http: aiohttp.ClientSession
    settings: Settings
    new_session: Callable[[str], AgentSession]
    rest_calls: RestCalls = field(default_factory=RestCalls)
    """Calls whose bots may hang up or transfer by REST."""


NewSession = Callable[[VendorContext], AgentSession]
"""Makes a session for each call."""
Configure = Callable[[AgentSpec, Settings], NewSession]
"""What makes the sessions of an entry of AGENTS_FILE. Raises SettingError for one that can't be used."""


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """Where to test a key: a GET that costs nothing. `{key}` in the `value` of the header is replaced by it."""

    base: str
    path: str
    header: str
    value: str


Ability = Literal["tools", "notes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """What a vendor declares of itself: everything that runs over vendors takes it from here.

    `title`: its name for people. `key_env`: the setting that holds its key, unless options say otherwise; vendors with
    one are hosted somewhere, and have a fake, a corpus and a benchmark. `heard`, `spoken`: the formats on a line of
    8 kHz, by the names of the documentation. `default_id`: what an entry without an id stands for. `ends`: models
    whose end has been announced, and when, as `YYYY-MM-DD`. `passes_on`: overrides of a look-up that reach the user's
    code as they are. `codec`: the folder whose codec reads its messages, if not that of its name. `needs`: options that
    every entry has to say, each with an example. `lacks`: what the seam has and this vendor has no words for: `tools`
    that the relay runs, `notes` that want no reply.
    """

    title: str
    configure: Configure
    options: type[msgspec.Struct] | None = None
    key_env: str = ""
    key_check: KeyCheck | None = None
    heard: str = ""
    spoken: str = ""
    default_id: str = ""
    codec: str = ""
    needs: Mapping[str, str] = field(default_factory=dict)
    lacks: frozenset[Ability] = frozenset()
    ends: Mapping[str, str] = field(default_factory=dict)
    passes_on: frozenset[str] = frozenset()

    @property
    def takes(self) -> frozenset[str]:
        """What a look-up may override for its agents (relay.agents.overrides)."""
        return self.passes_on or frozenset(getattr(self.options, "takes", ()))

    def ending(self, spec: AgentSpec) -> dict[str, str]:
        """The models that an entry uses and whose shutdown has been announced, with the date."""
        used = {spec.id or self.default_id}
        if self.options is not None:
            with suppress(msgspec.ValidationError):  # reported at the start
                options = msgspec.structs.asdict(msgspec.convert(spec.options, self.options))
                used |= {value for value in options.values() if isinstance(value, str)}
        return {model: self.ends[model] for model in sorted(used) if model in self.ends}


_PLACE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PROMPT: Final = "You are a friendly assistant on the telephone. Answer in one or two short sentences."
_GO_ON: Final = (
    "You take over this telephone call after a technical fault. Apologise briefly and go on where it stopped."
)


class TakingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options that a look-up may partly override for one call."""

    takes: ClassVar[Mapping[str, str]] = {}
    """What a look-up may override (Overrides), and the option that it stands for."""

    def for_call(self, call: CallInfo) -> tuple[Self, list[Notice]]:
        """These options with the look-up's overrides, and for the log those that are not possible."""
        options, problems = self, not_taken(call.overrides.refused(self.takes), "this vendor doesn't support it")
        for name, value in call.overrides.given().items():
            if option := self.takes.get(name):
                try:
                    options = msgspec.convert({**msgspec.structs.asdict(options), option: value}, type(self))
                except msgspec.ValidationError as error:
                    problems += not_taken([name], str(error)[:200])
        return options, problems


class HostedOptions(TakingOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options shared by vendors whose agents are described in AGENTS_FILE rather than at the vendor.

    `{{name}}` in texts is replaced by the call's variables (CallInfo.variables). `takeover` is said instead of the
    greeting after another agent has failed; without it the model finds its own words.
    """

    prompt: str = _PROMPT
    greeting: str = ""
    takeover: str = ""
    tools: tuple[ToolName, ...] = ALL_TOOLS
    transfer_targets: tuple[str, ...] = ()

    takes: ClassVar[Mapping[str, str]] = {"prompt": "prompt", "first_message": "greeting"}

    def instructions(self, call: CallInfo) -> str:
        """The prompt for this call."""
        return fill(self.prompt, call)

    def first_words(self, call: CallInfo) -> str:
        """The exact first words of the call; empty: none, or for a takeover whatever fits."""
        return fill(self.takeover if call.said_so_far else self.greeting, call)

    def opening(self, call: CallInfo) -> str:
        """The first words as an instruction to a model; empty if it should wait for the caller."""
        words = self.first_words(call)
        if words:
            return f"Say exactly this and nothing else: {words}"
        return _GO_ON if call.said_so_far else ""


def fill(template: str, call: CallInfo) -> str:
    """`template` with the call's variables filled in; unknown names become empty."""
    variables = call.variables
    return _PLACE.sub(lambda place: variables.get(place[1], ""), template)


Options = TypeVar("Options", bound=msgspec.Struct)


def read_options(spec: AgentSpec, kind: type[Options], settings: Settings) -> Options:
    """The entry's options as `kind`. Raises SettingError that names the option and the expected value."""
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    place = f"agents.{spec.alias}.options"
    for name in spec.options:
        if name not in names:
            raise SettingError("AGENTS_FILE", settings.agents_file, f"{place}.{name} to be one of {', '.join(names)}")
    try:
        return msgspec.convert(spec.options, kind)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place}{where.rstrip('`')}: {problem}") from None


def api_key(spec: AgentSpec, name: str, settings: Settings) -> str:
    """The key in the environment variable `name`. Raises SettingError if it is not set."""
    expected = f"the API key for agent {spec.alias!r} ({spec.vendor}); options.api_key_env can name another variable"
    return Env(settings.environ).required(name, expected)


def socket_base(base_url: str) -> str:
    """`base_url` for sockets: http becomes ws, https becomes wss."""
    return f"ws{base_url[4:]}".rstrip("/") if base_url.startswith("http") else base_url.rstrip("/")
