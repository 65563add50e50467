"""What a relay asks of ECS: signed as AWS wants it, and understood."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from relay.aws.ecs import Ecs, EcsError, Standing
from relay.aws.signature import Credentials, signed
from tests.support.fake_ecs import ARN, DEFINITION, FakeEcs, environment


@pytest.mark.parametrize("token", ["", "a-session-token"])
def test_the_signature_is_that_of_awss_own_library(monkeypatch: pytest.MonkeyPatch, token: str):
    now = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)

    class At(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: now, raising=False)
    monkeypatch.setattr("botocore.compat.get_current_datetime", lambda *_, **__: now, raising=False)
    body = b'{"cluster": "voice-bridge"}'
    headers = {"Host": "ecs.ap-south-1.amazonaws.com", "X-Amz-Target": "X.DescribeTasks", "Content-Type": "a/b"}
    request = AWSRequest("POST", "https://ecs.ap-south-1.amazonaws.com/", headers=headers, data=body)
    SigV4Auth(BotocoreCredentials("AKIDEXAMPLE", "secret", token or None), "ecs", "ap-south-1").add_auth(request)
    at = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    credentials = Credentials("AKIDEXAMPLE", "secret", token)
    proved = signed(headers, body, credentials, region="ap-south-1", service="ecs", now=at)
    assert proved["Authorization"] == request.headers["Authorization"]


@asynccontextmanager
async def asking(cloud: FakeEcs) -> AsyncIterator[Ecs]:
    async with TestServer(cloud.app()) as server, aiohttp.ClientSession() as http:
        yield Ecs(http, environment(str(server.make_url("/")).rstrip("/")))


@pytest.mark.parametrize(
    ("newest", "running", "status", "standing"),
    [
        ("7", 2, "RUNNING", Standing(superseded=False, leaving=False)),
        ("8", 2, "RUNNING", Standing(superseded=True, leaving=False)),
        ("8", 1, "RUNNING", Standing(superseded=False, leaving=False)),  # of two new tasks one runs: nobody may go yet
        ("7", 2, "STOPPED", Standing(superseded=False, leaving=True)),
    ],
)
async def test_standing_of_a_task_from_what_ecs_reports(newest: str, running: int, status: str, standing: Standing):
    cloud = FakeEcs()
    cloud.newest, cloud.running, cloud.desired_status = f"{DEFINITION}:{newest}", running, status
    async with asking(cloud) as ecs:
        assert ecs.there
        assert await ecs.standing() == standing
    assert cloud.asked == [
        ("DescribeServices", {"cluster": "voice-bridge", "services": ["relay"]}),
        ("DescribeTasks", {"cluster": "voice-bridge", "tasks": [ARN]}),
    ]


async def test_what_ecs_refuses_is_said():
    cloud = FakeEcs()
    cloud.refuses = True
    async with asking(cloud) as ecs:
        with pytest.raises(EcsError, match="DescribeServices: 400 no"):
            await ecs.standing()


async def test_outside_ecs_nothing_is_asked():
    async with aiohttp.ClientSession() as http:
        assert not Ecs(http, {}).there
