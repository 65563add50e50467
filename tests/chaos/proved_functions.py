"""`python -m tests.chaos.proved_functions PORT FOLDER`: the functions behind a door that proves every request.

For schemathesis, which knows the OpenAPI description but no secret: whatever it makes up is signed and given the token
here, so that it reaches what lies behind the signature.
"""

import sys

from aiohttp import web

from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, sign
from functions.common.http import request as to_request
from functions.common.routes import serve
from functions.common.store.folder import FolderStore
from functions.transfer.app import TransferApp
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings
from tests.support import calls


def application(folder: str) -> web.Application:
    store = FolderStore(folder)
    environment = {**calls.ENVIRONMENT, "TRANSFER_WAIT_SECONDS": "0"}
    transfer = TransferApp(TransferSettings.from_env(environment), store)
    routes = {**WebhookApp(WebhookSettings.from_env(environment), store).routes, **transfer.routes}

    async def handle(incoming: web.Request) -> web.Response:
        body = await incoming.read()
        headers = {
            **incoming.headers,
            RELAY_HEADER: sign(body, calls.EVENTS_SECRET),
            ELEVENLABS_HEADER: sign(body, calls.WEBHOOK_SECRET),
        }
        query = f"{incoming.query_string}&token={calls.TOKEN}"
        answer = serve(routes, to_request(incoming.method, incoming.path, query, headers, body))
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


if __name__ == "__main__":
    web.run_app(application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
