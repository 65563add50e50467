"""Services that speak OpenAI Realtime's messages: what differs from one to the other is data, the session is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from relay.agents.openai.options import RealtimeOptions
from relay.agents.openai.requests import grok_session_update, session_update
from relay.agents.seam import CallInfo
from relay.agents.vendor import socket_base
from relay.audio.convert import AudioFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`path` below the base URL. `{key}` in the `value` of `header` stands for the key.

    `session_update`: the settings of a session. A gateway that speaks OpenAI's own dialect needs none of this: it is
    reached by the option `base_url`.
    """

    path: str
    header: str
    value: str
    session_update: Callable[[Any, CallInfo, AudioFormat], dict[str, Any]]

    def url(self, options: RealtimeOptions, model: str) -> str:
        """The socket's address."""
        return f"{socket_base(options.base_url)}{self.path}?model={quote(model)}"

    def headers(self, key: str) -> Mapping[str, str]:
        """How the client proves itself."""
        return {self.header: self.value.format(key=key)}


OPENAI: Final = Dialect(
    path="/v1/realtime", header="Authorization", value="Bearer {key}", session_update=session_update
)
AZURE: Final = Dialect(path="/openai/v1/realtime", header="api-key", value="{key}", session_update=session_update)
GROK: Final = Dialect(
    path="/v1/realtime", header="Authorization", value="Bearer {key}", session_update=grok_session_update
)
