"""Serves the explorer's page: a small JSON interface over the index and, for a single call, over the store."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from common.layout import is_id
from common.phone import mask
from console.calls.choices import choices
from console.calls.comparison import Pivot, compared
from console.calls.costing import Costing
from console.calls.export import comma_separated, json_lines
from console.calls.figures import overview
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.search import Filter, Order, page
from console.calls.sending import FORMATS
from console.calls.sound import SUFFIXES, Sounds, is_unfinished, waveform
from console.calls.source import Source
from console.calls.trends import trends
from console.calls.view import begins_ms, view
from console.web.told import told

PAGE: Final = Path(__file__).parent / "page"
REFRESH_S: Final = 15.0
RESTS: Final = 5.0  # wait this many times the length of a refresh, so that a large bucket is not listed all the time


@dataclass(frozen=True, slots=True)
class Explorer:
    """One store, its index, and the page's requests for both. Work is done in threads, so that nothing blocks."""

    source: Source
    index: Index
    refresh: Refresh
    sounds: Sounds
    costing: Costing = field(default_factory=Costing)
    published: bool = False
    """For a team: all phone numbers are masked, and a request can't start a refresh."""

    def routes(self) -> list[web.RouteDef]:
        """Routes below the page's own address."""
        call = "/api/calls/{call_sid}"
        return [
            web.get("/api/status", self._status),
            web.post("/api/refresh", self._refresh),
            web.get("/api/calls", told(self._calls)),
            web.get("/api/overview", told(self._overview)),
            web.get("/api/trends", told(self._trends)),
            web.get("/api/export.{kind:jsonl|csv}", told(self._export)),
            web.get(call, told(self._call)),
            web.get(f"{call}/sent.{{kind:{'|'.join(FORMATS)}}}", told(self._sent)),
            web.get(f"{call}/waveform", told(self._waveform)),
            web.get(f"{call}/sound", told(self._sound)),
        ]

    async def keep_fresh(self) -> None:
        """Follow the store while the page is served."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.to_thread(self.refresh.run)
            await asyncio.to_thread(self._follow)
            await asyncio.sleep(max(REFRESH_S, RESTS * (loop.time() - began)))

    def _follow(self) -> None:
        """Read the columns before anybody asks for figures: a hundred thousand new rows take half a second."""
        with contextlib.suppress(sqlite3.Error), self.index.reading() as connection:  # the refresh reports it
            self.index.columns(connection)

    async def _status(self, _: web.Request) -> web.StreamResponse:
        def asked() -> dict[str, Any]:
            with self.index.reading() as connection:
                offered = choices(connection, self.index.columns(connection))
                found = {"store": self.source.name, **self.refresh.status(), **offered}
            # in outgoing calls the called number belongs to a person
            return {**found, "store": "", "called": [], "published": True} if self.published else found

        return web.json_response(await asyncio.to_thread(asked))

    async def _refresh(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"read": await asyncio.to_thread(self.refresh.run)})

    async def _calls(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        wanted = Filter.parse(query)
        order = Order(query.get("order", Order.NEWEST))
        cursor = query.get("cursor", "")

        def asked() -> dict[str, Any]:
            with self.index.reading() as connection:
                found = page(connection, wanted, order, cursor)
                if cursor:
                    return found
                return {**found, "total": int(self.index.columns(connection).of(connection, wanted).sum())}

        return web.json_response(await asyncio.to_thread(asked))

    async def _overview(self, request: web.Request) -> web.StreamResponse:
        wanted = Filter.parse(dict(request.query))

        def asked() -> dict[str, Any]:
            with self.index.reading() as connection:
                columns = self.index.columns(connection)
                found = overview(connection, columns, wanted, date.today())
            shares = self.costing.shares(columns, date.today())
            if self.published:
                found["groups"]["called"] = [[mask(value), *counts] for value, *counts in found["groups"]["called"]]
            priced = {name: self.costing.of_period(found[name], shares) for name in ("now", "before")}
            return {**found, **priced, "money": self._money(shares is not None)}

        return web.json_response(await asyncio.to_thread(asked))

    async def _trends(self, request: web.Request) -> web.StreamResponse:
        wanted = Filter.parse(dict(request.query))
        pivot = Pivot.parse(dict(request.query))

        def asked() -> dict[str, Any]:
            with self.index.reading() as connection:
                columns = self.index.columns(connection)
                found = trends(connection, columns, wanted)
                comparison = compared(connection, columns, wanted, found["days"], pivot)
            shares = self.costing.shares(columns, date.today())
            sides = comparison["sides"]
            comparison["sides"] = {name: self.costing.of_period(side, shares) for name, side in sides.items()}
            money = self._money(shares is not None)
            return {**found, "today": date.today().isoformat(), "comparison": comparison, "money": money}

        return web.json_response(await asyncio.to_thread(asked))

    async def _call(self, request: web.Request) -> web.StreamResponse:
        call_sid = _call_sid(request)
        numbers = request.query.get("numbers") == "whole" and not self.published
        found = await asyncio.to_thread(self._view, call_sid, numbers=numbers)
        if found is None:
            raise web.HTTPNotFound(text="There is no such call in this store.")
        return web.json_response(found)

    def _view(self, call_sid: str, *, numbers: bool) -> dict[str, Any] | None:
        found = view(self.source, call_sid, numbers=numbers)
        if found is None:
            return None
        with self.index.reading() as connection:
            shares = self.costing.shares(self.index.columns(connection), date.today())
        return {**found, "cost": self.costing.of_call(found["record"], shares) if found["record"] else None}

    def _money(self, with_infrastructure: bool) -> dict[str, Any]:
        """The currency of the sums, and whether they include functions and relay."""
        return {"currency": self.costing.prices.currency.code, "infrastructure": with_infrastructure}

    async def _sent(self, request: web.Request) -> web.StreamResponse:
        """The call as a file to share; numbers are masked even if the page shows them."""
        call_sid, kind = _call_sid(request), request.match_info["kind"]
        found = await asyncio.to_thread(view, self.source, call_sid, numbers=False)
        if found is None:
            raise web.HTTPNotFound(text="There is no such call in this store.")
        content_type, made = FORMATS[kind]
        sound = await asyncio.to_thread(self.sounds.file, call_sid) if kind == "html" else None
        body = await asyncio.to_thread(made, found, sound)
        disposition = {"Content-Disposition": f'attachment; filename="call-{call_sid}.{kind}"'}
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=disposition)

    async def _waveform(self, request: web.Request) -> web.StreamResponse:
        path = await asyncio.to_thread(self.sounds.file, _call_sid(request))
        if path is None:
            return web.json_response({"channels": []})
        found = await asyncio.to_thread(waveform, path)
        found["offset_ms"] = await asyncio.to_thread(begins_ms, self.source, _call_sid(request), path.suffix)
        found["so_far"] = is_unfinished(path)
        return web.json_response(found)

    async def _sound(self, request: web.Request) -> web.StreamResponse:
        path = await asyncio.to_thread(self.sounds.file, _call_sid(request))
        if path is None:
            raise web.HTTPNotFound(text="There is no sound of this call.")
        return web.FileResponse(path, headers={"Content-Type": SUFFIXES[path.suffix]})

    async def _export(self, request: web.Request) -> web.StreamResponse:
        wanted = Filter.parse(dict(request.query))
        kind = request.match_info["kind"]
        name = f"calls-{datetime.now():%Y%m%d-%H%M}.{kind}"
        response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{name}"'})
        response.content_type = "text/csv" if kind == "csv" else "application/x-ndjson"
        await response.prepare(request)
        with self.index.reading() as connection:
            lines = (comma_separated if kind == "csv" else json_lines)(connection, self.source, wanted)
            while chunk := await asyncio.to_thread(_next_lines, lines):
                await response.write(chunk)
        await response.write_eof()
        return response


def _next_lines(lines: Iterator[bytes], size: int = 100) -> bytes:
    return b"".join(line for _, line in zip(range(size), lines, strict=False))


def _call_sid(request: web.Request) -> str:
    call_sid = request.match_info["call_sid"]
    if not is_id(call_sid):
        raise web.HTTPNotFound(text="This is not the id of a call.")
    return call_sid
