"""The planner's page: sliders over the same arithmetic as the command's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

PAGE: Final = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class PlanPage:
    """`plan`: a query's values → the object of `--json`; raises ValueError for a load that can't be planned."""

    plan: Callable[[Mapping[str, str]], Mapping[str, object]]

    def routes(self) -> list[web.RouteDef]:
        """Below the page's own address."""
        return [web.get("/api/plan", self._planned)]

    async def _planned(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(self.plan(dict(request.query)))
        except ValueError as problem:
            raise web.HTTPBadRequest(text=str(problem)) from None
