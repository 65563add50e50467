"""Debian's Firefox, driven by WebDriver BiDi over a socket: Playwright drives only builds of its own."""

import asyncio
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from sim.processes import free_port

FIREFOX = "/usr/bin/firefox-esr"
DOWN = "\ue015"
_START_S, _ANSWER_S = 60.0, 30.0

needs_firefox = pytest.mark.skipif(
    not shutil.which(FIREFOX) and not os.environ.get("CI"),
    reason="NOT TESTED: the console's pages in Firefox (make tools-console installs it where it may)",
)
"""In CI a missing browser is a failure, elsewhere a loud skip."""


class Firefox:
    """One tab. Commands and their answers go one at a time; events are left out."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._tab = ""

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Its result. Raises AssertionError with what the browser says."""
        number = next(self._ids)
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(_ANSWER_S):
            while True:
                answer = json.loads(await self._socket.receive_str())
                if answer.get("id") == number:
                    assert answer["type"] == "success", answer
                    return dict(answer["result"])

    async def begin(self) -> None:
        await self.command("session.new", capabilities={})
        tree = await self.command("browsingContext.getTree")
        self._tab = tree["contexts"][0]["context"]

    async def goto(self, url: str) -> None:
        await self.command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def back(self) -> None:
        await self.command("browsingContext.traverseHistory", context=self._tab, delta=-1)

    async def value(self, expression: str) -> Any:
        """A string, number or boolean of the page's."""
        found = await self.command(
            "script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=True
        )
        assert found["type"] == "success", found
        return found["result"].get("value")

    async def holds(self, expression: str, timeout_s: float = 20.0) -> None:
        """Wait until it is true in the page."""
        async with asyncio.timeout(timeout_s):
            while not await self.value(f"Boolean({expression})"):  # noqa: ASYNC110 - the event is in another process
                await asyncio.sleep(0.02)

    async def type(self, keys: str) -> None:
        """Keys as a person presses them, one after another."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        await self.command("input.performActions", context=self._tab, actions=[source])


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """A browser of its own, with an empty profile; ended by its id."""
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(FIREFOX, "--headless", "--no-remote", "--profile", profile, f"--remote-debugging-port={port}"),
            env={**os.environ, "HOME": profile, "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as http, await _connected(http, port) as socket:
                browser = Firefox(socket)
                await browser.begin()
                yield browser
        finally:
            process.terminate()
            await process.wait()


async def _connected(http: aiohttp.ClientSession, port: int) -> "aiohttp.ClientWebSocketResponse[bool]":
    async with asyncio.timeout(_START_S):
        while True:
            try:
                return await http.ws_connect(f"ws://127.0.0.1:{port}/session", max_msg_size=0)
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
