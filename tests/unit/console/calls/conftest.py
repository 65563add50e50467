from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from sim.serving import serving


@pytest.fixture
def aiohttp_client_of():
    """Serve routes, and ask them for JSON."""

    @asynccontextmanager
    async def served(routes):
        app = web.Application()
        app.add_routes(routes)
        async with serving(app) as base, aiohttp.ClientSession() as session:

            async def ask(path):
                async with session.get(f"{base}{path}") as response:
                    assert response.status == 200, await response.text()
                    return await response.json()

            yield ask

    return served
