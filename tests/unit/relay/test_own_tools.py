"""HTTP tools of one's own: what AGENTS_FILE may say of them, and what becomes of the parameters and the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from common.env import SettingError
from relay.agents.own_tools import read_own_tools
from relay.agents.tool_descriptions import ALL_TOOLS, describe
from relay.call.http_tools import HttpTool
from relay.call.tools import ToolResult
from relay.outgoing import outgoing
from relay.resolver import PrivateAddressError, PublicOnly
from sim.serving import serving
from tests.support.virtual import virtual

NUMBER = {"type": "object", "properties": {"number": {"type": "string"}, "detail": {}}, "required": ["number"]}
TOOL = {"description": "Look it up.", "url": "https://shop.example/orders/{number}", "parameters": NUMBER}
IN_PATH = ".url to have {parameters} in its path only: the host must not depend on what was said"


def read(**changes: Any):
    return read_own_tools("agents.toml", "day", {"order_status": {**TOOL, **changes}})["order_status"]


def test_a_model_is_offered_it_beside_the_relays_own_tools():
    tool = read(waiting="One moment.")
    *relays, own = describe(ALL_TOOLS, own=[tool.describe("order_status")])
    assert len(relays) == len(ALL_TOOLS)
    assert own == {
        "name": "order_status",
        "description": 'Look it up. Before you call it, say: "One moment."',
        "parameters": NUMBER,
    }


@pytest.mark.parametrize("waiting", ["sounds/hold.wav", "sounds/hold.FLAC", "typing"])
def test_a_sound_is_nothing_for_the_model_to_say(waiting):
    tool = read(waiting=waiting)
    assert tool.sound == waiting
    assert tool.describe("order_status")["description"] == "Look it up."
    assert read(waiting="One moment.").sound == ""


def test_a_tool_without_parameters_takes_none():
    assert read(url="https://shop.example/", parameters={}).describe("x")["parameters"] == {
        "type": "object",
        "properties": {},
    }


@pytest.mark.parametrize(("method", "attempts"), [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_only_what_does_no_harm_twice_is_tried_twice(method, attempts):
    assert read(method=method).attempts == attempts
    assert read(method=method, retries=3).attempts == 4


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": "ftp://shop.example/{number}"}, ".url to be an https:// or http:// address"),
        ({"url": "https:///{number}"}, ".url to be an https:// or http:// address"),
        ({"url": "https://{number}.example/"}, IN_PATH),
        ({"url": "https://shop.example/?q={number}"}, IN_PATH),
        (
            {"url": "http://127.0.0.1/{number}"},
            ".url to have a public host, not 127.0.0.1, unless private = true allows it",
        ),
        ({"url": "http://[::1]/{number}"}, ".url to have a public host, not ::1, unless private = true allows it"),
        (
            {"url": "http://169.254.169.254/{number}"},
            ".url to have a public host, not 169.254.169.254, unless private = true allows it",
        ),
        (
            {"url": "http://10.1.2.3/{number}"},
            ".url to have a public host, not 10.1.2.3, unless private = true allows it",
        ),
        (
            {"url": "http://metadata.google.internal/{number}"},
            ".url to have a public host, not metadata.google.internal, unless private = true allows it",
        ),
        (
            {"url": "http://localhost:80/{number}"},
            ".url to have a public host, not localhost, unless private = true allows it",
        ),
        ({"parameters": {"type": "array"}}, ".parameters to be a JSON Schema of type object with properties"),
        ({"parameters": {"required": ["x"]}}, ".parameters.required to name properties: there is none"),
        ({"parameters": {"properties": []}}, ".parameters to be a JSON Schema of type object with properties"),
        ({"parameters": {"required": "x"}}, ".parameters.required to name properties: there is none"),
        (
            {"parameters": {"properties": {"a": {}, "b": {}}, "required": ["c"]}},
            ".parameters.required to name properties: a, b",
        ),
        ({"parameters": {"properties": {"number": {}}}}, ".parameters.required to name what is in the url: number"),
        ({"method": "BREW"}, ".method: Invalid enum value 'BREW'"),
        ({"timeout_seconds": 60}, ".timeout_seconds: Expected `float` <= 30.0"),
        ({"retries": 9}, ".retries: Expected `int` <= 3"),
        ({"colour": "red"}, ": Object contains unknown field `colour`"),
        ({"description": None}, ".description: Expected `str`, got `null`"),
    ],
)
def test_what_can_not_be_used_stops_the_start(changes, problem):
    with pytest.raises(SettingError) as refused:
        read(**changes)
    assert str(refused.value) == f"AGENTS_FILE='agents.toml': expected agents.day.tools.order_status{problem}"


@pytest.mark.parametrize("name", ["transfer_to_human", "end_call", "order status", "", "1st", "x" * 65])
def test_names_that_are_taken_or_that_vendors_refuse(name):
    expected = "to have a name of letters, digits, - and _ that is none of the relay's own tools"
    with pytest.raises(SettingError, match=rf"expected agents\.day\.tools\.{name} {expected}$"):
        read_own_tools("agents.toml", "day", {name: TOOL})


def test_a_private_host_that_is_allowed_by_name():
    assert read(url="http://10.1.2.3/{number}", private=True).private


def test_headers_take_secrets_from_the_environment():
    tool = read(headers={"Authorization": "Bearer ${SHOP_TOKEN}"})
    assert tool.filled_headers({"SHOP_TOKEN": "s3cret"}) == {"Authorization": "Bearer s3cret"}
    with pytest.raises(SettingError, match="^SHOP_TOKEN is not set: expected what a header of a tool needs$"):
        tool.filled_headers({})


# --- asking ---


@dataclass
class Shop:
    """A server of the user's. `answers`: (status, body, after_s), one a request; the last one stays."""

    answers: list[tuple[int, str, float]] = field(default_factory=lambda: [(200, "shipped", 0.0)])
    asked: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        self.asked.append((request.method, str(request.rel_url), dict(request.headers), body))
        status, text, after_s = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(after_s)
        headers = {"Location": "https://elsewhere.example/"} if 300 <= status < 400 else {}
        return web.Response(status=status, text=text, headers=headers)


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    place = Shop()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", place.answer)
    async with serving(app) as place.url:
        yield place


async def ask(place: Shop, parameters: dict[str, Any], **changes: Any) -> ToolResult:
    tool = read(**{"url": f"{place.url}/orders/{{number}}", "private": True, **changes})
    async with outgoing() as http:
        return await HttpTool("order_status", tool, http, {"SHOP_TOKEN": "s3cret"}).run(parameters)


@virtual
async def test_parameters_go_into_path_and_query():
    async with shop() as place:
        result = await ask(place, {"number": "A/1 é?", "detail": {"x": 1}, "more": 2})
        assert result == ToolResult("shipped", status="200")
        ((method, url, _, body),) = place.asked
        assert (method, body) == ("GET", "")
        assert url == "/orders/A%2F1%20%C3%A9%3F?detail=%7B%22x%22:1%7D"


@virtual
async def test_parameters_go_into_path_and_body():
    async with shop() as place:
        headers = {"Authorization": "Bearer ${SHOP_TOKEN}"}
        await ask(place, {"number": 7, "detail": ["a"]}, method="POST", headers=headers)
        ((method, url, sent, body),) = place.asked
        assert (method, url, json.loads(body)) == ("POST", "/orders/7", {"detail": ["a"]})
        assert (sent["Authorization"], sent["Content-Type"]) == ("Bearer s3cret", "application/json")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, "missing: number"),
        ({"number": None}, "missing: number"),
        ({"number": ".."}, "number: '..' is not allowed"),
        ({"number": ""}, "number: '' is not allowed"),
    ],
)
@virtual
async def test_missing_or_invented_parameters_are_reported_and_not_sent(parameters, problem):
    async with shop() as place:
        assert await ask(place, parameters) == ToolResult(problem, is_error=True, status="refused")
        assert place.asked == []


@pytest.mark.parametrize(
    ("answer", "text", "is_error"),
    [
        ("order.state", "shipped", False),
        ("order.items.1", '{"n":2}', False),
        ("order", '{"state":"shipped","items":[1,{"n":2}]}', False),
        ("order.price", "the answer has no order.price", True),
        ("order.items.9", "the answer has no order.items.9", True),
        ("order.state.x", "the answer has no order.state.x", True),
    ],
)
@virtual
async def test_a_part_of_the_answer(answer, text, is_error):
    async with shop() as place:
        place.answers = [(200, '{"order":{"state":"shipped","items":[1,{"n":2}]}}', 0.0)]
        result = await ask(place, {"number": "1"}, answer=answer)
        assert (result.text, result.is_error) == (text, is_error)


@virtual
async def test_an_answer_that_is_not_json_has_no_parts():
    async with shop() as place:
        assert (await ask(place, {"number": "1"}, answer="state")).is_error


@virtual
async def test_a_long_answer_is_cut_and_a_huge_one_refused():
    async with shop() as place:
        place.answers = [(200, "x" * 5000, 0.0), (200, "x" * 300_000, 0.0)]
        assert (await ask(place, {"number": "1"}, limit=100)).text == "x" * 100 + " … (cut)"
        result = await ask(place, {"number": "1"})
        assert (result.is_error, result.status) == (True, "refused")


@virtual
async def test_errors_are_reported_in_words():
    async with shop() as place:
        place.answers = [(404, "no such order", 0.0)]
        assert await ask(place, {"number": "1"}) == ToolResult("HTTP 404 no such order", is_error=True, status="404")
        assert len(place.asked) == 1
        place.answers = [(400, "", 0.0)]
        assert await ask(place, {"number": "1"}) == ToolResult("HTTP 400", is_error=True, status="400")
        result = await ask(place, {"number": "1"}, url="http://127.0.0.1:1/{number}")
        assert (result.is_error, result.status) == (True, "failed")
        assert "can't be reached" in result.text


@virtual
async def test_a_server_that_stumbles_is_asked_again():
    async with shop() as place:
        place.answers = [(503, "", 0.0), (200, "shipped", 0.0)]
        assert await ask(place, {"number": "1"}) == ToolResult("shipped", status="200")
        assert len(place.asked) == 2
        place.asked.clear()
        place.answers = [(503, "", 0.0)]
        assert (await ask(place, {"number": "1"}, method="POST")).status == "503"
        assert len(place.asked) == 1


@virtual
async def test_a_slow_server_is_not_waited_for():
    async with shop() as place:
        place.answers = [(200, "late", 10.0)]
        began = asyncio.get_running_loop().time()
        result = await ask(place, {"number": "1"}, timeout_seconds=2, retries=0)
        assert result == ToolResult("no answer within 2 s", is_error=True, status="timeout")
        assert asyncio.get_running_loop().time() - began < 2.2


@virtual
async def test_a_redirect_is_not_followed():
    async with shop() as place:
        place.answers = [(307, "", 0.0)]
        result = await ask(place, {"number": "1"})
        assert (result.is_error, result.status) == (True, "307")


class Names(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": address, "port": port} for address in self.addresses]

    async def close(self):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "192.168.1.1"])
@virtual
async def test_a_name_that_resolves_to_a_private_address_is_refused(address):
    """The owner of a name decides where it leads, today here and tomorrow to the cloud's metadata."""
    with pytest.raises(PrivateAddressError, match=r"shop\.example has no public address"):
        await PublicOnly(Names(address)).resolve("shop.example")
    (found,) = await PublicOnly(Names(address, "93.184.215.14")).resolve("shop.example")
    assert found["host"] == "93.184.215.14"


@virtual
async def test_a_tool_that_is_not_private_reaches_no_private_address(monkeypatch):
    async with shop() as place:
        port = place.url.rpartition(":")[2]
        tool = read(url=f"http://localtest.example:{port}/{{number}}")
        async with outgoing(public_only=True) as http:
            monkeypatch.setattr(http.connector._resolver, "_inner", Names("127.0.0.1"))
            result = await HttpTool("order_status", tool, http, {}).run({"number": "1"})
        assert (result.is_error, result.status) == (True, "failed")
        assert place.asked == []
