"""The example servers of a look-up as processes, asked by a relay that is one, too."""

import json
import socket
import sqlite3
from contextlib import ExitStack, asynccontextmanager
from http.server import BaseHTTPRequestHandler

import aiohttp
import pytest

from examples.lookup.server import Server
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.processes import child, free_port
from sim.serving import serving
from tests.support.http_server import BurstServer
from tests.support.relay_world import API_KEY, GREETING

SECRET = "secret-of-the-look-up"
AGENTS = '[agents.front]\nid = "agent_0"\n[agents.vip]\nid = "agent_1"\n'
HANG_UP = (Step(when=When.AT, ms=1200, hang_up=True),)


@asynccontextmanager
async def world(tmp_path, module, **environ):
    """A relay that asks `module`, and a fake ElevenLabs whose agents allow a first message and a language."""
    agent = type(GREETING)(
        replies=GREETING.replies,
        input_format="pcm_8000",
        output_format="pcm_8000",
        allowed_overrides=("agent.first_message", "agent.language"),
    )
    fake = FakeElevenLabs({"agent_0": agent, "agent_1": agent}, api_key=API_KEY)
    (tmp_path / "agents.toml").write_text(AGENTS)
    given = {"LOOKUP_SECRET": SECRET, **environ}
    async with (
        serving(fake.app()) as agents_url,
        child(f"examples.lookup.{module}", given, port=free_port(), path="/", log=tmp_path / "server.log") as url,
        child(
            "relay",
            {
                "AGENTS_FILE": str(tmp_path / "agents.toml"),
                "ELEVENLABS_API_KEY": API_KEY,
                "ELEVENLABS_BASE_URL": agents_url,
                "LOOKUP_URL": url,
                "LOOKUP_SECRET": SECRET,
                "STORE": f"file:{tmp_path / 'data'}",
            },
            port=free_port(),
            path="/ready",
            log=tmp_path / "relay.log",
        ) as relay,
    ):

        async def call(number):
            plan = CallPlan(url=f"{relay.replace('http', 'ws')}/media", script=HANG_UP, from_=number, max_s=10)
            result = await FakeExotel().call(plan)
            record = json.loads((tmp_path / "data" / "logs" / f"{result.call_sid}.json").read_text())
            return record, fake.conversations[-1] if fake.conversations else None

        yield call, url


async def test_a_csv_file(tmp_path):
    """The file that comes with it: known, known with an agent of their own, blocked, unknown."""
    async with world(tmp_path, "by_csv") as (call, url):
        record, conversation = await call("09876500001")
        assert (record["lookup"]["outcome"], record["tags"]) == ("ok", ["known"])
        assert (conversation.variables["name"], conversation.variables["orders"]) == ("Asha", "3")
        record, conversation = await call("09876500002")
        assert record["agents"][0]["alias"] == "vip"
        assert conversation.setup["conversation_config_override"] == {"agent": {"language": "hi"}}
        record, _ = await call("09876500003")
        assert (record["end_reason"], record["end_detail"]) == ("rejected", "calls too often")
        record, _ = await call("09876500099")
        assert (record["tags"], record["agents"][0]["alias"]) == (["new"], "front")
        async with aiohttp.ClientSession() as http, http.post(url, data=b"{}") as response:
            assert response.status == 401  # nobody else learns who is a customer


async def test_a_database(tmp_path):
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as shop:
        shop.execute("create table customers (number text primary key, name text, language text, owes real)")
        shop.execute("create table orders (number text, id integer, state text, placed text)")
        shop.execute(
            "insert into customers values ('+919876500001', 'Asha', 'hi', 0), ('+919876500002', 'Ravi', '', 5000)"
        )
        shop.execute("insert into orders values ('+919876500001', 7, 'packed', '2026-11-20')")
    async with world(tmp_path, "by_database", DATABASE=str(file)) as (call, _):
        record, conversation = await call("09876500001")
        assert record["tags"] == ["customer"]
        assert conversation.variables["orders"] == "order 7 is packed"
        said = conversation.setup["conversation_config_override"]["agent"]
        assert said == {"first_message": "Hello Asha, welcome back! How can I help?", "language": "hi"}
        record, _ = await call("09876500002")
        assert (record["end_reason"], record["transfer"]["target"]) == ("transferred", "billing")
        assert record["transfer"]["summary"] == "Ravi owes 5000.00"
        record, _ = await call("09876500099")
        assert record["tags"] == ["new"]


@pytest.mark.parametrize("kind", [Server, BurstServer])
def test_forty_callers_at_once_all_get_in(kind):
    """The standard library's server lets five connections wait, and of forty at once some got a reset."""
    with ExitStack() as stack:
        server = stack.enter_context(kind(("127.0.0.1", 0), BaseHTTPRequestHandler))
        for _ in range(40):  # nothing is accepted meanwhile
            stack.enter_context(socket.create_connection(server.server_address, timeout=3))
