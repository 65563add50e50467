"""Answers errors of a page's request, or of the store, with a sentence instead of a stack trace."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from functions.common.store import StoreError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def told(handler: Handler) -> Handler:
    """`handler`, with a ValueError as a 400 and a StoreError as a 502."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as problem:
            raise web.HTTPBadRequest(text=str(problem)) from None
        except StoreError as problem:
            raise web.HTTPBadGateway(text=str(problem)) from None

    return answered
