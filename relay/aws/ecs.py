"""Asks ECS about the task that the relay runs in: which release is the newest, and whether this task is being stopped.

A task finds its identity at the metadata endpoint (`ECS_CONTAINER_METADATA_URI_V4`), and its role's credentials at
another (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`); only the task can reach both. The role needs `ecs:DescribeServices`
and `ecs:DescribeTasks`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from relay.aws.signature import Credentials, signed
from relay.outgoing import whole

TIMEOUT: Final = aiohttp.ClientTimeout(total=5)
_CREDENTIALS_HOST: Final = "http://169.254.170.2"
_TARGET: Final = "AmazonEC2ContainerServiceV20141113"
_RENEW_BEFORE: Final = timedelta(minutes=5)


class EcsError(Exception):
    """ECS could not be reached, or its answer not understood; one line."""


@dataclass(frozen=True, slots=True)
class Standing:
    """State of this task. `superseded`: all tasks of a newer release are running.

    `leaving`: ECS is stopping this task.
    """

    superseded: bool
    leaving: bool


@dataclass(frozen=True, slots=True)
class _Task:
    cluster: str
    arn: str
    service: str
    definition: str
    """`family:revision`."""
    region: str


class Ecs:
    """Client of ECS. `environ`: as ECS sets it in a task."""

    def __init__(self, http: aiohttp.ClientSession, environ: Mapping[str, str]) -> None:
        self._http = http
        self._metadata = environ.get("ECS_CONTAINER_METADATA_URI_V4", "")
        self._credentials_path = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
        self._credentials_host = environ.get("ECS_CREDENTIALS_HOST", _CREDENTIALS_HOST)
        self._endpoint = environ.get("AWS_ENDPOINT_URL", "")
        self._task: _Task | None = None
        self._credentials: tuple[Credentials, datetime] | None = None

    @property
    def there(self) -> bool:
        """Whether this is a task of ECS with a role."""
        return bool(self._metadata and self._credentials_path)

    async def standing(self) -> Standing:
        """Raises EcsError."""
        try:
            task = self._task or await self._who_am_i()
            services = await self._ask(task, "DescribeServices", {"cluster": task.cluster, "services": [task.service]})
            tasks = await self._ask(task, "DescribeTasks", {"cluster": task.cluster, "tasks": [task.arn]})
            newest = next(one for one in services["services"][0]["deployments"] if one["status"] == "PRIMARY")
            runs = newest["runningCount"] >= newest["desiredCount"] > 0
            mine = newest["taskDefinition"].rpartition("/")[2] == task.definition
            leaving = any(one.get("desiredStatus") == "STOPPED" for one in tasks["tasks"])
            return Standing(superseded=runs and not mine, leaving=leaving)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, IndexError, StopIteration, TypeError) as error:
            raise EcsError(f"{type(error).__name__}: {error}") from error

    async def _who_am_i(self) -> _Task:
        async with self._http.get(f"{self._metadata}/task", timeout=TIMEOUT) as answer:
            said = msgspec.json.decode(await whole(answer))
        self._task = _Task(
            cluster=said["Cluster"],
            arn=said["TaskARN"],
            service=said["ServiceName"],
            definition=f"{said['Family']}:{said['Revision']}",
            region=said["TaskARN"].split(":")[3],
        )
        return self._task

    async def _role(self) -> Credentials:
        now = datetime.now(UTC)
        if self._credentials is None or self._credentials[1] - now < _RENEW_BEFORE:
            url = self._credentials_host + self._credentials_path
            async with self._http.get(url, timeout=TIMEOUT) as answer:
                said = msgspec.json.decode(await whole(answer))
            role = Credentials(said["AccessKeyId"], said["SecretAccessKey"], said["Token"])
            self._credentials = role, datetime.fromisoformat(said["Expiration"].replace("Z", "+00:00"))
        return self._credentials[0]

    async def _ask(self, task: _Task, action: str, question: Mapping[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint or f"https://ecs.{task.region}.amazonaws.com"
        body = json.dumps(question).encode()
        headers = {
            "Host": urlsplit(endpoint).netloc,
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{_TARGET}.{action}",
        }
        proved = signed(headers, body, await self._role(), region=task.region, service="ecs", now=datetime.now(UTC))
        async with self._http.post(f"{endpoint}/", data=body, headers=proved, timeout=TIMEOUT) as answer:
            said: dict[str, Any] = msgspec.json.decode(await whole(answer))
            if answer.status != 200:
                raise EcsError(f"{action}: {answer.status} {said.get('message') or said.get('__type')}")
            return said
