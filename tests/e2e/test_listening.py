"""A HOST or PORT that can't be used stops every server of ours with one line that names it."""

import asyncio
import os
import socket
import sys
from contextlib import closing

import pytest

from tests.support import calls
from tests.support.processes import BARE

SERVERS = {
    "relay": {"ELEVENLABS_AGENT_ID": "agent_0", "MEDIA_OPEN": "1"},
    "functions.local": {**calls.ENVIRONMENT, "SWEEP_EVERY_SECONDS": "0"},
}


async def started(module, environ, folder):
    """Exit status and standard error of a server that can't start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env={**BARE, **SERVERS[module], "STORE": f"file:{folder}", **environ},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    return process.returncode, errors.decode().splitlines()


@pytest.mark.parametrize("module", SERVERS)
async def test_a_taken_port_is_named(module, tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        status, lines = await started(module, {"HOST": "127.0.0.1", "PORT": str(port)}, tmp_path)
    assert (status, len(lines)) == (2, 1)
    assert f"PORT='{port}': expected a free port: another process listens on 127.0.0.1:{port}" in lines[0]


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
@pytest.mark.parametrize("module", SERVERS)
async def test_a_host_that_is_not_ours_is_named(module, host, tmp_path):
    status, lines = await started(module, {"HOST": host, "PORT": "8099"}, tmp_path)
    assert (status, len(lines)) == (2, 1)
    assert f"HOST='{host}': expected an address of this machine" in lines[0]


@pytest.mark.parametrize("module", SERVERS)
async def test_a_proxy_that_cannot_be_used_is_named(module, tmp_path):
    environ = {"HOST": "127.0.0.1", "PORT": "8099", "HTTPS_PROXY": "socks5://me:hunter2@proxy:1080"}
    status, lines = await started(module, environ, tmp_path)
    assert (status, len(lines)) == (2, 1)
    assert "HTTPS_PROXY=(hidden): expected the http:// URL of a proxy" in lines[0]
    assert "hunter2" not in os.linesep.join(lines)
