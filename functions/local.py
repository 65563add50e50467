"""Both functions on one port beside the relay: `python -m functions.local`. For `make run`, the demo and single
machines.

PORT (8081) · HOST (127.0.0.1) · SWEEP_EVERY_SECONDS (60; 0: never) · and the settings of both functions

Needs no cloud library unless STORE names a cloud. SIGTERM, SIGINT and SIGHUP stop it once the requests in progress are
answered.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from aiohttp import web

from common.env import Env, SettingError
from common.listening import unusable
from common.proxy import check as check_proxies
from functions.common import log
from functions.common.door import Door, refusal, too_large
from functions.common.http import Request, Response, answer
from functions.common.http import request as to_request
from functions.common.routes import serve
from functions.common.settings import log_level, store
from functions.common.store import StoreError
from functions.common.tracing import RequestTracing
from functions.common.tracing import set_up as set_up_tracing
from functions.transfer.app import TransferApp
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings

# A connect request waits for seconds in its thread (D7), so there must be many. Webhooks need few threads, and have
# their own: a flood of webhooks must not delay a caller.
_EXOTEL_THREADS = 128
_WEBHOOK_THREADS = 4
_HELD_BYTES = 64 * 1024 * 1024  # bytes of all bodies together
_BODY_PATIENCE = 30.0
# Also the time limit for a request's head. Longer than the relay keeps an idle connection in its pool; otherwise we
# would sometimes close one just as it sends the next event.
_IDLE_PATIENCE = 75.0
_SHUTDOWN_PATIENCE = 35.0  # as long as the relay waits for an answer
_LINGER = 2.0


class _Bodies:
    """Reads bodies, each up to its door's limit, all together up to _HELD_BYTES of what has actually arrived."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, incoming: web.Request, door: Door) -> bytes | Response:
        """The body, or the reason why it was not read to its end. Release it with `done`."""
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_PATIENCE):
                async for chunk in incoming.content.iter_any():
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > door.largest:
                        return self._dropped(body, too_large(door))
                    if self._held > _HELD_BYTES:
                        refused = answer(503, {"status": "error", "error": "too much at once, try again"})
                        return self._dropped(body, refused)
        except TimeoutError:
            late = answer(408, {"status": "error", "error": f"expected the body within {_BODY_PATIENCE:g} s"})
            return self._dropped(body, late)
        except BaseException:
            self.done(body)
            raise
        return bytes(body)

    def done(self, body: bytes | bytearray) -> None:
        """Release a body."""
        self._held -= len(body)

    def _dropped(self, body: bytearray, refused: Response) -> Response:
        self.done(body)
        return refused


class _Server:
    """Both apps behind one port."""

    def __init__(self, webhook: WebhookApp, transfer: TransferApp, tracing: RequestTracing | None) -> None:
        self._tracing = tracing
        self._routes = {**webhook.routes, **transfer.routes}
        self._doors = {**webhook.doors, **transfer.doors}
        self._bodies = _Bodies()
        self.webhook_pool = ThreadPoolExecutor(_WEBHOOK_THREADS, thread_name_prefix="webhook")
        self._exotel_pool = ThreadPoolExecutor(_EXOTEL_THREADS, thread_name_prefix="exotel")
        self._pools = {
            **dict.fromkeys(webhook.routes, self.webhook_pool),
            **dict.fromkeys(transfer.routes, self._exotel_pool),
        }

    async def handle(self, incoming: web.Request) -> web.Response:
        headers = {"X-Forwarded-Proto": incoming.scheme, **incoming.headers}  # a proxy's header wins
        head = to_request(incoming.method, incoming.path, incoming.query_string, headers)
        door = self._doors.get((head.method, head.path))
        if door is None:
            return _unread(incoming, serve(self._routes, head))
        if refused := refusal(self._doors, head):
            return _unread(incoming, refused)
        body = await self._bodies.read(incoming, door)
        if isinstance(body, Response):
            return _unread(incoming, body)
        given = Request(head.method, head.path, head.query, head.headers, body)
        try:
            pool = self._pools[head.method, head.path]
            response = await asyncio.get_running_loop().run_in_executor(pool, serve, self._routes, given, self._tracing)
        finally:
            self._bodies.done(body)
        return web.Response(status=response.status, body=response.body, headers=response.headers)

    def close(self) -> None:
        for pool in (self.webhook_pool, self._exotel_pool):
            pool.shutdown()
        if self._tracing is not None:
            self._tracing.close()


def application(environ: Mapping[str, str]) -> web.Application:
    """The aiohttp application for `runner`. Raises SettingError."""
    env = Env(environ)
    bucket = store(env)
    webhook = WebhookApp(WebhookSettings.from_env(environ), bucket)
    transfer = TransferApp(TransferSettings.from_env(environ), bucket)
    sweep_every_s = env.number("SWEEP_EVERY_SECONDS", default=60, low=0, high=86_400)
    check_proxies(environ)
    server = _Server(webhook, transfer, set_up_tracing(environ, frozen=False))

    async def sweeping(_: web.Application) -> AsyncIterator[None]:
        pool = server.webhook_pool
        task = asyncio.create_task(_sweep_for_ever(webhook, sweep_every_s, pool)) if sweep_every_s else None
        yield
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        server.close()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    app.cleanup_ctx.append(sweeping)
    return app


def runner(app: web.Application) -> web.AppRunner:
    """Serves `app` with bodies as they came: nothing is unpacked before the signature is checked."""
    return web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=_IDLE_PATIENCE,
        lingering_time=_LINGER,
        shutdown_timeout=_SHUTDOWN_PATIENCE,
    )


def _unread(incoming: web.Request, refused: Response) -> web.Response:
    """Close the connection after a refusal whose body was not read."""
    response = web.Response(status=refused.status, body=refused.body, headers=refused.headers)
    if incoming.can_read_body:
        response.force_close()
    return response


async def _sweep_for_ever(webhook: WebhookApp, every_s: float, pool: ThreadPoolExecutor) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.get_running_loop().run_in_executor(pool, webhook.sweep)
        except StoreError as error:
            log.error("store_failed", str(error), path="sweep")
        except Exception:  # noqa: BLE001  # a bug must not stop all later sweeps
            log.error("internal_error", "the sweep failed", exc_info=True)


async def _serve(app: web.Application, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = runner(app)
    await serving.setup()
    try:
        await web.TCPSite(serving, host, port).start()
    except OSError as error:
        await serving.cleanup()
        raise unusable(error, host, port) from error
    log.info("functions_started", f"webhook and transfer functions on http://{host}:{port}", port=port)
    await stop.wait()
    await serving.cleanup()


def main() -> int:
    """Serve until a signal arrives. Returns 2 if a setting is wrong."""
    env = Env(os.environ)
    try:
        log.set_up(log_level(env), queued=True)
        app = application(os.environ)
        port = env.integer("PORT", default=8081, low=1, high=65535)
        asyncio.run(_serve(app, env.text("HOST", default="127.0.0.1"), port))
    except SettingError as error:
        print(error, file=sys.stderr)  # noqa: T201  # one line for the person who started it
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
