"""Client for the part of ElevenLabs' REST API that reads and sets up agents (elevenlabs.md A5.6, A6).

Errors have a sentence for people (without a full stop) and a `Trouble` for programs. The key is sent only in the
header.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from common.documents import Document, at, decode, encode, objects, text

_REQUEST_S: Final = 20.0
_PATIENCE_S: Final = 45.0
_FIRST_PAUSE_S: Final = 1.0
_PAGE: Final = "100"
_MOST_PAGES: Final = 100


class Trouble(StrEnum):
    """Why a request failed."""

    KEY = "key"
    REGION = "region"
    PERMISSION = "permission"
    ADDRESS = "address"
    UNKNOWN = "unknown"
    SHAPE = "shape"
    RATE = "rate"
    SERVER = "server"
    UNREACHABLE = "unreachable"


class ApiError(Exception):
    """`str()` is a sentence; `trouble` its kind; `status` the HTTP status, 0 without one."""

    def __init__(self, trouble: Trouble, sentence: str, status: int = 0) -> None:
        self.trouble = trouble
        self.status = status
        super().__init__(sentence)


class Api:
    """One workspace. `base` without a trailing slash, `key` of that region; every method raises ApiError.

    After a 429 it waits, as long as `Retry-After` says and `patience_s` in total. Requests that can safely be repeated
    are retried after server errors too.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        key: str,
        *,
        patience_s: float = _PATIENCE_S,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.base = base
        self._session = session
        self._key = key
        self._patience_s = patience_s
        self._sleep = sleep

    async def agent(self, agent_id: str) -> Document:
        """The whole agent."""
        return await self._ask("GET", f"/v1/convai/agents/{quote(agent_id, safe='')}", what=f"agent {agent_id}")

    async def agents(self) -> list[str]:
        """Ids of all agents of the workspace."""
        return [text(agent, "agent_id") for agent in await self._pages("/v1/convai/agents", "agents", {})]

    async def agents_named(self, name: str) -> list[str]:
        """Ids of the agents with exactly this name."""
        listed = await self._pages("/v1/convai/agents", "agents", {"search": name})
        return [text(agent, "agent_id") for agent in listed if agent.get("name") == name]

    async def create_agent(self, body: Document) -> str:
        """The new agent's id."""
        return await self._make("/v1/convai/agents/create", body, "agent_id", what="the new agent")

    async def patch_agent(self, agent_id: str, body: Document) -> None:
        """Changes only what `body` contains, but a list or a map in it replaces the existing one."""
        path = f"/v1/convai/agents/{quote(agent_id, safe='')}"
        await self._ask("PATCH", path, body, what=f"agent {agent_id}")

    async def tools(self) -> list[Document]:
        """The workspace's tools, each `{id, tool_config}`."""
        return await self._pages("/v1/convai/tools", "tools", {})

    async def create_tool(self, config: Document) -> str:
        """The new tool's id."""
        what = f"the tool {text(config, 'name')}"
        return await self._make("/v1/convai/tools", {"tool_config": config}, "id", what=what)

    async def replace_tool(self, tool_id: str, config: Document) -> None:
        """`config` replaces the tool's whole configuration."""
        path = f"/v1/convai/tools/{quote(tool_id, safe='')}"
        await self._ask("PATCH", path, {"tool_config": config}, what=f"the tool {text(config, 'name')}")

    async def settings(self) -> Document:
        """The workspace's defaults for agents that set nothing else."""
        return await self._ask("GET", "/v1/convai/settings", what="the workspace's settings")

    async def webhooks(self) -> list[Document]:
        """The workspace's webhooks; only administrators can read them."""
        return objects(await self._ask("GET", "/v1/workspace/webhooks", what="the webhooks"), "webhooks")

    async def create_webhook(self, name: str, url: str) -> tuple[str, str]:
        """Id and secret; the secret is shown only once."""
        settings = {"auth_type": "hmac", "name": name, "webhook_url": url}
        made = await self._ask("POST", "/v1/workspace/webhooks", {"settings": settings}, what="the new webhook")
        webhook_id, secret = text(made, "webhook_id"), text(made, "webhook_secret")
        if not webhook_id or not secret:
            sentence = (
                f"{self.base} gave no secret for the webhook {webhook_id or name}: delete it there, and try again"
            )
            raise ApiError(Trouble.SERVER, sentence)
        return webhook_id, secret

    async def enable_webhook(self, webhook_id: str, name: str) -> None:
        """Enable it, and its retries."""
        body = {"is_disabled": False, "name": name, "retry_enabled": True}
        path = f"/v1/workspace/webhooks/{quote(webhook_id, safe='')}"
        await self._ask("PATCH", path, body, what=f"the webhook {name}")

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Transcript and sound, permanently; False if it does not exist (any more)."""
        path = f"/v1/convai/conversations/{quote(conversation_id, safe='')}"
        try:
            await self._ask("DELETE", path, what=f"the conversation {conversation_id}")
        except ApiError as error:
            if error.trouble is Trouble.UNKNOWN and error.status == 404:
                return False
            raise
        return True

    async def signed_url(self, agent_id: str) -> str:
        """A single-use address of the agent's socket: the relay requests one at each call."""
        path = "/v1/convai/conversation/get-signed-url"
        answer = await self._ask("GET", path, query={"agent_id": agent_id}, what=f"agent {agent_id}")
        return text(answer, "signed_url")

    async def _make(self, path: str, body: Document, name: str, *, what: str) -> str:
        """The new object's id."""
        made = text(await self._ask("POST", path, body, what=what), name)
        if not made:
            raise ApiError(Trouble.SERVER, f"{self.base} gave no id for {what}: look whether it is there")
        return made

    async def _pages(self, path: str, name: str, query: Mapping[str, str]) -> list[Document]:
        found: list[Document] = []
        asked = {"page_size": _PAGE, **query}
        for _ in range(_MOST_PAGES):  # a cursor that repeats must not loop for ever
            page = await self._ask("GET", path, query=asked, what=f"the list of {name}")
            found += objects(page, name)
            cursor = text(page, "next_cursor")
            if not page.get("has_more") or not cursor:
                break
            asked["cursor"] = cursor
        return found

    async def _ask(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        query: Mapping[str, str] | None = None,
        what: str,
    ) -> Document:
        waited_s, pause_s = 0.0, _FIRST_PAUSE_S
        while True:
            try:
                return await self._once(method, path, body, query or {}, what)
            except _AgainError as again:
                worth_it = again.error.trouble is Trouble.RATE or method != "POST"  # a second POST may make two
                wait_s = again.after_s or pause_s
                if not worth_it or waited_s + wait_s > self._patience_s:
                    raise again.error from None
            await self._sleep(wait_s)
            waited_s, pause_s = waited_s + wait_s, pause_s * 2

    async def _once(
        self, method: str, path: str, body: Document | None, query: Mapping[str, str], what: str
    ) -> Document:
        headers = {"xi-api-key": self._key} | ({"Content-Type": "application/json"} if body is not None else {})
        try:
            async with (
                asyncio.timeout(_REQUEST_S),
                self._session.request(
                    method,
                    f"{self.base}{path}",
                    params=query,
                    data=None if body is None else encode(body),
                    headers=headers,
                    allow_redirects=False,  # a key must not follow to another host
                ) as response,
            ):
                answer, status, retry_after = (
                    await response.read(),
                    response.status,
                    response.headers.get("Retry-After"),
                )
        except TimeoutError:
            sentence = f"{self.base} did not answer within {_REQUEST_S:g} s"
            raise ApiError(Trouble.UNREACHABLE, sentence) from None
        except (aiohttp.ClientError, OSError) as problem:
            sentence = f"{self.base} can't be reached: {str(problem) or type(problem).__name__}"
            raise ApiError(Trouble.UNREACHABLE, sentence) from None
        if 200 <= status < 300:
            if method == "DELETE" and not answer.strip():
                return {}  # a deletion has no answer to read
            return self._document(answer, status)
        refused = _refused(status, answer, self.base, what)
        if refused.trouble in {Trouble.RATE, Trouble.SERVER}:
            raise _AgainError(refused, _seconds(retry_after))
        raise refused

    def _document(self, answer: bytes, status: int) -> Document:
        try:
            return decode(answer)
        except ValueError as problem:
            sentence = f"{self.base} answered what can't be read ({problem}): is it ElevenLabs?"
            raise ApiError(Trouble.SERVER, sentence, status) from None


class _AgainError(Exception):
    """`error` may be temporary; `after_s`: how long the server asks us to wait, 0.0 if it doesn't say."""

    def __init__(self, error: ApiError, after_s: float = 0.0) -> None:
        self.error = error
        self.after_s = after_s
        super().__init__(str(error))


def _seconds(retry_after: str | None) -> float:
    # the other format, a date, is not worth a parser: wait as without one
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0.0


def _refused(status: int, body: bytes, base: str, what: str) -> ApiError:
    code, said = _detail(body)
    quoted = f" (it says: {said})" if said else ""

    def error(trouble: Trouble, sentence: str) -> ApiError:
        return ApiError(trouble, sentence + quoted, status)

    match status:
        case 401 if "permission" in code:
            return error(Trouble.PERMISSION, f"the API key has no permission for {what}")
        case 401 if "residency" in said.lower():
            return error(Trouble.REGION, f"the API key belongs to another region than {base}")
        case 401:
            return error(Trouble.KEY, f"{base} does not know this API key")
        case 403 if "ip" in code.split("_") or "ip address" in said.lower() or not said:
            return error(Trouble.ADDRESS, f"{base} refuses the API key from this address: it may be IP-restricted")
        case 403:
            return error(Trouble.PERMISSION, f"the API key has no permission for {what}")
        case 404:
            return error(Trouble.UNKNOWN, f"{base} does not know {what}")
        case 429:
            return error(Trouble.RATE, f"{base} gets too many requests from this workspace")
        case _ if status >= 500:
            return error(Trouble.SERVER, f"{base} answers {status}: the error is on their side")
    return error(Trouble.SHAPE, f"{base} refuses what was sent for {what} with {status}")


def _detail(body: bytes) -> tuple[str, str]:
    """`status` and `message` of an error; of a 422 the places and what is wrong there (elevenlabs.md A6)."""
    try:
        detail = at(decode(body), "detail")
    except ValueError:
        return "", ""
    if isinstance(detail, list):
        return "", "; ".join(map(_place, detail))[:500]
    code = text(detail, "status") or text(detail, "code")
    return code, (detail if isinstance(detail, str) else text(detail, "message"))[:500]


def _place(problem: Any) -> str:
    loc = at(problem, "loc")
    where = ".".join(str(step) for step in loc) if isinstance(loc, list) else ""
    return f"{where}: {text(problem, 'msg')}"
