"""The relay's settings: environment variables, read once into one frozen object."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from common.credentials import BasicAuth
from common.elevenlabs import REST_HOSTS
from common.env import Env, SettingError
from common.proxy import check as check_proxies
from relay.exotel import FRAME_UNIT, MAX_PAYLOAD

_FRAME_STEP_MS: Final = 20  # FRAME_UNIT at 8 kHz, and whole units at the other rates
_BASES: Final = ("https://", "http://", "wss://", "ws://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See the configuration table in the README; the defaults here are those of the environment."""

    host: str = "0.0.0.0"
    port: int = 8080
    log_level: str = "INFO"
    public_url: str = ""
    """`wss://…` to hand out to an applet that asks for its URL; empty: made from the request's Host."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where agents look for the keys of their vendors."""

    agents_file: str = ""
    elevenlabs_agent_id: str = ""
    elevenlabs_api_key: str = field(default="", repr=False)
    elevenlabs_region: str = "default"
    elevenlabs_base_url: str = ""

    ambience: str = ""
    """A file, one of BUILT_IN (relay/audio/ambience.py), or empty for none."""
    ambience_volume: float = 0.3
    ambience_duck_db: float = 6.0
    """How much quieter the ambience is while the agent speaks."""
    fallback_speech: str = "apology"
    """What callers hear whom no agent can take: a sound file, `apology` (built in) or `none`."""
    frame_ms: int = 40
    """Length of one outbound message."""
    lead_ms: int | None = None
    """What the line holds right after one was sent; None: learned from the line."""
    chunk_size: int | None = None
    """Bytes of one outbound message, instead of both: the line then holds another one while it is sent."""

    media_token: str = field(default="", repr=False)
    media_basic_auth: BasicAuth | None = None
    media_open: bool = False
    """Anybody may open the media socket."""
    control_token: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)

    events_url: str = ""
    events_secret: str = field(default="", repr=False)
    store: Path = Path("data")
    """Where events and records go when there is no events_url."""

    max_calls: int = 200
    max_call_s: float = 3540
    start_timeout_s: float = 10
    drain_s: float = 110
    stats_s: float = 60
    ecs_agent_uri: str = ""
    instance: str = ""
    """Name of this relay in events."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError for the first variable that is wrong."""
        env = Env(environ)
        settings = cls(
            host=env.text("HOST", default="0.0.0.0"),
            port=env.integer("PORT", "BRIDGE_PORT", default=8080, low=0, high=65535),
            log_level=env.choice("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            public_url=_websocket_url(env, "PUBLIC_URL"),
            environ=dict(environ),
            agents_file=env.text("AGENTS_FILE"),
            elevenlabs_agent_id=env.text("ELEVENLABS_AGENT_ID"),
            elevenlabs_api_key=env.text("ELEVENLABS_API_KEY"),
            elevenlabs_region=env.choice("ELEVENLABS_REGION", default="default", choices=tuple(REST_HOSTS)),
            elevenlabs_base_url=env.text("ELEVENLABS_BASE_URL"),
            ambience=env.text("BACKGROUND_SOUND_FILE", "BG_SOUND_FILE"),
            ambience_volume=env.number("BACKGROUND_SOUND_VOLUME", "BG_SOUND_VOLUME", default=0.3, low=0, high=1),
            ambience_duck_db=env.number("BACKGROUND_SOUND_DUCK_DB", default=6, low=0, high=30),
            fallback_speech=env.text("FALLBACK_SPEECH_FILE", default="apology"),
            frame_ms=env.integer("FRAME_MS", default=40, low=_FRAME_STEP_MS, high=1000),
            lead_ms=_lead_ms(env),
            chunk_size=env.integer("CHUNK_SIZE", default=0, low=FRAME_UNIT, high=MAX_PAYLOAD) or None,
            media_token=env.secret("MEDIA_TOKEN"),
            media_basic_auth=env.basic_auth("MEDIA_BASIC_AUTH"),
            media_open=env.boolean("MEDIA_OPEN", default=False),
            control_token=env.secret("CONTROL_TOKEN"),
            metrics_token=env.secret("METRICS_TOKEN"),
            events_url=env.text("EVENTS_URL"),
            events_secret=next(iter(env.secrets("EVENTS_SECRET")), ""),  # the first signs, all verify: for rotation
            store=_folder(env),
            max_calls=env.integer("MAX_CALLS", default=200, low=1, high=10_000),
            max_call_s=env.number("MAX_CALL_SECONDS", default=3540, low=1, high=14_400),
            start_timeout_s=env.number("START_TIMEOUT_SECONDS", default=10, low=1, high=60),
            drain_s=env.number("DRAIN_SECONDS", default=110, low=0, high=14_400),
            stats_s=env.number("STATS_SECONDS", default=60, low=1, high=3600),
            ecs_agent_uri=env.text("ECS_AGENT_URI"),
            instance=env.text("HOSTNAME", default=socket.gethostname()),
        )
        settings._check()
        check_proxies(environ)
        return settings

    def _check(self) -> None:
        if self.chunk_size is not None and self.chunk_size % FRAME_UNIT:
            raise SettingError("CHUNK_SIZE", str(self.chunk_size), f"a multiple of {FRAME_UNIT}")
        if self.frame_ms % _FRAME_STEP_MS:
            raise SettingError("FRAME_MS", str(self.frame_ms), f"a multiple of {_FRAME_STEP_MS}")
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
        if not (self.media_token or self.media_basic_auth or self.media_open or _is_loopback(self.host)):
            expected = "a secret for the media socket's address, or MEDIA_BASIC_AUTH (MEDIA_OPEN=1 lets anybody in)"
            raise SettingError("MEDIA_TOKEN", None, expected)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _lead_ms(env: Env) -> int | None:
    if env.text("LEAD_MS", default="auto").lower() == "auto":
        return None
    return env.integer("LEAD_MS", default=0, low=_FRAME_STEP_MS, high=2000)


def _websocket_url(env: Env, name: str) -> str:
    url = env.text(name).rstrip("/")
    if url and not url.startswith(("wss://", "ws://")):
        raise SettingError(name, url, "a wss:// URL")
    return url


def _folder(env: Env) -> Path:
    store = env.text("STORE", default="file:data")
    scheme, separator, folder = store.partition(":")
    if not separator or scheme != "file" or not folder:
        # buckets are written by the functions; the relay knows no cloud
        raise SettingError("STORE", store, "file:FOLDER (with EVENTS_URL the functions write to the bucket)")
    return Path(folder)
