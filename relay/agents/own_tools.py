"""The user's HTTP tools, from an entry of AGENTS_FILE; checked when the relay starts.

[agents.reception.tools.order_status]
description = "Look an order up by its number."
url = "https://shop.example/orders/{number}"    # a fixed host; {parameters} only in the path
headers = { Authorization = "Bearer ${SHOP_TOKEN}" }
answer = "order.state"                          # this part of a JSON answer; default: all of it
waiting = "One moment, I look that up."         # the agent says it before it calls; or a sound file, heard meanwhile

[agents.reception.tools.order_status.parameters]  # JSON Schema, an object
type = "object"
properties.number = { type = "string", description = "The order's number." }
required = ["number"]
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from yarl import URL

from common.env import Env, SettingError
from relay.agents.tool_descriptions import ALL_TOOLS, RECORDING_TOOLS
from relay.audio.ambience import BUILT_IN
from relay.audio.files import SOUND_SUFFIXES

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REPEATABLE: Final = frozenset({"GET", "PUT", "DELETE"})


class OwnTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool. Parameters that are not in the URL's path go into the query (GET, DELETE) or, as JSON, into the body.

    `retries`: after a failed request or a 5xx; None: one, if a repetition does no harm. `limit`: characters of the
    answer. `private`: the host may have a private address.
    """

    description: str
    url: str
    method: Method = "GET"
    parameters: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    timeout_seconds: Annotated[float, Meta(gt=0, le=30)] = 5.0
    retries: Annotated[int, Meta(ge=0, le=3)] | None = None
    waiting: str = ""
    answer: str = ""
    limit: Annotated[int, Meta(ge=100, le=20_000)] = 4000
    private: bool = False

    @property
    def attempts(self) -> int:
        """The maximal number of attempts."""
        return 1 + (int(self.method in _REPEATABLE) if self.retries is None else self.retries)

    @property
    def schema(self) -> dict[str, Any]:
        """`parameters` in the vendors' format."""
        return {"type": "object", "properties": {}, **self.parameters}

    @property
    def in_path(self) -> frozenset[str]:
        """The parameters in the URL's path."""
        return frozenset(_PLACE.findall(self.url))

    @property
    def sound(self) -> str:
        """The sound that is heard while it runs, a file or a built-in one; empty: none."""
        of_relay = self.waiting in BUILT_IN
        return self.waiting if of_relay or self.waiting.lower().endswith(SOUND_SUFFIXES) else ""

    def describe(self, name: str) -> dict[str, Any]:
        """The description for a model."""
        before = f' Before you call it, say: "{self.waiting}"' if self.waiting and not self.sound else ""
        return {"name": name, "description": self.description + before, "parameters": msgspec.to_builtins(self.schema)}

    def filled_headers(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The headers with the values of variables. Raises SettingError for one that is not set."""
        env = Env(environ)
        return {
            header: _VARIABLE.sub(lambda place: env.required(place[1], "what a header of a tool needs"), value)
            for header, value in self.headers.items()
        }


def read_own_tools(path: str, alias: str, table: Mapping[str, Any]) -> dict[str, OwnTool]:
    """The `tools` of an entry. Raises SettingError that names the place and the expected value."""
    tools = {}
    for name, content in table.items():
        place = f"agents.{alias}.tools.{name}"
        if not _NAME.fullmatch(name) or name in (*ALL_TOOLS, *RECORDING_TOOLS):
            expected = "a name of letters, digits, - and _ that is none of the relay's own tools"
            raise SettingError("AGENTS_FILE", path, f"{place} to have {expected}")
        try:
            tools[name] = tool = msgspec.convert(content, OwnTool)
        except msgspec.ValidationError as error:
            problem, _, where = str(error).partition(" - at `$")
            raise SettingError("AGENTS_FILE", path, f"{place}{where.rstrip('`')}: {problem}") from None
        for problem in _problems(tool):
            raise SettingError("AGENTS_FILE", path, f"{place}.{problem}")
    return tools


def _problems(tool: OwnTool) -> Iterator[str]:
    try:
        url = URL(_PLACE.sub("x", tool.url))
    except ValueError:
        url = URL()
    if url.scheme not in {"https", "http"} or not url.host:
        yield "url to be an https:// or http:// address"
        return
    if "{" in tool.url.split("/", 3)[2] or _PLACE.search(tool.url.partition("?")[2]):
        yield "url to have {parameters} in its path only: the host must not depend on what was said"
    if not tool.private and not _may_be_public(url.host):
        yield f"url to have a public host, not {url.host}, unless private = true allows it"
    if tool.schema["type"] != "object" or not isinstance(tool.schema["properties"], Mapping):
        yield "parameters to be a JSON Schema of type object with properties"
        return
    known = tool.schema["properties"].keys()
    required = tool.schema.get("required", [])
    if not isinstance(required, list) or not set(required) <= known:
        yield f"parameters.required to name properties: {', '.join(known) or 'there is none'}"
    elif not tool.in_path <= set(required):
        yield f"parameters.required to name what is in the url: {', '.join(sorted(tool.in_path))}"


def _may_be_public(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".internal", ".local")):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return True  # a name: its address is checked at the request
