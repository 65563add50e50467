"""The webhook function's settings (docs/functions.md), read once."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.elevenlabs import REST_HOSTS, rest_base
from common.env import Env, SettingError
from common.text import spelling
from functions.common.redaction import Rules
from functions.common.settings import Targets, distinct, redaction, targets

# How the original bridge let an agent spell its two teams.
_SPELLINGS = {
    "team_1": "team_1",
    "existing": "team_1",
    "existing_booking": "team_1",
    "team_2": "team_2",
    "new": "team_2",
    "new_booking": "team_2",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """`transfer_values`: normal spelling → name of a target. Ages and durations in seconds;
    `…_days`: how long what is kept, 0 for ever."""

    events_secrets: tuple[str, ...]
    webhook_secrets: tuple[str, ...]
    webhook_max_age_s: float
    accept_unverified: bool
    api_key: str
    api_base: str
    targets: Targets
    transfer_field: str
    transfer_values: Mapping[str, str]
    ticket_url: str
    sweep_after_s: float
    sweep_s: float
    fetch_audio: bool
    redact: Rules = frozenset()
    keep_raw: bool = True
    records_days: float = 0.0
    audio_days: float = 0.0
    inbox_days: float = 0.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError that names the variable."""
        env = Env(environ)
        region = env.choice("ELEVENLABS_REGION", default="default", choices=tuple(REST_HOSTS))
        values = env.mapping("TRANSFER_VALUES")
        distinct("TRANSFER_VALUES", values)
        return cls(
            events_secrets=env.secrets("EVENTS_SECRET"),
            webhook_secrets=env.secrets("ELEVENLABS_WEBHOOK_SECRET"),
            webhook_max_age_s=env.number("WEBHOOK_MAX_AGE_SECONDS", default=1800, low=1, high=86_400),
            accept_unverified=env.boolean("ACCEPT_UNVERIFIED_CONVERSATIONS", default=False),
            api_key=env.text("ELEVENLABS_API_KEY"),
            api_base=rest_base(region, _url(env, "ELEVENLABS_BASE_URL", ("http", "https", "ws", "wss"))),
            targets=targets(env),
            transfer_field=env.text("TRANSFER_FIELD", default="should_transfer"),
            transfer_values={spelling(said): name for said, name in (_SPELLINGS | values).items()},
            ticket_url=_url(env, "TICKET_SERVICE_URL", ("http", "https")),
            sweep_after_s=env.number("SWEEP_AFTER_SECONDS", default=300, low=0, high=86_400),
            sweep_s=env.number("SWEEP_SECONDS", default=45, low=1, high=3600),
            fetch_audio=env.boolean("FETCH_AUDIO", default=False),
            redact=redaction(env),
            records_days=env.number("RECORDS_RETENTION_DAYS", default=0, low=0, high=3650),
            audio_days=env.number("AUDIO_RETENTION_DAYS", default=0, low=0, high=3650),
            inbox_days=env.number("INBOX_RETENTION_DAYS", default=0, low=0, high=3650),
            keep_raw=env.choice("RAW_BODIES", default="keep", choices=("keep", "drop")) == "keep",
        )


def _url(env: Env, name: str, schemes: tuple[str, ...]) -> str:
    value = env.text(name)
    scheme, separator, rest = value.partition("://")
    if value and not (separator and rest and scheme.lower() in schemes):
        raise SettingError(name, value, "a URL that starts with " + " or ".join(f"{scheme}://" for scheme in schemes))
    return value
