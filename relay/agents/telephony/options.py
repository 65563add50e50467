"""Address and credentials of a bot: the options that bots of all carriers share."""

from collections.abc import Mapping

import msgspec
from yarl import URL

from common.credentials import BasicAuth
from common.env import Env, SettingError
from relay.agents.roster import AgentSpec
from relay.settings import Settings

_SCHEMES = ("wss://", "ws://")


class BotOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url`: the bot's socket. Secrets stay in the environment: `url_env`, `basic_auth_env` (`user:password`) and
    `headers_env` (header → variable) name the variables that hold them."""

    url: str = ""
    url_env: str = ""
    basic_auth_env: str = ""
    headers_env: Mapping[str, str] = {}

    def address(self, spec: AgentSpec, settings: Settings) -> tuple[str, dict[str, str]]:
        """The URL without credentials in it, and the headers to send. Raises SettingError."""
        env = Env(settings.environ)
        found = env.required(self.url_env, f"the address of agent {spec.alias!r}") if self.url_env else self.url
        if not found.startswith(_SCHEMES) or not URL(found).host:
            place = f"agents.{spec.alias}.options"
            raise SettingError("AGENTS_FILE", settings.agents_file, f"{place}.url to be a wss:// address")
        return self.split(found, spec, settings)

    def split(self, address: str, spec: AgentSpec, settings: Settings) -> tuple[str, dict[str, str]]:
        """`address` without its credentials, and the headers that carry them. Raises SettingError."""
        env, url = Env(settings.environ), URL(address)
        headers = {
            header: env.required(variable, f"the header {header} of agent {spec.alias!r}")
            for header, variable in self.headers_env.items()
        }
        credentials = BasicAuth(url.user, url.password) if url.user and url.password else None
        if self.basic_auth_env:
            wanted = f"user:password of agent {spec.alias!r}"
            credentials = BasicAuth.parse(env.required(self.basic_auth_env, wanted))
            if credentials is None:
                raise SettingError(self.basic_auth_env, "", "user:password", secret=True)
        if credentials is not None:
            headers["Authorization"] = credentials.header
        return str(url.with_user(None)), headers
