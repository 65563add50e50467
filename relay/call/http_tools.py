"""Runs the user's HTTP tools: turns the agent's parameters into a request, and the answer into text for the agent."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from relay.agents.own_tools import OwnTool
from relay.agents.roster import AgentSpec
from relay.call.tools import Tool, ToolResult
from relay.outgoing import AnswerError, RedirectError, whole

LARGEST_ANSWER: Final = 256 * 1024  # bytes
_PAUSE: Final = 0.2  # seconds before a retry
_TOLD: Final = 300  # characters of an error's body


class HttpTool:
    """One tool. `http` follows no redirects; it reaches public addresses only, unless the tool is `private`."""

    def __init__(self, name: str, tool: OwnTool, http: aiohttp.ClientSession, environ: Mapping[str, str]) -> None:
        """Raises SettingError for a header's variable that is not set."""
        self._name = name
        self._tool = tool
        self._http = http
        self._headers = tool.filled_headers(environ)

    def row(self) -> Tool:
        """The tool's row for the table of tools."""
        return Tool(name=self._name, run=self.run, works=True, sound=self._tool.sound)

    async def run(self, parameters: Mapping[str, Any]) -> ToolResult:
        """Send the request, with retries as configured; the result is text in every case."""
        known = self._tool.schema["properties"]
        given = {name: value for name, value in parameters.items() if name in known and value is not None}
        missing = [name for name in self._tool.schema.get("required", ()) if name not in given]
        if missing:
            return ToolResult(f"missing: {', '.join(missing)}", is_error=True, status="refused")
        try:
            url = self._url(given)
        except ValueError as error:
            return ToolResult(str(error), is_error=True, status="refused")
        rest = {name: value for name, value in given.items() if name not in self._tool.in_path}
        result = ToolResult("")
        for attempt in range(self._tool.attempts):
            if attempt:
                await asyncio.sleep(_PAUSE)
            result = await self._ask(url, rest)
            if not result.is_error or not (result.status in {"failed", "timeout"} or result.status.startswith("5")):
                break
        return result

    def _url(self, given: Mapping[str, Any]) -> URL:
        """Raises ValueError for a parameter that would change the path."""
        url = self._tool.url
        for name in self._tool.in_path:
            value = _text(given[name])
            if value in {"", ".", ".."}:
                raise ValueError(f"{name}: {value!r} is not allowed")
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        return URL(url, encoded=True)

    async def _ask(self, url: URL, rest: Mapping[str, Any]) -> ToolResult:
        tool = self._tool
        request: dict[str, Any] = {"headers": self._headers}
        if tool.method in {"GET", "DELETE"}:
            url = url.extend_query({name: _text(value) for name, value in rest.items()})
        else:
            request["data"] = msgspec.json.encode(rest)
            request["headers"] = {"Content-Type": "application/json", **self._headers}
        try:
            async with (
                asyncio.timeout(tool.timeout_seconds),
                self._http.request(tool.method, url, **request) as response,
            ):
                body = (await whole(response, LARGEST_ANSWER)).decode(errors="replace")
                status = response.status
        except TimeoutError:
            return ToolResult(f"no answer within {tool.timeout_seconds:g} s", is_error=True, status="timeout")
        except RedirectError as error:
            return ToolResult(
                "the server answered with a redirect, which is not followed", is_error=True, status=str(error.status)
            )
        except AnswerError as error:
            return ToolResult(f"the server sent {error}", is_error=True, status="refused")
        except (aiohttp.ClientError, OSError) as error:
            return ToolResult(f"the server can't be reached: {type(error).__name__}", is_error=True, status="failed")
        if status >= 400:
            return ToolResult(f"HTTP {status} {body[:_TOLD]}".strip(), is_error=True, status=str(status))
        return self._answer(body, str(status))

    def _answer(self, body: str, status: str) -> ToolResult:
        if not self._tool.answer:
            return ToolResult(_cut(body, self._tool.limit), status=status)
        try:
            found = _part(msgspec.json.decode(body), self._tool.answer)
        except (msgspec.DecodeError, LookupError, ValueError, TypeError):
            return ToolResult(f"the answer has no {self._tool.answer}", is_error=True, status=status)
        return ToolResult(_cut(_text(found), self._tool.limit), status=status)


def own_tools(
    roster: Iterable[AgentSpec], http: aiohttp.ClientSession, public: aiohttp.ClientSession, environ: Mapping[str, str]
) -> dict[str, list[Tool]]:
    """The tools of every agent by its alias. `public` reaches public addresses only."""
    return {
        spec.alias: [
            HttpTool(name, tool, http if tool.private else public, environ).row() for name, tool in spec.tools.items()
        ]
        for spec in roster
    }


def _part(document: Any, path: str) -> Any:
    """`a.b.0.c` of a JSON document. Raises LookupError, ValueError or TypeError."""
    for step in path.split("."):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … (cut)"
