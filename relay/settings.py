"""The relay's settings: environment variables, read once into one frozen object."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from common.credentials import BasicAuth
from common.elevenlabs import REST_HOSTS
from common.env import Env, SettingError
from common.proxy import check as check_proxies
from common.setting import Setting, boolean, choice, custom, integer, key, number, read, secret, settings_of, text
from relay import setting_values as values
from relay.line.exotel import FRAME_UNIT, MAX_PAYLOAD
from relay.setting_values import FRAME_STEP_MS

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_BASES: Final = ("https://", "http://", "wss://", "ws://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each field is a setting, declared once (common.setting); docs/configuration.md is generated from them."""

    elevenlabs_agent_id: str = text("ELEVENLABS_AGENT_ID", about="the agent that takes the calls; or use `AGENTS_FILE`")
    elevenlabs_api_key: str = key(
        "ELEVENLABS_API_KEY", about="the relay then uses signed URLs, which private agents need"
    )
    elevenlabs_region: str = choice(
        "ELEVENLABS_REGION",
        default="default",
        choices=tuple(REST_HOSTS),
        about=f"region of your workspace: {', '.join(f'`{region}`' for region in REST_HOSTS)}",
    )
    elevenlabs_base_url: str = text(
        "ELEVENLABS_BASE_URL", about="another host instead of the region's: a proxy, a fake"
    )
    agents_file: str = text(
        "AGENTS_FILE", about="TOML with several agents, vendors and fallbacks ([agents.md](agents.md))"
    )
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where agents look for the keys of their vendors."""
    pushed: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Sound files that came with the agents' file, by the names it has for them; others are files of this machine."""

    ambience: str = text(
        "BACKGROUND_SOUND_FILE",
        "BG_SOUND_FILE",
        shown="none",
        about="ambience: a WAV of any rate and channel count, raw s16le mono 8 kHz (`.pcm`, `.raw`, `.s16le`), or one "
        "that comes with the relay: `office`, `call-centre`, `street`, `quiet`, `typing`",
    )
    ambience_volume: float = number(
        "BACKGROUND_SOUND_VOLUME",
        "BG_SOUND_VOLUME",
        default=0.3,
        low=0,
        high=1,
        about="of the ambience; at 1 any is at −30 dBFS",
    )
    ambience_duck_db: float = number(
        "BACKGROUND_SOUND_DUCK_DB", default=6, low=0, high=30, about="how many dB quieter it is while the agent speaks"
    )
    fallback_speech: str = text(
        "FALLBACK_SPEECH_FILE",
        default="apology",
        about="what a caller hears before the hand-over when no agent can be reached: a sound file, `apology` "
        "(built in) or `none`",
    )
    frame_ms: int = integer(
        "FRAME_MS",
        default=40,
        low=FRAME_STEP_MS,
        high=1000,
        about="milliseconds of one outbound frame, a multiple of 20",
    )
    lead_ms: int | None = custom(
        "LEAD_MS",
        lambda env: values.lead_ms(env),
        default=None,
        shown="auto",
        about="how far ahead of real time frames are sent, at least 1.5 frames; `auto` starts at 100 and learns it "
        "from the line",
    )
    chunk_size: int | None = custom(
        "CHUNK_SIZE",
        lambda env: env.integer("CHUNK_SIZE", default=0, low=FRAME_UNIT, high=MAX_PAYLOAD) or None,
        default=None,
        shown="",
        about="instead of both: bytes of one outbound frame, a multiple of 320; the lead is then one such frame. 3200 "
        "is Exotel's documented minimum",
    )

    media_token: str = custom(
        "MEDIA_TOKEN",
        lambda env: ",".join(env.secrets("MEDIA_TOKEN")),
        default="",
        shown="",
        secret=True,
        about="token in the socket's path: `wss://host/media/TOKEN[/ALIAS]`; like all our tokens and secrets at least "
        "16 characters; while you rotate it, two with a comma, the new one first",
    )
    media_basic_auth: BasicAuth | None = custom(
        "MEDIA_BASIC_AUTH",
        lambda env: env.basic_auth("MEDIA_BASIC_AUTH"),
        default=None,
        shown="",
        secret=True,
        about="`user:password`, for `wss://user:password@host/media`; if `MEDIA_TOKEN` is set too, a call needs both",
    )
    media_open: bool = boolean(
        "MEDIA_OPEN",
        default=False,
        about="start without both: anybody who reaches the port may call. Not needed on a loopback `HOST`",
    )
    control_token: str = custom(
        "CONTROL_TOKEN",
        lambda env: ",".join(env.secrets("CONTROL_TOKEN")),
        default="",
        shown="",
        secret=True,
        about="bearer token of `/bg-sound`; off without one",
    )
    metrics_token: str = secret("METRICS_TOKEN", about="bearer token of `/metrics`, to scrape it from another machine")

    events_url: str = text(
        "EVENTS_URL", about="where events are posted: `https://…/relay/events` of the webhook function"
    )
    events_secret: str = custom(
        "EVENTS_SECRET",
        lambda env: next(iter(env.secrets("EVENTS_SECRET")), ""),  # the first signs, all verify; for rotation
        default="",
        shown="",
        secret=True,
        about="signs the events",
    )
    progress_s: float = number(
        "PROGRESS_SECONDS",
        default=10,
        low=0,
        high=60,
        about="how often a running call reports its progress; 0: never ([live.md](live.md))",
    )
    agents_url: str = custom(
        "AGENTS_URL",
        lambda env: values.agents_url(env),
        default="",
        shown="beside EVENTS_URL",
        about="where the relay asks for a newer version of the agents' file: `https://…/relay/agents` of the webhook "
        "function; `none`: it does not ask",
    )
    agents_every_s: float = number("AGENTS_SECONDS", default=30, low=5, high=3600, about="how often it asks")
    store: Path = custom(
        "STORE",
        lambda env: values.folder(env),
        default=Path("data"),
        shown="file:data",
        about="folder for events and records when there is no `EVENTS_URL`",
    )

    lookup_url: str = custom(
        "LOOKUP_URL",
        lambda env: values.http_url(env, "LOOKUP_URL"),
        default="",
        shown="",
        about="your server that says who calls, before the greeting ([lookup.md](lookup.md)); `lookup_url` sets it for "
        "one agent",
    )
    lookup_s: float = number(
        "LOOKUP_SECONDS", default=1.5, low=0.1, high=5, about="how long to wait for the answer; then the call goes on"
    )
    lookup_shape: str = choice(
        "LOOKUP_SHAPE",
        default="ours",
        choices=("ours", "elevenlabs"),
        about="format of request and answer: `ours`, or `elevenlabs` for a webhook written for its own telephony",
    )
    lookup_secret: str = secret("LOOKUP_SECRET", about="signs the request; without it `EVENTS_SECRET` does")
    lookup_headers: tuple[tuple[str, str], ...] = custom(
        "LOOKUP_HEADERS",
        lambda env: tuple(env.mapping("LOOKUP_HEADERS").items()),
        default=(),
        shown="",
        secret=True,
        about='headers of the request, as JSON: `{"Authorization": "Bearer …"}`',
    )

    max_calls: int = integer(
        "MAX_CALLS", default=200, low=1, high=10_000, about="calls at once; further ones are refused with 503"
    )
    echo_calls: int = integer(
        "ECHO_CALLS",
        default=20,
        low=0,
        high=10_000,
        about="calls at once with the echo guard; further ones go without it, though their echo is still measured",
    )
    max_call_s: float = number(
        "MAX_CALL_SECONDS",
        default=3540,
        low=1,
        high=14_400,
        about="then the call is handed over with `time_limit`; Exotel cuts at 3,600",
    )
    start_timeout_s: float = number(
        "START_TIMEOUT_SECONDS", default=10, low=1, high=60, about="how long a new socket may take to send `start`"
    )
    drain_s: float = number("DRAIN_SECONDS", default=110, low=0, high=14_400, about="how long SIGTERM waits for calls")
    stats_s: float = number(
        "STATS_SECONDS", default=60, low=1, high=3600, about="how often the log reports the number of calls"
    )
    public_url: str = custom(
        "PUBLIC_URL",
        lambda env: values.websocket_url(env, "PUBLIC_URL"),
        default="",
        shown="from the request",
        about="`wss://host`, for applets that request the socket's address over https",
    )
    port: int = integer("PORT", "BRIDGE_PORT", default=8080, low=0, high=65535, about="where to listen")
    host: str = text("HOST", default="0.0.0.0", about="the address to listen on")
    log_level: str = choice(
        "LOG_LEVEL", default="INFO", choices=LOG_LEVELS, about="`DEBUG`, `INFO`, `WARNING`, `ERROR`"
    )
    ecs_agent_uri: str = text("ECS_AGENT_URI", about="set by ECS", internal=True)
    metrics_namespace: str = text(
        "METRICS_NAMESPACE", about="CloudWatch namespace for how full the relay is; Terraform sets it on AWS"
    )
    instance: str = text("HOSTNAME", default=socket.gethostname(), about="name of this relay in events", internal=True)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError for the first invalid variable."""
        env = Env(environ)
        settings = cls(environ=dict(environ), **read(cls, env))
        settings._check()
        check_proxies(environ)
        return settings

    def _check(self) -> None:
        if self.chunk_size is not None and self.chunk_size % FRAME_UNIT:
            raise SettingError("CHUNK_SIZE", str(self.chunk_size), f"a multiple of {FRAME_UNIT}")
        if self.frame_ms % FRAME_STEP_MS:
            raise SettingError("FRAME_MS", str(self.frame_ms), f"a multiple of {FRAME_STEP_MS}")
        if self.lead_ms is not None and self.lead_ms < 1.5 * self.frame_ms:
            raise SettingError("LEAD_MS", str(self.lead_ms), f"auto, or at least {1.5 * self.frame_ms:g}: 1.5 FRAME_MS")
        if not self.agents_file and not self.elevenlabs_agent_id:
            raise SettingError("ELEVENLABS_AGENT_ID", None, "the id of your ElevenLabs agent (or set AGENTS_FILE)")
        if self.elevenlabs_base_url and not self.elevenlabs_base_url.startswith(_BASES):
            raise SettingError("ELEVENLABS_BASE_URL", self.elevenlabs_base_url, "an https:// or wss:// URL")
        if "/" in self.media_token:
            raise SettingError("MEDIA_TOKEN", self.media_token, "one path segment, without a slash", secret=True)
        if self.events_url and not self.events_url.startswith(("https://", "http://")):
            raise SettingError("EVENTS_URL", self.events_url, "an https:// URL")
        if self.events_url and not self.events_secret:
            raise SettingError("EVENTS_SECRET", None, "the secret that signs events for EVENTS_URL")
        if self.agents_url and not self.events_secret:
            raise SettingError("EVENTS_SECRET", None, "the secret that signs the requests to AGENTS_URL")
        if self.lookup_url and not (self.lookup_secret or self.events_secret):
            raise SettingError("LOOKUP_SECRET", None, "the secret that signs the look-up requests to LOOKUP_URL")
        if not (self.media_token or self.media_basic_auth or self.media_open or values.is_loopback(self.host)):
            expected = "a secret for the media socket's address, or MEDIA_BASIC_AUTH (MEDIA_OPEN=1 lets anybody in)"
            raise SettingError("MEDIA_TOKEN", None, expected)


def declared() -> list[Setting]:
    """All settings for users, in the order of the documentation."""
    return settings_of(Settings)
