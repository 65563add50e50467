"""Both functions on one port beside the relay: `python -m functions.local`. For `make run`, the demo, one-box set-ups.

    PORT (8081) · HOST (127.0.0.1) · SWEEP_EVERY_SECONDS (60; 0: never) · and the settings of both functions

Needs no cloud library unless STORE names a cloud. SIGTERM and SIGINT end it once the requests under way are answered.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from aiohttp import web

from common.env import Env, SettingError
from functions.common import log
from functions.common.http import request as to_request
from functions.common.routes import serve
from functions.common.settings import log_level, store
from functions.common.store import StoreError
from functions.transfer.app import TransferApp
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings

# A connect request waits for seconds in its thread (D7), so there must be many; the webhooks need few.
_THREADS = 64
_LARGEST_BODY = 64 * 1024 * 1024
_BODY_PATIENCE = 60.0
# Also all the patience there is for a request's head. Longer than the relay keeps a connection in its pool, or now and
# then we would close one just as it sends the next event.
_IDLE_PATIENCE = 75.0


def application(environ: Mapping[str, str]) -> web.Application:
    """The aiohttp application. Raises SettingError."""
    env = Env(environ)
    bucket = store(env)
    webhook = WebhookApp(WebhookSettings.from_env(environ), bucket)
    transfer = TransferApp(TransferSettings.from_env(environ), bucket)
    sweep_every_s = env.number("SWEEP_EVERY_SECONDS", default=60, low=0, high=86_400)
    routes = {**webhook.routes, **transfer.routes}
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="functions")

    async def handle(incoming: web.Request) -> web.Response:
        headers = {"X-Forwarded-Proto": incoming.scheme, **incoming.headers}  # behind a proxy, the proxy's word counts
        try:
            async with asyncio.timeout(_BODY_PATIENCE):
                body = await incoming.read()
        except TimeoutError:
            return web.json_response({"status": "error", "error": "the body did not arrive"}, status=408)
        given = to_request(incoming.method, incoming.path, incoming.query_string, headers, body)
        response = await asyncio.get_running_loop().run_in_executor(pool, serve, routes, given)
        return web.Response(status=response.status, body=response.body, headers=response.headers)

    async def sweeping(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_sweep_for_ever(webhook, sweep_every_s, pool)) if sweep_every_s else None
        yield
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        pool.shutdown()

    app = web.Application(client_max_size=_LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    app.cleanup_ctx.append(sweeping)
    return app


async def _sweep_for_ever(webhook: WebhookApp, every_s: float, pool: ThreadPoolExecutor) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.get_running_loop().run_in_executor(pool, webhook.sweep)
        except StoreError as error:
            log.error("store_failed", str(error), path="sweep")
        except Exception:  # noqa: BLE001  # a bug must not end the sweeping for good
            log.error("internal_error", "the sweep failed", exc_info=True)


def main() -> int:
    """Serve until told to stop; 2 when a setting is wrong."""
    env = Env(os.environ)
    try:
        log.set_up(log_level(env))
        app = application(os.environ)
        port = env.integer("PORT", default=8081, low=1, high=65535)
    except SettingError as error:
        print(error, file=sys.stderr)  # noqa: T201  # one line for the person who started it
        return 2
    host = env.text("HOST", default="127.0.0.1")
    log.info("functions_started", f"webhook and transfer functions on http://{host}:{port}", port=port)
    web.run_app(app, host=host, port=port, print=None, access_log=None, keepalive_timeout=_IDLE_PATIENCE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
