"""The transfer function's settings (docs/functions.md), read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.credentials import BasicAuth
from common.env import Env, SettingError
from common.phone import to_e164
from functions.common.settings import Targets, find_target, targets

# Exotel's limits (exotel.md 3.2). A larger setting is cut to them: an answer over a limit would dial nobody.
MAX_RINGING_S = 60
MAX_CONVERSATION_S = 4500
MAX_PARALLEL = 5

_MUSIC = ("operator_tone", "default_tone")
_ANY = 1_000_000


@dataclass(frozen=True, slots=True)
class ConnectFields:
    """The fields of the Connect answer that are the same for every call. Durations in whole seconds."""

    fetch_after_attempt: bool
    record: bool
    recording_channels: str
    ringing_s: int
    conversation_s: int
    music_on_hold: str
    outgoing_number: str | None
    parallel: int
    playback: str
    playback_to: str
    events_url: str


_NOBODY: Final = "none"


@dataclass(frozen=True, slots=True)
class Settings:
    """`tokens` and `basic_auth`: where both are set a request needs both. `on_failure`: a target's name, or None."""

    tokens: tuple[str, ...]
    basic_auth: BasicAuth | None
    targets: Targets
    request_s: float
    wait_s: float
    on_failure: str | None
    connect: ConnectFields

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError that names the variable."""
        env = Env(environ)
        found = targets(env)
        settings = cls(
            tokens=env.secrets("EXOTEL_TOKEN"),
            basic_auth=env.basic_auth("EXOTEL_BASIC_AUTH"),
            targets=found,
            request_s=env.number("TRANSFER_REQUEST_SECONDS", default=4, low=0, high=25),
            wait_s=env.number("TRANSFER_WAIT_SECONDS", default=10, low=0, high=60),
            on_failure=_on_failure(env, found),
            connect=_connect_fields(env),
        )
        if not settings.tokens and not settings.basic_auth:
            raise SettingError("EXOTEL_TOKEN", None, "a secret for Exotel's URLs (?token=…), or EXOTEL_BASIC_AUTH")
        return settings


def _on_failure(env: Env, targets: Targets) -> str | None:
    """A caller whose call broke off is not dropped while there is a human to be had, unless that is what is wanted."""
    asked = env.text("TRANSFER_ON_FAILURE")
    if not asked:
        return next(iter(targets), None)
    if (name := find_target(targets, asked)) is not None:
        return name
    if asked == _NOBODY:
        return None
    known = ", ".join(targets) or "none is set"
    raise SettingError("TRANSFER_ON_FAILURE", asked, f"one of the targets: {known}; or {_NOBODY} to dial nobody")


def _connect_fields(env: Env) -> ConnectFields:
    return ConnectFields(
        fetch_after_attempt=env.boolean("CONNECT_FETCH_AFTER_ATTEMPT", default=False),
        record=env.boolean("CONNECT_RECORD", default=False),
        recording_channels=env.choice("CONNECT_RECORDING_CHANNELS", default="dual", choices=("single", "dual")),
        ringing_s=min(MAX_RINGING_S, env.integer("CONNECT_RINGING_SECONDS", default=45, low=1, high=_ANY)),
        conversation_s=min(
            MAX_CONVERSATION_S, env.integer("CONNECT_CONVERSATION_SECONDS", default=3600, low=1, high=_ANY)
        ),
        music_on_hold=_word_or_url(env, "CONNECT_MUSIC_ON_HOLD", "operator_tone", _MUSIC),
        outgoing_number=_outgoing(env),
        parallel=min(MAX_PARALLEL, env.integer("CONNECT_PARALLEL", default=0, low=0, high=_ANY)),
        playback=_word_or_url(env, "CONNECT_PLAYBACK", "off", ("off", "summary")),
        playback_to=env.choice("CONNECT_PLAYBACK_TO", default="callee", choices=("callee", "both")),
        events_url=_word_or_url(env, "CONNECT_EVENTS_URL", "auto", ("auto", "off")),
    )


def _word_or_url(env: Env, name: str, default: str, words: tuple[str, ...]) -> str:
    value = env.text(name, default=default)
    if value.lower() in words:
        return value.lower()
    if value.startswith(("https://", "http://")):
        return value
    raise SettingError(name, value, ", ".join(words) + " or a URL")


def _outgoing(env: Env) -> str | None:
    value = env.text("CONNECT_OUTGOING_NUMBER")
    if not value:
        return None
    if (number := to_e164(value)) is None:
        raise SettingError("CONNECT_OUTGOING_NUMBER", value, "one of your ExoPhones, such as +918047100002")
    return number
