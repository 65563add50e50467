"""The transfer function's settings (docs/functions.md), read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from common.credentials import BasicAuth
from common.env import Env, SettingError
from common.phone import to_e164
from common.setting import boolean, choice, custom, number, read, secrets
from functions.common.settings import SharedSettings, Targets, find_target, targets

# Exotel's limits (exotel.md 3.2). Larger settings are cut to them: with an answer over a limit Exotel dials nobody.
MAX_RINGING_S = 60
MAX_CONVERSATION_S = 4500
MAX_PARALLEL = 5

_ANY = 1_000_000


def _cut(name: str, *, default: int, low: int, most: int, about: str) -> Any:
    """A whole number, limited to `most`."""

    def value(env: Env) -> int:
        return min(most, env.integer(name, default=default, low=low, high=_ANY))

    return custom(name, value, default=default, shown=str(default), about=about)


def _worded(name: str, default: str, words: tuple[str, ...], about: str) -> Any:
    """One of `words`, or a URL."""
    return custom(
        name, lambda env: _word_or_url(env, name, default, words), default=default, shown=default, about=about
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFields:
    """The fields of the Connect answer that are the same for every call. Durations in whole seconds."""

    fetch_after_attempt: bool = boolean("CONNECT_FETCH_AFTER_ATTEMPT", default=False, about="give one number at a time")
    record: bool = boolean(
        "CONNECT_RECORD",
        default=False,
        about="have Exotel record the conversation; an account without recording may refuse the whole answer",
    )
    recording_channels: str = choice(
        "CONNECT_RECORDING_CHANNELS", default="dual", choices=("single", "dual"), about="`single` or `dual`"
    )
    ringing_s: int = _cut(
        "CONNECT_RINGING_SECONDS", default=45, low=1, most=MAX_RINGING_S, about=f"cut to Exotel's {MAX_RINGING_S}"
    )
    conversation_s: int = _cut(
        "CONNECT_CONVERSATION_SECONDS",
        default=3600,
        low=1,
        most=MAX_CONVERSATION_S,
        about=f"cut to Exotel's {MAX_CONVERSATION_S}",
    )
    music_on_hold: str = _worded(
        "CONNECT_MUSIC_ON_HOLD",
        "operator_tone",
        ("operator_tone", "default_tone"),
        "`operator_tone`, `default_tone`, or the URL of a sound",
    )
    outgoing_number: str | None = custom(
        "CONNECT_OUTGOING_NUMBER",
        lambda env: _outgoing(env),
        default=None,
        shown="",
        about="one of your ExoPhones to call from; empty: the one that was called",
    )
    parallel: int = _cut(
        "CONNECT_PARALLEL",
        default=0,
        low=0,
        most=MAX_PARALLEL,
        about=f"numbers to ring at once, at most {MAX_PARALLEL}; a feature Exotel enables on request",
    )
    playback: str = _worded(
        "CONNECT_PLAYBACK",
        "off",
        ("off", "summary"),
        "`summary` speaks the agent's summary to the human first, a URL plays a sound (WAV, 16 bit, mono)",
    )
    playback_to: str = choice(
        "CONNECT_PLAYBACK_TO", default="callee", choices=("callee", "both"), about="`callee` or `both`"
    )
    events_url: str = _worded(
        "CONNECT_EVENTS_URL",
        "auto",
        ("auto", "off"),
        "where Exotel reports dial events: `auto` is this function, as Exotel reached it, with the same credentials; "
        "`off`, or a URL",
    )


_NOBODY: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SharedSettings):
    """`tokens` and `basic_auth`: if both are set, a request needs both. `on_failure`: a target's name, or None."""

    tokens: tuple[str, ...] = secrets(
        "EXOTEL_TOKEN",
        about="the `token` in Exotel's URLs, 16 characters or more; several with commas while you change it. This or "
        "the next is required",
    )
    basic_auth: BasicAuth | None = custom(
        "EXOTEL_BASIC_AUTH",
        lambda env: env.basic_auth("EXOTEL_BASIC_AUTH"),
        default=None,
        shown="",
        secret=True,
        about="`user:password` in Exotel's URLs",
    )
    request_s: float = number(
        "TRANSFER_REQUEST_SECONDS", default=4, low=0, high=25, about="how long one request may wait for a decision"
    )
    wait_s: float = number(
        "TRANSFER_WAIT_SECONDS",
        default=10,
        low=0,
        high=60,
        about="how long all requests of a call may wait together; 0: never wait",
    )
    on_failure: str | None = custom(
        "TRANSFER_ON_FAILURE",
        lambda env: _on_failure(env, targets(env)),
        default=None,
        shown="the first target",
        about=f"target for callers whose call broke off; `{_NOBODY}`: nobody is dialled",
    )
    connect: ConnectFields = field(default_factory=ConnectFields)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError, which names the variable."""
        env = Env(environ)
        settings = cls(**read(cls, env), connect=ConnectFields(**read(ConnectFields, env)))
        if not settings.tokens and not settings.basic_auth:
            raise SettingError("EXOTEL_TOKEN", None, "a secret for Exotel's URLs (?token=…), or EXOTEL_BASIC_AUTH")
        return settings


def _on_failure(env: Env, targets: Targets) -> str | None:
    """By default a caller whose call broke off is connected to a human, if one can be dialled."""
    asked = env.text("TRANSFER_ON_FAILURE")
    if not asked:
        return next(iter(targets), None)
    if (name := find_target(targets, asked)) is not None:
        return name
    if asked == _NOBODY:
        return None
    known = ", ".join(targets) or "none is set"
    raise SettingError("TRANSFER_ON_FAILURE", asked, f"one of the targets: {known}; or {_NOBODY} to dial nobody")


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
