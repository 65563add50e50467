"""The webhook function's settings (docs/functions.md), read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.call_cost import quote
from common.documents import Document
from common.elevenlabs import REST_HOSTS, rest_base
from common.env import Env, SettingError
from common.prices import load, of_text
from common.setting import boolean, choice, custom, key, number, read, secrets, text
from common.text import spelling
from functions.common.redaction import Rule, Rules
from functions.common.sealed import Sealing
from functions.common.settings import SharedSettings, distinct, redaction
from functions.webhook import flac

# How agents of the original bridge name its two teams.
_SPELLINGS = {
    "team_1": "team_1",
    "existing": "team_1",
    "existing_booking": "team_1",
    "team_2": "team_2",
    "new": "team_2",
    "new_booking": "team_2",
}

ENCRYPTED = "encrypted"
_LIST_PRICES = quote(load())


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SharedSettings):
    """`transfer_values`: normalised spelling → name of a target. Ages and durations in seconds; `…_days`: how long
    something is kept, 0 for ever.
    """

    events_secrets: tuple[str, ...] = secrets(
        "EVENTS_SECRET",
        about="what the relay signs its events with, 16 characters or more; several with commas. Without it every "
        "event is refused",
    )
    webhook_secrets: tuple[str, ...] = secrets(
        "ELEVENLABS_WEBHOOK_SECRET",
        about="what ElevenLabs signs with; several with commas. Without it every webhook is refused",
    )
    webhook_max_age_s: float = number(
        "WEBHOOK_MAX_AGE_SECONDS", default=1800, low=1, high=86_400, about="how old a signature may be"
    )
    accept_unverified: bool = boolean(
        "ACCEPT_UNVERIFIED_CONVERSATIONS",
        default=False,
        about="`true`: trust what a conversation says about its call or the caller's number. Use it only while relays "
        "without EVENTS_URL, or of an earlier release, still run",
    )
    api_key: str = key("ELEVENLABS_API_KEY", about="for the sweep; without it nothing is fetched")
    region: str = choice(
        "ELEVENLABS_REGION",
        default="default",
        choices=tuple(REST_HOSTS),
        about=f"{', '.join(f'`{region}`' for region in REST_HOSTS)}; a key is of one region",
    )
    base_url: str = custom(
        "ELEVENLABS_BASE_URL",
        lambda env: _url(env, "ELEVENLABS_BASE_URL", ("http", "https", "ws", "wss")),
        default="",
        shown="",
        about="another host instead of the region's",
    )
    transfer_field: str = text(
        "TRANSFER_FIELD", default="should_transfer", about="the data collection field that decides"
    )
    transfer_values: Mapping[str, str] = custom(
        "TRANSFER_VALUES",
        lambda env: _transfer_values(env),
        default={spelling(said): name for said, name in _SPELLINGS.items()},
        shown="",
        about="JSON, value → target, besides the targets' own names, `existing_booking` (`team_1`), `new_booking` "
        "(`team_2`), and yes/true (the default target). Case, spaces and `_` don't matter",
    )
    ticket_url: str = custom(
        "TICKET_SERVICE_URL",
        lambda env: _url(env, "TICKET_SERVICE_URL", ("http", "https")),
        default="",
        shown="",
        about="where webhooks are forwarded to",
    )
    sweep_after_s: float = number(
        "SWEEP_AFTER_SECONDS",
        default=300,
        low=0,
        high=86_400,
        about="how long a webhook may take before the sweep fetches",
    )
    sweep_s: float = number("SWEEP_SECONDS", default=45, low=1, high=3600, about="how long one sweep may take")
    fetch_audio: bool = boolean("FETCH_AUDIO", default=False, about="fetch the sound of every call")
    recording_format: str = choice(
        "RECORDING_FORMAT",
        default="wav",
        choices=("wav", "flac"),
        about="of joined recordings: `wav` (G.711 μ-law), or `flac` for players and tools that don't read it. FLAC is "
        "1.1 times as large and needs an extra library ([recordings.md](recordings.md))",
    )
    redact: Rules = custom(
        "REDACT",
        lambda env: redaction(env),
        default=frozenset(),
        shown="",
        about="what is taken out of words before they are stored: `all`, or some of "
        f"`{','.join(Rule)}` ([privacy.md](privacy.md))",
    )
    raw_bodies: str = choice(
        "RAW_BODIES",
        default="keep",
        choices=("keep", ENCRYPTED, "drop"),
        about="how a webhook's bytes are kept: `keep`, as they came; `encrypted` by RAW_BODIES_KEY; `drop`: deleted "
        "once they were processed ([privacy.md](privacy.md))",
    )
    raw_keys: tuple[str, ...] = secrets(
        "RAW_BODIES_KEY",
        about="for RAW_BODIES=encrypted, 16 characters or more; several with commas: the first encrypts, all decrypt",
    )
    records_days: float = number(
        "RECORDS_RETENTION_DAYS",
        default=0,
        low=0,
        high=3650,
        about="days after which the sweep removes records and pieces, and all else with them; 0: never. For a folder: "
        "a bucket has rules of its own",
    )
    audio_days: float = number(
        "AUDIO_RETENTION_DAYS", default=0, low=0, high=3650, about="the same for sound; 0: with the records"
    )
    inbox_days: float = number(
        "INBOX_RETENTION_DAYS", default=0, low=0, high=3650, about="the same for raw webhooks; 0: with the records"
    )

    prices_file: str = text(
        "PRICES_FILE", about="a price file ([console.md](console.md)) for the cost in records; empty: list prices"
    )
    quote: Document = custom(
        "PRICES",
        lambda env: _quote(env),
        default=_LIST_PRICES,
        shown="",
        about="the text of a price file, instead of PRICES_FILE; `none`: no cost in records",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError, which names the variable."""
        settings = cls(**read(cls, Env(environ)))
        if settings.raw_bodies == ENCRYPTED and not settings.raw_keys:
            raise SettingError("RAW_BODIES_KEY", None, "a key, because of RAW_BODIES=encrypted")
        if settings.recording_format == "flac" and (why := flac.problem()):
            raise SettingError("RECORDING_FORMAT", "flac", f"wav, or requirements/flac.txt to be installed ({why})")
        return settings

    @property
    def api_base(self) -> str:
        """Base URL of ElevenLabs' REST API."""
        return rest_base(self.region, self.base_url)

    @property
    def sealing(self) -> Sealing:
        """Encrypts and decrypts raw bodies."""
        return Sealing(self.raw_keys)

    def as_kept(self, place: str, body: bytes) -> bytes:
        """How a raw body is stored at `place`, a key of the store."""
        return self.sealing.seal(place, body) if self.raw_bodies == ENCRYPTED else body


def _quote(env: Env) -> Document:
    """Of the prices that are given, else of the list prices; empty for none."""
    given, path = env.text("PRICES"), env.text("PRICES_FILE")
    if given == "none":
        return {}
    try:
        if given:
            return quote(of_text(given, "PRICES"))
        return quote(load(Path(path))) if path else _LIST_PRICES
    except ValueError as problem:
        name, value = ("PRICES", f"{given:.40}…") if given else ("PRICES_FILE", path)
        raise SettingError(name, value, f"a price file ({problem})") from None


def _transfer_values(env: Env) -> Mapping[str, str]:
    values = env.mapping("TRANSFER_VALUES")
    distinct("TRANSFER_VALUES", values)
    return {spelling(said): name for said, name in (_SPELLINGS | values).items()}


def _url(env: Env, name: str, schemes: tuple[str, ...]) -> str:
    value = env.text(name)
    scheme, separator, rest = value.partition("://")
    if value and not (separator and rest and scheme.lower() in schemes):
        raise SettingError(name, value, "a URL that starts with " + " or ".join(f"{scheme}://" for scheme in schemes))
    return value
