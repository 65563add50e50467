"""How often the functions' own server sweeps when nobody sets it: in the cloud a timer does it."""

import asyncio

from functions import local
from functions.webhook.app import WebhookApp
from tests.support import calls
from tests.support.virtual import virtual


@virtual
async def test_it_sweeps_once_a_minute(tmp_path, monkeypatch):
    clock, swept = asyncio.get_running_loop().time, []
    monkeypatch.setattr(WebhookApp, "sweep", lambda _: swept.append(clock()))
    serving = local.runner(local.application({**calls.ENVIRONMENT, "STORE": f"file:{tmp_path}"}))
    await serving.setup()
    await asyncio.sleep(200)
    await serving.cleanup()
    assert swept == [60, 120, 180]
