"""The planner's page: sliders for the same calculation as the command's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

PAGE: Final = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class PlanPage:
    """`plan`: values of a query → the object of `--json`; raises ValueError for a load that can't be planned."""

    plan: Callable[[Mapping[str, str]], Mapping[str, object]]

    def routes(self) -> list[web.RouteDef]:
        """Routes below the page's own address."""
        return [web.get("/api/plan", self._planned)]

    async def _planned(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(self.plan(dict(request.query)))
        except ValueError as problem:
            raise web.HTTPBadRequest(text=str(problem)) from None
