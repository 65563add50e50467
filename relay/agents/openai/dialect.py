"""Services that speak OpenAI Realtime's messages: the differences are data, the session is the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from relay.agents.openai.options import RealtimeOptions
from relay.agents.openai.requests import PCM_RATES, grok_session_update, session_update, voice_live_session_update
from relay.agents.seam import CallInfo
from relay.agents.vendor import socket_base
from relay.audio.convert import AudioFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`path` below the base URL. `{key}` in the `value` of `header` stands for the key.

    `session_update`: the settings of a session. `query`: what the address has besides the model, and the option that
    says it. `pcm_rates`: at which rates, in Hz and rising, 16-bit sound is taken and given. A gateway that speaks
    OpenAI's own dialect needs none of this: it is reached by the option `base_url`.
    """

    path: str
    header: str
    value: str
    session_update: Callable[[Any, CallInfo, AudioFormat], dict[str, Any]]
    query: Mapping[str, str] = field(default_factory=dict)
    pcm_rates: tuple[int, ...] = PCM_RATES

    def url(self, options: RealtimeOptions, model: str) -> str:
        """The socket's address."""
        query = {"model": model} | {key: getattr(options, option) for key, option in self.query.items()}
        return f"{socket_base(options.base_url)}{self.path}?{urlencode(query)}"

    def headers(self, key: str) -> Mapping[str, str]:
        """Headers with the client's credentials."""
        return {self.header: self.value.format(key=key)}


OPENAI: Final = Dialect(
    path="/v1/realtime", header="Authorization", value="Bearer {key}", session_update=session_update
)
AZURE: Final = Dialect(path="/openai/v1/realtime", header="api-key", value="{key}", session_update=session_update)
GROK: Final = Dialect(
    path="/v1/realtime", header="Authorization", value="Bearer {key}", session_update=grok_session_update
)
VOICE_LIVE: Final = Dialect(
    path="/voice-live/realtime",
    header="api-key",
    value="{key}",
    session_update=voice_live_session_update,
    query={"api-version": "api_version"},
    pcm_rates=(16000, 24000),
)
