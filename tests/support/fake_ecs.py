"""What a task of ECS can ask: its metadata, its role's credentials, ECS's API, and its own protection."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

ARN = "arn:aws:ecs:ap-south-1:123456789012:task/voice-bridge/0f9a"
DEFINITION = "arn:aws:ecs:ap-south-1:123456789012:task-definition/voice-bridge-relay"


class FakeEcs:
    """The task is of revision 7; `newest` is the revision that its service runs."""

    def __init__(self) -> None:
        self.url = ""
        self.newest = f"{DEFINITION}:7"
        self.protected: list[bool] = []
        self.running = 2
        self.desired_status = "RUNNING"
        self.refuses = False
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v4/0f9a/task", self.task)
        app.router.add_get("/v2/credentials/x", self.credentials)
        app.router.add_post("/", self.api)
        app.router.add_put("/agent/task-protection/v1/state", self.protect)
        return app

    async def task(self, _: web.Request) -> web.Response:
        said = {"Cluster": "voice-bridge", "TaskARN": ARN, "ServiceName": "relay"}
        return web.json_response(said | {"Family": "voice-bridge-relay", "Revision": "7"})

    async def credentials(self, _: web.Request) -> web.Response:
        said = {"AccessKeyId": "AKID", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
        return web.json_response(said)

    async def api(self, request: web.Request) -> web.Response:
        action = request.headers["X-Amz-Target"].rpartition(".")[2]
        self.asked.append((action, await request.json()))
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
        if self.refuses:
            return web.json_response({"__type": "AccessDeniedException", "message": "no"}, status=400)
        if action == "DescribeTasks":
            return web.json_response({"tasks": [{"taskArn": ARN, "desiredStatus": self.desired_status}]})
        old = {"status": "ACTIVE", "taskDefinition": f"{DEFINITION}:6", "runningCount": 1, "desiredCount": 0}
        newest = {"status": "PRIMARY", "taskDefinition": self.newest, "runningCount": self.running, "desiredCount": 2}
        return web.Response(text=json.dumps({"services": [{"deployments": [old, newest]}]}))

    async def protect(self, request: web.Request) -> web.Response:
        enabled = (await request.json())["ProtectionEnabled"]
        self.protected.append(enabled)
        return web.json_response({"protection": {"ProtectionEnabled": enabled}})


def environment(url: str) -> Mapping[str, str]:
    """What ECS sets in a task, for a FakeEcs at `url`."""
    return {
        "ECS_CONTAINER_METADATA_URI_V4": f"{url}/v4/0f9a",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x",
        "ECS_CREDENTIALS_HOST": url,
        "AWS_ENDPOINT_URL": url,
    }
