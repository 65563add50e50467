"""Where a running relay gets the agents' file from: the webhook function, with signed requests."""

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
_LARGEST_VERSION: Final = 2 * LARGEST_TEXT + 64 * 1024  # the text as JSON, and the names of the files


class SourceError(Exception):
    """There was no usable answer; the text says why. The current version stays in use."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a relay reports of itself: the version in use, one that it refused, and why."""

    serving: str
    refused: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Newest:
    """The name of the current version, empty for none; and the version itself, unless the relay has it already."""

    name: str = ""
    version: AgentVersion | None = None


class AgentsSource:
    """`url`: of the functions' route AGENTS. `relay`: name of this process, made of A-Z a-z 0-9 . _ - only."""

    def __init__(self, http: aiohttp.ClientSession, url: str, secret: str, *, relay: str, every_s: float) -> None:
        self._http = http
        self._url = url
        self._secret = secret
        self._relay = relay
        self._every_s = every_s
        self._clock = ReceiverClock()

    async def newest(self, standing: Standing) -> Newest:
        """The current version. Raises SourceError, and VersionError for a version that no relay could use."""
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
        """The content of a sound. Raises SourceError."""
        status, _, body = await self._ask(AGENTS_FILE, {"relay": self._relay, "sha256": file.sha256}, LARGEST_FILE, {})
        if status != 200:
            raise SourceError(f"a sound of this version could not be fetched: HTTP {status}")
        # hashing 4 MiB takes ten milliseconds
        if await asyncio.to_thread(lambda: sha256(body).hexdigest()) != file.sha256:
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
