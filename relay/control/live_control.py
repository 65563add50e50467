"""Control of this relay's calls over HTTP: authorise, parse, find the calls, apply, record (D10).

The actions are a table (relay.control.actions). Calls on any other relay are controlled by commands (docs/live.md).
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from common.credentials import bearer_matches
from relay.control.actions import ACTIONS, Action, NotDoneError
from relay.server import REQUEST_PATIENCE

if TYPE_CHECKING:
    from relay.call.call import Call

_BY: Final = "an operator"


class LiveControl:
    """`calls`: those of this relay, by call_sid. Without a `token` control is off."""

    def __init__(self, token: str, calls: "Mapping[str, Call]") -> None:
        self._token = token
        self._calls = calls

    def routes(self) -> list[web.RouteDef]:
        """A route for each action with a path: GET shows the value, POST does it to one call or to all."""
        return [route for action in ACTIONS if action.path for route in self._routes_of(action)]

    def _routes_of(self, action: Action) -> list[web.RouteDef]:
        async def show(request: web.Request) -> web.Response:
            return self._refused(request) or self._show(action)

        async def act(request: web.Request) -> web.Response:
            return self._refused(request) or await self._act(action, request)

        return [web.get(action.path, show), web.post(action.path, act)]

    def _refused(self, request: web.Request) -> web.Response | None:
        if not self._token:
            return _error(403, "control is off: set CONTROL_TOKEN")
        if not bearer_matches(request.headers.get("Authorization"), self._token):
            return web.json_response({"error": "unauthorized"}, status=401, headers={"WWW-Authenticate": "Bearer"})
        return None

    def _show(self, action: Action) -> web.Response:
        states = {call_sid: action.state(call) for call_sid, call in self._calls.items()}
        return web.json_response({"active_calls": len(states), "calls": states})

    async def _act(self, action: Action, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(REQUEST_PATIENCE):
                body = await request.json(loads=json.loads)
            apply = action.parse(body if isinstance(body, dict) else {}, _BY)
        except TimeoutError:
            return _error(408, f"expected the body within {REQUEST_PATIENCE:g} s")
        except (ValueError, RecursionError) as error:
            return _error(400, f"expected a JSON object: {error}")
        call_sid = body.get("call_sid")
        if call_sid is not None and not isinstance(call_sid, str):
            return _error(400, "call_sid: expected a string")
        if call_sid is not None and call_sid not in self._calls:
            return _error(404, "no such call on this relay")
        chosen = [self._calls[call_sid]] if call_sid is not None else list(self._calls.values())
        for call in chosen:
            with suppress(NotDoneError):  # the request was for all calls, and some have nothing to change
                await apply(call)
            call.log.happened("control", f"an operator changed the {action.name}", action=action.name)
        return web.json_response({"updated_calls": len(chosen)})


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
