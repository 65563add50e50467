"""Where a relay gets the agents' file from while it runs: the webhook function, asked by signed requests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import aiohttp

from common.agent_version import LARGEST_FILE, LARGEST_TEXT, AgentVersion, File
from common.relay_request import AGENTS, AGENTS_FILE, LONGEST_PROBLEM, to_sign
from common.signature import RELAY_HEADER, Verdict, sign, verify
from relay.events.receiver_clock import ReceiverClock
from relay.outgoing import whole

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_LARGEST_VERSION: Final = 2 * LARGEST_TEXT + 64 * 1024  # its text as JSON, and the names of its files


class SourceError(Exception):
    """No answer that can be used; the text says why. What is served stays."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a relay says of itself: the version it serves, one that it refused, and why."""

    serving: str
    refused: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Newest:
    """The name of the version that counts, empty for none; and itself, unless that is known already."""

    name: str = ""
    version: AgentVersion | None = None


class AgentsSource:
    """`url`: of the functions' route AGENTS. `relay`: what this process is called, of A-Z a-z 0-9 . _ - alone."""

    def __init__(self, http: aiohttp.ClientSession, url: str, secret: str, *, relay: str, every_s: float) -> None:
        self._http = http
        self._url = url
        self._secret = secret
        self._relay = relay
        self._every_s = every_s
        self._clock = ReceiverClock()

    async def newest(self, standing: Standing) -> Newest:
        """What counts now. Raises SourceError, and VersionError for a version that nobody could use."""
        query = {"relay": self._relay, "serving": standing.serving, "every": f"{self._every_s:g}"}
        if standing.refused:
            query |= {"refused": standing.refused, "problem": standing.problem[:LONGEST_PROBLEM]}
        known = ", ".join(f'"{name}"' for name in (standing.serving, standing.refused) if name)
        status, headers, body = await self._ask(AGENTS, query, _LARGEST_VERSION, {"If-None-Match": known})
        if status != 200:
            return Newest(headers.get("ETag", "").strip('"'))
        verdict = verify(body, headers.get(RELAY_HEADER), [self._secret], now=self._clock.now())
        if verdict is not Verdict.VALID:
            raise SourceError(f"the answer's signature is {verdict}: it doesn't come from our webhook function")
        version = AgentVersion.decoded(body)
        return Newest(version.name, version)

    async def content(self, file: File) -> bytes:
        """A sound. Raises SourceError."""
        status, _, body = await self._ask(AGENTS_FILE, {"relay": self._relay, "sha256": file.sha256}, LARGEST_FILE, {})
        if status != 200:
            raise SourceError(f"a sound of this version could not be fetched: HTTP {status}")
        if await asyncio.to_thread(lambda: sha256(body).hexdigest()) != file.sha256:  # 4 MiB: ten milliseconds
            raise SourceError("a sound that was received doesn't have the expected hash")
        return body

    async def _ask(
        self, path: str, query: Mapping[str, str], limit: int, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = self._url + path.removeprefix(AGENTS)
        signature = sign(to_sign(path, query), self._secret, self._clock.now())
        sent = {**headers, RELAY_HEADER: signature}
        try:
            async with self._http.get(url, params=query, headers=sent, timeout=_TIMEOUT) as response:
                body = await whole(response, limit)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SourceError(f"{type(error).__name__}: {error}") from None
        if response.status == 401:
            self._clock.set_by(response.headers.get("Date", ""))
        if response.status not in {200, 304, 404}:
            raise SourceError(f"HTTP {response.status}")
        return response.status, response.headers, body
