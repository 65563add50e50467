"""Serves the page of running calls: a small JSON interface over the store."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from common.layout import is_id
from console.live import hand
from console.live.running import Running
from console.records.masking import mask_all
from console.web.told import told

PAGE: Final = Path(__file__).parent / "page"
_OVER: Final = "This call is over."


@dataclass(frozen=True, slots=True)
class Live:
    """`name`: of the store; `by`: the person who gives commands; without `acts` there are no commands, and nothing is
    written.
    """

    name: str
    running: Running
    by: str
    acts: bool = True
    clock: Callable[[], float] = time.time

    def routes(self) -> list[web.RouteDef]:
        """Routes below the page's own address."""
        call = "/api/calls/{call_sid}/{stream_sid}"
        return [
            web.get("/api/calls", told(self._calls)),
            web.get(call, told(self._call)),
            web.post(f"{call}/commands", told(self._command)),
        ]

    async def _calls(self, _: web.Request) -> web.StreamResponse:
        calls = await asyncio.to_thread(self.running.calls, self.clock())
        about = {"store": self.name, "by": self.by, "acts": self.acts, "now": self.clock()}
        return web.json_response({**about, "calls": mask_all(calls)})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        """A request counts as watching: the relay then reports every second, if the store is writable.

        A call that is over is not an error: its page may still be open.
        """
        call_sid, stream_sid = _ids(request)

        def asked() -> dict[str, Any] | None:
            found = self.running.call(call_sid, stream_sid, self.clock())
            if found and self.acts and not found["over"]:
                hand.watch(self.running.store, call_sid, stream_sid, self.clock())
            return found

        found = await asyncio.to_thread(asked)
        if found is None:
            return web.json_response({"gone": True})
        shown = found if request.query.get("numbers") == "whole" else mask_all(found)
        return web.json_response({**shown, "now": self.clock()})

    async def _command(self, request: web.Request) -> web.StreamResponse:
        if not self.acts:
            raise web.HTTPForbidden(text="This page is read-only.")
        call_sid, stream_sid = _ids(request)
        try:
            body = await request.json(loads=json.loads)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="Expected a JSON object.")

        def given() -> dict[str, Any] | None:
            found = self.running.call(call_sid, stream_sid, self.clock())
            if found is None or found["over"]:
                return None
            do, what = body.get("do"), body.get("what")
            return dict(hand.command(self.running.store, call_sid, stream_sid, do, what, by=self.by, now=self.clock()))

        wanted = await asyncio.to_thread(given)
        if wanted is None:
            raise web.HTTPNotFound(text=_OVER)
        return web.json_response({"id": wanted["id"]})


def _ids(request: web.Request) -> tuple[str, str]:
    call_sid, stream_sid = request.match_info["call_sid"], request.match_info["stream_sid"]
    if not is_id(call_sid) or not is_id(stream_sid):
        raise web.HTTPNotFound(text="This is not the id of a call.")
    return call_sid, stream_sid
