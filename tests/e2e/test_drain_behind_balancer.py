"""A deploy, rehearsed: two relays behind a real load balancer with TLS, two dozen calls, one relay is replaced.

haproxy stands for the ALB (least connections, health checks on /health, a server that is drained keeps its sockets).
The order is ECS's, only worse: ECS sends SIGTERM when the last connection is gone or an hour is over, here it comes at
once, with calls in progress.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from aiohttp import web

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.exotel_rules import Rule
from sim.serving import serving
from tests.support import haproxy
from tests.support.busy import real_time
from tests.support.logging_processes import LoggingProcesses
from tests.support.processes import free_port
from tests.support.relay_world import API_KEY, EVENTS_SECRET, EventSink

CALLS, NEW_CALLS, CALL_MS = 24, 6, 10_000  # more are played in virtual time
PATIENCE_S = 30

CONFIGURATION = (
    haproxy.HEAD
    + """\
    timeout check 20s
frontend public
    bind 127.0.0.1:{port} ssl crt {certificate}
    default_backend relays
backend relays
    balance leastconn
    option httpchk GET /health
    server old 127.0.0.1:{old} check inter 200ms
    server new 127.0.0.1:{new} check inter 200ms
"""
)
AGENT = AgentScript(replies=(Reply(on="start", say=("agent_greeting",)),))


@dataclass
class Balancer:
    """haproxy, and how to tell it that a server is to leave."""

    url: str
    admin: Path
    trust: ssl.SSLContext

    def drain(self, name: str) -> None:
        """No new connections to it; those it has go on."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.admin))
            control.sendall(f"set server relays/{name} state drain\n".encode())
            assert control.recv(1000).strip() == b""


@contextmanager
def balancing(folder: Path, ports: dict[str, int]) -> Iterator[Balancer]:
    authority, port = trustme.CA(), free_port()
    certificate, admin, file = folder / "balancer.pem", folder / "admin", folder / "haproxy.cfg"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    file.write_text(CONFIGURATION.format(admin=admin, certificate=certificate, port=port, **ports))
    with haproxy.balancing(file, port):
        yield Balancer(f"wss://127.0.0.1:{port}", admin, trust)


class EcsAgent:
    """Remembers what each task asked of ECS."""

    def __init__(self) -> None:
        self.asked: dict[str, list[bool]] = {"old": [], "new": []}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_put("/{task}/task-protection/v1/state", self._put)
        return app

    async def _put(self, request: web.Request) -> web.Response:
        enabled = (await request.json())["ProtectionEnabled"]
        self.asked[request.match_info["task"]].append(enabled)
        return web.json_response({"protection": {"ProtectionEnabled": enabled}})


@real_time
async def test_replacing_one_relay_cuts_no_call(tmp_path: Path):
    haproxy.required()
    agents, sink, ecs = FakeElevenLabs({"agent_front": AGENT}, api_key=API_KEY), EventSink(), EcsAgent()
    relays, ports = LoggingProcesses(PATIENCE_S), {"old": free_port(), "new": free_port()}
    async with AsyncExitStack() as world:
        agents_url, sink_url, ecs_url = [
            await world.enter_async_context(serving(one.app())) for one in (agents, sink, ecs)
        ]
        for name, port in ports.items():
            environ = {
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "ELEVENLABS_AGENT_ID": "agent_front",
                "ELEVENLABS_API_KEY": API_KEY,
                "ELEVENLABS_BASE_URL": agents_url,
                "EVENTS_URL": f"{sink_url}/relay/events",
                "EVENTS_SECRET": EVENTS_SECRET,
                "ECS_AGENT_URI": f"{ecs_url}/{name}",
            }
            await world.enter_async_context(relays.running(name, environ))
        balancer = world.enter_context(balancing(tmp_path, ports))

        async def call() -> CallResult:
            script = (Step(when=When.AT, ms=CALL_MS, hang_up=True),)
            return await FakeExotel(ssl=balancer.trust).call(CallPlan(url=f"{balancer.url}/media", script=script))

        calls = [asyncio.create_task(call()) for _ in range(CALLS)]
        await relays.until(lambda: sum(relays.count(name, "call_started") for name in ports) == CALLS)
        on_old, on_new = (relays.count(name, "call_started") for name in ("old", "new"))
        assert min(on_old, on_new) > CALLS / 3, "both carry calls"
        assert ecs.asked == {"old": [True], "new": [True]}

        balancer.drain("old")
        relays.terminate("old")
        await relays.until(lambda: relays.count("old", "draining") == 1)
        assert relays.count("old", "call_ended") == 0, "the rehearsal needs calls in progress"
        calls += [asyncio.create_task(call()) for _ in range(NEW_CALLS)]
        await relays.until(lambda: relays.count("new", "call_started") == on_new + NEW_CALLS)

        await relays.ended("old")
        assert relays.count("old", "call_ended") == on_old
        results = await asyncio.gather(*calls)
        relays.terminate("new")  # it delivers its last events first
        await relays.ended("new")

    # thirty callers hang up at once: what was on its way to them then is judged in virtual time (relay/test_endings.py)
    broken = [violation for one in results for violation in one.violations if violation.rule is not Rule.AFTER_STOP]
    assert broken == []
    assert {(one.error, one.ended_by) for one in results} == {("", "caller")}
    ended = {event["call_sid"]: event["end_reason"] for event in sink.of("ended")}
    assert ended.keys() == {one.call_sid for one in results}
    # a busy machine may close the caller's socket before the `stop` is read
    assert set(ended.values()) <= {"caller_hung_up", "line_lost"}
